from __future__ import annotations

from spectral_collapse.charts import tuning as charts
from spectral_collapse.findings import tuning as findings
from tests.charts.test_lines import drawn
from tests.tuning_study import tuning


def test_a_row_per_setting_and_a_panel_per_data_set() -> None:
    chart = charts.areas(findings.areas({"one": tuning(), "two": tuning("Another")}))
    svg = drawn(chart)
    assert all(f">{text}<" in svg for text in ("Made up", "Another", "TABA: fraction 0.04", findings.PUBLISHED))
    assert "taba" in chart.to_dict()["description"]
