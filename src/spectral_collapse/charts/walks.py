"""The methods as a schematic: when each asks the network, and where noise enters (a table of `findings.walks`)."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.walks import DOWN, UP

_ROW, _STEP = 22, 11
"""Height of a method and width of a level, in pixels."""
_MANY = 4
"""Calls from which on a dot grows no more."""


def schematic(table: pd.DataFrame) -> alt.HConcatChart:
    """A row per method: the share of drawn noise as a strip over the levels, network calls as dots."""
    methods = list(dict.fromkeys(table["method"]))
    return (
        alt.hconcat(*(_side(table[table["direction"] == way], methods, way) for way in (UP, DOWN)), spacing=12)
        .resolve_scale(color="shared", size="shared", shape="shared")
        .properties(
            description="For each method the levels at which the network is asked, up and down, and the share of the "
            "state's noise that was drawn"
        )
    )


def _side(table: pd.DataFrame, methods: list[str], way: str) -> alt.LayerChart:
    """One direction; the way back runs from the right."""
    last = int(table["level"].max())
    table = table.assign(
        left=table["level"] - 0.5,
        right=table["level"] + 0.5,
        many=table["calls"].clip(upper=_MANY),
        kind=table["gradient"].map({True: "call with a gradient", False: "network call"}),
    )
    y = alt.Y("method:N", sort=methods, title=None).axis(
        None if way == DOWN else alt.Axis(labelLimit=200, domain=False)
    )
    x = alt.X("left:Q", title="level, 0 is the cleanest").scale(
        domain=[-0.5, last + 0.5], nice=False, reverse=way == DOWN
    )
    base = alt.Chart(table).encode(y=y)
    tooltip = [
        alt.Tooltip("method:N", title="method"),
        alt.Tooltip("level:Q", title="level"),
        alt.Tooltip("calls:Q", title="network calls"),
        alt.Tooltip("kind:N", title="kind"),
        *([alt.Tooltip("drawn:Q", title="share of drawn noise", format=".2f")] if way == UP else []),
    ]
    strip = (
        base.transform_filter("isValid(datum.drawn) && datum.level == floor(datum.level)")
        .mark_rect(height=_ROW - 6)
        .encode(
            x=x,
            x2="right:Q",
            color=alt.Color("drawn:Q", title="share of the noise that was drawn")
            .legend(orient="bottom", format="%", titleLimit=240)
            .scale(range=["#dddddd", PALETTE[1]], domain=[0, 1]),
            tooltip=tooltip,
        )
    )
    dots = (
        base.transform_filter("datum.calls > 0")
        .mark_point(filled=True, opacity=1, color=PALETTE[0], stroke="white", strokeWidth=0.5)
        .encode(
            x=alt.X("level:Q", title="level, 0 is the cleanest", scale=x["scale"]),
            size=alt.Size("many:Q", title="calls per image")
            .scale(domain=[1, _MANY], range=[28, 110])
            .legend(
                orient="bottom",
                values=list(range(1, _MANY + 1)),
                labelExpr=f"datum.value == {_MANY} ? '{_MANY} or more' : datum.value",
            ),
            shape=alt.Shape("kind:N", title=None, legend=alt.Legend(orient="bottom")).scale(
                domain=["network call", "call with a gradient"], range=["circle", "triangle-up"]
            ),
            tooltip=tooltip,
        )
    )
    layers = [strip, dots] if way == UP else [dots]
    if way == DOWN:
        kept = base.transform_filter("datum.remembers").transform_aggregate(groupby=["method"])
        layers.append(
            kept.mark_text(align="left", dx=6, text="remembers", fontSize=11).encode(x=alt.value(_STEP * (last + 1)))
        )
    return alt.layer(*layers).properties(width=_STEP * (last + 1), height=_ROW * len(methods), title=way)
