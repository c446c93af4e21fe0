"""The figures of fine detail: its amount, its fit to each image, and the structure that methods keep, of tables of
`findings.fine_detail`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines

_TICKS = (0.1, 0.3, 1, 3, 10)


@lines.described
def amount_and_fit(table: pd.DataFrame) -> alt.FacetChart:
    """Amount (x) against fit (y) of each method, a panel per data set; dashed: the right amount, and by how
    much images with all the same amount of detail would be off."""
    x = lines.log_axis(lines.x_axis("mean", "amount of detail, times the targets'"), table, _TICKS)
    y = lines.y_axis("left", "factor by which detail is off at the right amount", zero=False)
    tips = [
        *lines.tips({"series:N": "Method"}),
        *lines.interval_tooltip("Amount"),
        *lines.tips({"left:Q": "Off by, at the right amount", "same:Q": "Off by, with the same amount in all"}, ".2f"),
    ]
    same = alt.Chart().mark_rule(**lines.DASHED).encode(alt.Y("mean(same):Q"))
    looks = lines.looks(table["series"].unique())
    marks = lines.crossed(x, y, looks, "series", tips, size=75, columns=5, opacity=0.45)
    chart = alt.layer(lines.rule(x=1), same, *marks).properties(width=lines.width(3), height=190)
    return lines.panels(chart, table)


@lines.described
def detail_and_structure(table: pd.DataFrame) -> alt.FacetChart:
    """Structure kept (x) against how far fine detail is off (y) of each method, a panel per data set; dashed: the
    structure of the standard inversion. Right and down is better."""
    x = lines.x_axis("mean", "S_LF, minus the standard's", zero=False, tickCount=4)
    y = lines.y_axis("miss", "factor by which detail is off", zero=False)
    tips = [
        *lines.tips({"series:N": "Method"}),
        *lines.interval_tooltip("Structure"),
        *lines.tips({"miss:Q": "Detail off by a factor of"}, ".2f"),
    ]
    marks = lines.crossed(x, y, lines.looks(table["series"].unique()), "series", tips, size=75, columns=4, opacity=0.45)
    chart = alt.layer(lines.rule(x=0), *marks).properties(width=lines.width(3), height=190)
    return lines.panels(chart, table)
