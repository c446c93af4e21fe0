from __future__ import annotations

from spectral_collapse.charts import walks as charts
from spectral_collapse.findings.walks import walks
from tests.charts.test_lines import drawn


def test_the_schematic_has_a_row_per_method_its_calls_and_its_drawn_noise() -> None:
    table = walks(["standard", "taba", "ovg", "edict"], num_steps=25)
    svg = drawn(charts.schematic(table))
    for text in ("standard", "TABA", "OVG", "EDICT", "remembers", "call with a gradient", "4 or more"):
        assert f">{text}</text>" in svg
    assert svg.count(">remembers</text>") == 1
    marks = int((table["calls"] > 0).sum())
    strips = int(table["drawn"].notna().sum())
    assert svg.count('aria-roledescription="point"') == marks
    assert svg.count('aria-roledescription="rect mark"') == strips == 4 * 26
