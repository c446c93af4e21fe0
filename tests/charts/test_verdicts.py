from __future__ import annotations

from spectral_collapse.charts import verdicts as charts
from spectral_collapse.findings import verdicts as findings
from tests.charts.test_lines import drawn
from tests.findings.test_verdicts import MADE


def test_every_chapter_and_verdict_has_its_place() -> None:
    chart = charts.counts(findings.counts(MADE))
    svg = drawn(chart)
    for text in ("one", "cheap guidance", *findings.VERDICTS):
        assert f">{text}</text>" in svg
    assert svg.count(">1</text>") >= 3  # a number beside each bar, and the axis
    assert "in all 1 supported, 1 refuted, 1 depends, 0 not measured" in chart.to_dict()["description"]
