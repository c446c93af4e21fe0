"""The figure of the page on settings: `findings.tuning.areas`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.our_method import AREA
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.tuning import CHOSEN, OTHER, PUBLISHED

LOOKS = {
    CHOSEN: Look(PALETTE[1], shape="diamond"),
    PUBLISHED: Look(PALETTE[0], shape="circle"),
    OTHER: Look("#777777", shape="cross"),
}


@lines.described
def areas(table: pd.DataFrame) -> alt.FacetChart:
    """What each setting reaches, with 95 % intervals: a row per setting in its method's order, a panel per data set."""
    order = [label for _, rows in table.groupby("method", sort=False) for label in rows["label"].unique()]
    y = lines.y_axis("label:N", sort=order, labelLimit=330)
    return lines.figure(table, lines.whiskers, AREA, y, LOOKS, height=alt.Step(16), per_row=1, free="xy", columns=3)
