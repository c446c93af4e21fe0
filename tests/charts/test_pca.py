from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.charts import latents
from spectral_collapse.charts import pca as charts
from spectral_collapse.findings import pca as findings
from spectral_collapse.studies import pca
from tests.charts.test_lines import drawn
from tests.latents_study import low_pass, made, white

METHODS = ("standard", "taba", "ovg", "noise_floor", "nullspace", "white_norm")


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    series = {name: low_pass(white(16), 0.3) for name in (*METHODS, "closed form")}
    return made(pca, series)


def test_components_have_a_row_per_shown_series(study: xr.Dataset) -> None:
    chart = charts.component_pictures(study)
    rows = next(iter(chart.to_dict()["datasets"].values()))
    assert len(rows) == len(charts.SHOWN) * 2 * pca.PICTURES
    assert len({row["url"] for row in rows}) >= 2 * pca.PICTURES
    assert ">first components</text>" in drawn(charts.component_spectra(findings.component_spectra(study)))


def test_the_share_leaves_out_what_has_no_loss(study: xr.Dataset) -> None:
    table = findings.predicted({"one": study})
    assert drawn(charts.predicted(table)).count("loss of the closed form") > 0
    none = table.assign(mean=float("nan"))
    assert "NaN" not in drawn(charts.predicted(none))


def test_no_two_series_look_alike() -> None:
    looks = latents.looks(("white noise", *METHODS, "closed form"))
    assert len({(look.dash, look.shape) for look in looks.values()}) == len(looks) == 8
    assert len({look.color for look in looks.values()}) == 8
