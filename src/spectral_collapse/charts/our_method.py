"""The figure of the page on a method of our own: `findings.our_method.areas`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE

LOOKS = {"ours": Look(PALETTE[5], shape="diamond"), "others": Look("#777777", shape="circle")}
AREA = lines.x_axis("mean", "mean S_HF times mean S_LF", zero=False, padding=8, tickCount=4)


@lines.described
def areas(table: pd.DataFrame) -> alt.FacetChart:
    """The area of each method with 95 % intervals, a panel per data set; dashed: the true targets' own."""
    most = alt.Chart().mark_rule(**lines.DASHED).encode(alt.X("mean(target):Q", scale=AREA["scale"]))
    y, height = lines.rows(table, "method"), alt.Step(19)
    return lines.figure(table, lines.whiskers, AREA, y, LOOKS, height=height, below=[most], free="x")
