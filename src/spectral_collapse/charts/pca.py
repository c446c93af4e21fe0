"""Figures of the chapter on dimensions: tables of `findings.pca`, pictures of a result of `studies.pca`."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import latents, lines, pictures, spectra
from spectral_collapse.charts.lines import described, figure, x_axis, y_axis
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.pca import READINGS
from spectral_collapse.studies.latents import CLOSED, WHITE

SHOWN = (WHITE, "standard", "taba", CLOSED)
"""Series whose components are shown, where they are there."""


@described
def cumulative(table: pd.DataFrame) -> alt.FacetChart:
    """Cumulative explained variance against the share of the components, of `findings.cumulative` (Fig. 3)."""
    x = x_axis("share", "share of the components", format="~g", values=[0, 0.2, 0.4, 0.6, 0.8, 1])
    y = y_axis("mean", "share of the variance", domain=[0, 1], clamp=True, format="~g")
    return figure(table, lines.bands, x, y, latents.looks, height=180, columns=4, opacity=0.12)


@described
def relative_ranks(table: pd.DataFrame) -> alt.FacetChart:
    """Effective rank over white noise's, of a set and of single latents, of `findings.relative_ranks`."""
    x, looks = x_axis("mean", "rank / white noise's rank", format="~g", tickCount=5), lines.looks(READINGS.values())
    options = {"height": 210, "above": [lines.rule(x=1)], "side_by_side": True}
    return figure(table, lines.whiskers, x, lines.rows(table), looks, "reading", **options)


@described
def growth(table: pd.DataFrame) -> alt.FacetChart:
    """Effective rank against the number of latents, of `findings.growth`."""
    x, y = latents.counts(table), y_axis("mean", "effective rank (log scale)", log=True, base=2, format="~g")
    return figure(table, lines.bands, x, y, latents.looks, height=180, columns=4, opacity=0.12)


@described
def component_pictures(study: xr.Dataset) -> alt.FacetChart:
    """The first channel of the first and of the last components, a row per series of `SHOWN`."""
    image, shown = study["component_image"], [name for name in SHOWN if name in study["series"]]
    places = [(end, place) for end in image["end"].to_numpy() for place in image["component"].to_numpy()]
    columns = {}
    for end, place in places:
        title = f"{end.capitalize()}|components|{place + 1} of {len(image['component'])}"
        columns[title] = image.sel(series=shown, end=end, component=place)
    return pictures.grid(columns, [called(name) for name in shown], labelled=True)


@described
def component_spectra(table: pd.DataFrame) -> alt.FacetChart:
    """Radial spectra of the first and of the last components, of `findings.component_spectra`."""
    y = y_axis("mean", "power, white noise = 1 (log scale)", log=True, format="~g", tickCount=5)
    options = {"height": 210, "per_row": 2, "columns": 4, "opacity": 0.12}
    return figure(table, lines.bands, spectra.FREQUENCY, y, latents.looks, **options)


@described
def predicted(table: pd.DataFrame) -> alt.LayerChart:
    """The closed form's loss of rank over the standard inversion's, of `findings.predicted`."""
    x = x_axis("mean", "loss with the ideal denoiser / loss of the standard inversion", format="~g", tickCount=6)
    y = lines.rows(table, "panel", labelExpr="split(datum.label, '|')", labelLimit=300)
    looks, height = lines.looks(READINGS.values()), 50 * table["panel"].nunique()
    options = {"above": [lines.rule(x=0), lines.rule(x=1)], "panel": None, "side_by_side": True}
    return figure(table.dropna(subset=["mean"]), lines.whiskers, x, y, looks, "reading", height, **options)
