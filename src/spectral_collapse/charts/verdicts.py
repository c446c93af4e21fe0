"""The figure above the table of all claims: `findings.benchmark.relative`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.benchmark import KINDS, NAMES_WIDTH, labelled, listed, names, present


def places(table: pd.DataFrame) -> alt.FacetChart:
    """Every method in the plane of S_LF and S_HF, the standard inversion at the crossing of the dashed lines, its cost
    as the size of its marker; a panel per data set."""
    table = labelled(table)
    looks = present(KINDS, table["kind"])
    x = alt.X("s_lf:Q", title="Δ S_LF, cut at the target's →").scale(nice=False, padding=6).axis(tickCount=4)
    y = alt.Y("s_hf:Q", title="Δ S_HF →").axis(tickCount=5)
    encoded = lines.channels(looks, "kind", points=True, columns=3)
    tooltip = [alt.Tooltip("method:N", title=" "), alt.Tooltip("kind:N", title=" ")]
    for name, title in (("s_lf", "Δ S_LF, cut"), ("s_hf", "Δ S_HF")):
        tooltip.append(alt.Tooltip(f"{name}:Q", title=title, format="+.3f"))
        tooltip += [alt.Tooltip(f"{name}_{end}:Q", title="95 %", format="+.3f") for end in ("low", "high")]
    tooltip.append(alt.Tooltip("cost:Q", title="cost", format=".2f"))
    size = alt.Size("cost:Q", title="cost of the inversion (size)").scale(type="sqrt", rangeMin=15, rangeMax=260)
    size = size.legend(orient="bottom", values=sorted(table["cost"].round().unique()), format=".3~g")
    base = alt.Chart().encode(color=encoded["color"], tooltip=tooltip)
    layers = [
        lines.rule(x=0),
        lines.rule(y=0),
        *names(x, y),
        base.mark_rule(opacity=0.2).encode(alt.X("s_lf_low:Q"), y, x2="s_lf_high:Q"),
        base.mark_rule(opacity=0.2).encode(x, alt.Y("s_hf_low:Q"), y2="s_hf_high:Q"),
        base.mark_point(filled=False, strokeWidth=1.8).encode(x, y, shape=encoded["shape"], size=size),
    ]
    chart = alt.layer(*layers).properties(width=225, height=250)
    return (
        lines.panels(chart, table, columns=2, x="independent", y="independent")
        .resolve_legend(color="shared")
        .properties(
            spacing={"column": NAMES_WIDTH, "row": 20},
            description=f"S_LF and S_HF of {listed(table, 'method')}, minus the standard inversion's; "
            f"{listed(table, 'panel')}",
        )
    )
