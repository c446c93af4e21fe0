from __future__ import annotations

import altair as alt
import pandas as pd
import pytest
import vl_convert
import xarray as xr

from spectral_collapse.charts import decomposition as charts
from spectral_collapse.findings import decomposition as findings
from tests import decomposition_study


@pytest.fixture
def study() -> xr.Dataset:
    return decomposition_study.decomposition()


def drawn(chart: alt.TopLevelMixin) -> str:
    return vl_convert.vegalite_to_svg(chart.to_dict(), vl_version="_".join(alt.VEGALITE_VERSION.split(".")[:2]))


@pytest.mark.parametrize(
    ("chart", "table", "panels"),
    [
        (charts.parts, findings.parts, ["High frequencies", "Neighbouring places, S_DC", "Other areas"]),
        (charts.true_first_steps, findings.left_after_true_steps, ["High frequencies", "Neighbouring places, S_DC"]),
        (charts.other_levels, findings.other_levels, ["High frequencies", "Neighbouring places, S_DC"]),
        (charts.noise_error, findings.noise_error, ["low: 0 to 0.125 cycles/px", "high: 0.25 to 0.5 cycles/px"]),
        (charts.area_error, findings.area_error, ["other areas"]),
        (charts.noise_norm, findings.noise_norm, ["entered without noise", "entered with the level's noise"]),
    ],
)
def test_a_chart_has_a_panel_for_each_part_of_its_table(
    study: xr.Dataset, chart: object, table: object, panels: list[str]
) -> None:
    rows: pd.DataFrame = table(study)
    found = chart(rows)
    assert "Made up" in found.to_dict()["description"]
    svg = drawn(found)
    assert all(f">{panel}</text>" in svg for panel in panels)
    assert ">Plain areas</text>" not in svg
    assert "NaN" not in svg


def test_denoisers_differ_in_more_than_colour(study: xr.Dataset) -> None:
    svg = drawn(charts.noise_error(findings.noise_error(study)))
    assert all(f">{name}</text>" in svg for name in findings.DENOISERS.values())
    assert all(f'stroke-dasharray="{dashes}"' in svg for dashes in ("6,3", "2,2"))
    assert len({look.shape for look in charts.LOOKS.values()}) == 3


def test_a_tooltip_names_true_steps_and_the_deficit_with_its_interval(study: xr.Dataset) -> None:
    svg = drawn(charts.true_first_steps(findings.left_after_true_steps(study)))
    assert "true first steps: 1 (0.04); deficit left: " in svg
