"""The figure of the page that says which method to use: `findings.choose.gains`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import listed
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.choose import AMONG, APART

LOOKS = {AMONG: Look(PALETTE[0], (1, 0), "circle"), APART: Look(PALETTE[1], (6, 3), "square")}


def gains(table: pd.DataFrame) -> alt.ConcatChart:
    """What each method gains over the standard inversion in a task's score, with 95 % intervals: a panel per task, the
    best on top."""
    panels = [_panel(rows, name) for name, rows in table.groupby("panel", sort=False)]
    return alt.concat(*panels, columns=2, spacing=22).properties(
        description=f"Gains over the standard inversion of {listed(table, 'method')}; {listed(table, 'panel')}"
    )


def _panel(rows: pd.DataFrame, name: str) -> alt.LayerChart:
    x = alt.X("mean:Q", title="minus the standard inversion's").axis(tickCount=4)
    y = alt.Y("method:N", title=None, sort=list(rows["method"]))
    chart = alt.layer(lines.rule(x=0), lines.whiskers(None, x, y, LOOKS), data=rows)
    title = alt.TitleParams(name.split("|"), fontSize=12, fontWeight="normal")
    return chart.properties(width=210, height=17 * len(rows), title=title)
