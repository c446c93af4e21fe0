from __future__ import annotations

from spectral_collapse.charts import choose as charts
from spectral_collapse.findings import choose as findings
from tests.benchmark_study import made
from tests.charts.test_lines import drawn
from tests.findings.test_choose import SHIFTS


def test_a_panel_per_task_has_all_methods_within_the_budget() -> None:
    found = {"one": made(SHIFTS), "two": made(SHIFTS, title="Drawings", structure="edges")}
    chart = charts.gains(findings.gains(found))
    svg = drawn(chart)
    for text in (*findings.TASKS, findings.AMONG, findings.APART, "TABA", "OVG", "Made up", "Drawings"):
        assert f">{text}<" in svg
    assert ">costly<" not in svg
    assert "NaN" not in svg
    assert "drawing to photo" in chart.to_dict()["description"]
