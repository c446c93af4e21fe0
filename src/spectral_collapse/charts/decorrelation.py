"""Figures of the chapter on decorrelation: tables of `findings.decorrelation`, pictures of its study's results."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.latents import looks, named
from spectral_collapse.charts.lines import GREY, Look, described, figure, tips, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.decorrelation import Found, s_dc
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.measured import title_of
from spectral_collapse.statistics import text
from spectral_collapse.studies.decorrelation import AREAS
from spectral_collapse.studies.latents import CLOSED, WHITE

_MAPPED = ("standard", "white_norm", "taba", CLOSED, WHITE)
"""Series whose flagged windows are shown, where they are there."""
_BORDER, _LEVELS, _SIDE = 160, 255, 60


@described
def scores(table: pd.DataFrame) -> alt.FacetChart:
    """S_G against S_DC, a marker per series (Fig. 8), of `findings.scores`; in the grey corner is white noise."""
    x = x_axis("mean", "S_DC, mean over images", zero=False, padding=12)
    y = y_axis("s_g", "S_G of the set of latents", domain=[0, 1])
    white = alt.Chart().transform_aggregate(
        groupby=["panel"], white="mean(white)", white_low="mean(white_low)", white_high="mean(white_high)"
    )
    corner = white.mark_rule(color=GREY, strokeWidth=7, opacity=0.5)
    corner = corner.encode(x="white:Q", y=alt.Y("white_low:Q"), y2="white_high:Q")
    return figure(named(table), lines.crossed, x, y, looks, below=[lines.of_panel(x="white"), corner])


@described
def correlated_patches(table: pd.DataFrame) -> alt.FacetChart:
    """The 20 largest |r| inside patches (Fig. 2 of TABA), a row per series, of `findings.correlated_patches`; dashed,
    what as many white latents have."""
    table = named(table)
    x = x_axis("mean", "mean of the 20 largest |r|", zero=False, padding=8, tickCount=4)
    tooltip = tips({"white:Q": "by chance"}, ".3f") + tips({"n:Q": "latents"})
    options = {"height": 24 * table["series"].nunique(), "below": [lines.of_panel(x="white")]}
    return figure(table, lines.whiskers, x, lines.rows(table), Look(PALETTE[0]), free="x", tooltip=tooltip, **options)


@described
def flagged_maps(found: Found) -> alt.FacetChart:
    """In which share of the latents each window is flagged: white where in none, black where in all; a row per data set
    and a column per series."""
    studies = {title_of(one).replace(", ", ",|"): one for one in found.values()}
    names = {called(name).replace(" ", "|"): name for one in found.values() for name in one["series"].data}

    def mapped(one: xr.Dataset, name: str) -> np.ndarray:
        picture = _grey(1 - one["flagged_share"].sel(series=name).to_numpy())
        finer = picture.repeat(times := -(-_SIDE // len(picture)), 0).repeat(times, 1)  # for a frame that is thin
        return np.pad(finer, ((1, 1), (1, 1), (0, 0)), constant_values=_BORDER)

    columns = {title: [mapped(one, name) for one in studies.values()] for title, name in names.items()}

    def details(column: str, row: str) -> dict[str, str]:
        return {"S_DC": text(s_dc(studies[row], names[column]))}

    return pictures.grid(columns, list(studies), details=details, labelled=True)


@pictures.explained
@described
def single_maps(found: Found) -> alt.VConcatChart:
    """Single sources, their plain areas, the latent of the standard inversion (first channel, from -3 to 3), and the
    flagged windows of some series (black; grey is the border where no window fits)."""
    grids = []
    for one in found.values():
        latent = one["latent"].sel(series="standard").to_numpy()
        columns = {
            "Source": one["source_image"],
            "Plain|areas": _grey(one["plain_place"].to_numpy()),
            "Latent,|standard": _grey((latent / 3 + 1) / 2),
        }
        for name in (name for name in _MAPPED if name in one["series"]):
            columns[f"Flagged,|{called(name)}"] = _framed(one["flagged"].sel(series=name).to_numpy(), latent.shape[-2:])
        names = list(one["shown"].to_numpy())
        grids.append(pictures.grid(columns, names).properties(title=title_of(one)))
    return alt.vconcat(*grids, spacing=20)


@described
def over_plain_areas(table: pd.DataFrame) -> alt.FacetChart:
    """The share of flagged windows against how much of them is plain, of `findings.over_plain_areas`."""
    x = x_axis("area:O", "how much of the window is plain", labelAngle=-30, domain=list(AREAS))
    y = y_axis("mean", "share of flagged windows", domain=[0, 1])
    tooltip = tips({"windows:Q": "share of windows"}, ".2f") + tips({"n:Q": "images"})
    options = {"points": True, "columns": 4, "opacity": 0.12, "tooltip": tooltip}
    return figure(named(table), lines.bands, x, y, looks, **options)


@described
def by_distance(table: pd.DataFrame) -> alt.FacetChart:
    """Autocorrelation of latents against distance, of `findings.by_distance`; white noise has 0."""
    x = x_axis("distance", "distance (latent pixels)", nice=False, tickMinStep=1, tickCount=6)
    y, below = y_axis("mean", "autocorrelation", tickCount=5), [lines.rule(y=0)]
    return figure(named(table), lines.bands, x, y, looks, below=below, free="xy", columns=4, opacity=0.15)


@described
def by_patch(table: pd.DataFrame) -> alt.FacetChart:
    """S_DC against the side of its window, of `findings.by_patch`; the dashed line is white noise in expectation."""
    sides = [int(side) for side in table["patch"].unique()]
    x = x_axis("patch", "side of the window (latent pixels)", zero=False, padding=8, values=sides)
    y, below = y_axis("mean", "S_DC", zero=False), [lines.of_panel(y="white")]
    options = {"points": True, "columns": 4, "opacity": 0.12}
    return figure(named(table), lines.bands, x, y, looks, below=below, free="y", **options)


@described
def calibration(table: pd.DataFrame) -> alt.LayerChart:
    """S_DC of white noise against the number of channels: measured for four windows, and expected (dashed), of
    `findings.calibration`."""
    table = table.assign(series=[f"window of {side}" for side in table["patch"]])
    x = x_axis("channels:O", "channels of the latent", labelAngle=0)
    y = y_axis("mean", "S_DC of white noise", zero=False)
    kinds = lines.looks(table["series"].unique())
    encoded = lines.channels(kinds, points=True, columns=4)
    base = alt.Chart(table).encode(
        x,
        alt.XOffset("series:N", sort=list(kinds)),
        color=encoded["color"],
        tooltip=[
            *tips({"series:N": " "}),
            *lines.interval_tooltip("S_DC", ".4f"),
            alt.Tooltip("expected:Q", format=".4f"),
        ],
    )
    expected = alt.Chart(table[table["patch"] == table["patch"].min()])
    return alt.layer(
        expected.mark_tick(color=GREY, thickness=2, width=44, orient="horizontal").encode(x, alt.Y("expected:Q")),
        base.mark_rule(strokeWidth=2).encode(alt.Y("low:Q", scale=y["scale"]), alt.Y2("high:Q")),
        base.mark_point(size=45).encode(y, shape=encoded["shape"]),
    ).properties(width=lines.width(1), height=230)


def _grey(values: np.ndarray) -> np.ndarray:
    """Values from 0, black, to 1, white, as pictures (..., H, W, 3) of bytes."""
    levels = (np.clip(values, 0, 1) * _LEVELS).round().astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=-1)


def _framed(flagged: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Flags (N, h, w) as pictures of the whole latent (H, W): black, else white, and grey where no window fits."""
    found = np.full((len(flagged), *shape, 3), _BORDER, np.uint8)
    height, width = flagged.shape[1:]
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    found[:, top : top + height, left : left + width] = _grey(~flagged)
    return found
