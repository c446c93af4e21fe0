"""The decomposition of the collapse drawn: parts of the deficit, true first predictions, errors per level.

All take tables of `findings.decomposition`.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look, Looks, bands, described, figure, tips, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.decomposition import DENOISERS, ENTRIES

_TWO = Look(PALETTE[1]), Look(PALETTE[0], (6, 3), "square")
LOOKS: Looks = dict(zip(DENOISERS.values(), (*_TWO, Look(PALETTE[2], (2, 2), "triangle-up")), strict=True))
"""Of each denoiser."""
_CAUSES = ["#8fbcd9", "#d9d0bf", "#efb184"]
"""Start, steps, network: pale, so that numbers on them can be read."""


@described
def parts(table: pd.DataFrame) -> alt.FacetChart:
    """The deficit of a standard inversion and its three parts per measure, with 95 % intervals."""
    shown = lines.present(LOOKS, table["denoiser"])
    return _deficits(table, shown if len(shown) > 1 else next(iter(shown.values())))


@described
def stacked(table: pd.DataFrame) -> alt.LayerChart:
    """What each cause takes of the latents' variance in plain areas, a bar per data set, of `findings.stacks`."""
    x = x_axis("mean", "variance that latents lack in plain areas (white noise has 1)")
    y = lines.rows(table, "data", labelLimit=270)
    colors = dict(zip(table["cause"].unique(), _CAUSES, strict=False))  # no rows where no source has plain areas
    tooltip = tips({"data:N": "data", "cause:N": "cause", "share:N": "share of what is lacking"})
    tooltip += lines.interval_tooltip("variance")
    return lines.stacked_bars(table, x, y, "cause", colors, "share", tooltip)


@described
def other_levels(table: pd.DataFrame) -> alt.FacetChart:
    """The deficit on differently spaced levels, with and without entry noise, with 95 % intervals."""
    return _deficits(table, dict(zip(ENTRIES.values(), _TWO, strict=True)))


def _deficits(table: pd.DataFrame, looks: Looks | Look) -> alt.FacetChart:
    """Rows of `part`, a mark for each `denoiser`; a panel per measure."""
    x, y = x_axis("mean", "deficit relative to white noise"), lines.rows(table, "part", labelLimit=200)
    options = {"columns": 1, "side_by_side": not isinstance(looks, Look), "panel": "measure"}
    options["per_row"] = 3 if table["measure"].nunique() == 3 else 2
    return figure(table, lines.whiskers, x, y, looks, "denoiser", 170, [lines.rule(x=0)], **options)


@described
def true_first_steps(table: pd.DataFrame) -> alt.FacetChart:
    """The network's remaining deficit after true predictions up to a level, with 95 % intervals."""
    looks = dict(zip(table["resolution"].unique(), _TWO, strict=True))
    x = x_axis("replaced:O", "first steps with true predictions (up to sigma / alpha)", sort=None, labelAngle=-40)
    y = y_axis("mean", "remaining deficit relative to white noise")
    below = [lines.rule(y=0)]
    return figure(table, bands, x, y, looks, "resolution", below=below, points=True, panel="measure")


@described
def noise_error(table: pd.DataFrame) -> alt.FacetChart:
    """Squared error of the noise predicted for noised sources, per band and level."""
    return _levels(table, "squared error of the predicted noise")


@described
def area_error(table: pd.DataFrame) -> alt.FacetChart:
    """Squared error of the noise predicted for noised sources, in plain and in other areas, per level."""
    return _levels(table, "squared error of the predicted noise")


@described
def noise_norm(table: pd.DataFrame) -> alt.FacetChart:
    """Mean square of the predicted noise along the inversions, started without and with noise."""
    return _levels(table, "mean square of the predicted noise", log=False)


def _levels(table: pd.DataFrame, title: str, log: bool = True) -> alt.FacetChart:
    """Means against the level, with their intervals as bands, per panel and denoiser."""
    x = x_axis("level", "noise ratio sigma / alpha", log=True, format="~g", values=[0.03, 0.1, 0.3, 1, 3, 10])
    y = y_axis("mean", title)
    y = lines.log_axis(y, table, (10.0**power for power in range(-8, 3))) if log else y.axis(format="~g")
    return figure(table, bands, x, y, LOOKS, "denoiser", 220, columns=1)
