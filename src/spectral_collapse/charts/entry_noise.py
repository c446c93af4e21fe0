"""Charts of entry noise on Gaussian data. All take tables of `findings.entry_noise`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.gaussian import SLOPES
from spectral_collapse.charts.lines import Look, described, figure, tips, x_axis, y_axis
from spectral_collapse.charts.spectra import FREQUENCY
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.entry_noise import ADDED, CARRIED, EXACT, FLOOR, TOTAL
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
    **SLOPES,
    "Euler": Look(PALETTE[1]),
    "Heun": Look(PALETTE[2], (8, 3)),
    "2M": Look(PALETTE[0], (8, 2, 2, 2)),
    FLOOR: Look(PALETTE[6], (4, 4)),
}


@described
def law(points: pd.DataFrame, ends: pd.DataFrame) -> alt.LayerChart:
    """Power against squared correlation of latents, drawn (points) and where the law lets them lie (grey lines).

    points: `findings.law`. ends: `findings.hyperbolas`, straight lines on these axes.
    """
    look = {"type": "log", "nice": False, "values": [0.02, 0.05, 0.1, 0.2, 0.5, 1], "format": "~g"}
    x = x_axis("kept", "squared correlation with the source", domain=[0.018, 1.1], **look)
    y = y_axis("power", "power of the latent (white noise = 1)", domain=[0.018, 1.25], **look)
    curves = alt.Chart(ends).mark_line(strokeWidth=1.5, color=_GREY).encode(x, y, detail="ratio:N")
    curves = curves.encode(strokeDash=lines.channels(_LEVELS)["strokeDash"].legend(None))
    named = ends[ends["kept"] == 1].assign(label=ends["ratio"].map("S / s² = {:.2g}".format))
    names = alt.Chart(named).mark_text(align="left", dx=14, color=_INK).encode(x, y, text="label:N")
    tooltip = tips({"ratio:Q": "S / s₀²"})
    looks = lines.present(lines.looks(LAW), points["series"])
    drawn = lines.crossed(points, x, y, looks, columns=3, tooltip=tooltip, size=85, filled=False)
    return alt.layer(curves, names, drawn).properties(width=430, height=380)


@described
def parts(areas: pd.DataFrame, drawn: pd.DataFrame) -> alt.FacetChart:
    """What translations are made of, per frequency: from the source, from the noise, and what is missing to 1.

    areas: `findings.parts`; drawn: `findings.parts_drawn`, points with their intervals. A column per level of entry.
    """
    both = pd.concat([areas.assign(kind="area"), drawn.assign(kind="drawn")], ignore_index=True)
    x = FREQUENCY.title("cycles per pixel").axis(values=[0.02, 0.1, 0.5], format="~g")
    x = x.scale(type="log", domain=[0.9 * areas["frequency"].min(), 0.55], nice=False)
    y = y_axis("low", "power over the target's", domain=[0, 1.2])
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
    )
    return lines.matrix(layers.properties(width=125, height=170), both, "place", "level")


@described
def trade(table: pd.DataFrame) -> alt.FacetChart:
    """Structure against detail, from no noise to noise at each level k: the exact flow, and three walks of drawn
    images with their intervals. The table is `findings.trade`."""
    x = x_axis("detail", "log of the power of fine detail over the target's", nice=False, padding=14)
    y = y_axis("s_lf", "S_LF", zero=False, nice=False, padding=14, format="~g")
    tooltip = tips({"label:N": "added noise"})
    encoded = lines.channels(_WALKS, points=True)
    path = alt.Chart().encode(x, y, color=encoded["color"], tooltip=tooltip, order="turn:O")
    path = path.mark_line(strokeWidth=1.5).encode(strokeDash=encoded["strokeDash"])
    sides = ({"align": "left", "dx": 9}, {"dy": -11}, {"dy": 13})
    named = [
        alt.Chart()
        .transform_filter((alt.datum.series == EULER) & (alt.datum.side == side))
        .mark_text(color=_INK, **place)
        .encode(x, y, text="label:N")
        for side, place in enumerate(sides)
    ]
    table = table.assign(side=table["turn"].map({0: 1, 1: 2, 2: 1}).fillna(0))  # those that lie close to each other
    options = {"panel": "place", "per_row": 2, "columns": 2, "tooltip": tooltip, "size": 55}
    return figure(table, lines.crossed, x, y, _WALKS, height=330, below=[path], above=named, **options)


@described
def convergence(table: pd.DataFrame) -> alt.FacetChart:
    """Error of the latent against network calls, for a perfect network and for wrong ones with the floor that their
    spectrum sets. The table is `findings.convergence`."""
    x = x_axis("calls", "network calls", log=True, values=[5, 20, 100, 500])
    y = y_axis("mean", "relative error of the latent", type="log", domain=[1e-5, 1], format="~e", tickCount=5)
    return figure(table, lines.curves, x, y, _ORDERS, height=210, columns=3, clip=True)
