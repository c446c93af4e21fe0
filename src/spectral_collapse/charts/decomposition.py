"""The decomposition of the collapse drawn: parts of the deficit, true first predictions, errors per level.

All take a result of `studies.decomposition.run`.
"""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.studies.common import text
from spectral_collapse.studies.decomposition import BANDS, interval, split

DENOISERS = {
    "network": ("our network", PALETTE[1], [1, 0], "circle"),
    "covariance": ("perfect for Gaussian data: covariance", PALETTE[0], [6, 3], "square"),
    "spectrum": ("perfect for Gaussian data: spectrum only", PALETTE[2], [2, 2], "triangle-up"),
}
"""What each denoiser is called, its colour, dashes and shape; colour is never the only difference."""

_MEASURES = {
    "high_power": "High frequencies",
    "s_dc": "Neighbouring places, S_DC",
    "plain": "Plain areas",
    "other": "Other areas",
}
_PARTS = {
    "total": "standard inversion: all",
    "entry": "entry without noise",
    "discretisation": "coarse steps",
    "own error": "denoiser's own error",
}
_LEGEND = {"orient": "bottom", "columns": 1, "symbolOpacity": 1, "symbolSize": 90, "labelLimit": 320}
_DECADES = [10.0**power for power in range(-6, 3)]
_RATIO = "noise ratio sigma / alpha"


def parts(study: xr.Dataset) -> alt.FacetChart:
    """The deficit of a standard inversion and its three parts per measure, with 95 % intervals.

    Measures without any place to measure are left out.
    """
    found, rows = split(study), []
    for name, title in _MEASURES.items():
        for part, label in _PARTS.items():
            for denoiser, (called, *_) in DENOISERS.items():
                mean, low, high = interval(found.sel(part=part, measure=name, denoiser=denoiser))
                rows.append(
                    {"measure": title, "part": label, "denoiser": called, "mean": mean, "low": low, "high": high}
                )
    table = pd.DataFrame(rows).dropna(subset="mean")
    called, colors, _, shapes = zip(*DENOISERS.values(), strict=True)
    y = alt.Y("part:N", sort=list(_PARTS.values()), title=None).axis(labelLimit=200)
    offset = alt.YOffset("denoiser:N", sort=called).scale(paddingOuter=0.35)
    color = alt.Color("denoiser:N", title=None, legend=alt.Legend(**_LEGEND)).scale(domain=called, range=colors)
    shape = alt.Shape("denoiser:N", title=None, legend=alt.Legend(**_LEGEND)).scale(domain=called, range=shapes)
    x = alt.X("mean:Q", title="deficit against white noise")
    base = alt.Chart().encode(y, offset, color, tooltip=_tooltip("part", "denoiser", value="deficit"))
    layers = alt.layer(
        alt.Chart().mark_rule(color="#555555").encode(x=alt.datum(0)),
        base.mark_rule(strokeWidth=2).encode(alt.X("low:Q"), alt.X2("high:Q")),
        base.mark_point(size=55).encode(x, shape),
    )
    present = [title for title in _MEASURES.values() if title in set(table["measure"])]
    return (
        layers.properties(width=230, height=170)
        .facet(alt.Facet("measure:N", title=None, sort=present), data=table, columns=2)
        .properties(description=f"Parts of the latents' deficit per measure and denoiser, {study.attrs['title']}")
    )


def true_first_steps(study: xr.Dataset) -> alt.FacetChart:
    """The network's deficit that is left after true predictions up to a level, entered with the level's noise."""
    left = (study["ideal"] - study["corrected"]).sel(denoiser="network")
    names = {
        str(one): f"{int(count)} steps" for one, count in zip(left["resolution"].data, left["num_steps"], strict=True)
    }
    rows = []
    for measure in ("high_power", "s_dc", "plain"):
        for resolution, label in names.items():
            for count, ratio in zip(study["replaced"].to_numpy(), study["replaced_ratio"].to_numpy(), strict=True):
                mean, low, high = interval(left.sel(measure=measure, resolution=resolution, replaced=count))
                named = f"{count} ({ratio:.2f})" if count else "none"
                rows.append(
                    {
                        "measure": _MEASURES[measure],
                        "walk": label,
                        "true": named,
                        "mean": mean,
                        "low": low,
                        "high": high,
                    }
                )
    table = pd.DataFrame(rows).dropna(subset="mean")
    domain, colors, dashes = list(names.values()), [PALETTE[1], PALETTE[0]], [[1, 0], [6, 3]]
    legend = alt.Legend(orient="bottom", symbolType="stroke", symbolOpacity=1, symbolSize=300)
    x = alt.X("true:O", sort=None, title="true first steps (to sigma / alpha)").axis(labelAngle=-40)
    base = alt.Chart().encode(
        x,
        alt.Color("walk:N", title=None, legend=legend).scale(domain=domain, range=colors),
        tooltip=_tooltip("walk", "true", value="deficit left"),
    )
    layers = alt.layer(
        alt.Chart().mark_rule(color="#555555").encode(y=alt.datum(0)),
        base.mark_rule(strokeWidth=2).encode(alt.Y("low:Q"), alt.Y2("high:Q")),
        base.mark_line(point={"filled": True, "size": 45}).encode(
            alt.Y("mean:Q", title="deficit left against white noise"),
            alt.StrokeDash("walk:N", title=None, legend=legend).scale(domain=domain, range=dashes),
        ),
    )
    present = [title for title in _MEASURES.values() if title in set(table["measure"])]
    return (
        layers.properties(width=200, height=190)
        .facet(alt.Facet("measure:N", title=None, sort=present), data=table, columns=3)
        .properties(description=f"Deficit left after true predictions in the first steps, {study.attrs['title']}")
    )


def noise_error(study: xr.Dataset) -> alt.FacetChart:
    """Squared error of the noise predicted for noised sources, per band and level."""
    return _levels(
        study["error"],
        {name: f"{name}: {low:g} to {high:g} cycles/px" for name, (low, high) in BANDS.items()},
        "band",
        "squared error of the predicted noise",
    ).properties(description=f"Error of the predicted noise per band and level, {study.attrs['title']}")


def area_error(study: xr.Dataset) -> alt.FacetChart:
    """Squared error of the noise predicted for noised sources, in plain and in other areas, per level."""
    return _levels(
        study["area_error"],
        {"plain": "plain areas", "other": "other areas"},
        "area",
        "squared error of the predicted noise",
    ).properties(description=f"Error of the predicted noise in plain and other areas, {study.attrs['title']}")


def noise_norm(study: xr.Dataset) -> alt.FacetChart:
    """Mean square of the predicted noise along the walks, entered without and with noise."""
    return _levels(
        study["noise_norm"].rename(entry="area"),
        {"none": "entered without noise", "noise": "entered with the level's noise"},
        "area",
        "mean square of the predicted noise",
        log=False,
    ).properties(description=f"Mean square of the predicted noise along the inversion, {study.attrs['title']}")


def parts_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per measure and denoiser, with intervals: the deficit of the standard inversion and its parts."""
    found = split(study)
    return pd.DataFrame(
        {"Measure": title, "Denoiser": called}
        | {
            label: text(interval(found.sel(part=part, measure=name, denoiser=denoiser)))
            for part, label in (_PARTS | {"interaction": "interaction of entry and steps"}).items()
        }
        for name, title in _MEASURES.items()
        for denoiser, (called, *_) in DENOISERS.items()
        if np.isfinite(interval(found.sel(measure=name, denoiser=denoiser, part="total")).mean)
    ).set_index(["Measure", "Denoiser"])


def _levels(values: xr.DataArray, titles: dict[str, str], panel: str, y_title: str, log: bool = True) -> alt.FacetChart:
    """Means over samples of values (denoiser, panel, step, sample) against the level, with their intervals as bands."""
    rows = []
    for name, title in titles.items():
        for denoiser, (called, *_) in DENOISERS.items():
            chosen = values.sel({"denoiser": denoiser, panel: name}).transpose("step", "sample")
            for level, one in zip(values["level"].to_numpy(), chosen, strict=True):
                mean, low, high = interval(one)
                rows.append(
                    {"panel": title, "denoiser": called, "level": level, "mean": mean, "low": low, "high": high}
                )
    table = pd.DataFrame(rows).dropna(subset="mean")
    called, colors, dashes, _ = zip(*DENOISERS.values(), strict=True)
    legend = alt.Legend(**_LEGEND | {"symbolType": "stroke", "symbolSize": 300})
    scale = alt.Scale(type="log" if log else "linear")
    base = alt.Chart().encode(
        alt.X("level:Q", title=_RATIO)
        .scale(type="log", nice=False)
        .axis(format="~g", values=[0.03, 0.1, 0.3, 1, 3, 10]),
        alt.Color("denoiser:N", title=None, legend=legend).scale(domain=called, range=colors),
    )
    layers = alt.layer(
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q", scale=scale), alt.Y2("high:Q")),
        base.mark_line().encode(
            alt.Y("mean:Q", title=y_title, scale=scale).axis(format="~g", values=_DECADES if log else alt.Undefined),
            alt.StrokeDash("denoiser:N", title=None, legend=legend).scale(domain=called, range=dashes),
            tooltip=[alt.Tooltip("level:Q", title="sigma / alpha", format=".3f"), *_tooltip("denoiser", value="mean")],
        ),
    )
    present = [title for title in titles.values() if title in set(table["panel"])]
    return layers.properties(width=200 if len(present) > 2 else 270, height=220).facet(
        alt.Facet("panel:N", title=None, sort=present), data=table, columns=3
    )


def _tooltip(*names: str, value: str) -> list[alt.Tooltip]:
    return [
        *(alt.Tooltip(f"{name}:N", title=" ") for name in names),
        alt.Tooltip("mean:Q", title=value, format=".3f"),
        alt.Tooltip("low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    ]
