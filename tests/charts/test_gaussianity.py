from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.charts import gaussianity as charts
from spectral_collapse.findings import gaussianity as findings
from spectral_collapse.studies import gaussianity
from tests.charts.test_lines import drawn
from tests.latents_study import low_pass, made, white


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    series = {"standard": low_pass(white(16), 0.3), "white_norm": white(16), "closed form": low_pass(white(16))}
    return made(gaussianity, series)


def test_chance_is_drawn_as_an_area(study: xr.Dataset) -> None:
    for figure in ("distances", "band_distances"):
        svg = drawn(getattr(charts, figure)(getattr(findings, figure)({"one": study})))
        assert f">{findings.LAW}<" in svg
        assert svg.count('aria-roledescription="area mark container"') >= 1
