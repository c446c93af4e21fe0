"""Figures of the chapter on cheap guidance: tables of `findings.cheap_guidance`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines
from spectral_collapse.charts.gallery import gallery
from spectral_collapse.charts.lines import Look, described, figure, present, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.intervals import ENDS, ends
from spectral_collapse.studies.cheap_guidance import EXACT, KINDS, STANDARD, VARIANTS

PICTURED = (STANDARD, EXACT, "spectral HF", "free HF", "free LF", "spectral", "free")
"""Variants in the gallery."""

_STARTS = {"plain": Look(PALETTE[0]), "TABA": Look(PALETTE[1], (1, 0), "triangle-up")}
_ALL = lines.looks([*VARIANTS, STANDARD])
_ORIGINS = {EXACT: Look(PALETTE[6]), **lines.looks(KINDS)}


@described
def per_step(table: pd.DataFrame, title: str, reference: float) -> alt.FacetChart:
    """Means with intervals against the step of exact OVG's walk, a panel per data set and gradient.

    table: of `findings.gradients`. reference: where a dashed line is drawn.
    """
    x, y, below = x_axis("step", "step of the inversion"), y_axis("mean", title), [lines.rule(y=reference)]
    looks = partial(present, _ORIGINS)
    return figure(table, lines.bands, x, y, looks, height=150, below=below, per_row=2, columns=4)


@described
def front(table: pd.DataFrame) -> alt.FacetChart:
    """Texture and structure of every variant, a row each, with and without TABA's start.

    table: of `findings.front`. Dashed: the best S_HF, and the true targets' own S_LF, beyond which a method copies.
    """
    titles = {"s_hf": "texture, S_HF", "s_lf": "structure kept, S_LF"}
    parts = [
        table.assign(
            panel=table["panel"] + "|" + title,
            goal=table["target"] if name == "s_lf" else 1.0,
            **{end: table[column] for end, column in zip(ENDS, (name, *ends(name)), strict=True)},
        )
        for name, title in titles.items()
    ]
    return _dots(pd.concat(parts), _STARTS, "start")


@described
def costs(table: pd.DataFrame, limits: Iterable[float]) -> alt.FacetChart:
    """The area minus exact OVG's and the time over the standard inversion's, a row per variant, the fastest on top.

    table: of `findings.costs`. limits: the goals for the time, dashed, as is no loss of area.
    """
    area = table.assign(panel=table["panel"] + "|area minus exact OVG's", goal=0.0)
    time = table.assign(**dict.fromkeys(ENDS, table["seconds"]), goal=np.resize(list(limits), len(table)))
    time["panel"] += "|time / standard inversion's"
    return _dots(pd.concat([area, time]), Look(PALETTE[0]), "series")


def _dots(table: pd.DataFrame, look: lines.Looks | Look, series: str) -> alt.FacetChart:
    """A row per variant, sorted by time, two panels of a data set beside each other; dashed: the column goal."""
    place = pd.factorize(table["panel"].str.split("|").str[0])[0]
    table = table.assign(place=place).sort_values("place", kind="stable")
    order = list(table.groupby("series")["seconds"].mean().sort_values().index)
    goals = alt.Chart().transform_aggregate(groupby=["goal"], rows="count()")
    goals = goals.mark_rule(**lines.DASHED).encode(alt.X("goal:Q"))
    x, y = x_axis("mean", zero=False, padding=10), y_axis("series:N", sort=order)
    options = {"per_row": 2, "free": "x", "side_by_side": not isinstance(look, Look), "below": [goals]}
    return figure(table, lines.whiskers, x, y, look, series, height=22 * len(order), **options)


@described
def differences(table: pd.DataFrame, title: str) -> alt.FacetChart:
    """A score minus exact OVG's on the same images, a row per variant and a panel per data set."""
    order = list(present(_ALL, table["series"]))
    x, y = x_axis("mean", title), y_axis("series:N", sort=order)
    return figure(table, lines.whiskers, x, y, Look(PALETTE[0]), height=19 * len(order), below=[lines.rule(x=0)])


def pictures(found: Mapping[str, xr.Dataset]) -> alt.VConcatChart:
    """`gallery.gallery` of those of `PICTURED` that were run, without TABA's start."""
    plain = {name: study.sel(start="plain").rename(variant="point") for name, study in found.items()}
    first = next(iter(plain.values()))
    return gallery(plain, [name for name in PICTURED if name in first["point"]], changes=False)
