from __future__ import annotations

import pytest

from spectral_collapse.charts import verdicts as charts
from spectral_collapse.findings import benchmark as findings
from tests.benchmark_study import made
from tests.charts.test_lines import drawn

SHIFTS = {"standard": {}, "taba": {"s_hf": 0.1, "s_lf": -0.1}, "ovg": {"s_lf": 0.2, "inversion_cost": 3.0}}


def test_places_are_paired_differences_with_structure_cut() -> None:
    table = findings.relative({"one": made(SHIFTS)}).set_index("method")
    assert table.loc["standard", ["s_lf", "s_lf_low", "s_lf_high", "s_hf"]].tolist() == [0, 0, 0, 0]
    assert table.loc["TABA", "s_hf"] == pytest.approx(0.1, abs=0.01)
    assert table.loc["TABA", "s_hf_low"] < 0.1 < table.loc["TABA", "s_hf_high"] + 0.01
    # OVG's 0.9 and the standard inversion's 0.7, with an image's own spread of 0.05, are cut at the target's 0.75
    assert table.loc["OVG", "s_lf"] == pytest.approx(table.loc["true target", "s_lf"], abs=0.01)
    assert table.loc["OVG", "s_lf"] < 0.1
    assert table["cost"].to_dict() == {"standard": 1, "TABA": 1, "OVG": 3, "true target": 0}


def test_every_method_has_its_place_and_its_cost() -> None:
    found = {"one": made(SHIFTS), "two": made(SHIFTS, title="Another")}
    chart = charts.places(findings.relative(found))
    svg = drawn(chart)
    for text in ("TABA", "OVG", "true target", "Made up", "Another"):
        assert f">{text}<" in svg
    assert "cost: 3.00" in svg
    assert "NaN" not in svg
    assert "Another" in chart.to_dict()["description"]
