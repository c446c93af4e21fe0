"""Figures of the chapter on scores: pictures of a result of `studies.scores`, curves of tables of `findings.scores`."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look, described, figure, tips, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.benchmark import title
from spectral_collapse.findings.measured import data_title
from spectral_collapse.statistics import text
from spectral_collapse.store.withheld import placeholder
from spectral_collapse.studies.scores import LOUD, STANDARD, TABA, WHITE

_SERIES = lines.looks([WHITE, LOUD, STANDARD, TABA], dict.fromkeys((WHITE, LOUD), Look(PALETTE[6])))


@pictures.explained
@described
def filtered_pictures(study: xr.Dataset) -> alt.FacetChart:
    """Images and what is left of them below and above three cutoffs (Fig. 11 of the paper)."""
    image = study["filtered_image"].isel(shown=slice(3))
    names = [str(name) for name in image["filtered_picture"].to_numpy()]
    columns = {name.replace(" ", "|").capitalize(): image.sel(filtered_picture=name) for name in names}
    return pictures.grid(columns, list(image["shown"].to_numpy()))


@described
def filtered_scores(table: pd.DataFrame) -> alt.HConcatChart:
    """S_HF and S_LF of low-passed and high-passed images against the cutoff (Fig. 12), of `findings.filtered`."""
    x = x_axis("filter_cutoff", "cutoff (fraction of Nyquist)", format="~g")
    options = {"series": "filter", "height": 220, "panel": None, "per_row": 2, "points": True}
    panels = (
        figure(rows, lines.bands, x, y_axis("mean", title(score)), **options)
        for score, rows in table.groupby("filter_score")
    )
    return alt.hconcat(*panels, spacing=30)


@pictures.explained
@described
def pipeline_pictures(study: xr.Dataset) -> alt.VConcatChart:
    """What S_LF compares, stage by stage, for a source, its own and another target (Fig. 13), of each data set whose
    pictures may be shown, if any may."""
    rows, image = [], study["pipeline_image"]
    cross = xr.DataArray(placeholder(image.sizes["row"], image.sizes["col"]), dims=("row", "col"))
    hidden = (image == cross).all([dim for dim in image.dims if dim != "pipeline"]).to_numpy()
    for name in study["pipeline"].to_numpy()[~hidden | hidden.all()]:
        one = study.sel(pipeline=name)
        stages = [stage for stage in one["stage"].to_numpy() if one["pipeline_image"].sel(stage=stage).any()]
        labels = [
            str(view) if pd.isna(value) else f"{view}|S_LF = {value:.3f}"
            for view, value in zip(one["view"].to_numpy(), one["pipeline_s_lf"].to_numpy(), strict=True)
        ]
        columns = {stage.capitalize(): one["pipeline_image"].sel(stage=stage) for stage in stages}
        heading = data_title(one["pipeline_title"].item(), one["pipeline_source"].item())
        rows.append(pictures.grid(columns, labels, labelled=True).properties(title=heading))
    return alt.vconcat(*rows, spacing=20)


@described
def flag_masks(study: xr.Dataset, table: pd.DataFrame) -> alt.FacetChart:
    """Latents and which of their patches S_DC flags (Fig. 8 calls the latter the flag mask).

    table: their mean S_DC, of `findings.scores.decorrelation`.
    """
    columns = {}
    for number in range(min(study.sizes["shown"], 2)):
        columns[f"Latent {number + 1}"] = study["latent_image"].isel(shown=number)
        columns[f"Mask {number + 1}"] = study["flag_image"].isel(shown=number)
    labels = [f"{row.latent_series}|S_DC {text(row, 2)}" for row in table.itertuples()]
    return pictures.grid(columns, labels, labelled=True)


@described
def norms_against_chi_square(study: xr.Dataset, law: pd.DataFrame) -> alt.VConcatChart:
    """Squared norms of latents over d, a tick each, below the density of `findings.norm_law` (Fig. 7)."""
    names = [str(name) for name in study["latent_series"].to_numpy()]
    table = study["norm"].to_dataframe("value").reset_index()
    both = pd.concat([table["value"], law["value"]])
    axis = x_axis("value", "squared norm / d", domain=[both.min(), both.max()], nice=True, zero=False)
    curve = alt.Chart(law).mark_area(opacity=0.25, color=PALETTE[6], line={"color": PALETTE[6], "strokeWidth": 1.5})
    density = y_axis("density", f"density, χ²({study.attrs['dimension']})", tickCount=4)
    ticks = alt.Chart(table).mark_tick(thickness=2, size=22, opacity=0.8)
    ticks = ticks.encode(
        axis,
        y_axis("latent_series:N", sort=names, labelLimit=200),
        lines.channels({name: _SERIES[name] for name in names}, "latent_series")["color"].legend(None),
        tooltip=tips({"latent_sample:N": "Image", "value:Q": "||x||² / d"}, ".3f"),
    )
    above = curve.encode(axis.axis(None), density).properties(width=440, height=120)
    return alt.vconcat(above, ticks.properties(width=440, height=28 * len(names)), spacing=4)


@described
def responses(table: pd.DataFrame) -> alt.FacetChart:
    """Every per-sample score (rows) under every corruption (columns), of `findings.normalised`: 1 is the best mean of
    its row, 0 the worst. Direction and target come from the score's card; a score without a value has no row."""
    table = table.assign(row=table["score"].map(title))
    x = x_axis("grade", "grade", values=[0, 0.5, 1], format="~g")
    y = y_axis("mean", "place in the row's range", domain=[-0.15, 1.15], clamp=True).axis(title=None, values=[0, 1])
    tooltip = tips({"row:N": "Score", "corruption:N": "Corruption", "strength:N": "Strength", "value:N": "Mean [95 %]"})
    width, height = (96, 48) if table.attrs["kind"] == "image" else (150, 56)
    chart = lines.bands(None, x, y, Look(PALETTE[0]), points=True, tooltip=tooltip)
    header = {"labelAngle": 0, "labelAlign": "left", "labelPadding": 6}
    chart = lines.matrix(chart.properties(width=width, height=height), table, "row", "corruption", **header)
    return chart.properties(spacing=6)
