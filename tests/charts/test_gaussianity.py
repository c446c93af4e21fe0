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


def test_chance_is_drawn_as_an_area_or_as_a_row(study: xr.Dataset) -> None:
    for figure, mark in (("distances", "area"), ("band_distances", "rect")):
        svg = drawn(getattr(charts, figure)(getattr(findings, figure)({"one": study})))
        assert f">{findings.LAW}<" in svg
        assert svg.count(f'aria-roledescription="{mark} mark container"') >= 1
