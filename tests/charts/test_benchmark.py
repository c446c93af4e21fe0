from __future__ import annotations

import pytest

from spectral_collapse.charts import benchmark as charts
from spectral_collapse.charts import comparison
from spectral_collapse.findings import benchmark as findings
from tests.benchmark_study import made
from tests.charts.test_lines import drawn

SHIFTS = {"standard": {}, "taba": {"s_hf": 0.1, "s_lf": -0.1}, "ovg": {"s_hf": 0.05, "s_lf": 0.2}}


@pytest.mark.parametrize("figure", ["front", "ranks"])
def test_every_figure_names_the_methods_and_the_data(figure: str) -> None:
    found = {"one": made(SHIFTS), "two": made(SHIFTS, title="Another")}
    chart = getattr(charts, figure)(getattr(findings, figure)(found))
    svg = drawn(chart)
    for text in ("TABA", "OVG", "standard", "Made up", "Another", "draws nothing", "real, 12 latents, 12 pictures"):
        assert f">{text}<" in svg
    assert "NaN" not in svg
    assert "Made up" in chart.to_dict()["description"]


def test_differences_are_open_where_holm_leaves_nothing() -> None:
    many, few = (drawn(comparison.differences(findings.differences(made(SHIFTS, pictures=n)))) for n in (12, 4))
    # once at the head of the shares of each of five panels, and once in the legend
    assert many.count(">better<") == 5 + 1
    assert few.count(">better<") == 5
    assert ">no significant difference<" in few
