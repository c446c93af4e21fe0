"""The figure above the table of all claims: `findings.verdicts.counts`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.verdicts import VERDICTS


def counts(table: pd.DataFrame) -> alt.FacetChart:
    """How many claims of each chapter have each verdict: a column of bars per verdict, the number beside each bar."""
    order = list(table["chapter"].unique())
    base = alt.Chart().encode(
        alt.X("count:Q", title="claims").axis(tickMinStep=1, grid=False),
        alt.Y("chapter:N", title=None, sort=order),
        tooltip=[alt.Tooltip(f"{name}:N", title=name) for name in ("chapter", "verdict", "count")],
    )
    chart = alt.layer(
        base.mark_bar(color=PALETTE[0], size=11),
        base.mark_text(align="left", dx=4).encode(text="count:Q").transform_filter("datum.count > 0"),
    ).properties(width=120, height=18 * len(order))
    totals = table.groupby("verdict")["count"].sum()
    return chart.facet(
        alt.Facet("verdict:N", title=None, sort=list(VERDICTS)), data=table, columns=len(VERDICTS)
    ).properties(
        description="Number of claims by chapter and verdict; in all "
        + ", ".join(f"{totals[name]} {name}" for name in VERDICTS)
    )
