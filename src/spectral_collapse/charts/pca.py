"""Figures of the chapter on dimensions: tables of `findings.pca`, pictures of a result of `studies.pca`."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import latents, lines, pictures, spectra
from spectral_collapse.findings.latents import called, described, label
from spectral_collapse.findings.pca import READINGS
from spectral_collapse.studies.latents import CLOSED, WHITE

SHOWN = (WHITE, "standard", "taba", CLOSED)
"""Series whose components are shown, where they are there."""


def cumulative(table: pd.DataFrame) -> alt.FacetChart:
    """Cumulative explained variance against the share of the components, of `findings.cumulative` (Fig. 3)."""
    x = alt.X("share:Q", title="share of the components").axis(format="~g", values=[0, 0.2, 0.4, 0.6, 0.8, 1])
    y = alt.Y("mean:Q", title="share of the variance").scale(domain=[0, 1], clamp=True).axis(format="~g")
    chart = lines.bands(None, x, y, latents.looks(table["series"]), columns=4, opacity=0.12)
    return lines.panels(chart.properties(width=200, height=180), table).properties(
        description=f"Cumulative explained variance by principal components of {described(table)}"
    )


def relative_ranks(table: pd.DataFrame) -> alt.FacetChart:
    """Effective rank over white noise's, both readings, of `findings.relative_ranks`."""
    x = alt.X("mean:Q", title="rank / white noise's rank").axis(format="~g", tickCount=5)
    y = alt.Y("series:N", title=None, sort=list(table["series"].unique()))
    chart = lines.whiskers(None, x, y, lines.looks(READINGS.values()), "reading", side_by_side=True)
    chart = alt.layer(chart, lines.rule(x=1)).properties(width=170, height=210)
    return lines.panels(chart, table).properties(
        description=f"Effective rank relative to white noise, of a set and of single latents, of {described(table)}"
    )


def growth(table: pd.DataFrame) -> alt.FacetChart:
    """Effective rank against the number of latents, of `findings.growth`."""
    x = alt.X("count:Q", title="latents (log scale)").scale(type="log", base=2, nice=False)
    x = x.axis(format="~g", values=sorted(table["count"].unique()), labelOverlap=True)
    y = alt.Y("mean:Q", title="effective rank (log scale)").scale(type="log", base=2, nice=False)
    chart = lines.bands(None, x, y.axis(format="~g"), latents.looks(table["series"]), columns=4, opacity=0.12)
    return lines.panels(chart.properties(width=200, height=180), table).properties(
        description=f"Effective rank against the number of latents, of {described(table)}"
    )


def component_pictures(study: xr.Dataset) -> alt.FacetChart:
    """The first channel of the first and of the last components, a row per series of `SHOWN`."""
    image, shown = study["component_image"], [name for name in SHOWN if name in study["series"]]
    places = [(end, place) for end in image["end"].to_numpy() for place in image["component"].to_numpy()]
    columns = {
        f"{end.capitalize()}|components|{place + 1} of {len(image['component'])}": list(
            image.sel(series=shown, end=end, component=place).to_numpy()
        )
        for end, place in places
    }
    return pictures.grid(
        columns,
        [called(name) for name in shown],
        labelled=True,
        description=f"First and last principal components of sets of latents, {label(study)}",
    )


def component_spectra(table: pd.DataFrame) -> alt.FacetChart:
    """Radial spectra of the first and of the last components, of `findings.component_spectra`."""
    y = (
        alt.Y("mean:Q", title="power, white noise = 1 (log scale)")
        .scale(type="log", nice=False)
        .axis(format="~g", tickCount=5)
    )
    chart = lines.bands(None, spectra.FREQUENCY, y, latents.looks(table["series"]), columns=4, opacity=0.12)
    return lines.panels(chart.properties(width=310, height=210), table, columns=2).properties(
        description=f"Radial spectra of the first and the last principal components, {table.attrs['title']}"
    )


def predicted(table: pd.DataFrame) -> alt.LayerChart:
    """The closed form's loss of rank over the standard inversion's, of `findings.predicted`."""
    known = table.dropna(subset=["mean"])
    x = alt.X("mean:Q", title="loss of the closed form / loss of the standard inversion").axis(format="~g", tickCount=6)
    y = alt.Y("panel:N", title=None, sort=list(table["panel"].unique())).axis(
        labelExpr="split(datum.label, '|')", labelLimit=300
    )
    chart = lines.whiskers(known, x, y, lines.looks(READINGS.values()), "reading", side_by_side=True)
    return alt.layer(chart, lines.rule(x=0), lines.rule(x=1)).properties(
        width=380,
        height=50 * table["panel"].nunique(),
        description="Loss of rank of the closed form over that of the standard inversion",
    )
