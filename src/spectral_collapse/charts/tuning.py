"""The figure of the page on settings: `findings.tuning.areas`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import listed
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.tuning import CHOSEN, OTHER, PUBLISHED

LOOKS = {
    CHOSEN: Look(PALETTE[1], shape="diamond"),
    PUBLISHED: Look(PALETTE[0], shape="circle"),
    OTHER: Look("#777777", shape="cross"),
}


def areas(table: pd.DataFrame) -> alt.FacetChart:
    """What each setting reaches, with 95 % intervals: a row per setting in its method's order, a panel per data set."""
    x = alt.X("mean:Q", title="mean S_HF times mean S_LF").scale(zero=False, padding=8).axis(tickCount=4)
    order = [label for _, rows in table.groupby("method", sort=False) for label in rows["label"].unique()]
    y = alt.Y("label:N", title=None, sort=order).axis(labelLimit=240)
    chart = lines.whiskers(None, x, y, LOOKS, columns=3).properties(width=150, height=alt.Step(16))
    return lines.panels(chart, table, columns=2, x="independent", y="independent").properties(
        description=f"Areas of the settings of {listed(table, 'method')}; {listed(table, 'panel')}"
    )
