"""Figures and tables of the chapter on scores; every function draws a result of `studies.scores.run`."""

from __future__ import annotations

from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse.charts import pictures
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.metrics import SCORES
from spectral_collapse.metrics.radial_spectrum import BAND
from spectral_collapse.studies import score_findings as findings
from spectral_collapse.studies.common import text
from spectral_collapse.studies.front import bootstrap_mean
from spectral_collapse.studies.scores import LOUD, STANDARD, TABA, WHITE

_LEGEND = {"orient": "bottom", "columns": 2, "symbolOpacity": 1, "symbolSize": 110, "labelLimit": 420}
_SERIES = {
    WHITE: (PALETTE[6], [1, 0], "circle"),
    LOUD: (PALETTE[6], [2, 2], "square"),
    STANDARD: (PALETTE[1], [6, 3], "triangle-up"),
    TABA: (PALETTE[0], [8, 2, 2, 2], "diamond"),
}
_FILTERS = {"low-pass": (PALETTE[0], [1, 0], "circle"), "high-pass": (PALETTE[1], [6, 3], "triangle-up")}
_FAMILIES = ((PALETTE[0], [1, 0], "circle"), (PALETTE[1], [6, 3], "triangle-up"), (PALETTE[2], [2, 2], "square"))
"""Colour, dashes and shape: colour is never the only difference."""


def filtered_pictures(study: xr.Dataset, rows: int = 3) -> alt.Chart:
    """Images and what is left of them below and above three cutoffs (Fig. 11 of the paper)."""
    image = study["filtered_image"].isel(shown=slice(rows))
    columns = {
        name.replace(" ", "|").capitalize(): image.sel(filtered_picture=name).to_numpy()
        for name in image["filtered_picture"].to_numpy()
    }
    return pictures.grid(
        columns,
        list(image["shown"].to_numpy()),
        side=82,
        description=f"Low-passed and high-passed images, {study.attrs['title']}",
    )


def filtered_scores(study: xr.Dataset) -> alt.HConcatChart:
    """S_HF and S_LF of low-passed and high-passed images against the cutoff (Fig. 12)."""
    panels = []
    for name in study["filter_score"].to_numpy():
        values = study["filtered"].sel(filter_score=name)
        table = _means(values, ("filter", "filter_cutoff"))
        panels.append(_lines(table, "filter_cutoff", "cutoff (fraction of Nyquist)", "filter", _FILTERS, _title(name)))
    chart = alt.hconcat(*panels, spacing=30)
    return chart.properties(description=f"S_HF and S_LF of filtered images against the cutoff, {study.attrs['title']}")


def pipeline_pictures(study: xr.Dataset) -> alt.VConcatChart:
    """What S_LF compares, stage by stage, for a source, its own and another target (Fig. 13)."""
    rows = []
    for name in study["pipeline"].to_numpy():
        one = study.sel(pipeline=name)
        stages = [stage for stage in one["stage"].to_numpy() if one["pipeline_image"].sel(stage=stage).any()]
        labels = [
            str(view) if np.isnan(value) else f"{view}|S_LF = {value:.3f}"
            for view, value in zip(one["view"].to_numpy(), one["pipeline_s_lf"].to_numpy(), strict=True)
        ]
        columns = {stage.capitalize(): one["pipeline_image"].sel(stage=stage).to_numpy() for stage in stages}
        rows.append(_labelled(pictures.grid(columns, labels, side=88), labels).properties(title=_family(study, name)))
    return alt.vconcat(*rows, spacing=20).properties(description="The stages of S_LF, for a pair of each data set")


def wavelet_details(study: xr.Dataset) -> alt.Chart:
    """An image of each data set and the magnitudes of its finest wavelet details (Fig. 10)."""
    names = study["family"].to_numpy()
    labels = [f"{_family(study, name)}|{study['wavelet'].sel(family=name).item()}" for name in names]
    columns = {band.capitalize(): study["detail"].sel(band=band).to_numpy() for band in study["band"].to_numpy()}
    chart = _labelled(pictures.grid(columns, labels, side=112), labels)
    return chart.properties(description=f"Wavelet details of {', '.join(names)}")


def spectra_with_fits(study: xr.Dataset) -> alt.LayerChart:
    """Spectra of real images, geometric means with intervals, and the power laws that fit them (Fig. 9)."""
    points, fits = [], []
    frequency = study["spectrum_frequency"].to_numpy()
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    labels = [_fit_label(study, name) for name in study["family"].to_numpy()]
    for name, label in zip(study["family"].to_numpy(), labels, strict=True):
        logs = np.log(np.maximum(study["spectrum"].sel(family=name).dropna("member").to_numpy(), 1e-12)).T
        interval = bootstrap_mean(logs)
        columns = {key: np.exp(value) for key, value in interval._asdict().items()}
        points.append(pd.DataFrame({"label": label, "frequency": frequency, **columns}))
        slope = float(study["slope"].sel(family=name).mean())
        distance = np.log(frequency[band]) - np.log(frequency[band]).mean()
        line = np.exp(interval.mean[band].mean() + slope * distance)
        fits.append(
            pd.DataFrame({"label": label, "frequency": frequency[band], "mean": line})[:: max(1, band.sum() - 1)]
        )
    looks = dict(zip(labels, _FAMILIES, strict=False))
    color, dash, shape = _look("label", looks, columns=1)
    x = alt.X("frequency:Q", title="spatial frequency (cycles per pixel)").scale(type="log", nice=False)
    y = alt.Y("mean:Q", title="power (log scale)").scale(type="log").axis(format="~g", tickCount=6)
    base = alt.Chart(pd.concat(points)).encode(x.axis(format="~g"), color)
    tooltip = [
        alt.Tooltip("label:N", title=" "),
        alt.Tooltip("frequency:Q", title="cycles per pixel", format=".3f"),
        alt.Tooltip("mean:Q", title="power, geometric mean", format=".3~g"),
    ]
    return alt.layer(
        base.mark_area(opacity=0.15).encode(alt.Y("low:Q").scale(type="log"), alt.Y2("high:Q")),
        base.mark_point(size=28).encode(y, shape, tooltip=tooltip),
        alt.Chart(pd.concat(fits)).mark_line().encode(x, y, color, dash),
    ).properties(width=460, height=300, description="Radial spectra of real images with fitted power laws")


def flag_masks(study: xr.Dataset) -> alt.Chart:
    """Latents and which of their patches S_DC flags (Fig. 8 calls the latter the flag mask)."""
    names = list(study["latent_series"].to_numpy())
    index = range(study.sizes["shown"])
    columns = {}
    for number in index:
        columns[f"Latent {number + 1}"] = study["latent_image"].isel(shown=number).to_numpy()
        columns[f"Mask {number + 1}"] = study["flag_image"].isel(shown=number).to_numpy()
    labels = [
        f"{name}|S_DC {text(bootstrap_mean(study['latent_s_dc'].sel(latent_series=name).to_numpy()), 2)}"
        for name in names
    ]
    keep = dict(list(columns.items())[:6])
    chart = _labelled(pictures.grid(keep, labels, side=92), labels)
    return chart.properties(description=f"Latents and the flag masks of S_DC, {study.attrs['title']}")


def norms_against_chi_square(study: xr.Dataset) -> alt.VConcatChart:
    """Squared norms of latents over d, a tick each, below the density that white noise has (Fig. 7)."""
    dimension = study.attrs["dimension"]
    names = [str(name) for name in study["latent_series"].to_numpy()]
    table = study["norm"].to_dataframe("value").reset_index()
    width = 4 * (2 / dimension) ** 0.5
    x = np.linspace(max(1 - width, 0), 1 + width, 160)
    law = pd.DataFrame({"value": x, "density": dimension * stats.chi2(dimension).pdf(dimension * x)})
    low, high = min(table["value"].min(), x[0]), max(table["value"].max(), x[-1])
    axis = alt.X("value:Q", title="squared norm / d").scale(domain=[low, high], nice=True, zero=False)
    curve = (
        alt.Chart(law)
        .mark_area(opacity=0.25, color=PALETTE[6], line={"color": PALETTE[6], "strokeWidth": 1.5})
        .encode(axis.axis(None), alt.Y("density:Q", title=f"density, χ²({dimension})").axis(tickCount=4))
        .properties(width=440, height=120)
    )
    color, _, _ = _look("latent_series", {name: _SERIES[name] for name in names})
    ticks = (
        alt.Chart(table)
        .mark_tick(thickness=2, size=22, opacity=0.8)
        .encode(
            axis,
            alt.Y("latent_series:N", sort=names, title=None).axis(labelLimit=200),
            color.legend(None),
            tooltip=[
                alt.Tooltip("latent_sample:N", title="Image"),
                alt.Tooltip("value:Q", title="||x||² / d", format=".3f"),
            ],
        )
        .properties(width=440, height=28 * len(names))
    )
    return alt.vconcat(curve, ticks, spacing=4).properties(
        description=f"Squared norms of latents against chi-square, {study.attrs['title']}"
    )


def ks_against_count(study: xr.Dataset) -> alt.HConcatChart:
    """The Kolmogorov-Smirnov distance and its p-value against the number of latents."""
    looks = {name: _SERIES[name] for name in study["ks_series"].to_numpy()}
    counts = study["count"].to_numpy().tolist()
    panels = []
    for variable, title, scale in (
        ("ks_distance", "KS distance, 1 - S_G", "linear"),
        ("ks_pvalue", "p-value (log scale)", "log"),
    ):
        table = study[variable].to_dataframe("value").reset_index().dropna()
        table["value"] = table["value"].clip(lower=1e-30 if scale == "log" else 0)
        color, dash, shape = _look("ks_series", looks)
        base = alt.Chart(table).encode(
            alt.X("count:Q", title="latents (log scale)")
            .scale(type="log", base=2)
            .axis(format="~g", values=counts, labelFlush=False, labelOverlap=False),
            alt.Y("value:Q", title=title)
            .scale(type=scale)
            .axis(format="~g" if scale == "linear" else ".0e", tickCount=6),
            color,
            tooltip=[
                alt.Tooltip("ks_series:N", title=" "),
                alt.Tooltip("count:Q", title="latents"),
                alt.Tooltip("value:Q", title=title, format=".3~g"),
            ],
        )
        panels.append(
            alt.layer(base.mark_line().encode(dash), base.mark_point().encode(shape)).properties(width=235, height=220)
        )
    return alt.hconcat(*panels, spacing=25).properties(
        description="Kolmogorov-Smirnov distance and p-value against the number of latents"
    )


def responses(study: xr.Dataset, kind: Literal["image", "latent"]) -> alt.FacetChart:
    """Every per-sample score (rows) under every corruption (columns): 1 is the best mean of its row, 0 the worst.

    Lines are means over images, bands their 95 % bootstrap intervals, on the same scale; direction and
    target come from the score's card. Scores without a value, such as those whose weights are missing,
    have no row.
    """
    table = findings.normalised(study, kind)
    table["row"] = table["score"].map(_title)
    width, height = (96, 48) if kind == "image" else (150, 56)
    base = alt.Chart(table).encode(alt.X("grade:Q", title="grade").axis(values=[0, 0.5, 1], format="~g"))
    y = alt.Y("mean:Q", title=None).scale(domain=[-0.15, 1.15], clamp=True).axis(values=[0, 1])
    tooltip = [
        alt.Tooltip("row:N", title="Score"),
        alt.Tooltip("corruption:N", title="Corruption"),
        alt.Tooltip("strength:N", title="Strength"),
        alt.Tooltip("value:N", title="Mean [95 %]"),
    ]
    rows, columns = (list(dict.fromkeys(table[name])) for name in ("row", "corruption"))
    return (
        alt.layer(
            base.mark_area(opacity=0.25, color=PALETTE[0]).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
            base.mark_line(color=PALETTE[0], strokeWidth=1.5).encode(y),
            base.mark_point(size=18, color=PALETTE[0]).encode(y, tooltip=tooltip),
        )
        .properties(width=width, height=height)
        .facet(
            row=alt.Row("row:N", sort=rows, title=None).header(labelAngle=0, labelAlign="left", labelPadding=6),
            column=alt.Column("corruption:N", sort=columns, title=None),
            spacing=6,
        )
        .properties(description=f"Response of every per-sample {kind} score to corruptions, {study.attrs['title']}")
    )


def readings_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per reading of an ambiguous definition: its means on two cases, with 95 % intervals."""
    rows = []
    for number in study["reading"].to_numpy():
        one = study.sel(reading=number)
        first, second = (
            f"{one['reading_case'].sel(case=case).item()}: "
            + text(bootstrap_mean(one["reading_value"].sel(case=case).dropna("reading_sample").to_numpy()))
            for case in one["case"].to_numpy()
        )
        found = one["found_own"].dropna("reading_sample").to_numpy()
        rows.append(
            {
                "Score": SCORES[one["reading_score"].item()].symbol,
                "Reading": one["reading_label"].item(),
                "Used": "yes" if one["reading_used"].item() else "",
                "First case": first,
                "Second case": second,
                "Own pair is closest": text(bootstrap_mean(found), 2) if len(found) else "",
            }
        )
    return pd.DataFrame(rows).set_index(["Score", "Reading"])


def _title(name: str) -> str:
    """A score's symbol, unit and arrow."""
    card = SCORES[name]
    unit = f" ({card.measured_in})" if card.measured_in != "1" else ""
    return f"{card.symbol}{unit} {card.arrow}"


def _family(study: xr.Dataset, name: str) -> str:
    """A data set's title, and whether its images are rendered."""
    one = study.sel(family=name)
    return one["family_title"].item() + ("" if one["family_source"].item() == "real" else " (rendered)")


def _fit_label(study: xr.Dataset, name: str) -> str:
    one = study.sel(family=name)
    slope = bootstrap_mean(one["slope"].dropna("member").to_numpy())
    return f"{_family(study, name)}: slope {text(slope, 2)}, {one['wavelet'].item()}"


def _means(values: xr.DataArray, dims: tuple[str, str]) -> pd.DataFrame:
    """A row per place along `dims`: mean over samples, low, high."""
    interval = bootstrap_mean(values.transpose(*dims, "sample").to_numpy())
    coordinates = {dim: values[dim] for dim in dims}
    ends = {name: (dims, end) for name, end in interval._asdict().items()}
    return xr.Dataset(ends, coordinates).to_dataframe().reset_index()


def _look(
    field: str, looks: dict[str, tuple[str, list[int], str]], columns: int = 2
) -> tuple[alt.Color, alt.StrokeDash, alt.Shape]:
    """Colour, dashes and shape of a field's values; the legend shows colour and shape."""
    names = list(looks)
    colors, dashes, shapes = zip(*looks.values(), strict=True)
    legend = alt.Legend(**_LEGEND | {"columns": columns})
    return (
        alt.Color(f"{field}:N", title=None, legend=legend).scale(domain=names, range=colors),
        alt.StrokeDash(f"{field}:N", legend=None).scale(domain=names, range=dashes),
        alt.Shape(f"{field}:N", title=None, legend=legend).scale(domain=names, range=shapes),
    )


def _lines(
    table: pd.DataFrame, x: str, x_title: str, field: str, looks: dict[str, tuple[str, list[int], str]], title: str
) -> alt.LayerChart:
    """Means against x, a line per value of `field`, with their intervals as bands."""
    color, dash, shape = _look(field, looks)
    base = alt.Chart(table).encode(alt.X(f"{x}:Q", title=x_title).axis(format="~g"), color)
    y = alt.Y("mean:Q", title=title)
    tooltip = [
        alt.Tooltip(f"{field}:N", title=" "),
        alt.Tooltip(f"{x}:Q", title=x_title, format=".3~g"),
        alt.Tooltip("mean:Q", title=title, format=".3f"),
        alt.Tooltip("low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    ]
    return alt.layer(
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        base.mark_line().encode(y, dash),
        base.mark_point(size=40).encode(y, shape, tooltip=tooltip),
    ).properties(width=235, height=220)


def _labelled(chart: alt.Chart, labels: list[str]) -> alt.Chart:
    """A grid of pictures with its rows' names at the left; '|' breaks a line."""
    axis = alt.Axis(
        labelExpr="split(datum.label, '|')", labelLimit=200, labelFontSize=12, domain=False, ticks=False, grid=False
    )
    return chart.encode(y=alt.Y("name:N", sort=labels, title=None, axis=axis))
