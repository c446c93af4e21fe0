"""Lines of means with their intervals as bands: one look for all charts that have them.

Every chart here takes a tidy table with the columns mean, low and high (`findings.intervals`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from spectral_collapse.charts.theme import PALETTE


class Look(NamedTuple):
    """How a series is drawn. No two series of a chart differ in their colour alone."""

    color: str
    dash: Sequence[int] = (1, 0)
    shape: str = "circle"


Looks = Mapping[str, Look]
"""Series -> its look, in the order of the legend."""

_DASHES = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (4, 4), (10, 4), (1, 3))
_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "triangle-right")


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each series, by their order: of any number, the first seven differ in all three properties."""
    kinds = tuple(map(Look, PALETTE, _DASHES, _SHAPES))
    return {str(name): kinds[number % len(kinds)] for number, name in enumerate(names)}


def channels(looks: Looks | Look, series: str = "series", points: bool = False, columns: int = 2) -> dict[str, Any]:
    """The encodings color, strokeDash and shape of a column of series.

    looks: of the series; one Look for a chart without series, and without a legend.
    points: whether the legend shows markers, else strokes. columns: of the legend.
    """
    if isinstance(looks, Look):
        return {"color": alt.value(looks.color), "strokeDash": alt.value(looks.dash), "shape": alt.value(looks.shape)}
    names = list(looks)
    colors, dashes, shapes = (list(values) for values in zip(*looks.values(), strict=True))
    symbol = {"symbolSize": 110} if points else {"symbolType": "stroke", "symbolSize": 300}
    legend = alt.Legend(orient="bottom", columns=columns, symbolOpacity=1, labelLimit=420, **symbol)
    field = f"{series}:N"
    return {
        "color": alt.Color(field, title=None, legend=legend).scale(domain=names, range=colors),
        "strokeDash": alt.StrokeDash(field, title=None, legend=None if points else legend).scale(
            domain=names, range=dashes
        ),
        "shape": alt.Shape(field, title=None, legend=legend if points else None).scale(domain=names, range=shapes),
    }


def bands(
    table: pd.DataFrame | None,
    x: alt.X,
    y: alt.Y,
    looks: Looks | Look,
    series: str = "series",
    points: bool = False,
    columns: int = 2,
    opacity: float = 0.2,
    tooltip: Sequence[alt.Tooltip] | None = None,
) -> alt.LayerChart:
    """Means against `x` as lines, intervals as bands.

    Args:
        table: columns of `x` and of `series`, mean, low, high; None where a facet brings the data.
        x, y: with their titles, scales and axes; y is of the field 'mean'.
        looks, series, columns: as in `channels`.
        points: whether to mark every mean.
        opacity: of the bands.
        tooltip: without it the series, x, and the mean with its interval.
    """
    encoded = channels(looks, series, points, columns)
    shape = encoded.pop("shape")
    base = (alt.Chart() if table is None else alt.Chart(table)).encode(x, color=encoded["color"])
    if tooltip is None:
        named = [] if isinstance(looks, Look) else [alt.Tooltip(f"{series}:N", title=" ")]
        tooltip = [*named, alt.Tooltip(x["shorthand"], title=x["title"], format=".3~g"), *interval_tooltip(y["title"])]
    hover = {"tooltip": list(tooltip)}
    layers = [
        base.mark_area(opacity=opacity).encode(alt.Y("low:Q", scale=y["scale"]), alt.Y2("high:Q")),
        base.mark_line().encode(y, strokeDash=encoded["strokeDash"], **({} if points else hover)),
    ]
    if points:
        layers.append(base.mark_point(size=40).encode(y, shape=shape, **hover))
    return alt.layer(*layers)


def interval_tooltip(title: str, format: str = ".3~g") -> list[alt.Tooltip]:
    """The lines of a tooltip for the columns mean, low and high."""
    names = {"mean": title, "low": "95 % from", "high": "to"}
    return [alt.Tooltip(f"{name}:Q", title=called, format=format) for name, called in names.items()]
