from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.charts import decomposition as charts
from spectral_collapse.findings import decomposition as findings
from tests import decomposition_study
from tests.charts.test_lines import drawn


@pytest.fixture
def study() -> xr.Dataset:
    return decomposition_study.decomposition()


def test_denoisers_differ_in_more_than_colour(study: xr.Dataset) -> None:
    assert ">Plain areas</text>" not in drawn(charts.parts(findings.parts(study)))
    svg = drawn(charts.noise_error(findings.by_level(study, "error")))
    assert all(f">{name}</text>" in svg for name in findings.DENOISERS.values())
    assert all(f'stroke-dasharray="{dashes}"' in svg for dashes in ("6,3", "2,2"))
    assert len({look.shape for look in charts.LOOKS.values()}) == 3


def test_a_tooltip_names_true_steps_and_the_deficit_with_its_interval(study: xr.Dataset) -> None:
    svg = drawn(charts.true_first_steps(findings.left_after_true_steps(study)))
    assert "true first steps: 1 (0.04); deficit left: " in svg


def test_parts_of_one_denoiser_have_no_legend(study: xr.Dataset) -> None:
    table = findings.parts(study)
    svg = drawn(charts.parts(table[table["denoiser"] == findings.DENOISERS["network"]]))
    assert "start without noise" in svg
    assert f">{findings.DENOISERS['network']}<" not in svg
