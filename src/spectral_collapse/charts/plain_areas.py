"""Figures of the chapter on 'There and Back Again': pictures of results of `studies.plain_areas`, and tables of
`findings.plain_areas` drawn."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.plain_areas import AREAS, KINDS, SERIES

_SERIES = dict(
    zip(
        SERIES.values(),
        (Look(PALETTE[6]), Look(PALETTE[1], (6, 3), "triangle-up"), Look(PALETTE[0], (8, 2, 2, 2), "diamond")),
        strict=True,
    )
)
_STEPS = {
    AREAS["plain"]: Look(PALETTE[1]),
    AREAS["other"]: Look(PALETTE[0], (6, 3)),
    f"inversion, {AREAS['plain']}": Look(PALETTE[1]),
    f"inversion, {AREAS['other']}": Look(PALETTE[0], (6, 3)),
    f"sampling, {AREAS['plain']}": Look(PALETTE[6], (2, 2)),
    f"sampling, {AREAS['other']}": Look(PALETTE[2], (8, 2, 2, 2)),
}
_COLUMNS = {
    "image": "Drawn image",
    "plain areas": "Plain areas|(white)",
    "noise": "Its noise",
    "latent": "Latent",
    "error": "Latent|minus noise",
}


def drawn_pictures(found: Mapping[str, xr.Dataset]) -> alt.FacetChart:
    """One drawn image of each data set, where it is plain, its noise, its latent, and their difference (Fig. 5)."""
    columns = {
        title: [study["image"].sel(series="standard", picture=name).to_numpy() for study in found.values()]
        for name, title in _COLUMNS.items()
    }
    named = [study.attrs["title"] for study in found.values()]
    description = f"A drawn image, its plain areas, its noise, its latent and their difference, for {', '.join(named)}"
    return pictures.grid(columns, named, description=description, labelled=True)


def per_step(table: pd.DataFrame, kind: str) -> alt.FacetChart:
    """Error or standard deviation of the predicted noise against the step, in both areas (Fig. 1)."""
    table = table[table["kind"] == kind]
    looks = {name: look for name, look in _STEPS.items() if name in set(table["series"])}
    x = alt.X("step:Q", title="step of the inversion (log scale)").scale(type="log", nice=False)
    x = x.axis(format="~g", values=[1, 2, 5, 10, 20, 50, 100])
    y = alt.Y("mean:Q", title=KINDS[kind])
    chart = lines.bands(None, x, y, looks)
    layers = chart if kind == "error" else alt.layer(lines.rule(y=1), chart)
    return lines.panels(layers.properties(width=180, height=150), table, columns=3).properties(
        description=f"{KINDS[kind]} per step in plain and other areas, {', '.join(table['panel'].unique())}"
    )


def sweep(table: pd.DataFrame) -> alt.FacetChart:
    """What is measured of test images against the share of their first steps that is replaced (Fig. 4)."""
    shares = sorted(table["share"].unique())
    x = alt.X("share:Q", title="share of the steps that is replaced").scale(type="symlog", constant=0.02)
    x = x.axis(format="~%", values=shares, labelOverlap=False, labelFlush=False)
    y = alt.Y("mean:Q", title=None).scale(zero=False)
    chart = lines.bands(None, x, y, lines.looks(table["series"].unique()), points=True, columns=3)
    return lines.panels(chart.properties(width=190, height=140), table, columns=3, y="independent").properties(
        description=f"Latents and samples against the share of replaced steps, {table.attrs['title']}"
    )


def geometry(table: pd.DataFrame) -> alt.FacetChart:
    """Angles and distances of noise, image and latent, and how often a latent is nearest to its own noise."""
    titles = SERIES | {"white noise": "another noise"}
    table = table.replace({"series": {SERIES[name]: title for name, title in titles.items()}})
    looks = dict(zip(titles.values(), _SERIES.values(), strict=True))
    x = alt.X("mean:Q", title=None).scale(zero=False)
    return _rows(table, x, looks, columns=3).properties(
        description=f"The triangle of noise, image and latent, {table.attrs['title']}"
    )


def path_pictures(study: xr.Dataset) -> alt.FacetChart:
    """Samples on the way from one latent to another, a row for each kind of latent."""
    columns = {
        f"{place:g}": list(study["path_image"].sel(place=place).to_numpy()) for place in study["place"].to_numpy()
    }
    description = f"Samples on the way between two latents, {study.attrs['title']}"
    return pictures.grid(columns, list(SERIES.values()), description=description, labelled=True)


def path(table: pd.DataFrame) -> alt.FacetChart:
    """High-frequency energy of the samples on the way from one latent to another."""
    x = alt.X("place:Q", title="place between two latents").axis(format="~g")
    y = alt.Y("mean:Q", title="log energy over usual")
    layers = alt.layer(lines.rule(y=0), lines.bands(None, x, y, _SERIES, points=True, columns=3))
    return lines.panels(layers.properties(width=180, height=150), table).properties(
        description=f"High-frequency energy along interpolations, {', '.join(table['panel'].unique())}"
    )


def edits(table: pd.DataFrame) -> alt.FacetChart:
    """How much the outputs of one latent differ over labels, in plain and in other areas."""
    x = alt.X("mean:Q", title="standard deviation over labels")
    return _rows(table, x, _SERIES, columns=2).properties(
        description=f"Diversity of edits from one latent, {table.attrs['title']}"
    )


def _rows(table: pd.DataFrame, x: alt.X, looks: lines.Looks, columns: int) -> alt.FacetChart:
    """Means with intervals, a row per data set, in panels with their own scales."""
    names = list(table["dataset"].unique())
    y = alt.Y("dataset:N", sort=names, title=None)
    chart = lines.whiskers(None, x, y, looks, columns=3, side_by_side=True)
    sized = chart.properties(width=170 if columns == 3 else 240, height=46 * len(names))
    return lines.panels(sized, table, columns=columns, x="independent")
