"""The figure above the table of all claims: `findings.benchmark.relative`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import KINDS, listed, present


def places(table: pd.DataFrame) -> alt.FacetChart:
    """Every method in the plane of S_LF and S_HF, the standard inversion at the crossing of the dashed lines, its cost
    as the size of its marker; a panel per data set."""
    looks = present(KINDS, table["kind"])
    x = alt.X("s_lf:Q", title="Δ S_LF, cut at the target's →").axis(tickCount=4)
    y = alt.Y("s_hf:Q", title="Δ S_HF →").axis(tickCount=4)
    encoded = lines.channels(looks, "kind", points=True, columns=3)
    tooltip = [alt.Tooltip("method:N", title=" "), alt.Tooltip("kind:N", title=" ")]
    for name, title in (("s_lf", "Δ S_LF, cut"), ("s_hf", "Δ S_HF")):
        tooltip.append(alt.Tooltip(f"{name}:Q", title=title, format="+.3f"))
        tooltip += [alt.Tooltip(f"{name}_{end}:Q", title="95 %", format="+.3f") for end in ("low", "high")]
    tooltip.append(alt.Tooltip("cost:Q", title="cost", format=".2f"))
    size = alt.Size("cost:Q", title="cost of the inversion").scale(type="sqrt", rangeMin=25, rangeMax=320)
    base = alt.Chart().encode(color=encoded["color"], tooltip=tooltip)
    layers = [
        lines.rule(x=0),
        lines.rule(y=0),
        base.mark_rule(opacity=0.25).encode(alt.X("s_lf_low:Q"), y, x2="s_lf_high:Q"),
        base.mark_rule(opacity=0.25).encode(x, alt.Y("s_hf_low:Q"), y2="s_hf_high:Q"),
        base.mark_point(filled=False, strokeWidth=1.8).encode(x, y, shape=encoded["shape"], size=size),
        alt.Chart().mark_text(align="left", dx=9, dy=-7, fontSize=10).encode(x, y, text="method:N"),
    ]
    chart = alt.layer(*layers).properties(width=225, height=200)
    return lines.panels(chart, table, x="independent", y="independent").properties(
        description=f"S_LF and S_HF of {listed(table, 'method')}, minus the standard inversion's; "
        f"{listed(table, 'panel')}"
    )
