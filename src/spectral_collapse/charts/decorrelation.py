"""Figures of the chapter on decorrelation: tables of `findings.decorrelation`, pictures of its study's results."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.decorrelation import Found, s_dc
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.measured import label
from spectral_collapse.statistics import text
from spectral_collapse.studies.decorrelation import AREAS
from spectral_collapse.studies.latents import WHITE

GREY = "#777777"
_BORDER, _LEVELS, _SIDE = 160, 255, 60


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each series of latents; white noise is grey."""
    names = [str(name) for name in names]
    others = lines.looks(name for name in names if name != WHITE)
    white = {WHITE: Look(GREY, (12, 3), "triangle-left")} if WHITE in names else {}
    return others | white


def scores(table: pd.DataFrame) -> alt.FacetChart:
    """S_G against S_DC, a marker per series (Fig. 8), of `findings.scores`; in the grey corner is white noise."""
    table = _named(table)
    look = lines.channels(looks(table["series"].unique()), points=True, columns=4)
    x = alt.X("mean:Q", title="S_DC, mean over images").scale(zero=False, padding=12)
    y = alt.Y("s_g:Q", title="S_G of the set").scale(domain=[0, 1])
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        *lines.interval_tooltip("S_DC"),
        alt.Tooltip("s_g:Q", title="S_G", format=".3f"),
        alt.Tooltip("s_g_low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("s_g_high:Q", title="to", format=".3f"),
    ]
    base = alt.Chart().encode(color=look["color"], tooltip=tooltip)
    white = alt.Chart().transform_aggregate(
        groupby=["panel"], white="mean(white)", white_low="mean(white_low)", white_high="mean(white_high)"
    )
    chart = alt.layer(
        white.mark_rule(color=GREY, strokeDash=[4, 4]).encode(x="white:Q"),
        white.mark_rule(color=GREY, strokeWidth=7, opacity=0.5).encode(
            x="white:Q", y=alt.Y("white_low:Q"), y2="white_high:Q"
        ),
        base.mark_rule().encode(alt.X("low:Q"), alt.X2("high:Q"), y),
        base.mark_rule().encode(x, alt.Y("s_g_low:Q"), alt.Y2("s_g_high:Q")),
        base.mark_point(size=75).encode(x, y, shape=look["shape"]),
    ).properties(width=215, height=190)
    return lines.panels(chart, table).properties(description=f"S_G against S_DC of latents, {_panels(table)}")


def correlated_patches(table: pd.DataFrame) -> alt.FacetChart:
    """The 20 largest |r| inside patches (Fig. 2 of TABA), a row per series, of `findings.correlated_patches`; dashed,
    what as many white latents have."""
    table = _named(table)
    x = alt.X("mean:Q", title="mean of the 20 largest |r|").scale(zero=False, padding=8).axis(tickCount=4)
    names = list(table["series"].unique())
    y = alt.Y("series:N", sort=names, title=None)
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        *lines.interval_tooltip("top-20 |r|"),
        alt.Tooltip("white:Q", title="by chance", format=".3f"),
        alt.Tooltip("n:Q", title="latents"),
    ]
    white = alt.Chart().transform_aggregate(groupby=["panel"], white="mean(white)")
    chart = alt.layer(
        white.mark_rule(color=GREY, strokeDash=[4, 4]).encode(x="white:Q"),
        *lines.whiskers(None, x, y, Look(PALETTE[0]), tooltip=tooltip).layer,
    ).properties(width=170, height=24 * len(names))
    return lines.panels(chart, table, x="independent").properties(
        description=f"Correlations inside 8 x 8 patches of latents, {_panels(table)}"
    )


def flagged_maps(found: Found) -> alt.FacetChart:
    """In which share of the latents each window is flagged: white where in none, black where in all; a row per data set
    and a column per series."""
    rows = {label(one).replace(", ", ",|"): one for one in found.values()}
    names = {called(name).replace(" ", "|"): name for one in found.values() for name in one["series"].data}

    def mapped(one: xr.Dataset, name: str) -> np.ndarray:
        picture = _grey(1 - one["flagged_share"].sel(series=name).to_numpy())
        finer = picture.repeat(times := -(-_SIDE // len(picture)), 0).repeat(times, 1)  # for a frame that is thin
        return np.pad(finer, ((1, 1), (1, 1), (0, 0)), constant_values=_BORDER)

    columns = {title: [mapped(one, name) for one in rows.values()] for title, name in names.items()}
    description = f"Where latents are flagged, {', '.join(map(label, found.values()))}"

    def details(column: str, row: str) -> dict[str, str]:
        return {"S_DC": text(s_dc(rows[row], names[column]))}

    return pictures.grid(columns, list(rows), description, details, labelled=True)


def single_maps(
    found: Found, series: Iterable[str] = ("standard", "white_norm", "taba", "closed form")
) -> alt.VConcatChart:
    """Single sources, their plain areas, the latent of the standard inversion (first channel, from -3 to 3), and the
    flagged windows of some series (black; grey is the border where no window fits)."""
    grids = []
    for one in found.values():
        shown = [name for name in series if name in one["series"]]
        latent = one["latent"].sel(series="standard").to_numpy()
        columns = {
            "Source": one["source_image"].to_numpy(),
            "Plain|areas": _grey(one["plain_place"].to_numpy()),
            "Latent,|standard": _grey((latent / 3 + 1) / 2),
        }
        for name in (*shown, WHITE):
            columns[f"Flagged,|{called(name)}"] = _framed(one["flagged"].sel(series=name).to_numpy(), latent.shape[-2:])
        names = list(one["shown"].to_numpy())
        grids.append(pictures.grid(columns, names).properties(title=label(one)))
    return alt.vconcat(*grids, spacing=20).properties(
        description=f"Sources, plain areas and flagged windows, {', '.join(map(label, found.values()))}"
    )


def over_plain_areas(table: pd.DataFrame) -> alt.FacetChart:
    """The share of flagged windows against how much of them is plain, of `findings.over_plain_areas`."""
    table = _named(table)
    names = table["series"].unique()
    x = alt.X("area:O", title="how much of the window is plain").axis(labelAngle=-30).scale(domain=list(AREAS))
    y = alt.Y("mean:Q", title="share flagged").scale(domain=[0, 1])
    tooltip = [
        alt.Tooltip("series:N", title=" "),
        alt.Tooltip("area:N", title="plain"),
        *lines.interval_tooltip("share flagged"),
        alt.Tooltip("windows:Q", title="share of windows", format=".2f"),
        alt.Tooltip("n:Q", title="images"),
    ]
    chart = lines.bands(None, x, y, looks(names), points=True, columns=4, opacity=0.12, tooltip=tooltip)
    return lines.panels(chart.properties(width=215, height=190), table).properties(
        description=f"Flagged windows over plain areas and elsewhere, {_panels(table)}"
    )


def by_distance(table: pd.DataFrame) -> alt.FacetChart:
    """Autocorrelation against distance, of `findings.by_distance`; white noise has 0."""
    table = _named(table)
    x = alt.X("distance:Q", title="distance (latent pixels)").scale(nice=False).axis(tickMinStep=1, tickCount=6)
    y = alt.Y("mean:Q", title="autocorrelation").axis(tickCount=5)
    chart = lines.bands(None, x, y, looks(table["series"].unique()), columns=4, opacity=0.15)
    chart = alt.layer(lines.rule(y=0), *chart.layer).properties(width=215, height=190)
    return lines.panels(chart, table, x="independent", y="independent").properties(
        description=f"Autocorrelation of latents by distance, {_panels(table)}"
    )


def by_patch(table: pd.DataFrame) -> alt.FacetChart:
    """S_DC against the side of its window, of `findings.by_patch`; the dashed line is white noise in expectation."""
    table = _named(table)
    sides = [int(side) for side in table["patch"].unique()]
    x = alt.X("patch:Q", title="side of the window (latent pixels)").scale(zero=False, padding=8).axis(values=sides)
    y = alt.Y("mean:Q", title="S_DC").scale(zero=False)
    chart = lines.bands(None, x, y, looks(table["series"].unique()), points=True, columns=4, opacity=0.12)
    white = alt.Chart().transform_aggregate(groupby=["panel"], white="mean(white)")
    white = white.mark_rule(color=GREY, strokeDash=[4, 4]).encode(y="white:Q")
    chart = alt.layer(white, *chart.layer).properties(width=215, height=190)
    return lines.panels(chart, table, y="independent").properties(
        description=f"S_DC by the side of its window, {_panels(table)}"
    )


def calibration(table: pd.DataFrame) -> alt.LayerChart:
    """S_DC of white noise against the number of channels: measured for four windows, and expected (dashed), of
    `findings.calibration`."""
    table = table.assign(series=[f"window of {side}" for side in table["patch"]])
    x = alt.X("channels:O", title="channels of the latent").axis(labelAngle=0)
    y = alt.Y("mean:Q", title="S_DC of white noise").scale(zero=False)
    kinds = lines.looks(table["series"].unique())
    encoded = lines.channels(kinds, points=True, columns=4)
    base = alt.Chart(table).encode(
        x,
        alt.XOffset("series:N", sort=list(kinds)),
        color=encoded["color"],
        tooltip=[
            alt.Tooltip("series:N", title=" "),
            *lines.interval_tooltip("S_DC", ".4f"),
            alt.Tooltip("expected:Q", format=".4f"),
        ],
    )
    expected = alt.Chart(table[table["patch"] == table["patch"].min()])
    return alt.layer(
        expected.mark_tick(color=GREY, thickness=2, width=44, orient="horizontal").encode(x, alt.Y("expected:Q")),
        base.mark_rule(strokeWidth=2).encode(alt.Y("low:Q", scale=y["scale"]), alt.Y2("high:Q")),
        base.mark_point(size=45).encode(y, shape=encoded["shape"]),
    ).properties(width=460, height=230, description="S_DC of white noise by channels and window, measured and expected")


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose series are written as on pages."""
    return table.assign(series=table["series"].map(called))


def _panels(table: pd.DataFrame) -> str:
    return ", ".join(table["panel"].unique())


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
