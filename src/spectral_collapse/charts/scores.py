"""Figures of the chapter on scores: pictures of a result of `studies.scores`, curves of tables of `findings.scores`."""

from __future__ import annotations

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.metrics import SCORES
from spectral_collapse.statistics import text
from spectral_collapse.studies.scores import LOUD, STANDARD, TABA, WHITE

_SERIES = {
    WHITE: Look(PALETTE[6]),
    LOUD: Look(PALETTE[6], (2, 2), "square"),
    STANDARD: Look(PALETTE[1], (6, 3), "triangle-up"),
    TABA: Look(PALETTE[0], (8, 2, 2, 2), "diamond"),
}


def filtered_pictures(study: xr.Dataset, rows: int = 3) -> alt.FacetChart:
    """Images and what is left of them below and above three cutoffs (Fig. 11 of the paper)."""
    image = study["filtered_image"].isel(shown=slice(rows))
    columns = {
        name.replace(" ", "|").capitalize(): image.sel(filtered_picture=name).to_numpy()
        for name in image["filtered_picture"].to_numpy()
    }
    return pictures.grid(
        columns,
        list(image["shown"].to_numpy()),
        description=f"Low-passed and high-passed images, {study.attrs['title']}",
    )


def filtered_scores(table: pd.DataFrame) -> alt.HConcatChart:
    """S_HF and S_LF of low-passed and high-passed images against the cutoff (Fig. 12), of `findings.filtered`."""
    x = alt.X("filter_cutoff:Q", title="cutoff (fraction of Nyquist)").axis(format="~g")
    looks = lines.looks(table["filter"].unique())
    panels = [
        lines.bands(rows, x, alt.Y("mean:Q", title=_title(score)), looks, "filter", points=True)
        for score, rows in table.groupby("filter_score")
    ]
    return alt.hconcat(*(panel.properties(width=235, height=220) for panel in panels), spacing=30).properties(
        description=f"S_HF and S_LF of filtered images against the cutoff, {table.attrs['title']}"
    )


def pipeline_pictures(study: xr.Dataset) -> alt.VConcatChart:
    """What S_LF compares, stage by stage, for a source, its own and another target (Fig. 13)."""
    rows = []
    for name in study["pipeline"].to_numpy():
        one = study.sel(pipeline=name)
        stages = [stage for stage in one["stage"].to_numpy() if one["pipeline_image"].sel(stage=stage).any()]
        labels = [
            str(view) if pd.isna(value) else f"{view}|S_LF = {value:.3f}"
            for view, value in zip(one["view"].to_numpy(), one["pipeline_s_lf"].to_numpy(), strict=True)
        ]
        columns = {stage.capitalize(): one["pipeline_image"].sel(stage=stage).to_numpy() for stage in stages}
        title = one["pipeline_title"].item() + ("" if one["pipeline_source"].item() == "real" else " (rendered)")
        rows.append(pictures.grid(columns, labels, labelled=True).properties(title=title))
    return alt.vconcat(*rows, spacing=20).properties(description="The stages of S_LF, for a pair of each data set")


def flag_masks(study: xr.Dataset, table: pd.DataFrame) -> alt.FacetChart:
    """Latents and which of their patches S_DC flags (Fig. 8 calls the latter the flag mask).

    table: their mean S_DC, of `findings.decorrelation`.
    """
    columns = {}
    for number in range(min(study.sizes["shown"], 3)):
        columns[f"Latent {number + 1}"] = study["latent_image"].isel(shown=number).to_numpy()
        columns[f"Mask {number + 1}"] = study["flag_image"].isel(shown=number).to_numpy()
    labels = [f"{row.latent_series}|S_DC {text(row, 2)}" for row in table.itertuples()]
    description = f"Latents and the flag masks of S_DC, {study.attrs['title']}"
    return pictures.grid(columns, labels, labelled=True, description=description)


def norms_against_chi_square(study: xr.Dataset, law: pd.DataFrame) -> alt.VConcatChart:
    """Squared norms of latents over d, a tick each, below the density of `findings.norm_law` (Fig. 7)."""
    names = [str(name) for name in study["latent_series"].to_numpy()]
    table = study["norm"].to_dataframe("value").reset_index()
    both = pd.concat([table["value"], law["value"]])
    low, high = both.min(), both.max()
    axis = alt.X("value:Q", title="squared norm / d").scale(domain=[low, high], nice=True, zero=False)
    curve = (
        alt.Chart(law)
        .mark_area(opacity=0.25, color=PALETTE[6], line={"color": PALETTE[6], "strokeWidth": 1.5})
        .encode(axis.axis(None), alt.Y("density:Q", title=f"density, χ²({study.attrs['dimension']})").axis(tickCount=4))
        .properties(width=440, height=120)
    )
    color = lines.channels({name: _SERIES[name] for name in names}, "latent_series")["color"]
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
    looks = {str(name): _SERIES[name] for name in study["ks_series"].to_numpy()}
    x = alt.X("count:Q", title="latents (log scale)").scale(type="log", base=2)
    x = x.axis(format="~g", values=study["count"].to_numpy().tolist(), labelFlush=False, labelOverlap=False)
    panels = []
    for variable, title, scale in (
        ("ks_distance", "KS distance, 1 - S_G", "linear"),
        ("ks_pvalue", "p-value (log scale)", "log"),
    ):
        table = study[variable].to_dataframe("value").reset_index().dropna()
        table["value"] = table["value"].clip(lower=1e-30 if scale == "log" else 0)
        y = (
            alt.Y("value:Q", title=title)
            .scale(type=scale)
            .axis(format="~g" if scale == "linear" else ".0e", tickCount=6)
        )
        panels.append(lines.curves(table, x, y, looks, "ks_series", points=True).properties(width=235, height=220))
    return alt.hconcat(*panels, spacing=25).properties(
        description="Kolmogorov-Smirnov distance and p-value against the number of latents"
    )


def responses(table: pd.DataFrame) -> alt.FacetChart:
    """Every per-sample score (rows) under every corruption (columns), of `findings.normalised`: 1 is the best mean of
    its row, 0 the worst. Direction and target come from the score's card; a score without a value has no row."""
    kind = table.attrs["kind"]
    table = table.assign(row=table["score"].map(_title))
    x = alt.X("grade:Q", title="grade").axis(values=[0, 0.5, 1], format="~g")
    y = alt.Y("mean:Q", title=None).scale(domain=[-0.15, 1.15], clamp=True).axis(values=[0, 1])
    titles = {"row": "Score", "corruption": "Corruption", "strength": "Strength", "value": "Mean [95 %]"}
    tooltip = [alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()]
    rows, columns = (list(table[name].unique()) for name in ("row", "corruption"))
    return (
        lines.bands(None, x, y, Look(PALETTE[0]), points=True, tooltip=tooltip)
        .properties(width=96 if kind == "image" else 150, height=48 if kind == "image" else 56)
        .facet(
            data=table,
            row=alt.Row("row:N", sort=rows, title=None).header(labelAngle=0, labelAlign="left", labelPadding=6),
            column=alt.Column("corruption:N", sort=columns, title=None),
            spacing=6,
        )
        .properties(description=f"Response of every per-sample {kind} score to corruptions, {table.attrs['title']}")
    )


def _title(name: str) -> str:
    """A score's symbol, unit and arrow."""
    card = SCORES[name]
    unit = f" ({card.units})" if card.units != "1" else ""
    return f"{card.symbol}{unit} {card.arrow}"
