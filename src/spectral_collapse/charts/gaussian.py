"""Charts of the exact inversion of Gaussian data. All take tables of `findings.gaussian`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.spectra import CYCLES, FREQUENCY, IMAGES, radial
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.gaussian import ENTERING, LAW, LIMIT, STANDARD
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
_ORDERS: lines.Looks = {"order 1": Look("#bbbbbb"), "order 2": Look("#bbbbbb", (2, 2))}
_OVG: lines.Looks = {
    "standard": Look(PALETTE[6]),
    "OVG": Look(PALETTE[1]),
    "OVG, variance gradient alone": Look(PALETTE[0], (6, 3)),
    "OVG + TABA": Look(PALETTE[2], (2, 2)),
}
_NOISES: lines.Looks = dict(
    zip(
        (STANDARD, *ENTERING.values()),
        (Look(PALETTE[6], (2, 2)), Look(PALETTE[1]), Look(PALETTE[0], (6, 3))),
        strict=True,
    )
)
_GREY = "#555555"
_POWER = alt.X("variance:Q", title="variance S of the data").scale(type="log", nice=False)
_POWER = _POWER.axis(format="~e", tickCount=6)
_VARIANCE = alt.Y("mean:Q", title="power of the latent (white noise = 1)")


def spectra(table: pd.DataFrame) -> alt.LayerChart:
    """Power against frequency of sources and targets, the targets' power law, and s_0^2 of either process."""
    entries = pd.DataFrame(table.attrs["entry"].items(), columns=["process", "mean"])
    rules = alt.Chart(entries.assign(text="entry noise, " + entries["process"])).encode(alt.Y("mean:Q"))
    series = {name: IMAGES[name] for name in ("source", "target")} | {LAW: (LAW, Look(PALETTE[6], (2, 2)))}
    return alt.layer(
        rules.mark_rule(strokeDash=[4, 4], color=_GREY),
        rules.mark_text(align="left", dx=4, dy=-7, color=_GREY).encode(x=alt.value(0), text="text:N"),
        radial(table, series, "power (log scale)"),
    ).properties(description=f"Radial spectra of sources and targets, {table.attrs['title']}, and s_0^2")


def terminal_variance(table: pd.DataFrame) -> alt.FacetChart:
    """Variance of the latent against that of the data: each deterministic method beside the closed form."""
    return lines.panels(_against_power(None, _METHODS).properties(width=270, height=280), table).properties(
        description="Variance of the latent against the variance of the data, for every deterministic method"
    )


def closed_form(table: pd.DataFrame) -> alt.LayerChart:
    """Variance of the latent of a standard inversion against that of the data, and its limit."""
    looks = {LIMIT: _METHODS[LIMIT]} | lines.looks(name for name in table["series"].unique() if name != LIMIT)
    return _against_power(table, looks, points=True).properties(
        description="Variance of the inverted latent against the variance of the data, per frequency"
    )


def convergence(table: pd.DataFrame) -> alt.FacetChart:
    """Error of the gain against the number of steps, with lines of order 1 and 2 to compare slopes with.

    The axis ends at an error of 10; what diverges leaves the picture there.
    """
    x = alt.X("steps:Q", title="steps of the inversion").axis(values=list(table["steps"].unique()))
    x = x.scale(type="log", nice=False)
    y = alt.Y("mean:Q", title="largest relative error of the gain").axis(format="~g", tickCount=5)
    y = y.scale(type="log", domain=[1e-4, 10])
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("steps:Q", title="steps"),
        alt.Tooltip("mean:Q", title="error", format=".3~g"),
        alt.Tooltip("order:Q", title="fitted order", format=".2f"),
    ]
    looks = _ORDERS | {name: look for name, look in _METHODS.items() if name != LIMIT}
    curves = lines.curves(None, x, y, looks, tooltip=tooltip, clip=True)
    return lines.panels(curves.properties(width=270, height=280), table).properties(
        description="Error of each deterministic method against the steps"
    )


def entry_noise(expected: pd.DataFrame, drawn: pd.DataFrame) -> alt.LayerChart:
    """EDM's inversion with and without the noise of the entry level, expected (lines) and drawn (points)."""
    few = drawn["series"].unique()
    colors = {name.partition(",")[0]: color for name, color in zip(few, (PALETTE[1], PALETTE[0]), strict=True)}
    looks = {
        name: _METHODS[LIMIT]
        if name == LIMIT
        else Look(colors[name.partition(",")[0]], (1, 0) if name in few else (6, 3))
        for name in expected["series"].unique()
    }
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("variance:Q", title="S", format=".2~e"),
        *lines.interval_tooltip("power of the latent"),
    ]
    points = alt.Chart(drawn).encode(_POWER, lines.channels(looks)["color"], tooltip=tooltip)
    return alt.layer(
        _against_power(expected, looks),
        points.mark_rule().encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        points.mark_point(size=25).encode(_VARIANCE),
    ).properties(
        width=440,
        height=300,
        description="Variance of EDM's latents against the variance of the data, with and without noise",
    )


def guided(table: pd.DataFrame) -> alt.FacetChart:
    """Power of latents of one image with an emptied band: the standard inversion, OVG, its parts, OVG + TABA.

    Below, OVG's latents relative to the standard one, where that has any power.
    """
    x = alt.X("frequency:Q", title=CYCLES).scale(domain=[0, 0.5])
    shade = alt.Chart().mark_rect(color="#eeeeee").encode(x=alt.datum(EMPTIED[0]), x2=alt.datum(EMPTIED[1]))
    layers = alt.layer(
        shade, lines.rule(y=1), lines.curves(None, x, alt.Y("mean:Q", title="value").axis(title=None), _OVG)
    )
    return lines.panels(layers.properties(width=440, height=180), table, columns=1, y="independent").properties(
        description="Power of OVG's latents per frequency, of an image without power in one band"
    )


def noise_at_level(table: pd.DataFrame) -> alt.FacetChart:
    """Variance of the latent and its correlation with the source where noise enters at level k, which a slider moves.

    Lines are expectations; the bands around them are 95 % bootstrap intervals of the mean over draws.
    """
    levels = [int(level) for level in table["replaced"].unique()]
    table = table.assign(place=table["replaced"].map(levels.index))
    moved = alt.binding_range(
        min=0, max=len(levels) - 1, step=1, name=f"level k, one of {', '.join(map(str, levels))}: "
    )
    place = alt.param(name="place", value=min(1, len(levels) - 1), bind=moved)
    x = FREQUENCY.title("cycles per pixel").axis(values=[0.02, 0.05, 0.1, 0.2, 0.5])
    bands = lines.bands(
        None, x, alt.Y("mean:Q", title="expected").axis(title=None).scale(domain=[0, 1.25]), _NOISES, clip=True
    )
    level = (
        alt.Chart()
        .mark_text(align="left", fontSize=13, fontWeight="bold")
        .encode(x=alt.value(8), y=alt.value(12), text="max(level):N")
    )
    layers = alt.layer(lines.rule(x=table.attrs["cutoff"]), bands, level).properties(width=300, height=230)
    quantity = alt.Column("quantity:N", title=None, sort=list(table["quantity"].unique()))
    return (
        layers.facet(data=table, column=quantity)
        .transform_filter("datum.place == place")
        .add_params(place)
        .properties(
            description="Variance of latents and their correlation with the source, for noise that enters at level k, "
            "which a slider moves"
        )
    )


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
