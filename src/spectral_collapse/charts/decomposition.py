"""The decomposition of the collapse drawn: parts of the deficit, true first predictions, errors per level.

All take tables of `findings.decomposition`.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts.lines import Look, Looks, bands, interval_tooltip, log_axis, panels, rule, whiskers
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.decomposition import DENOISERS, ENTRIES

LOOKS: Looks = dict(
    zip(
        DENOISERS.values(),
        (Look(PALETTE[1]), Look(PALETTE[0], (6, 3), "square"), Look(PALETTE[2], (2, 2), "triangle-up")),
        strict=True,
    )
)
"""Of each denoiser."""


def parts(table: pd.DataFrame) -> alt.FacetChart:
    """The deficit of a standard inversion and its three parts per measure, with 95 % intervals."""
    return _deficits(
        table, LOOKS, "denoiser", f"Parts of the latents' deficit per measure and denoiser, {table.attrs['title']}"
    )


def other_levels(table: pd.DataFrame) -> alt.FacetChart:
    """The deficit on differently spaced levels, with and without entry noise, with 95 % intervals."""
    looks = dict(zip(ENTRIES.values(), (Look(PALETTE[1]), Look(PALETTE[0], (6, 3), "square")), strict=True))
    return _deficits(table, looks, "entry", f"Deficit on differently spaced levels per measure, {table.attrs['title']}")


def _deficits(table: pd.DataFrame, looks: Looks, series: str, description: str) -> alt.FacetChart:
    """Rows of `part`, a mark for each `denoiser`, which a tooltip calls `series`; a panel per measure."""
    y = alt.Y("part:N", sort=list(table["part"].unique()), title=None).axis(labelLimit=200)
    x = alt.X("mean:Q", title="deficit against white noise")
    tooltip = [*_named(part="part", denoiser=series), *interval_tooltip("deficit")]
    layers = alt.layer(rule(x=0), whiskers(None, x, y, looks, "denoiser", 1, tooltip, side_by_side=True))
    return panels(layers.properties(width=230, height=170), table, "measure", columns=2).properties(
        description=description
    )


def true_first_steps(table: pd.DataFrame) -> alt.FacetChart:
    """The network's deficit that is left after true predictions up to a level, with 95 % intervals."""
    two = Look(PALETTE[1]), Look(PALETTE[0], (6, 3), "square")
    looks = dict(zip(table["resolution"].unique(), two, strict=True))
    x = alt.X("replaced:O", sort=None, title="true first steps (to sigma / alpha)").axis(labelAngle=-40)
    y = alt.Y("mean:Q", title="deficit left against white noise")
    tooltip = [*_named(resolution="inversion", replaced="true first steps"), *interval_tooltip("deficit left")]
    lines = bands(None, x, y, looks, "resolution", points=True, tooltip=tooltip)
    layers = alt.layer(rule(y=0), lines)
    return panels(layers.properties(width=200, height=190), table, "measure").properties(
        description=f"Deficit left after true predictions in the first steps, {table.attrs['title']}"
    )


def noise_error(table: pd.DataFrame) -> alt.FacetChart:
    """Squared error of the noise predicted for noised sources, per band and level."""
    return _levels(table, "squared error of the predicted noise").properties(
        description=f"Error of the predicted noise per band and level, {table.attrs['title']}"
    )


def area_error(table: pd.DataFrame) -> alt.FacetChart:
    """Squared error of the noise predicted for noised sources, in plain and in other areas, per level."""
    return _levels(table, "squared error of the predicted noise").properties(
        description=f"Error of the predicted noise in plain and other areas, {table.attrs['title']}"
    )


def noise_norm(table: pd.DataFrame) -> alt.FacetChart:
    """Mean square of the predicted noise along the inversions, entered without and with noise."""
    return _levels(table, "mean square of the predicted noise", log=False).properties(
        description=f"Mean square of the predicted noise along the inversion, {table.attrs['title']}"
    )


def _levels(table: pd.DataFrame, title: str, log: bool = True) -> alt.FacetChart:
    """Means against the level, with their intervals as bands, per panel and denoiser."""
    x = (
        alt.X("level:Q", title="noise ratio sigma / alpha")
        .scale(type="log", nice=False)
        .axis(format="~g", values=[0.03, 0.1, 0.3, 1, 3, 10])
    )
    y = alt.Y("mean:Q", title=title)
    y = log_axis(y, table, (10.0**power for power in range(-8, 3))) if log else y.axis(format="~g")
    width = 200 if table["panel"].nunique() > 2 else 270
    lines = bands(None, x, y, LOOKS, "denoiser", columns=1).properties(width=width, height=220)
    return panels(lines, table)


def _named(**titles: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{column}:N", title=title) for column, title in titles.items()]
