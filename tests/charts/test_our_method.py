from __future__ import annotations

from spectral_collapse.charts import our_method as charts
from spectral_collapse.findings import our_method as findings
from tests.charts.test_lines import drawn
from tests.findings.test_our_method import study


def test_a_panel_per_data_set_and_a_row_per_method() -> None:
    chart = charts.areas(findings.areas({"one": study(), "two": study(title="Two")}))
    svg = drawn(chart)
    assert all(f">{text}" in svg for text in ("One", "Two", "OVG + TABA", "nullspace + DPM", "ours"))
    assert "OVG + TABA" in chart.to_dict()["description"]
