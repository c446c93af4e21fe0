"""Figures of the chapter on normality: tables of `findings.gaussianity`."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from spectral_collapse.charts import latents, lines
from spectral_collapse.charts.lines import described, figure, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.metrics.shapiro_wilk import LEVEL


@described
def norms(table: pd.DataFrame) -> alt.FacetChart:
    """Squared norms over d, a tick each, and where 95 % of white noise's are, of `findings.norms` (Fig. 7)."""
    x = x_axis("value", "squared norm / d", zero=False, format="~g", tickCount=5, labelOverlap=True)
    names = list(table["series"].unique())
    tooltip = lines.tips({"series:N": " ", "sample:N": "Image", "value:Q": "squared norm / d"}, ".3f")
    color = lines.channels(latents.looks(names))["color"].legend(None)
    ticks = alt.Chart().mark_tick(thickness=1.5, opacity=0.6)
    ticks = ticks.encode(x, y_axis("series:N", sort=names), color, tooltip=tooltip)
    law = alt.Chart().transform_aggregate(low="min(low)", high="max(high)")
    law = law.mark_rect(color=PALETTE[6], opacity=0.25).encode(alt.X("low:Q"), alt.X2("high:Q"))
    return lines.panels(alt.layer(law, ticks).properties(width=lines.width(3, 110), height=190), table, x="independent")


@described
def distances(table: pd.DataFrame) -> alt.FacetChart:
    """KS distance of squared norms against the number of latents, of `findings.distances`."""
    return _against_count(table, y_axis("mean", "KS distance, 1 - S_G", domain=[0, 1]))


@described
def pvalues(table: pd.DataFrame) -> alt.FacetChart:
    """The p-value of the Kolmogorov-Smirnov test against the number of latents, of `findings.pvalues`."""
    y = y_axis("mean", "p-value (log scale)", type="log", format=".0e", tickCount=6)
    return _against_count(table, y, lines.rule(y=LEVEL))


@described
def energies(table: pd.DataFrame) -> alt.FacetChart:
    """Mean energy of latents per degree of freedom in each band, of `findings.energies`."""
    color = alt.Color("mean:Q", title="energy, white noise = 1 (log scale)")
    color = color.scale(type="log", clamp=True, domain=[0.1, 1, 10], range=[PALETTE[1], "#f7f7f7", PALETTE[0]])
    return _heat(table, color, "abs(log(datum.mean)) > 1.2")


@described
def band_distances(table: pd.DataFrame) -> alt.FacetChart:
    """KS distance of the energy in each band, of `findings.band_distances`."""
    color = alt.Color("mean:Q", title="KS distance").scale(domain=[0, 1], range=["#f7f7f7", PALETTE[0]])
    return _heat(table, color, "datum.mean > 0.6")


def _heat(table: pd.DataFrame, color: alt.Color, dark: str) -> alt.FacetChart:
    """Rows of series, a cell with its number per band, a panel per data set. dark: which cells have white numbers."""
    x = x_axis("band:N", sort=list(table["band"].unique()), labelAngle=0, ticks=False)
    y = lines.rows(table, ticks=False)
    tooltip = [*lines.tips({"series:N": " ", "band:N": "band"}), *lines.interval_tooltip(color["title"])]
    base = alt.Chart().encode(x, y, tooltip=tooltip)
    legend = alt.Legend(orient="bottom", gradientLength=200, titleLimit=300, format="~r")
    cell = base.mark_rect(stroke="white").encode(color.legend(legend))
    ink = alt.condition(dark, alt.value("white"), alt.value("#222222"))
    number = base.mark_text(fontSize=11).encode(alt.Text("mean:Q", format=".2f"), color=ink)
    size = {"width": lines.width(2, 120), "height": 20 * table["series"].nunique()}
    return lines.panels(alt.layer(cell, number).properties(**size), table, columns=2)


@described
def rejections(table: pd.DataFrame) -> alt.FacetChart:
    """Shares of Shapiro-Wilk's rejections, of `findings.rejections`."""
    return _rows(table, "share of rejections", "test", LEVEL)


@described
def divergences(table: pd.DataFrame) -> alt.FacetChart:
    """Divergence of elements from N(0, 1), of `findings.divergences`."""
    return _rows(
        table.assign(measured="set of latents"), "divergence minus white noise's (nat per element)", "measured", 0
    )


@described
def moments(table: pd.DataFrame) -> alt.FacetChart:
    """Skewness and excess kurtosis, of `findings.moments`."""
    symlog = {"type": "symlog", "constant": 0.1, "format": "~r", "values": [-10, -1, 0, 1, 10, 100]}
    return _rows(table, "mean over latents (linear up to 0.1)", "moment", 0, "", **symlog)


def _rows(table: pd.DataFrame, title: str, kind: str, white: float, free: str = "x", **axis: Any) -> alt.FacetChart:
    x, several = x_axis("mean", title, **{"format": "~g", "tickCount": 4} | axis), table[kind].nunique() > 1
    looks = lines.looks(table[kind].unique())
    options = {"height": 210, "above": [lines.rule(x=white)], "free": free, "side_by_side": several}
    look = looks if several else next(iter(looks.values()))
    return figure(table, lines.whiskers, x, lines.rows(table), look, kind, **options)


def _against_count(table: pd.DataFrame, y: alt.Y, *above: alt.Chart) -> alt.FacetChart:
    options = {"height": 180, "above": above, "columns": 4, "opacity": 0.15}
    return figure(table, lines.bands, latents.counts(table), y, latents.looks, **options)
