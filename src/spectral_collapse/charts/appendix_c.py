"""Appendix C drawn: the latent's gain on the input per frequency, and what entering noise changes.

Both take tables of `findings.appendix_c`.
"""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts.decomposition import LOOKS
from spectral_collapse.charts.lines import Look, bands, panels, rule
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.appendix_c import CONSTANT


def gain(table: pd.DataFrame) -> alt.LayerChart:
    """What an input coefficient is multiplied by on its way to the latent, per frequency, and C of Eq. 56."""
    x = alt.X("frequency:Q", title="spatial frequency of the latent (cycles per pixel)")
    y = alt.Y("mean:Q", title="gain of the latent on the input")
    looks = LOOKS | {CONSTANT: Look(PALETTE[6], (1, 3))}
    return bands(table, x, y, looks, "denoiser", columns=1).properties(
        width=420, height=260, description=f"Gain of the latent on the input per frequency, {table.attrs['title']}"
    )


def entering_noise(table: pd.DataFrame) -> alt.FacetChart:
    """Measures of the latent against the noise that the image enters with, in units of the first level's."""
    x = alt.X("gamma:Q", title="entering noise, gamma (level's = 1)")
    y = alt.Y("mean:Q", title="measure of the latent (white noise: 1)")
    layers = alt.layer(rule(y=1), bands(None, x, y, LOOKS, "denoiser", points=True, columns=1, opacity=0.15))
    return panels(layers.properties(width=210, height=220), table, "measure", y="independent").properties(
        description=f"Measures of the latent against the noise that enters, {table.attrs['title']}"
    )
