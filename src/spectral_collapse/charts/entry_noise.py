"""Charts of entry noise on Gaussian data. All take tables of `findings.entry_noise`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.spectra import FREQUENCY
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.entry_noise import ADDED, CARRIED, EXACT, FLOOR, ORDERS, TOTAL
from spectral_collapse.studies.entry_noise import EULER, FINE, LAW, SECOND

_GREY, _INK = "#aaaaaa", "#222222"
_LEVELS: lines.Looks = {"entry level": Look(_GREY), "later level": Look(_GREY, (5, 3))}
_PARTS: lines.Looks = {CARRIED: Look(PALETTE[0]), ADDED: Look(PALETTE[1]), TOTAL: Look(PALETTE[6], (1, 0), "square")}
_WALKS: lines.Looks = {
    EXACT: Look(PALETTE[6]),
    EULER: Look(PALETTE[1], (6, 3), "triangle-up"),
    SECOND: Look(PALETTE[4], (2, 2), "square"),
    FINE: Look(PALETTE[0], (8, 2, 2, 2), "diamond"),
}
_ORDERS: lines.Looks = {
    ORDERS[0]: Look("#bbbbbb"),
    ORDERS[1]: Look("#bbbbbb", (2, 2)),
    "Euler": Look(PALETTE[1]),
    "Heun": Look(PALETTE[2], (8, 3)),
    "2M": Look(PALETTE[0], (8, 2, 2, 2)),
    FLOOR: Look(PALETTE[6], (4, 4)),
}


def law(points: pd.DataFrame, ends: pd.DataFrame) -> alt.LayerChart:
    """Power against squared correlation of latents, drawn (points) and where the law lets them lie (grey lines).

    points: `findings.law`. ends: `findings.hyperbolas`, straight lines on these axes.
    """
    x = alt.X("kept:Q", title="squared correlation with the source").scale(type="log", domain=[0.018, 1.1], nice=False)
    y = alt.Y("power:Q", title="power of the latent (white noise = 1)").scale(
        type="log", domain=[0.018, 1.25], nice=False
    )
    x, y = (axis.axis(values=[0.02, 0.05, 0.1, 0.2, 0.5, 1], format="~g") for axis in (x, y))
    curves = alt.Chart(ends).mark_line(strokeWidth=1.5, color=_GREY).encode(x, y, detail="ratio:N")
    curves = curves.encode(strokeDash=lines.channels(_LEVELS)["strokeDash"].legend(None))
    named = ends[ends["kept"] == 1].assign(label=ends["ratio"].map("S / s² = {:.2g}".format))
    names = alt.Chart(named).mark_text(align="left", dx=14, color=_INK).encode(x, y, text="label:N")
    looks = lines.looks(LAW)
    tooltip = [alt.Tooltip("series:N", title=" "), alt.Tooltip("ratio:Q", title="S / s₀²")]
    for name, title in (("power", "power"), ("kept", "squared correlation")):
        tooltip += [alt.Tooltip(f"{name}:Q", title=title, format=".3f")]
        tooltip += [alt.Tooltip(f"{name}_{end}:Q", title="95 %", format=".3f") for end in ("low", "high")]
    encoded = lines.channels(looks, points=True, columns=3)
    base = alt.Chart(points).encode(color=encoded["color"], tooltip=tooltip)
    return alt.layer(
        curves,
        names,
        base.mark_rule(strokeWidth=2).encode(alt.X("kept_low:Q"), y, x2="kept_high:Q"),
        base.mark_rule(strokeWidth=2).encode(x, alt.Y("power_low:Q"), y2="power_high:Q"),
        base.mark_point(size=85, filled=False, strokeWidth=2).encode(x, y, shape=encoded["shape"]),
    ).properties(
        width=430, height=380, description="Power of latents against their squared correlation with the source"
    )


def parts(areas: pd.DataFrame, drawn: pd.DataFrame) -> alt.FacetChart:
    """What translations are made of, per frequency: from the source, from the noise, and what is missing to 1.

    areas: `findings.parts`; drawn: `findings.parts_drawn`, points with their intervals. A column per level of entry.
    """
    both = pd.concat([areas.assign(kind="area"), drawn.assign(kind="drawn")], ignore_index=True)
    x = FREQUENCY.title("cycles per pixel").axis(values=[0.02, 0.1, 0.5], format="~g")
    x = x.scale(type="log", domain=[0.9 * areas["frequency"].min(), 0.55], nice=False)
    y = alt.Y("low:Q", title="power over the target's").scale(domain=[0, 1.2])
    encoded = lines.channels(_PARTS, points=True, columns=3)
    area, points = (alt.Chart().transform_filter(alt.datum.kind == kind) for kind in ("area", "drawn"))
    tooltip = [alt.Tooltip("series:N", title=" "), alt.Tooltip("frequency:Q", format=".2~g")]
    tooltip += lines.interval_tooltip("power over the target's")
    points = points.encode(x, color=encoded["color"], tooltip=tooltip)
    layers = alt.layer(
        area.mark_area(opacity=0.45, clip=True).encode(x, y, alt.Y2("high:Q"), color=encoded["color"]),
        lines.rule(x=areas.attrs["cutoff"]),
        points.mark_rule(clip=True).encode(y, alt.Y2("high:Q")),
        points.mark_point(size=16, clip=True).encode(alt.Y("mean:Q"), shape=encoded["shape"]),
    ).properties(width=125, height=170)
    row, column = (
        kind(f"{name}:N", title=None, sort=list(areas[name].unique()))
        for kind, name in ((alt.Row, "place"), (alt.Column, "level"))
    )
    return layers.facet(data=both, row=row, column=column).properties(
        description="Power of translated images per frequency: what comes from the source and what from the noise"
    )


def trade(table: pd.DataFrame) -> alt.FacetChart:
    """Structure against detail, from no noise to noise at each level k: the exact flow, and three walks of drawn
    images with their intervals. The table is `findings.trade`."""
    x = alt.X("detail:Q", title="log of the power of fine detail over the target's").scale(nice=False, padding=14)
    y = alt.Y("s_lf:Q", title="S_LF").scale(zero=False, nice=False, padding=14).axis(format="~g")
    encoded = lines.channels(_WALKS, points=True)
    tooltip = [alt.Tooltip("series:N", title=" "), alt.Tooltip("label:N", title="enters")]
    for name, title in (("s_lf", "S_LF"), ("detail", "log power")):
        tooltip += [alt.Tooltip(f"{name}:Q", title=title, format=".4f")]
        tooltip += [alt.Tooltip(f"{name}_{end}:Q", title="95 %", format=".4f") for end in ("low", "high")]
    base = alt.Chart().encode(color=encoded["color"], tooltip=tooltip)
    sides = ({"align": "left", "dx": 9}, {"dy": -11}, {"dy": 13})
    named = [
        alt.Chart()
        .transform_filter((alt.datum.series == EULER) & (alt.datum.side == side))
        .mark_text(color=_INK, **place)
        .encode(x, y, text="label:N")
        for side, place in enumerate(sides)
    ]
    layers = alt.layer(
        base.mark_line(strokeWidth=1.5).encode(x, y, order="turn:O", strokeDash=encoded["strokeDash"]),
        base.mark_rule().encode(alt.X("detail_low:Q"), y, x2="detail_high:Q"),
        base.mark_rule().encode(x, alt.Y("s_lf_low:Q"), y2="s_lf_high:Q"),
        base.mark_point(size=55).encode(x, y, shape=encoded["shape"]),
        *named,
    ).properties(width=320, height=330)
    table = table.assign(side=table["turn"].map({0: 1, 1: 2, 2: 1}).fillna(0))  # those that lie close to each other
    return lines.panels(layers, table, "place", columns=2).properties(
        description="S_LF against the power of fine detail, as the level at which the image enters rises"
    )


def convergence(table: pd.DataFrame) -> alt.FacetChart:
    """Error of the latent against network calls, for a perfect network and for wrong ones with the floor that their
    spectrum sets. The table is `findings.convergence`."""
    x = alt.X("calls:Q", title="network calls").scale(type="log", nice=False).axis(values=[5, 20, 100, 500])
    y = alt.Y("mean:Q", title="relative error of the latent").scale(type="log", domain=[1e-5, 1]).axis(format="~g")
    curves = lines.curves(None, x, y.axis(format="~e", tickCount=5), _ORDERS, columns=3, clip=True)
    return lines.panels(curves.properties(width=205, height=210), table).properties(
        description="Error of the inverted latent against network calls, three walks, perfect and wrong networks"
    )
