"""The methods as a schematic: when each asks the network, and where noise enters (a table of `findings.walks`)."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import tips
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.walks import DOWN, UP

_ROW, _STEP = 22, 11
"""Height of a method and width of a level, in pixels."""
_MANY = 4
"""Calls from which on a dot grows no more."""


@lines.described
def schematic(table: pd.DataFrame) -> alt.HConcatChart:
    """For each method the levels at which the network is asked, up and down, as dots, and the share of the state's
    noise that is random, as a strip."""
    methods = list(dict.fromkeys(table["method"]))
    sides = (_side(table[table["direction"] == way], methods, way) for way in (UP, DOWN))
    return alt.hconcat(*sides, spacing=12).resolve_scale(color="shared", size="shared", shape="shared")


def _side(table: pd.DataFrame, methods: list[str], way: str) -> alt.LayerChart:
    """One direction; the way back runs from the right."""
    last, title = int(table["level"].max()), "level, 0 is the cleanest"
    kinds = {False: "network call", True: "call with a gradient"}
    table = table.assign(
        left=table["level"] - 0.5,
        right=table["level"] + 0.5,
        many=table["calls"].clip(upper=_MANY),
        kind=table["gradient"].map(kinds),
    )
    x = lines.x_axis("left", title, domain=[-0.5, last + 0.5], nice=False, reverse=way == DOWN)
    y = lines.y_axis("method:N", sort=methods)
    base = alt.Chart(table).encode(y.axis(None) if way == DOWN else y.axis(labelLimit=200, domain=False))
    tooltip = tips({"method:N": "method", "level:Q": "level", "calls:Q": "network calls", "kind:N": "kind"})
    if way == UP:
        tooltip += tips({"drawn:Q": "share of random noise"}, ".2f")
    strip = base.transform_filter("isValid(datum.drawn) && datum.level == floor(datum.level)")
    share = alt.Color("drawn:Q", title="share of the noise that is random")
    share = share.scale(range=["#dddddd", PALETTE[1]], domain=[0, 1])
    share = share.legend(orient="bottom", format="%", titleLimit=240)
    dots = base.transform_filter("datum.calls > 0")
    dots = dots.mark_point(filled=True, opacity=1, color=PALETTE[0], stroke="white", strokeWidth=0.5)
    size = alt.Size("many:Q", title="calls per image").scale(domain=[1, _MANY], range=[28, 110])
    counts, label = list(range(1, _MANY + 1)), f"datum.value == {_MANY} ? '{_MANY} or more' : datum.value"
    size = size.legend(orient="bottom", values=counts, labelExpr=label)
    shape = alt.Shape("kind:N", title=None, legend=alt.Legend(orient="bottom"))
    shape = shape.scale(domain=list(kinds.values()), range=["circle", "triangle-up"])
    at = alt.X("level:Q", title=title, scale=x["scale"])
    layers = [dots.encode(x=at, size=size, shape=shape, tooltip=tooltip)]
    if way == UP:
        layers.insert(0, strip.mark_rect(height=_ROW - 6).encode(x=x, x2="right:Q", color=share, tooltip=tooltip))
    else:
        kept = base.transform_filter("datum.remembers").transform_aggregate(groupby=["method"])
        words = kept.mark_text(align="left", dx=6, text="remembers", fontSize=11)
        layers.append(words.encode(x=alt.value(_STEP * (last + 1))))
    return alt.layer(*layers).properties(width=_STEP * (last + 1), height=_ROW * len(methods), title=way)
