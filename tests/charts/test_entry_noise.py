from __future__ import annotations

import altair as alt
import pandas as pd
import pytest

from spectral_collapse.charts import entry_noise as charts
from spectral_collapse.findings import entry_noise as findings
from spectral_collapse.studies.entry_noise import FINE, LAW, TABA

from ..entry_noise_study import made_up
from .test_lines import drawn


@pytest.fixture(scope="module")
def made() -> dict[str, alt.TopLevelMixin]:
    study = made_up()
    return {
        "law": charts.law(findings.law(study), findings.hyperbolas(study)),
        "parts": charts.parts(findings.parts(study), findings.parts_drawn(study)),
        "trade": charts.trade(findings.trade(study)),
        "convergence": charts.convergence(findings.convergence(study)),
    }


SHOWN = {
    "law": [TABA, "S / s² = 0.025", "squared correlation with the source"],
    "parts": [findings.CARRIED, findings.ADDED, findings.TOTAL, "k = 10", *findings.PLACES.values()],
    "trade": [findings.EXACT, FINE, "no noise", "k = 2", *findings.PLACES.values()],
    "convergence": ["levels even in log SNR", "perfect network", "spectrum wrong by 30%", findings.FLOOR, "order 1"],
}


@pytest.mark.parametrize("name", list(SHOWN))
def test_charts_are_described_within_the_row_limit_and_name_their_panels_and_series(
    made: dict[str, alt.TopLevelMixin], name: str
) -> None:
    chart = made[name].to_dict()
    assert chart["description"]
    assert sum(len(pd.DataFrame(rows)) for rows in chart["datasets"].values()) < 5000
    svg = drawn(made[name])
    for words in SHOWN[name]:
        assert f">{words}</t" in svg, words  # a line of a panel's title is a tspan


def test_the_law_has_a_point_per_entry_and_power_and_a_line_per_ratio(made: dict[str, alt.TopLevelMixin]) -> None:
    svg = drawn(made["law"])
    assert svg.count('aria-roledescription="point"') == 3 * len(LAW)
    assert svg.count('aria-roledescription="line mark"') == 6
