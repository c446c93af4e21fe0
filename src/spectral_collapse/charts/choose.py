"""The figure of the page that says which method to use: `findings.choose.gains`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.choose import AMONG, APART

LOOKS = {AMONG: Look(PALETTE[0], (1, 0), "circle"), APART: Look(PALETTE[1], (6, 3), "square")}


@lines.described
def gains(table: pd.DataFrame) -> alt.ConcatChart:
    """What each method gains over the standard inversion in a task's score, with 95 % intervals: a panel per task, the
    best on top."""
    x, charts = lines.x_axis("mean", "minus the standard inversion's", tickCount=4), []
    for name, rows in table.groupby("panel", sort=False):
        chart = alt.layer(lines.rule(x=0), lines.whiskers(None, x, lines.rows(rows, "method"), LOOKS), data=rows)
        title = alt.TitleParams(name.split("|"), fontSize=12, fontWeight="normal")
        charts.append(chart.properties(width=lines.width(2, 130, True), height=17 * len(rows), title=title))
    return alt.concat(*charts, columns=2, spacing=22)
