"""Figures of the chapter on cheap guidance: tables of `findings.cheap_guidance`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines
from spectral_collapse.charts.gallery import gallery
from spectral_collapse.charts.lines import Look, Looks
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.studies.cheap_guidance import EXACT, KINDS, STANDARD, VARIANTS

PICTURED = (STANDARD, EXACT, "spectral HF", "free HF", "free LF", "spectral", "free")
"""Variants in the gallery."""

_ALL = lines.looks([*VARIANTS, STANDARD])
_ORIGINS = {EXACT: Look(PALETTE[6]), **lines.looks(KINDS)}


def per_step(table: pd.DataFrame, title: str, reference: float) -> alt.FacetChart:
    """Means with intervals against the step of exact OVG's walk, a panel per data set and gradient.

    table: of `findings.gradients` or `high_shares`. reference: where a dashed line is drawn.
    """
    shown = {name: look for name, look in _ORIGINS.items() if name in set(table["series"])}
    x = alt.X("step:Q", title="step of the inversion")
    chart = lines.bands(None, x, alt.Y("mean:Q", title=title), shown, columns=4)
    layers = alt.layer(lines.rule(y=reference), chart).properties(width=210, height=150)
    return lines.panels(layers, table, columns=2).properties(
        description=f"{title} per step of exact OVG's walk, {table.attrs['title']}"
    )


def front(table: pd.DataFrame) -> alt.FacetChart:
    """Structure (x) against texture (y), a panel per data set: hollow markers without TABA's start, filled ones with.

    The dashed line is the true targets' own S_LF: beyond it a method copies.
    """
    looks = _looks(table["series"])
    encoded = lines.channels(looks, points=True, columns=4)
    x = alt.X("s_lf:Q", title="structure kept, S_LF").scale(zero=False, padding=10)
    y = alt.Y("s_hf:Q", title="texture, S_HF").scale(zero=False, padding=10)
    named = [alt.Tooltip("series:N", title=" "), alt.Tooltip("start:N", title="start")]
    values = [
        alt.Tooltip(f"{name}:Q", title=title, format=".3f") for name, title in (("s_lf", "S_LF"), ("s_hf", "S_HF"))
    ]
    base = alt.Chart().encode(color=encoded["color"], tooltip=[*named, *values])
    points = base.encode(x, y, shape=encoded["shape"])
    chart = alt.layer(
        alt.Chart().mark_rule(strokeDash=[4, 4], color="#555555").encode(alt.X("mean(target):Q", scale=x["scale"])),
        base.mark_rule(opacity=0.25).encode(alt.X("s_lf_low:Q", scale=x["scale"]), y, x2="s_lf_high:Q"),
        base.mark_rule(opacity=0.25).encode(x, alt.Y("s_hf_low:Q", scale=y["scale"]), y2="s_hf_high:Q"),
        points.transform_filter(alt.datum.start == "plain").mark_point(size=70, filled=False, strokeWidth=1.6),
        points.transform_filter(alt.datum.start == "TABA").mark_point(size=70, filled=True, opacity=1),
    ).properties(width=300, height=260)
    return lines.panels(chart, table, columns=2, x="independent", y="independent").properties(
        description=f"S_LF against S_HF of OVG's variants, with and without TABA's start, {table.attrs['title']}"
    )


def costs(table: pd.DataFrame, limits: Iterable[float]) -> alt.FacetChart:
    """Time over the standard inversion's (x) against the area minus exact OVG's (y), a panel per data set.

    limits: the goals for the time, dashed.
    """
    looks = _looks(table["series"])
    encoded = lines.channels(looks, points=True, columns=4)
    x = alt.X("seconds:Q", title="time / standard inversion's").scale(zero=False, padding=10)
    y = alt.Y("mean:Q", title="area minus exact OVG's")
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("seconds:Q", title="time", format=".2f"),
        *lines.interval_tooltip("area minus exact OVG's"),
    ]
    base = alt.Chart().encode(x, color=encoded["color"], tooltip=tooltip)
    chart = alt.layer(
        lines.rule(y=0),
        *(lines.rule(x=limit) for limit in limits),
        base.mark_rule().encode(alt.Y("low:Q", scale=y["scale"]), y2="high:Q"),
        base.mark_point(size=70).encode(y, shape=encoded["shape"]),
    ).properties(width=250, height=200)
    return lines.panels(chart, table, columns=3).properties(
        description=f"Time and area under the front of OVG's variants, minus exact OVG's, {table.attrs['title']}"
    )


def differences(table: pd.DataFrame, title: str) -> alt.FacetChart:
    """A score minus exact OVG's on the same images, a row per variant and a panel per data set."""
    order = list(_looks(table["series"]))
    rows = alt.Y("series:N", title=None, sort=order)
    chart = lines.whiskers(None, alt.X("mean:Q", title=title), rows, Look(PALETTE[0]))
    layers = alt.layer(lines.rule(x=0), chart).properties(width=200, height=19 * len(order))
    return lines.panels(layers, table).properties(description=f"{title}, {table.attrs['title']}")


def pictures(found: Mapping[str, xr.Dataset]) -> alt.VConcatChart:
    """`gallery.gallery` of those of `PICTURED` that were run, without TABA's start."""
    plain = {name: study.sel(start="plain").rename(variant="point") for name, study in found.items()}
    first = next(iter(plain.values()))
    return gallery(plain, [name for name in PICTURED if name in first["point"]])


def _looks(names: Iterable[str]) -> Looks:
    """The looks of variants, the same in every figure."""
    present = set(names)
    return {name: look for name, look in _ALL.items() if name in present}
