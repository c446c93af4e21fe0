"""The figure above the table of all claims: `findings.verdicts.by_question`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines

COLORS = {
    "holds": "#005b91",
    "holds on one family": "#7fb5d8",
    "mixed": "#cfc7b8",
    "open": "#e6e6e6",
    "fails on one family": "#efb184",
    "fails": "#b84e00",
    "not measured": "#f7f7f7",
}
"""From what holds to what fails; what says neither is grey."""


@lines.described
def counts(table: pd.DataFrame) -> alt.LayerChart:
    """How many claims of each question have which verdict, a bar per question, of `findings.verdicts.by_question`."""
    x, split = lines.x_axis("count", "checks"), "split(datum.label, '|')"
    y = lines.rows(table, "question", labelExpr=split, labelLimit=330, labelPadding=6)
    tooltip = lines.tips({"question:N": "question", "verdict:N": "verdict", "count:Q": "checks"}, ".0f")
    return lines.stacked_bars(table, x, y, "verdict", COLORS, "count", tooltip, dark=("holds", "fails"))
