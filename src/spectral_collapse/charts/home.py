"""The charts of the first page: which methods are better, and the fine detail of every image over its target's."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.registered import margin

_NUMBER = 26
"""Pixels of the number to the right of a row."""


def details(table: pd.DataFrame) -> alt.FacetChart:
    """A dot per image and the mean of each method with its interval and its number, of `findings.home.details`; 1 is
    the target's, and within the band an image counts as equal to it."""
    scale = lines.log_scale(table.assign(mean=table["ratio"], low=table["ratio"], high=table["ratio"]))
    table = table.assign(panel=table["panel"].str.replace(", ", ",|", regex=False))
    beside = min(3, table["panel"].nunique())
    x = alt.X("ratio:Q", title="times the target's", scale=scale).axis(format="~g", values=[0.1, 0.3, 1, 3, 10])
    near, base = float(np.exp(margin("hf_ratio"))), alt.Chart().encode(lines.rows(table, "method"))
    band = alt.Chart().transform_aggregate(images="count()").mark_rect(color="#777777", opacity=0.15)
    image = lines.tips({"image:N": "image", "ratio:Q": "fine detail"}, ".3~g")
    mean = lines.interval_tooltip("geometric mean")
    interval = base.mark_rule(color=PALETTE[1], strokeWidth=3)
    marker = base.mark_point(shape="diamond", size=45, color=PALETTE[1], filled=True)
    number = base.mark_text(align="left", dx=5, fontSize=11)
    layers = alt.layer(
        band.encode(alt.XDatum(1 / near, scale=scale), alt.X2Datum(near)),
        lines.rule(x=1),
        base.mark_circle(size=26, color=PALETTE[0], opacity=0.55).encode(x, tooltip=image),
        interval.encode(alt.X("low:Q", scale=scale), alt.X2("high:Q")),
        marker.encode(alt.X("mean:Q", scale=scale), tooltip=mean),
        number.encode(alt.XValue("width"), alt.Text("mean:Q", aggregate="max", format=".2f")),
    ).properties(width=lines.width(beside, 150) - _NUMBER, height=150)
    names = ", ".join(table["panel"].str.replace("|", " ").unique())
    return lines.panels(layers, table, columns=beside).properties(
        spacing=14 + _NUMBER,
        description=f"Energy at high frequencies of every image over its true target's, on {names}",
    )


def sides(table: pd.DataFrame) -> alt.FacetChart:
    """On how many data sets each method is better than the standard inversion, to the right, and worse, to the left, of
    `findings.perception.sides`: a panel per score."""
    table = table.assign(less=-table["worse"], row=[f"{one.method}, cost {one.cost:.1f}" for one in table.itertuples()])
    most = int(max(table["better"].max(), table["worse"].max()))
    scale = alt.Scale(domain=[-most - 0.5, most + 0.5])
    base = alt.Chart().encode(
        lines.rows(table, "row"),
        tooltip=lines.tips({"method:N": "method", "cost:Q": "cost", "better:Q": "better on", "worse:Q": "worse on"}),
    )
    layers = []
    for column, count, colour, place in (("better", "better", 0, 9), ("less", "worse", 1, -9)):
        x = alt.X(f"{column}:Q", title="worse | better", scale=scale).axis(labels=False, ticks=False, grid=False)
        some = base.transform_filter(f"datum.{count} > 0").encode(x)
        layers += [
            some.mark_bar(color=PALETTE[colour], height=13),
            some.mark_text(dx=place, fontSize=12, fontWeight="bold").encode(text=f"{count}:Q"),
        ]
    zero = lines.rule(x=0).mark_rule(color="#777777")
    layer = alt.layer(*layers, zero).properties(width=lines.width(3, 190), height=alt.Step(22))
    return lines.panels(layer, table, "score").properties(
        description="On how many data sets each method is significantly better or worse than the standard inversion"
    )
