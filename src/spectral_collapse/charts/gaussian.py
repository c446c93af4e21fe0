"""Charts of the exact inversion of Gaussian data. All take tables of `findings.gaussian`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look, described, figure, tips, x_axis, y_axis
from spectral_collapse.charts.spectra import CYCLES, FREQUENCY, IMAGES, radial
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.gaussian import ENTERING, ENTRIES, LAW, LIMIT, STANDARD
from spectral_collapse.studies.gaussian import EMPTIED

_METHODS: lines.Looks = {
    LIMIT: Look("#aaaaaa"),
    "Euler (standard)": Look(PALETTE[1]),
    "Heun (EDM)": Look(PALETTE[0], (8, 3)),
    "fixed point": Look(PALETTE[2], (5, 2)),
    "ReNoise": Look(PALETTE[4], (2, 2)),
    "EDICT": Look(PALETTE[3], (8, 2, 2, 2)),
    "BDIA": Look(PALETTE[5], (3, 3)),
    "BDIA, gamma 0.9": Look(PALETTE[6], (1, 3)),
}
SLOPES: lines.Looks = {"order 1": Look("#bbbbbb"), "order 2": Look("#bbbbbb", (2, 2))}
"""Of lines to compare slopes with."""
_OVG: lines.Looks = {
    "standard": Look(PALETTE[0]),
    "OVG": Look(PALETTE[3]),
    "OVG, variance gradient alone": Look(PALETTE[6], (6, 3)),
    "OVG + TABA": Look(PALETTE[4], (2, 2)),
}
_NOISES: lines.Looks = {
    STANDARD: Look(PALETTE[6], (2, 2)),
    ENTERING["everywhere"]: Look(PALETTE[1]),
    ENTERING["empty band"]: Look(PALETTE[0], (6, 3)),
}
_GREY = "#555555"
_POWER = x_axis("variance", "variance S of the data", log=True, format="~e", tickCount=6)
_VARIANCE = y_axis("mean", "power of the latent (white noise = 1)")


@described
def spectra(table: pd.DataFrame) -> alt.LayerChart:
    """Power against frequency of sources and targets, the targets' power law, and s_0^2 of either process."""
    entries = pd.DataFrame(table.attrs["entry"].items(), columns=["process", "mean"])
    rules = alt.Chart(entries.assign(text="entry noise, " + entries["process"])).encode(alt.Y("mean:Q"))
    series = {name: IMAGES[name] for name in ("source", "target")} | {LAW: (LAW, Look("#777777", (2, 2)))}
    return alt.layer(
        rules.mark_rule(strokeDash=[4, 4], color=_GREY),
        rules.mark_text(align="left", dx=4, dy=-7, color=_GREY).encode(x=alt.value(0), text="text:N"),
        radial(table, series, "power (log scale)", scale=lines.log_scale(pd.concat([table, entries]))),
    )


@described
def terminal_variance(table: pd.DataFrame) -> alt.FacetChart:
    """Variance of the latent against that of the data: each deterministic method beside the closed form."""
    return lines.panels(_against_power(None, _METHODS).properties(width=270, height=280), table)


@described
def closed_form(table: pd.DataFrame) -> alt.LayerChart:
    """Variance of the latent of a standard inversion against that of the data, and its limit."""
    looks = {LIMIT: _METHODS[LIMIT]} | lines.looks(name for name in table["series"].unique() if name != LIMIT)
    return _against_power(table, looks, points=True)


@described
def convergence(table: pd.DataFrame) -> alt.FacetChart:
    """Error of the gain against the number of steps, with lines of order 1 and 2 to compare slopes with.

    The axis ends at an error of 10; what diverges leaves the picture there.
    """
    x = x_axis("steps", "steps of the inversion", log=True, values=list(table["steps"].unique()))
    title = "largest relative error of the gain"
    y = y_axis("mean", title, type="log", domain=[1e-4, 10], format="~g", tickCount=5)
    looks = SLOPES | {name: look for name, look in _METHODS.items() if name != LIMIT}
    options = {"height": 280, "tooltip": tips({"order:Q": "fitted order"}, ".2f"), "clip": True}
    return figure(table, lines.curves, x, y, looks, **options)


@described
def entry_noise(expected: pd.DataFrame, drawn: pd.DataFrame) -> alt.LayerChart:
    """EDM's inversion with and without the noise of the entry level, expected (lines) and drawn (points)."""
    few, colors = drawn["series"].unique(), dict(zip(ENTRIES.values(), (PALETTE[1], PALETTE[0]), strict=True))
    looks = {LIMIT: _METHODS[LIMIT]}
    for name in expected["series"].unique()[1:]:
        looks[name] = Look(colors[name.partition(",")[0]], (1, 0) if name in few else (6, 3))
    tooltip = tips({"series:N": " ", "variance:Q": "S"}, ".2~e") + lines.interval_tooltip("power of the latent")
    points = alt.Chart(drawn).encode(_POWER, lines.channels(looks)["color"], tooltip=tooltip)
    return alt.layer(
        _against_power(expected, looks),
        points.mark_rule().encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        points.mark_point(size=25).encode(_VARIANCE),
    ).properties(width=lines.width(1), height=300)


@described
def guided(table: pd.DataFrame) -> alt.FacetChart:
    """Power of latents of one image with an emptied band: the standard inversion, OVG, its parts, OVG + TABA.

    Below, OVG's latents relative to the standard one, where that has any power.
    """
    x, y = x_axis("frequency", CYCLES, domain=[0, 0.5]), alt.Y("mean:Q", title="value").axis(title=None)
    shade = alt.Chart().mark_rect(color="#eeeeee").encode(x=alt.datum(EMPTIED[0]), x2=alt.datum(EMPTIED[1]))
    options = {"height": 180, "below": [shade, lines.rule(y=1)], "per_row": 1, "free": "y"}
    return figure(table, lines.curves, x, y, _OVG, **options)


@described
def noise_at_level(table: pd.DataFrame) -> alt.FacetChart:
    """Variance of the latent and its correlation with the source where noise enters at level k, which a slider moves.

    Lines are expectations; the bands around them are 95 % bootstrap intervals of the mean over draws.
    """
    levels = [int(level) for level in table["replaced"].unique()]
    table = table.assign(place=table["replaced"].map(levels.index))
    name = f"level k, one of {', '.join(map(str, levels))}: "
    moved = alt.binding_range(min=0, max=len(levels) - 1, step=1, name=name)
    place = alt.param(name="place", value=min(1, len(levels) - 1), bind=moved)
    x = FREQUENCY.title("cycles per pixel").axis(values=[0.02, 0.05, 0.1, 0.2, 0.5])
    y = alt.Y("mean:Q", title="expected").axis(title=None).scale(domain=[0, 1.25])
    level = alt.Chart().mark_text(align="left", fontSize=13, fontWeight="bold")
    layers = alt.layer(
        lines.rule(x=table.attrs["cutoff"]),
        lines.bands(None, x, y, _NOISES, clip=True),
        level.encode(x=alt.value(8), y=alt.value(12), text="max(level):N"),
    )
    quantity = alt.Column("quantity:N", title=None, sort=list(table["quantity"].unique()))
    chart = layers.properties(width=lines.width(2, free=True), height=230).facet(data=table, column=quantity)
    return chart.transform_filter("datum.place == place").add_params(place)


def _against_power(table: pd.DataFrame | None, looks: lines.Looks, points: bool = False) -> alt.LayerChart:
    """Variance of the latent against that of the data, with s_0^2 and, wide, the limit; as `lines.curves`."""
    base = alt.Chart() if table is None else alt.Chart(table)
    entry = base.encode(alt.X("min(entry):Q", title=_POWER["title"], scale=_POWER["scale"]))
    limit = base.transform_filter(alt.datum.series == LIMIT).encode(_POWER, _VARIANCE)
    return alt.layer(
        entry.mark_rule(strokeDash=[4, 4], color=_GREY),
        entry.mark_text(align="left", dx=5, y=10, color=_GREY, text="s₀²"),
        limit.mark_line(strokeWidth=5, color=looks[LIMIT].color),
        lines.curves(table, _POWER, _VARIANCE, looks, points=points),
    )
