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

NAMES_WIDTH = 100
"""Pixels that the names at the right of a panel take."""

_ALONE = "there are no two to compare for these data sets"
"""What stands in place of a comparison of one."""


def front(table: pd.DataFrame) -> alt.FacetChart:
    """Structure against texture, a marker per method, of `findings.front`; the line is the front."""
    x = alt.X("s_lf:Q", title="structure kept, S_LF, cut at the target's →").scale(zero=False, padding=14)
    y = alt.Y("s_hf:Q", title="texture, S_HF →").scale(zero=False, padding=14)
    x, y = x.axis(tickCount=5), y.axis(tickCount=5)
    encoded = lines.channels(present(KINDS, table["kind"]), "kind", points=True, columns=3)
    tooltip = [alt.Tooltip("method:N", title=" "), alt.Tooltip("kind:N", title=" ")]
    titles = {"s_lf": "S_LF, cut", "s_hf": "S_HF", "psnr": "PSNR (dB)", "sliced_wasserstein": "SWD"}
    tooltip += [alt.Tooltip(f"{name}:Q", title=title, format=".3f") for name, title in titles.items()]
    tooltip.append(alt.Tooltip("network_calls:Q", title="network calls", format=".0f"))
    table = labelled(table)
    base = alt.Chart().encode(color=encoded["color"], tooltip=tooltip)
    step = alt.Chart().transform_filter("datum.on_front").mark_line(color="#777777", interpolate="step-before")
    layers = [
        *names(x, y),
        step.encode(x, y, order="s_lf:Q"),
        base.mark_rule(opacity=0.35).encode(alt.X("s_lf_low:Q"), y, x2="s_lf_high:Q"),
        base.mark_rule(opacity=0.35).encode(x, alt.Y("s_hf_low:Q"), y2="s_hf_high:Q"),
        base.mark_point(size=75).encode(x, y, shape=encoded["shape"]),
    ]
    chart = alt.layer(*layers).properties(width=260, height=270)
    return lines.panels(chart, table, columns=2, x="independent", y="independent").properties(
        spacing={"column": NAMES_WIDTH, "row": 20},
        description=f"S_LF against S_HF of {listed(table, 'method')}; {listed(table, 'panel')}",
    )


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """A table of places s_lf, s_hf with a place for each name, label_x and label_y: at the right of its panel, below
    each other in the order of S_HF, so that no name covers another."""

    def of(rows: pd.DataFrame) -> pd.DataFrame:
        left, right = rows["s_lf_low"].min(), rows["s_lf_high"].max()
        low, high = rows["s_hf_low"].min(), rows["s_hf_high"].max()
        place = rows["s_hf"].rank(method="first") - 1
        heights = low + (high - low) * place / max(len(rows) - 1, 1)
        return rows.assign(label_x=right + 0.15 * (right - left), label_y=heights)

    return pd.concat([of(rows) for _, rows in table.groupby("panel", sort=False)], ignore_index=True)


def names(x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The names of `labelled`, each with a line to its method's place."""
    line = alt.Chart().mark_rule(color="#bbbbbb", strokeWidth=0.7).encode(x, y, x2="label_x:Q", y2="label_y:Q")
    name = alt.Chart().mark_text(align="left", dx=3, fontSize=11, color="#222222")  # orange could not be read
    return [line, name.encode(alt.X("label_x:Q"), alt.Y("label_y:Q"), text="method:N")]


def ranks(table: pd.DataFrame) -> alt.FacetChart:
    """Mean ranks with their intervals, of `findings.ranks`, the best method of the first panel on top."""
    order = table[table["panel"] == table["panel"].iloc[0]].sort_values("mean")["method"]
    x = alt.X("mean:Q", title="mean rank, 1 is best").scale(zero=False).axis(tickCount=5)
    y = alt.Y("method:N", title=None, sort=list(order))
    chart = lines.whiskers(None, x, y, present(KINDS, table["kind"]), "kind")
    return lines.panels(chart.properties(width=210, height=18 * len(order)), table).properties(
        description=f"Mean ranks of {listed(table, 'method')}; {listed(table, 'panel')}"
    )


def levels(table: pd.DataFrame, columns: int = 3) -> alt.FacetChart | alt.Chart:
    """Means of scores, rows methods, markers networks, a panel per score and data set, of `selections.levels`.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence(_ALONE)
    looks = lines.looks(table["network"].unique())
    x = alt.X("mean:Q", title="mean over images").scale(zero=False).axis(tickCount=min(4, 12 // columns))
    y = alt.Y("method:N", title=None, sort=list(table["method"].unique()))
    one = len(looks) == 1
    chart = lines.whiskers(None, x, y, looks, "network", columns=4, side_by_side=not one)
    height = table["method"].nunique() * (18 if one else 10 + 10 * len(looks))
    chart = chart.properties(width=min(170, 600 // columns - 25), height=height)  # a row of panels fits the page
    return lines.panels(chart, table, columns=columns, x="independent").properties(
        description=f"Scores of {listed(table, 'method')} with the networks {listed(table, 'network')}; "
        f"{listed(table, 'panel')}"
    )


def shares(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Shares of cases or images improved, rows scores, of `selections.cases` and `selections.improved`.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence(_ALONE)
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
