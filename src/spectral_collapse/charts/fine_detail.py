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
    off = lines.tips({"mean(same):Q": "off with the same amount in all"}, ".2f")
    same = alt.Chart().mark_rule(**lines.DASHED).encode(alt.Y("mean(same):Q"), tooltip=off)
    options = {"below": [lines.rule(x=1), same], "columns": 5, "opacity": 0.45}
    return lines.figure(table, lines.crossed, x, y, **options)


@lines.described
def detail_and_structure(table: pd.DataFrame) -> alt.FacetChart:
    """Structure kept (x) against how far fine detail is off (y) of each method, a panel per data set; dashed: the
    structure of the standard inversion. Right and down is better."""
    x = lines.x_axis("mean", "S_LF, minus the standard's", zero=False, tickCount=4)
    y = lines.y_axis("miss", "factor by which detail is off", log=True, values=[1, 1.5, 2, 3, 4, 6], format="~g")
    return lines.figure(table, lines.crossed, x, y, below=[lines.rule(x=0)], opacity=0.45)
