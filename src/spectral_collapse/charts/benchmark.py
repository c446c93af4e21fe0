"""Figures of the benchmark and of the selections of it: tables of `findings.benchmark` and `findings.selections`."""

from __future__ import annotations

from functools import partial

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look, described, figure, present, tips, whiskers, x_axis, y_axis
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


@described
def front(table: pd.DataFrame) -> alt.FacetChart:
    """Structure against texture, a marker per method, of `findings.front`; the line is the front."""
    x = x_axis("s_lf", "structure kept, S_LF, cut at the target's →", zero=False, padding=14, tickCount=5)
    y = y_axis("s_hf", "texture, S_HF →", zero=False, padding=14, tickCount=5)
    titles = {"s_lf": "S_LF, cut", "s_hf": "S_HF", "psnr": "PSNR (dB)", "sliced_wasserstein": "SWD"}
    tooltip = tips({"method:N": " ", "kind:N": " "} | {f"{name}:Q": title for name, title in titles.items()}, ".3f")
    tooltip += tips({"network_calls:Q": "network calls"}, ".0f")
    step = alt.Chart().transform_filter("datum.on_front").mark_line(color="#777777", interpolate="step-before")
    marks = lines.crossed(x, y, present(KINDS, table["kind"]), "kind", tooltip, size=75, columns=3, opacity=0.35)
    chart = alt.layer(*names(x, y), step.encode(x, y, order="s_lf:Q"), *marks).properties(width=260, height=270)
    return named_panels(chart, table)


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


def named_panels(chart: alt.LayerChart, table: pd.DataFrame) -> alt.FacetChart:
    """Panels with room for the names of `labelled`."""
    chart = lines.panels(chart, labelled(table), columns=2, x="independent", y="independent")
    return chart.properties(spacing={"column": NAMES_WIDTH, "row": 20})


@described
def ranks(table: pd.DataFrame) -> alt.FacetChart:
    """Mean ranks with their intervals, of `findings.ranks`, the best method of the first panel on top."""
    order = list(table[table["panel"] == table["panel"].iloc[0]].sort_values("mean")["method"])
    x, y = x_axis("mean", "mean rank, 1 is best", zero=False, tickCount=5), y_axis("method:N", sort=order)
    return figure(table, whiskers, x, y, partial(present, KINDS), "kind", (210, 18 * len(order)))


@described
def levels(table: pd.DataFrame, columns: int = 3) -> alt.FacetChart | alt.Chart:
    """Means of scores, rows methods, markers networks, a panel per score and data set, of `selections.levels`.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence(_ALONE)
    x = x_axis("mean", "mean over images", zero=False, tickCount=min(4, 12 // columns))
    networks = table["network"].nunique()
    height = table["method"].nunique() * (18 if networks == 1 else 10 + 10 * networks)
    size = (min(170, 600 // columns - 25), height)  # a row of panels fits the page
    options = {"per_row": columns, "free": "x", "columns": 4, "side_by_side": networks != 1}
    return figure(table, whiskers, x, lines.rows(table, "method"), series="network", size=size, **options)


@described
def shares(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Shares of cases or images improved, rows scores, of `selections.cases` and `selections.improved`.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence(_ALONE)
    x, y = x_axis("mean", "share improved", domain=[0, 1], format="%", tickCount=5), lines.rows(table, "score")
    size = (260, 26 * table["score"].nunique() * (1 + 0.2 * table["series"].nunique()))
    return figure(table, whiskers, x, y, size=size, above=[lines.rule(x=0.5)], per_row=2, side_by_side=True)


@described
def factors(table: pd.DataFrame) -> alt.FacetChart:
    """Scores against the scale factor, a panel per score, of `selections.by_factor`."""
    values = sorted(table["factor"].unique())
    x = x_axis("factor", "scale factor (log scale)", log=True, base=2, padding=10, values=values, format="~g")
    y = y_axis("mean", "mean over images", zero=False, tickCount=5)
    options = {"points": True, "columns": 4, "opacity": 0.12}
    return figure(table, lines.bands, x, y, size=(190, 180), free="y", **options)
