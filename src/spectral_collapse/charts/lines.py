"""The toolkit of charts: looks of series, axes, tooltips, marks of means with their intervals, panels, and `figure`,
which makes a figure of a row of these.

Every chart here takes a tidy table; the columns of intervals are mean, low and high (`findings.intervals`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.intervals import ends
from spectral_collapse.findings.measured import title_of


class Look(NamedTuple):
    """How a series is drawn. No two series of a chart differ in their colour alone."""

    color: str
    dash: Sequence[int] = (1, 0)
    shape: str = "circle"


Looks = Mapping[str, Look]
"""Series -> its look, in the order of the legend."""

ROUNDING = 1e-8
"""Of the largest number of a chart: what is less is 0 on a logarithmic axis."""

METHODS = {
    "standard": 0,
    "taba": 1,
    "true target": 2,
    "ovg": 3,
    "ovg + taba": 4,
    "ovg+taba": 4,
    "null-space noise + dpm": 5,
    "dpm-solver++": 6,
    "cycle diffusion": 7,
}
"""Series that look the same in every chart -> the number of their look."""

PAGE = 850
"""Pixels of the page's text, which a figure fills."""

GREY = "#777777"
"""Of white noise and other references."""
DASHED = {"color": "#555555", "strokeDash": [4, 4]}
"""The look of a line to compare with."""
_SCALE = {"type", "domain", "zero", "nice", "padding", "base", "clamp", "constant", "reverse"}
"""What of an axis is told to `alt.Scale`; the rest is for `alt.Axis`."""
_DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (4, 4), (10, 4), (1, 3), (12, 3, 3, 3))
_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")


def looks(names: Iterable[str], fixed: Looks = MappingProxyType({})) -> dict[str, Look]:
    """A look for each series: one that is fixed, that of `METHODS`, and of others by their order. The first eight
    differ in all three properties, and those beyond have a colour again, with another dash and another shape; all are
    different up to 64."""
    series = list(dict.fromkeys(map(str, names)))
    known = {name: METHODS[name.lower()] for name in series if name not in fixed and name.lower() in METHODS}
    free = (number for number in itertools.count() if number not in known.values())
    return {name: fixed.get(name) or _look(known[name] if name in known else next(free)) for name in series}


def _look(number: int) -> Look:
    turn, kind = divmod(number, len(PALETTE))
    dash, shape = ((kind + shift * turn) % len(PALETTE) for shift in (1, 3))
    return Look(PALETTE[kind], _DASHES[dash], _SHAPES[shape])


def channels(looks: Looks | Look, series: str = "series", points: bool = False, columns: int = 2) -> dict[str, Any]:
    """The encodings color, strokeDash and shape of a column of series.

    looks: of the series; one Look for a chart without series, and without a legend.
    points: whether the legend shows markers, else strokes. columns: of the legend.
    """
    if isinstance(looks, Look):
        return {"color": alt.value(looks.color), "strokeDash": alt.value(looks.dash), "shape": alt.value(looks.shape)}
    names = list(looks)
    colors, dashes, shapes = (list(values) for values in zip(*looks.values(), strict=True))
    symbol = {"symbolSize": 110, "symbolDash": [1, 0]} if points else {"symbolType": "stroke", "symbolSize": 300}
    legend = alt.Legend(orient="bottom", columns=columns, symbolOpacity=1, labelLimit=420, **symbol)
    field = f"{series}:N"
    return {
        "color": alt.Color(field, title=None, legend=legend).scale(domain=names, range=colors),
        "strokeDash": alt.StrokeDash(field, title=None, legend=legend).scale(domain=names, range=dashes),
        "shape": alt.Shape(field, title=None, legend=legend if points else None).scale(domain=names, range=shapes),
    }


def present(looks: Looks, names: Iterable[str]) -> Looks:
    """The looks of the names that there are, in the order of the looks."""
    names = set(names)
    return {name: look for name, look in looks.items() if name in names}


def x_axis(field: str, title: str | None = None, log: bool = False, **look: Any) -> alt.X:
    """An axis of a field, of numbers where it has no type. look: what `alt.Scale` and `alt.Axis` take, and `sort`."""
    return alt.X(field if ":" in field else f"{field}:Q", title=title, **_axis(log, look))


def y_axis(field: str, title: str | None = None, log: bool = False, **look: Any) -> alt.Y:
    """As `x_axis`."""
    return alt.Y(field if ":" in field else f"{field}:Q", title=title, **_axis(log, look))


def _axis(log: bool, look: dict[str, Any]) -> dict[str, Any]:
    parts = {"sort": look.pop("sort")} if "sort" in look else {}
    scale = ({"type": "log", "nice": False} if log else {}) | {name: look.pop(name) for name in _SCALE & look.keys()}
    if scale:
        parts["scale"] = alt.Scale(**scale)
    return parts | ({"axis": alt.Axis(**look)} if look else {})


def rows(table: pd.DataFrame, column: str = "series", **look: Any) -> alt.Y:
    """An axis of the names in a column, one below the other, in the table's order."""
    return y_axis(f"{column}:N", sort=list(table[column].unique()), **look)


def tips(titles: Mapping[str, str], format: str | None = None) -> list[alt.Tooltip]:
    """The lines of a tooltip: field with its type -> title. format: of all numbers."""
    form = {} if format is None else {"format": format}
    return [
        alt.Tooltip(field, title=title, **(form if field.endswith(":Q") else {})) for field, title in titles.items()
    ]


def curves(
    table: pd.DataFrame | None,
    x: alt.X,
    y: alt.Y,
    looks: Looks | Look,
    series: str = "series",
    points: bool = False,
    columns: int = 2,
    tooltip: Sequence[alt.Tooltip] = (),
    clip: bool = False,
) -> alt.LayerChart:
    """Values against `x` as lines.

    table: columns of `x`, of `y` and of `series`; None where a facet brings the data. looks, series, columns: as in
    `channels`. points: whether to mark every value. tooltip: its lines below those of the series, x and y. clip:
    whether to cut off what lies outside the axes.
    """
    encoded = channels(looks, series, points, columns)
    named = {f"{series}:N": " "} if isinstance(looks, Mapping) else {}
    place = {axis["shorthand"]: axis["title"] for axis in (x, y)}
    told = [*tips(named | place, ".3~g"), *tooltip]
    base = (alt.Chart() if table is None else alt.Chart(table)).encode(x, y, color=encoded["color"], tooltip=told)
    # a line has one tooltip; its places have theirs on points, seen or not
    line = base.mark_line(clip=clip, point=alt.Undefined if points else "transparent")
    layers = [line.encode(strokeDash=encoded["strokeDash"])]
    if points:
        layers.append(base.mark_point(size=40, clip=clip).encode(shape=encoded["shape"]))
    return alt.layer(*layers)


def bands(
    table: pd.DataFrame | None,
    x: alt.X,
    y: alt.Y,
    looks: Looks | Look,
    series: str = "series",
    points: bool = False,
    columns: int = 2,
    opacity: float = 0.2,
    tooltip: Sequence[alt.Tooltip] = (),
    clip: bool = False,
) -> alt.LayerChart:
    """Means against `x` as lines, intervals as bands: `curves` of the column mean, above areas from low to high.

    opacity: of the bands. tooltip: its lines below those of the series, x, and the mean with its interval.
    """
    _, *interval = interval_tooltip(y["title"])
    color = channels(looks, series, points, columns)["color"]
    area = (alt.Chart() if table is None else alt.Chart(table)).mark_area(opacity=opacity, clip=clip)
    area = area.encode(x, alt.Y("low:Q", scale=y["scale"]), alt.Y2("high:Q"), color=color)
    return alt.layer(area, curves(table, x, y, looks, series, points, columns, [*interval, *tooltip], clip))


def whiskers(
    table: pd.DataFrame | None,
    x: alt.X,
    y: alt.Y,
    looks: Looks | Look,
    series: str = "series",
    columns: int = 2,
    tooltip: Sequence[alt.Tooltip] = (),
    side_by_side: bool = False,
) -> alt.LayerChart:
    """Means as markers, intervals as bars from low to high along x, in the rows of y; else as `curves`.

    tooltip: its lines below those of the series, the row, and the mean with its interval. side_by_side: whether the
    series of a row are drawn below each other, not on one line.
    """
    encoded = channels(looks, series, points=True, columns=columns)
    named = {f"{series}:N": " "} if isinstance(looks, Mapping) else {}
    told = [*tips(named | {y["shorthand"]: " "}), *interval_tooltip(x["title"]), *tooltip]
    base = (alt.Chart() if table is None else alt.Chart(table)).encode(y, color=encoded["color"], tooltip=told)
    if side_by_side:
        base = base.encode(alt.YOffset(f"{series}:N", sort=list(looks)).scale(paddingOuter=0.35))
    return alt.layer(
        base.mark_rule(strokeWidth=2).encode(alt.X("low:Q", scale=x["scale"]), alt.X2("high:Q")),
        base.mark_point(size=55).encode(x, shape=encoded["shape"]),
    )


def crossed(
    table: pd.DataFrame | None,
    x: alt.X,
    y: alt.Y,
    looks: Looks,
    series: str = "series",
    columns: int = 4,
    tooltip: Sequence[alt.Tooltip] = (),
    size: int = 75,
    filled: bool = True,
    opacity: float = 1.0,
) -> alt.LayerChart:
    """Means against means as markers, with both intervals as bars between the columns of `ends`; else as `curves`.

    tooltip: its lines below those of the series and of both means with their intervals. size, filled: of the markers;
    opacity: of the bars.
    """
    encoded = channels(looks, series, points=True, columns=columns)
    across, along = (str(axis["shorthand"]).split(":")[0] for axis in (x, y))
    both = [line for axis, name in ((x, across), (y, along)) for line in interval_tooltip(axis["title"], ".4~g", name)]
    told = [*tips({f"{series}:N": " "}), *both, *tooltip]
    base = (alt.Chart() if table is None else alt.Chart(table)).encode(color=encoded["color"], tooltip=told)
    (left, right), (bottom, top) = ends(across), ends(along)
    return alt.layer(
        base.mark_rule(opacity=opacity).encode(alt.X(f"{left}:Q"), y, x2=f"{right}:Q"),
        base.mark_rule(opacity=opacity).encode(x, alt.Y(f"{bottom}:Q"), y2=f"{top}:Q"),
        base.mark_point(size=size, filled=filled).encode(x, y, shape=encoded["shape"]),
    )


def stacked_bars(
    table: pd.DataFrame,
    x: alt.X,
    y: alt.Y,
    kind: str,
    colors: Mapping[str, str],
    label: str,
    tooltip: Sequence[alt.Tooltip],
    dark: Sequence[str] = (),
) -> alt.LayerChart:
    """A bar in each row of y, of parts that are as long as x says, in the order of the colours.

    kind: the column that names the parts; colors: of each part, and dark: those whose text has to be white. label: the
    column of the text on a part.
    """
    order = [name for name in colors if name in set(table[kind])]
    table = table.assign(order=table[kind].map(order.index), white=table[kind].isin(list(dark)))
    base = alt.Chart(table).encode(x.stack("zero"), y, order="order:O", tooltip=tooltip)
    color = alt.Color(f"{kind}:N", title=None).scale(domain=order, range=[colors[name] for name in order])
    color = color.legend(orient="bottom", columns=4, symbolStrokeColor="#999999")
    ink = alt.when("datum.white").then(alt.value("white")).otherwise(alt.value("#222222"))
    number = base.mark_text(fontSize=12).encode(x.stack("zero").bandPosition(0.5), text=f"{label}:N", color=ink)
    bars = base.mark_bar(height=28, stroke="#999999", strokeWidth=0.5).encode(color=color)
    return alt.layer(bars, number).properties(width=470, height=alt.Step(40))


def log_scale(table: pd.DataFrame) -> alt.Scale:
    """A logarithmic scale from the smallest number above 0 in the columns mean, low and high to the largest, with a
    little room on both sides. What is 0, but for rounding, lies on its edge; no row is left out."""
    values = table[["mean", "low", "high"]].to_numpy(float)
    values = values[np.isfinite(values) & (values > ROUNDING * np.nanmax(values, initial=0.0))]
    room = (values.max() / values.min()) ** 0.02
    return alt.Scale(
        type="log", nice=False, clamp=True, domain=[float(values.min() / room), float(values.max() * room)]
    )


def log_axis(axis: alt.X | alt.Y, table: pd.DataFrame, ticks: Iterable[float] = ()) -> alt.X | alt.Y:
    """An axis of `log_scale`, with those of some ticks that lie on it: another would be drawn on its edge."""
    scale = log_scale(table)
    least, most = scale["domain"]
    shown = [tick for tick in ticks if least <= tick <= most]
    return axis.scale(scale).axis(format="~g", **({"values": shown} if shown else {"tickCount": 5}))


def rule(**place: float) -> alt.Chart:
    """A dashed line at a number: rule(x=0.5) or rule(y=1)."""
    where = {axis: alt.datum(number) for axis, number in place.items()}
    once = alt.Chart().transform_aggregate(rows="count()")  # and not for every row of the data
    return once.mark_rule(**DASHED).encode(**where)


def of_panel(**columns: str) -> alt.Chart:
    """Grey dashed lines: of each panel the mean of a column, x="white" for example."""
    base = alt.Chart().transform_aggregate(groupby=["panel"], **{name: f"mean({name})" for name in columns.values()})
    return base.mark_rule(color=GREY, strokeDash=[4, 4]).encode(**{axis: f"{name}:Q" for axis, name in columns.items()})


def panels(
    chart: alt.LayerChart, table: pd.DataFrame, column: str = "panel", columns: int = 3, **resolved: str
) -> alt.FacetChart:
    """A chart without data for each value of a table's column, in the table's order, `columns` to a row.

    '|' in a value breaks the line of its title. resolved: the scales that panels do not share, y="independent" for
    example.
    """
    shown = alt.Facet(f"{column}:N", title=None, sort=list(table[column].unique()))
    shown = shown.header(labelExpr="split(datum.label, '|')")
    chart = chart.facet(shown, data=table, columns=columns).resolve_scale(**resolved)
    count = table[column].nunique()
    whole = count > columns and count % columns == 0
    # no axis below an empty place, nor where a narrow page breaks the row
    return chart if whole else chart.resolve_axis(x="independent")


def matrix(chart: alt.LayerChart, table: pd.DataFrame, row: str, column: str, **header: Any) -> alt.FacetChart:
    """A chart without data for each pair of values of two columns of a table, in the table's order. header: of rows."""
    rows, columns = (
        kind(f"{name}:N", title=None, sort=list(table[name].unique()))
        for kind, name in ((alt.Row, row), (alt.Column, column))
    )
    return chart.facet(data=table, row=rows.header(**header) if header else rows, column=columns)


def figure(
    table: pd.DataFrame,
    kind: Callable[..., alt.LayerChart],
    x: alt.X,
    y: alt.Y,
    look: Looks | Look | Callable[[Iterable[str]], Looks] = looks,
    series: str = "series",
    height: Any = 190,
    below: Sequence[alt.Chart] = (),
    above: Sequence[alt.Chart] = (),
    panel: str | None = "panel",
    per_row: int = 0,
    free: str = "",
    **options: Any,
) -> alt.FacetChart | alt.LayerChart:
    """A table drawn, in panels or in one.

    Args:
        kind: `curves`, `bands`, `whiskers` or `crossed`; options: of it, such as points, columns, opacity, tooltip.
        look: of the series, or a function of their names; series: their column.
        height: of a panel in pixels; its width is what the page leaves to it.
        below, above: further marks, under and over those of the series.
        panel: the column of which every value has a panel; per_row: panels beside each other, 3 without it, or charts
            as this one.
        free: the axes that panels do not share, 'x', 'y' or 'xy'.
    """
    shown = look(table[series].unique()) if callable(look) else look
    marks = kind(None if panel else table, x, y, shown, series=series, **options)
    chart = alt.layer(*below, marks, *above) if below or above else marks
    beside = min(per_row or 3, table[panel].nunique()) if panel else per_row or 1
    own = "y" in free or panel is None
    chart = chart.properties(width=width(beside, _room(table, y), own), height=height)
    return panels(chart, table, panel, per_row or 3, **dict.fromkeys(free, "independent")) if panel else chart


def width(beside: int, left: float = 65, free: bool = False) -> int:
    """Pixels of a panel of which so many fill the page beside each other.

    left: what the labels of the first take; free: whether each has an axis of its own.
    """
    return int((PAGE - 16 - (beside if free else 1) * left) / beside - 20)


def _room(table: pd.DataFrame, y: alt.Y) -> float:
    """Pixels of an axis with its labels."""
    field, _, kind = str(y["shorthand"]).partition(":")
    return 20 + 6.5 * max(map(len, table[field].astype(str)), default=0) if kind == "N" else 65


def described(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Gives what a function draws a description for readers who do not see it, where it has none: the first sentence
    of its docstring, the words that it was given, and what its first argument is of."""
    text = re.sub(r",? of `[^`]*`", "", " ".join(draw.__doc__.split("\n\n")[0].split()))
    what = re.split(r"(?<!Fig)(?<!Figs)\. ", text)[0].rstrip(".")

    @wraps(draw)
    def drawn(of: Any, *args: Any, **kwargs: Any) -> Any:
        chart = draw(of, *args, **kwargs)
        if isinstance(chart.description, str):
            return chart
        words = [word for word in (*args, *kwargs.values()) if isinstance(word, str)]
        return chart.properties(description=": ".join(filter(None, [what, ", ".join(words), _told(of)])))

    return drawn


def _told(of: Any) -> str:
    """What a table, a result or several results are of: their titles, and the names of a table's series and panels."""
    if isinstance(of, xr.Dataset):
        return title_of(of) if {"title", "data_source"} <= of.attrs.keys() else of.attrs.get("title", "")
    if not isinstance(of, pd.DataFrame):
        return ", ".join(map(_told, of.values() if isinstance(of, Mapping) else of))
    series = next((name for name in ("method", "series", "point") if name in of), "")
    columns = [of[name].unique() for name in (series, "network", "panel") if name in of]
    names = [", ".join(map(str, column)).replace("|", ", ") for column in columns]
    return "; ".join([*names, *(of.attrs[name] for name in ("title", "network") if of.attrs.get(name))])


def interval_tooltip(title: str, format: str = ".3~g", name: str = "mean") -> list[alt.Tooltip]:
    """The lines of a tooltip for a column and its `ends`."""
    titles = zip((name, *ends(name)), (title, "95 % from", "to"), strict=True)
    return [alt.Tooltip(f"{column}:Q", title=called, format=format) for column, called in titles]


def sentence(words: str) -> alt.Chart:
    """What stands in place of a chart that has nothing to show."""
    bare = alt.Chart(pd.DataFrame({"words": [words]}), description=words)
    return bare.mark_text(size=14).encode(alt.Text("words:N"))
