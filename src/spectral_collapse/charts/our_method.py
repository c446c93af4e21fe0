"""The figure of the page on a method of our own: `findings.our_method.areas`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import listed
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE

LOOKS = {"ours": Look(PALETTE[1], shape="diamond"), "others": Look(PALETTE[0], shape="circle")}


def areas(table: pd.DataFrame) -> alt.FacetChart:
    """The area of each method with 95 % intervals, a panel per data set. Dashed: the true targets' own."""
    x = alt.X("mean:Q", title="mean S_HF times mean S_LF").scale(zero=False, padding=8).axis(tickCount=4)
    y = alt.Y("method:N", title=None, sort=list(table["method"].unique()))
    most = alt.Chart().mark_rule(color="#555555", strokeDash=[4, 4]).encode(alt.X("mean(target):Q", scale=x["scale"]))
    chart = alt.layer(most, lines.whiskers(None, x, y, LOOKS)).properties(width=210, height=alt.Step(19))
    return lines.panels(chart, table, columns=2, x="independent").properties(
        description=f"Areas of {listed(table, 'method')}; {listed(table, 'panel')}"
    )
