"""The figures of fine detail: its amount, its fit to each image, and the structure that methods keep, of tables of
`findings.fine_detail`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines


@lines.described
def amount_and_fit(table: pd.DataFrame) -> alt.FacetChart:
    """Amount (x) against fit (y) of each method, a panel per data set; dashed: the right amount, and by how
    much images with all the same amount of detail would be off."""
    x = lines.log_axis(lines.x_axis("mean", "amount of detail, times the targets'"), table, (0.1, 0.3, 1, 3, 10))
    y = lines.y_axis("left", "off at the right amount", zero=False)
    titles = {"left:Q": "Off by, at the right amount", "same:Q": "Off by, with the same amount in all"}
    same = alt.Chart().mark_rule(**lines.DASHED).encode(alt.Y("mean(same):Q"))
    return _methods(table, x, y, "Amount", titles, [lines.rule(x=1), same], columns=5)


@lines.described
def detail_and_structure(table: pd.DataFrame) -> alt.FacetChart:
    """Structure kept (x) against how far fine detail is off (y) of each method, a panel per data set; dashed: the
    structure of the standard inversion. Right and down is better."""
    x = lines.x_axis("mean", "S_LF, minus the standard's", zero=False, tickCount=4)
    y = lines.y_axis("miss", "factor by which detail is off", zero=False)
    return _methods(table, x, y, "Structure", {"miss:Q": "Detail off by a factor of"}, [lines.rule(x=0)], columns=4)


def _methods(
    table: pd.DataFrame, x: alt.X, y: alt.Y, title: str, titles: dict[str, str], below: list[alt.Chart], columns: int
) -> alt.FacetChart:
    """A marker for each method, a panel per data set. title, titles: of x and of the others, in the tooltip."""
    tips = [*lines.tips({"series:N": "Method"}), *lines.interval_tooltip(title), *lines.tips(titles, ".2f")]
    looks = lines.looks(table["series"].unique())
    marks = lines.crossed(x, y, looks, "series", tips, size=75, columns=columns, opacity=0.45)
    return lines.panels(alt.layer(*below, *marks).properties(width=lines.width(3), height=190), table)
