from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.charts import appendix_c as charts
from spectral_collapse.findings import appendix_c as findings
from tests import decomposition_study
from tests.charts.test_decomposition import drawn


@pytest.fixture
def study() -> xr.Dataset:
    return decomposition_study.appendix_c()


def test_gains_are_drawn_beside_the_claimed_constant(study: xr.Dataset) -> None:
    svg = drawn(charts.gain(findings.gain(study)))
    assert svg.count('aria-roledescription="line mark container"') == 4
    assert f">{findings.CONSTANT}</text>" in svg


def test_measures_without_a_place_have_no_panel(study: xr.Dataset) -> None:
    svg = drawn(charts.entering_noise(findings.entering_noise(study)))
    assert ">High frequencies</text>" in svg
    assert ">Neighbouring values, S_DC</text>" in svg
    assert ">Plain areas</text>" not in svg
