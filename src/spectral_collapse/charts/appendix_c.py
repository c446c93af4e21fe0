"""Appendix C drawn: the latent's gain on the input per frequency, and what entering noise changes.

Both take tables of `findings.appendix_c`.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts.decomposition import LOOKS
from spectral_collapse.charts.lines import Look, bands, described, figure, rule, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.appendix_c import CONSTANT


@described
def gain(table: pd.DataFrame) -> alt.LayerChart:
    """What an input coefficient is multiplied by on its way to the latent, per frequency, and C of Eq. 56."""
    x = x_axis("frequency", "spatial frequency of the latent (cycles per pixel)")
    ticks = [-10, -1, -0.1, 0, 0.1, 1, 10]
    y = y_axis("mean", "gain from input to latent (log scale beyond 0.1)", values=ticks, format="~g")
    y = y.scale(type="symlog", constant=0.1)  # a gain can be negative
    looks = LOOKS | {CONSTANT: Look(PALETTE[6], (1, 3))}
    return figure(table, bands, x, y, looks, "denoiser", 260, panel=None, columns=1)


@described
def entering_noise(table: pd.DataFrame) -> alt.FacetChart:
    """Measures of the latent against the noise that the image enters with, in units of the first level's."""
    x = x_axis("gamma", "noise added at the start, gamma (that of the first level: 1)")
    y = y_axis("mean", "value for the latent (white noise: 1)")
    options = {"points": True, "columns": 1, "opacity": 0.15}
    return figure(table, bands, x, y, LOOKS, "denoiser", 220, [rule(y=1)], panel="measure", free="y", **options)
