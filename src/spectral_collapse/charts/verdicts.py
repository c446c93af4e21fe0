"""The figure above the table of all claims: `findings.verdicts.by_question`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import tips

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
    order = [verdict for verdict in COLORS if verdict in set(table["verdict"])]
    table = table.assign(order=table["verdict"].map(order.index), white=table["verdict"].isin(["holds", "fails"]))
    base = alt.Chart(table).encode(
        alt.X("count:Q", title="checks", stack="zero"),
        alt.Y("question:N", title=None, sort=None).axis(
            labelExpr="split(datum.label, '|')", labelLimit=330, labelPadding=6
        ),
        order="order:O",
        tooltip=tips({"question:N": "question", "verdict:N": "verdict"}) + tips({"count:Q": "checks"}, ".0f"),
    )
    scale = alt.Scale(domain=order, range=[COLORS[verdict] for verdict in order])
    color = alt.Color("verdict:N", title=None, scale=scale).legend(
        orient="bottom", columns=4, symbolStrokeColor="#999999"
    )
    number = base.mark_text(fontSize=12).encode(
        alt.X("count:Q", stack="zero", bandPosition=0.5),
        color=alt.when("datum.white").then(alt.value("white")).otherwise(alt.value("#222222")),
        text="count:Q",
    )
    bars = base.mark_bar(height=28, stroke="#999999", strokeWidth=0.5).encode(color=color)
    return alt.layer(bars, number).properties(width=480, height=alt.Step(40))
