"""Figures of the chapter on normality: tables of `findings.gaussianity`."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse.charts import latents, lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.gaussianity import LAW
from spectral_collapse.findings.latents import described
from spectral_collapse.metrics.shapiro_wilk import LEVEL

_LAW = {LAW: Look(PALETTE[6], (1, 3), "stroke")}


def norms(table: pd.DataFrame) -> alt.FacetChart:
    """Squared norms over d, a tick each, and where 95 % of white noise's are, of `findings.norms` (Fig. 7)."""
    x = alt.X("value:Q", title="squared norm / d").scale(zero=False).axis(format="~g", tickCount=5, labelOverlap=True)
    names = list(table["series"].unique())
    y = alt.Y("series:N", title=None, sort=names)
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("sample:N", title="Image"),
        alt.Tooltip("value:Q", title="squared norm / d", format=".3f"),
    ]
    color = lines.channels(latents.looks(names))["color"].legend(None)
    ticks = alt.Chart().mark_tick(thickness=1.5, opacity=0.6).encode(x, y, color, tooltip=tooltip)
    law = alt.Chart().transform_aggregate(low="min(low)", high="max(high)")
    law = law.mark_rect(color=PALETTE[6], opacity=0.25).encode(alt.X("low:Q"), alt.X2("high:Q"))
    return lines.panels(alt.layer(law, ticks).properties(width=170, height=190), table, x="independent").properties(
        description=f"Squared norms of latents over d, and the range of 95 % of white noise's; {described(table)}"
    )


def distances(table: pd.DataFrame) -> alt.FacetChart:
    """KS distance of squared norms against the number of latents, of `findings.distances`."""
    y = alt.Y("mean:Q", title="KS distance, 1 - S_G").scale(domain=[0, 1])
    return _against_count(table, y, "Kolmogorov-Smirnov distance")


def pvalues(table: pd.DataFrame) -> alt.FacetChart:
    """The p-value of the same test against the number of latents, of `findings.pvalues`."""
    y = alt.Y("mean:Q", title="p-value (log scale)").scale(type="log").axis(format=".0e", tickCount=6)
    return _against_count(table, y, "p-value of the Kolmogorov-Smirnov test", lines.rule(y=LEVEL))


def energies(table: pd.DataFrame) -> alt.FacetChart:
    """Mean energy per degree of freedom in each band, of `findings.energies`."""
    y = alt.Y("mean:Q", title="energy, white noise = 1 (log scale)").scale(type="log", nice=False)
    y = y.axis(format="~g", tickCount=5)
    looks = latents.looks(table["series"])
    chart = lines.bands(None, _bands(table), y, looks, points=True, columns=4, opacity=0.12)
    return lines.panels(chart.properties(width=180, height=180), table, y="independent").properties(
        description=f"Mean energy of latents in bands of frequencies, {described(table)}"
    )


def band_distances(table: pd.DataFrame) -> alt.FacetChart:
    """KS distance of the energy of each band, of `findings.band_distances`."""
    y = alt.Y("mean:Q", title="KS distance").scale(domain=[0, 1])
    chart = lines.bands(None, _bands(table), y, _looks(table), points=True, columns=4)
    return lines.panels(chart.properties(width=200, height=180), table).properties(
        description=f"Kolmogorov-Smirnov distance of the energy in bands of frequencies, {described(table)}"
    )


def rejections(table: pd.DataFrame) -> alt.FacetChart:
    """Shares of Shapiro-Wilk's rejections, of `findings.rejections`."""
    return _rows(table, "share rejected", "test", "Shapiro-Wilk rejections", LEVEL)


def divergences(table: pd.DataFrame) -> alt.FacetChart:
    """Divergence of elements from N(0, 1), of `findings.divergences`."""
    return _rows(table.assign(measured="set of latents"), "nat per element", "measured", "Divergence from N(0, 1)", 0)


def moments(table: pd.DataFrame) -> alt.FacetChart:
    """Skewness and excess kurtosis, of `findings.moments`."""
    return _rows(table, "mean over latents", "moment", "Skewness and excess kurtosis", 0)


def _rows(table: pd.DataFrame, title: str, kind: str, what: str, white: float) -> alt.FacetChart:
    x = alt.X("mean:Q", title=title).axis(format="~g", tickCount=4)
    y = alt.Y("series:N", title=None, sort=list(table["series"].unique()))
    kinds = list(table[kind].unique())
    looks = lines.looks(kinds) if len(kinds) > 1 else next(iter(lines.looks(kinds).values()))
    chart = alt.layer(lines.whiskers(None, x, y, looks, kind, side_by_side=len(kinds) > 1), lines.rule(x=white))
    return lines.panels(chart.properties(width=170, height=210), table, x="independent").properties(
        description=f"{what}, {described(table)}"
    )


def _against_count(table: pd.DataFrame, y: alt.Y, what: str, *further: alt.Chart) -> alt.FacetChart:
    x = alt.X("count:Q", title="latents (log scale)").scale(type="log", base=2, nice=False)
    x = x.axis(format="~g", values=sorted(table["count"].unique()), labelOverlap=True)
    chart = alt.layer(lines.bands(None, x, y, _looks(table), columns=4, opacity=0.15), *further)
    return lines.panels(chart.properties(width=200, height=180), table).properties(
        description=f"{what} against the number of latents, {described(table)}"
    )


def _bands(table: pd.DataFrame) -> alt.X:
    return alt.X("band:N", title="band", sort=list(table["band"].unique())).axis(labelAngle=-40)


def _looks(table: pd.DataFrame) -> dict[str, Look]:
    return latents.looks(name for name in table["series"].unique() if name != LAW) | _LAW
