"""Figures of the benchmark and of the selections of it: tables of `findings.benchmark` and `findings.selections`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.benchmark import called
from spectral_collapse.studies.benchmark import TARGET

KINDS = {
    "draws": Look(PALETTE[1], (6, 3), "triangle-up"),
    "draws nothing": Look(PALETTE[0], (1, 0), "circle"),
    called(TARGET): Look(PALETTE[6], (2, 2), "cross"),
}
"""Methods by whether they draw noise."""


def front(table: pd.DataFrame) -> alt.FacetChart:
    """Structure against texture, a marker per method, of `findings.front`; the line is the front."""
    x = alt.X("s_lf:Q", title="structure kept, S_LF, cut at the target's →").scale(zero=False, padding=14)
    y = alt.Y("s_hf:Q", title="texture, S_HF →").scale(zero=False, padding=14)
    x, y = x.axis(tickCount=5), y.axis(tickCount=5)
    encoded = lines.channels(present(KINDS, table["kind"]), "kind", points=True, columns=3)
    tooltip = [alt.Tooltip("method:N", title=" "), alt.Tooltip("kind:N", title=" ")]
    names = {"s_lf": "S_LF, cut", "s_hf": "S_HF", "psnr": "PSNR (dB)", "sliced_wasserstein": "SWD"}
    tooltip += [alt.Tooltip(f"{name}:Q", title=title, format=".3f") for name, title in names.items()]
    tooltip.append(alt.Tooltip("network_calls:Q", title="network calls", format=".0f"))
    named = table["on_front"] | table["method"].isin(["standard", "TABA", "OVG", called(TARGET)])
    table = table.assign(name=table["method"].where(named, ""))
    # neighbours are named on different sides
    table["side"] = table[named].groupby("panel")["s_hf"].rank(method="first") % 2
    base = alt.Chart().encode(color=encoded["color"], tooltip=tooltip)
    step = alt.Chart().transform_filter("datum.on_front").mark_line(color="#777777", interpolate="step-before")
    layers = [
        step.encode(x, y, order="s_lf:Q"),
        base.mark_rule(opacity=0.35).encode(alt.X("s_lf_low:Q"), y, x2="s_lf_high:Q"),
        base.mark_rule(opacity=0.35).encode(x, alt.Y("s_hf_low:Q"), y2="s_hf_high:Q"),
        base.mark_point(size=75).encode(x, y, shape=encoded["shape"]),
        *(
            alt.Chart()
            .transform_filter(f"datum.side == {side}")
            .mark_text(align=align, dx=move, dy=-move, fontSize=11)
            .encode(x, y, text="name:N")
            for side, align, move in ((0, "left", 8), (1, "right", -8))
        ),
    ]
    chart = alt.layer(*layers).properties(width=300, height=260)
    return lines.panels(chart, table, columns=2, x="independent", y="independent").properties(
        description=f"S_LF against S_HF of {listed(table, 'method')}; {listed(table, 'panel')}"
    )


def ranks(table: pd.DataFrame) -> alt.FacetChart:
    """Mean ranks with their intervals, of `findings.ranks`, the best method of the first panel on top."""
    order = table[table["panel"] == table["panel"].iloc[0]].sort_values("mean")["method"]
    x = alt.X("mean:Q", title="mean rank, 1 is best").scale(zero=False).axis(tickCount=5)
    y = alt.Y("method:N", title=None, sort=list(order))
    chart = lines.whiskers(None, x, y, present(KINDS, table["kind"]), "kind")
    return lines.panels(chart.properties(width=210, height=18 * len(order)), table).properties(
        description=f"Mean ranks of {listed(table, 'method')}; {listed(table, 'panel')}"
    )


def levels(table: pd.DataFrame, columns: int = 3) -> alt.FacetChart:
    """Means of scores, rows methods, markers networks, a panel per score and data set, of `selections.levels`."""
    looks = lines.looks(table["network"].unique())
    x = alt.X("mean:Q", title="mean over images").scale(zero=False).axis(tickCount=4)
    y = alt.Y("method:N", title=None, sort=list(table["method"].unique()))
    one = len(looks) == 1
    chart = lines.whiskers(None, x, y, looks, "network", columns=4, side_by_side=not one)
    height = table["method"].nunique() * (18 if one else 10 + 10 * len(looks))
    return lines.panels(chart.properties(width=170, height=height), table, columns=columns, x="independent").properties(
        description=f"Scores of {listed(table, 'method')} with the networks {listed(table, 'network')}; "
        f"{listed(table, 'panel')}"
    )


def shares(table: pd.DataFrame) -> alt.FacetChart:
    """Shares of cases or images improved, rows scores, of `selections.cases` and `selections.improved`."""
    looks = lines.looks(table["series"].unique())
    x = alt.X("mean:Q", title="share improved").scale(domain=[0, 1]).axis(format="%", tickCount=5)
    y = alt.Y("score:N", title=None, sort=list(table["score"].unique()))
    chart = alt.layer(lines.whiskers(None, x, y, looks, columns=2, side_by_side=True), lines.rule(x=0.5))
    height = 26 * table["score"].nunique() * (1 + 0.2 * len(looks))
    return lines.panels(chart.properties(width=260, height=height), table, columns=2).properties(
        description=f"Shares improved of {listed(table, 'score')}: {listed(table, 'series')}; {listed(table, 'panel')}"
    )


def factors(table: pd.DataFrame) -> alt.FacetChart:
    """Scores against the scale factor, a panel per score, of `selections.by_factor`."""
    looks = lines.looks(table["series"].unique())
    x = alt.X("factor:Q", title="scale factor (log scale)").scale(type="log", base=2, nice=False, padding=10)
    x = x.axis(values=sorted(table["factor"].unique()), format="~g")
    y = alt.Y("mean:Q", title="mean over images").scale(zero=False).axis(tickCount=5)
    chart = lines.bands(None, x, y, looks, points=True, columns=4, opacity=0.12)
    return lines.panels(chart.properties(width=190, height=180), table, y="independent").properties(
        description=f"Scores against the scale factor: {listed(table, 'series')}; {listed(table, 'panel')}"
    )


def present(looks: dict[str, Look], names: pd.Series) -> dict[str, Look]:
    """The looks of the names that there are."""
    return {name: look for name, look in looks.items() if name in set(names)}


def listed(table: pd.DataFrame, column: str) -> str:
    """What a column has, for the description of a chart."""
    return ", ".join(map(str, table[column].unique())).replace("|", ", ")
