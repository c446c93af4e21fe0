"""The figures of the page on a method of our own, of tables of `findings.our_method`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE

LOOKS = {"ours": Look(PALETTE[5], shape="diamond"), "others": Look("#777777", shape="circle")}
AREA, DETAIL = (
    lines.x_axis("mean", title, zero=False, padding=8, tickCount=4)
    for title in ("mean S_HF times mean S_LF", "factor by which detail is off")
)


@lines.described
def methods(table: pd.DataFrame, x: alt.X) -> alt.FacetChart:
    """What each method has, with 95 % intervals, a panel per data set; dashed: what the true targets have."""
    most = alt.Chart().mark_rule(**lines.DASHED).encode(alt.X("mean(target):Q", scale=x["scale"]))
    y, height = lines.rows(table, "method"), alt.Step(19)
    return lines.figure(table, lines.whiskers, x, y, LOOKS, height=height, below=[most], free="x")
