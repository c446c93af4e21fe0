"""Figures of the chapter on cheap guidance: tables of `findings.cheap_guidance`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines
from spectral_collapse.charts.gallery import gallery
from spectral_collapse.charts.lines import Look, described, figure, present, tips, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.studies.cheap_guidance import EXACT, KINDS, STANDARD, VARIANTS

PICTURED = (STANDARD, EXACT, "spectral HF", "free HF", "free LF", "spectral", "free")
"""Variants in the gallery."""

_ALL = lines.looks([*VARIANTS, STANDARD])
_ORIGINS = {EXACT: Look(PALETTE[6]), **lines.looks(KINDS)}


@described
def per_step(table: pd.DataFrame, title: str, reference: float) -> alt.FacetChart:
    """Means with intervals against the step of exact OVG's walk, a panel per data set and gradient.

    table: of `findings.gradients` or `high_shares`. reference: where a dashed line is drawn.
    """
    x, y, below = x_axis("step", "step of the inversion"), y_axis("mean", title), [lines.rule(y=reference)]
    looks = partial(present, _ORIGINS)
    return figure(table, lines.bands, x, y, looks, size=(210, 150), below=below, per_row=2, columns=4)


@described
def front(table: pd.DataFrame) -> alt.FacetChart:
    """Structure (x) against texture (y), a panel per data set: hollow markers without TABA's start, filled ones with.

    The dashed line is the true targets' own S_LF: beyond it a method copies.
    """
    encoded = lines.channels(present(_ALL, table["series"]), points=True, columns=4)
    x = x_axis("s_lf", "structure kept, S_LF", zero=False, padding=10)
    y = y_axis("s_hf", "texture, S_HF", zero=False, padding=10)
    tooltip = tips({"series:N": " ", "start:N": "start", "s_lf:Q": "S_LF", "s_hf:Q": "S_HF"}, ".3f")
    base = alt.Chart().encode(color=encoded["color"], tooltip=tooltip)
    points = base.encode(x, y, shape=encoded["shape"])
    chart = alt.layer(
        alt.Chart().mark_rule(**lines.DASHED).encode(alt.X("mean(target):Q", scale=x["scale"])),
        base.mark_rule(opacity=0.25).encode(alt.X("s_lf_low:Q", scale=x["scale"]), y, x2="s_lf_high:Q"),
        base.mark_rule(opacity=0.25).encode(x, alt.Y("s_hf_low:Q", scale=y["scale"]), y2="s_hf_high:Q"),
        points.transform_filter(alt.datum.start == "plain").mark_point(size=70, filled=False, strokeWidth=1.6),
        points.transform_filter(alt.datum.start == "TABA").mark_point(size=70, filled=True, opacity=1),
    ).properties(width=300, height=260)
    return lines.panels(chart, table, columns=2, x="independent", y="independent")


@described
def costs(table: pd.DataFrame, limits: Iterable[float]) -> alt.FacetChart:
    """Time over the standard inversion's (x) against the area minus exact OVG's (y), a panel per data set.

    limits: the goals for the time, dashed.
    """
    encoded = lines.channels(present(_ALL, table["series"]), points=True, columns=4)
    x = x_axis("seconds", "time / standard inversion's", zero=False, padding=10)
    y = y_axis("mean", "area minus exact OVG's")
    tooltip = tips({"series:N": " ", "seconds:Q": "time"}, ".2f") + lines.interval_tooltip("area minus exact OVG's")
    base = alt.Chart().encode(x, color=encoded["color"], tooltip=tooltip)
    chart = alt.layer(
        lines.rule(y=0),
        *(lines.rule(x=limit) for limit in limits),
        base.mark_rule().encode(alt.Y("low:Q", scale=y["scale"]), y2="high:Q"),
        base.mark_point(size=70).encode(y, shape=encoded["shape"]),
    ).properties(width=250, height=200)
    return lines.panels(chart, table, columns=3)


@described
def differences(table: pd.DataFrame, title: str) -> alt.FacetChart:
    """A score minus exact OVG's on the same images, a row per variant and a panel per data set."""
    order = list(present(_ALL, table["series"]))
    x, y, size = x_axis("mean", title), y_axis("series:N", sort=order), (200, 19 * len(order))
    return figure(table, lines.whiskers, x, y, Look(PALETTE[0]), size=size, below=[lines.rule(x=0)])


def pictures(found: Mapping[str, xr.Dataset]) -> alt.VConcatChart:
    """`gallery.gallery` of those of `PICTURED` that were run, without TABA's start."""
    plain = {name: study.sel(start="plain").rename(variant="point") for name, study in found.items()}
    first = next(iter(plain.values()))
    return gallery(plain, [name for name in PICTURED if name in first["point"]], changes=False)
