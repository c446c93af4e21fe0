"""Figures of the chapter on 'There and Back Again': pictures of results of `studies.plain_areas`, and tables of
`findings.plain_areas` drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look, described, figure, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.plain_areas import AREAS, KINDS, SERIES
from spectral_collapse.studies.latents import WHITE

_SERIES = lines.looks(SERIES.values(), {SERIES[WHITE]: Look(PALETTE[6], (2, 2), "square")})
_STEPS = {
    AREAS["plain"]: Look(PALETTE[1]),
    AREAS["other"]: Look(PALETTE[0], (6, 3)),
    f"inversion, {AREAS['plain']}": Look(PALETTE[1]),
    f"inversion, {AREAS['other']}": Look(PALETTE[0], (6, 3)),
    f"sampling, {AREAS['plain']}": Look(PALETTE[6], (2, 2)),
    f"sampling, {AREAS['other']}": Look(PALETTE[2], (8, 2, 2, 2)),
}
_COLUMNS = {
    "image": "Generated image",
    "plain areas": "Plain areas|(white)",
    "noise": "Its noise",
    "latent": "Latent",
    "error": "Latent|minus noise",
}


@described
def drawn_pictures(found: Mapping[str, xr.Dataset]) -> alt.FacetChart:
    """One drawn image of each data set, where it is plain, its noise, its latent, and their difference (Fig. 5)."""
    columns = {
        title: [study["image"].sel(series="standard", picture=name) for study in found.values()]
        for name, title in _COLUMNS.items()
    }
    return pictures.grid(columns, [title_of(study) for study in found.values()], labelled=True)


@described
def per_step(table: pd.DataFrame, kind: str) -> alt.FacetChart:
    """Error or standard deviation of the predicted noise against the step, in plain and other areas (Fig. 1)."""
    values = [1, 2, 5, 10, 20, 50, 100]
    x = x_axis("step", "step of the inversion (log scale)", log=True, format="~g", values=values)
    y, below = y_axis("mean", KINDS[kind]), [] if kind == "error" else [lines.rule(y=1)]
    table, looks = table[table["kind"] == kind], partial(lines.present, _STEPS)
    return figure(table, lines.bands, x, y, looks, height=150, below=below)


@described
def sweep(table: pd.DataFrame) -> alt.FacetChart:
    """What is measured of test images against the share of their first steps that is replaced (Fig. 4)."""
    shares = {"format": "~%", "values": sorted(table["share"].unique()), "labelOverlap": False, "labelFlush": False}
    x = x_axis("share", "share of the steps that is replaced", type="symlog", constant=0.02, **shares)
    y = y_axis("mean", zero=False)
    return figure(table, lines.bands, x, y, height=140, free="y", points=True, columns=3)


@described
def geometry(table: pd.DataFrame) -> alt.FacetChart:
    """Angles and distances of noise, image and latent, and how often a latent is nearest to its own noise."""
    called = {SERIES[WHITE]: "another noise"}
    looks = {called.get(name, name): look for name, look in _SERIES.items()}
    return _rows(table.replace({"series": called}), x_axis("mean", zero=False), looks, per_row=3)


@described
def path_pictures(study: xr.Dataset) -> alt.FacetChart:
    """Samples on the way from one latent to another, a row for each kind of latent."""
    columns = {f"{place:g}": study["path_image"].sel(place=place) for place in study["place"].to_numpy()}
    return pictures.grid(columns, list(SERIES.values()), labelled=True)


@described
def path(table: pd.DataFrame) -> alt.FacetChart:
    """High-frequency energy of the samples on the way from one latent to another."""
    x = x_axis("place", "position between two latents", format="~g")
    y = y_axis("mean", "log energy over that of training targets")
    options = {"height": 150, "below": [lines.rule(y=0)], "points": True, "columns": 3}
    return figure(table, lines.bands, x, y, _SERIES, **options)


@described
def edits(table: pd.DataFrame) -> alt.FacetChart:
    """How much the outputs of one latent differ over labels, in plain and in other areas."""
    return _rows(table, x_axis("mean", "standard deviation over labels"), _SERIES, per_row=2)


def _rows(table: pd.DataFrame, x: alt.X, looks: lines.Looks, per_row: int) -> alt.FacetChart:
    """Means with intervals, a row per data set, in panels with their own scales."""
    y, height = lines.rows(table, "dataset"), 46 * table["dataset"].nunique()
    options = {"per_row": per_row, "free": "x", "columns": 3, "side_by_side": True}
    return figure(table, lines.whiskers, x, y, looks, height=height, **options)
