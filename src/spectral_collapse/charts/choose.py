"""The figure of the page that says which method to use: `findings.choose.gains`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.findings.choose import AMONG, APART


@lines.described
def gains(table: pd.DataFrame) -> alt.ConcatChart:
    """What the leading methods gain over the standard inversion in a task's score, with 95 % intervals: a panel per
    task, the best on top, a colour per data set, pale where the method is significantly worse than the best."""
    x, looks = lines.x_axis("mean", "score minus the standard inversion's", tickCount=4), lines.looks(table["series"])
    pale = alt.Scale(domain=[AMONG, APART], range=[1, 0.3])
    standing = alt.Opacity("standing:O", title=None, scale=pale).legend(orient="bottom")
    charts = []
    for name, rows in table.groupby("panel", sort=False):
        marks = lines.whiskers(None, x, lines.rows(rows, "method"), looks, columns=2, side_by_side=True)
        chart = alt.layer(lines.rule(x=0), marks.encode(standing), data=rows)
        title = alt.TitleParams(name.split("|"), fontSize=12, fontWeight="normal")
        height = 42 * rows["method"].nunique()
        charts.append(chart.properties(width=lines.width(2, 140, True), height=height, title=title))
    return alt.concat(*charts, columns=2, spacing=22)
