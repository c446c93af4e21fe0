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
    "stochastic": Look(PALETTE[1], (6, 3), "triangle-up"),
    "deterministic": Look(PALETTE[0], (1, 0), "circle"),
    called(TARGET): Look(PALETTE[6], (2, 2), "cross"),
}
"""Methods by whether they draw noise."""

WIDTH, HEIGHT, NAMES_WIDTH = 202, 270, 140
"""Pixels of a panel, and of the names at its right."""

OTHERS = "other methods"
SERIES = lines.looks(["standard", "TABA", "OVG", "OVG + TABA", called(TARGET)]) | {OTHERS: Look("#777777", (1, 3))}
"""Who has a look of its own where all methods are shown."""

_ALONE = "there are no two to compare for these data sets"
"""What stands in place of a comparison of one."""


@described
def front(table: pd.DataFrame) -> alt.FacetChart:
    """Structure against texture, a marker per method, of `findings.front`; the line is the front. Methods of `SERIES`
    and those of the front are named at the right."""
    table = table.assign(series=table["method"].where(table["method"].isin(list(SERIES)), OTHERS))
    table["name"] = table["method"].where(table["on_front"] | (table["series"] != OTHERS))
    placed = [labelled(rows, HEIGHT) for _, rows in table.groupby("panel", sort=False)]
    table = pd.concat(placed, ignore_index=True)
    x = x_axis(
        "s_lf", "structure kept, S_LF (capped at the target's) →", zero=False, nice=False, padding=14, tickCount=5
    )
    y = y_axis("s_hf", "texture, S_HF →", zero=False, nice=False, padding=14, tickCount=5)
    about = {"method:N": "method", "kind:N": "kind", "psnr:Q": "PSNR (dB)", "sliced_wasserstein:Q": "SWD"}
    tooltip = tips(about, ".3f") + tips({"network_calls:Q": "network calls"}, ".0f")
    step = alt.Chart().transform_filter("datum.on_front").mark_line(color="#777777", interpolate="step-before")
    shown = present(SERIES, table["series"])
    marks = lines.crossed(None, x, y, shown, columns=6, tooltip=tooltip, opacity=0.35)
    chart = alt.layer(*names(x, y), step.encode(x, y, order="s_lf:Q"), marks).properties(width=WIDTH, height=HEIGHT)
    chart = lines.panels(chart, table, columns=2, x="independent", y="independent")
    return chart.properties(spacing={"column": 20, "row": 20})


def labelled(rows: pd.DataFrame, height: int, y: str = "s_hf") -> pd.DataFrame:
    """Rows with the heights of their names at the right of a panel, label_y: as near to their places as the height of a
    line allows, so that no name covers another."""
    named = rows.dropna(subset="name").sort_values(y)
    low, high = rows[f"{y}_low"].min(), rows[f"{y}_high"].max()
    places, gap = named[y].to_numpy(copy=True), 15 / height * (high - low)
    for here in range(1, len(places)):
        places[here] = max(places[here], places[here - 1] + gap)
    places -= max(0, places[-1] - high)
    for here in range(len(places) - 2, -1, -1):
        places[here] = min(max(places[here], named[y].iloc[here]), places[here + 1] - gap)
    return rows.assign(label_y=pd.Series(places, named.index))


def names(x: alt.X, y: alt.Y, width: int = WIDTH) -> list[alt.Chart]:
    """The names of `labelled`, each with a line to its method's place."""
    named = alt.Chart().transform_filter("isValid(datum.name)")
    line = named.mark_rule(color="#999999", strokeWidth=0.7).encode(x, y, x2=alt.value(width + 4), y2="label_y:Q")
    text = named.mark_text(align="left", fontSize=12, color="#222222")  # orange could not be read
    return [line, text.encode(alt.Y("label_y:Q"), x=alt.value(width + 7), text="name:N")]


@described
def ranks(table: pd.DataFrame) -> alt.FacetChart:
    """Mean ranks with their intervals, of `findings.ranks`, the best method of all panels on top."""
    order = list(table.groupby("method")["mean"].mean().sort_values().index)
    x, y = x_axis("mean", "mean rank, 1 is best", zero=False, tickCount=5), y_axis("method:N", sort=order)
    return figure(table, whiskers, x, y, partial(present, KINDS), "kind", 18 * len(order))


@described
def levels(table: pd.DataFrame, columns: int = 3, ratio: bool = False) -> alt.FacetChart | alt.Chart:
    """Means of scores, rows methods, markers networks, a panel per score and data set, of `selections.levels`.

    Each panel has its own axis. ratio: of a score that is one: all panels have one logarithmic axis with a line at 1.
    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence(_ALONE)
    x = x_axis("mean", "mean over images", zero=False, tickCount=min(4, 12 // columns))
    if ratio:
        x = lines.log_axis(x_axis("mean", "times the target's"), table, (0.1, 0.3, 1, 3, 10, 30))
    networks = table["network"].nunique()
    look = lines.looks if networks > 1 else Look(PALETTE[0])  # without a legend
    height = table["method"].nunique() * (18 if networks == 1 else 10 + 10 * networks)
    options = {"per_row": columns, "free": "" if ratio else "x", "columns": 4, "side_by_side": networks != 1}
    above = [lines.rule(x=1)] * ratio
    return figure(table, whiskers, x, lines.rows(table, "method"), look, "network", height, above=above, **options)


@described
def shares(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Shares of cases or images improved, rows scores, of `selections.cases` and `selections.improved`.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence(_ALONE)
    x, y = x_axis("mean", "share improved", domain=[0, 1], format="%", tickCount=5), lines.rows(table, "score")
    height = 26 * table["score"].nunique() * (1 + 0.2 * table["series"].nunique())
    return figure(table, whiskers, x, y, height=height, above=[lines.rule(x=0.5)], per_row=2, side_by_side=True)


@described
def factors(table: pd.DataFrame) -> alt.FacetChart:
    """Scores against the scale factor, a panel per score, of `scale_factor.by_factor`."""
    values = sorted(table["factor"].unique())
    x = x_axis("factor", "scale factor (log scale)", log=True, base=2, padding=10, values=values, format="~g")
    y = y_axis("mean", "mean over images", zero=False, tickCount=5)
    options = {"points": True, "columns": 4, "opacity": 0.12}
    return figure(table, lines.bands, x, y, height=180, free="y", **options)
