"""The two domains of data sets: pairs, spectra, finest details. All functions draw results of `studies.domains`."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures, spectra
from spectral_collapse.findings.measured import title_of


@pictures.explained
@lines.described
def overview(domains: Sequence[xr.Dataset], table: pd.DataFrame) -> alt.VConcatChart:
    """Of each data set some pairs, where they may be shown, and the spectra of both domains, of
    `findings.domains.spectra`."""
    rows, scale = [], lines.log_scale(table)
    series = {name: spectra.IMAGES[name] for name in ("source", "target")}
    for one in domains:
        of = table[table["dataset"] == one.attrs["dataset"]]
        power = spectra.radial(of, series, "power (log scale)", scale=scale)
        power = power.properties(width=240, height=160)
        parts = [power] if "withheld" in one.attrs else [_pairs(one), power]
        rows.append(alt.hconcat(*parts, spacing=30, title=title_of(one)))
    return alt.vconcat(*rows, spacing=30)


@pictures.explained
@lines.described
def wavelet_details(domains: Sequence[xr.Dataset]) -> alt.FacetChart:
    """An image of each data set that may be shown, if any may, and the magnitudes of its finest wavelet details
    (Fig. 10 of the paper)."""
    shown = [one for one in domains if "withheld" not in one.attrs] or domains
    names = [f"{title_of(one)}|{one.attrs['wavelet']}" for one in shown]
    bands = xr.concat([one["detail"] for one in shown], "dataset")
    columns = {band.capitalize(): bands.sel(band=band) for band in bands["band"].to_numpy()}
    return pictures.grid(columns, names, labelled=True)


@lines.described
def power_laws(table: pd.DataFrame) -> alt.LayerChart:
    """Spectra of test targets with their intervals, and the power laws that fit them (Fig. 9), of
    `findings.domains.power_laws`."""
    look = lines.channels(lines.looks(table["label"].unique()), "label", points=True, columns=1)
    y = lines.y_axis("mean", "power (log scale)", type="log", format="~g", tickCount=6)
    base = alt.Chart(table).encode(spectra.FREQUENCY, color=look["color"])
    tooltip = lines.tips({"label:N": " ", "frequency:Q": "cycles per pixel"}, ".3f")
    tooltip += lines.tips({"mean:Q": "power, geometric mean"}, ".3~g")
    fitted = base.transform_filter("isValid(datum.fit)")
    return alt.layer(
        base.mark_area(opacity=0.15).encode(alt.Y("low:Q").scale(type="log"), alt.Y2("high:Q")),
        base.mark_point(size=28).encode(y, shape=look["shape"], tooltip=tooltip),
        fitted.mark_line().encode(alt.Y("fit:Q").scale(type="log"), strokeDash=look["strokeDash"]),
    ).properties(width=lines.width(1), height=300)


def _pairs(one: xr.Dataset, count: int = 3) -> alt.FacetChart:
    """Sources above their targets: of as many pictures as there are, and no window twice."""
    kinds = one["sample_stratum"] if "sample_stratum" in one.coords else one["sample"]
    kinds = pd.Series(kinds.sel(sample=one["shown"].to_numpy()).to_numpy())
    places = kinds.groupby(kinds).cumcount().sort_values(kind="stable").index[:count]  # the first of each, the second
    image = one["image"].isel(shown=list(places)).sel(domain=["source", "target"])
    columns = {str(number + 1): image.isel(shown=number) for number in range(image.sizes["shown"])}
    return pictures.grid(columns, ["source", "target"])
