"""Figures of the chapter on trajectories: a result of `studies.trajectories`, tables of `findings.trajectories`."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Looks
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.trajectories import TITLES

_VIEWS = {"state": "state x", "noise": "predicted|noise", "clean": "predicted|clean image"}


def slider(study: xr.Dataset) -> alt.VConcatChart:
    """State, predicted noise and predicted clean image of one test image by every method, a slider over the steps."""
    steps = study["pictured"].to_numpy()
    ratios = study["ratio"].sel(walk="inversion").to_numpy()
    frames = {
        f"step {step + 1} of {study.sizes['step']}, from noise ratio {ratios[step]:.3g}": {
            TITLES.get(name, name): list(study["picture"].sel(pictured_method=name, pictured=step).to_numpy())
            for name in study["pictured_method"].to_numpy()
        }
        for step in steps
    }
    description = f"States and predictions along the inversion of one image, {study.attrs['title']}; a slider moves"
    return pictures.slider(frames, list(_VIEWS.values()), description=description, start=min(2, len(steps) - 1))


def heat(table: pd.DataFrame) -> alt.FacetChart:
    """Energy of the updates per step and frequency, a column per series and a row per walk (Fig. 17)."""
    frequencies = sorted(table["frequency"].unique())
    shown = [f"{one:.2f}" for one in frequencies]
    table = table.assign(frequency=table["frequency"].map("{:.2f}".format))
    every = max(1, len(shown) // 6)
    color = alt.Color("mean:Q", title="log10 |F Δx|").scale(scheme="viridis", nice=False, zero=False)
    # whole pixels for each cell: no seams between them
    width, height = (
        max(2, side // count) * count for side, count in ((165, table["step"].nunique()), (130, len(shown)))
    )
    return (
        alt.Chart(alt.InlineData(values=table.to_dict("records")))  # more rows than Altair takes as a table
        .mark_rect()
        .encode(
            x=alt.X("step:O", title="step of the walk").axis(values=_ticks(table["step"]), labelAngle=0),
            y=alt.Y("frequency:O", title="cycles per pixel", sort=shown[::-1]).axis(values=shown[::every]),
            color=color,
            tooltip=[
                alt.Tooltip("step:O", title="step"),
                alt.Tooltip("frequency:O", title="cycles per pixel"),
                alt.Tooltip("mean:Q", title="log10 |F Δx|"),
            ],
        )
        .properties(width=width, height=height)
        .facet(
            column=alt.Column("series:N", title=None, sort=list(table["series"].unique())),
            row=alt.Row("walk:N", title=None, sort=["inversion", "sampling"]),
            spacing=14,
        )
        .properties(description=f"Logarithmic energy of the updates per step and frequency, {table.attrs['title']}")
    )


def per_step(
    table: pd.DataFrame, title: str, walk: str = "inversion", reference: float | None = None
) -> alt.FacetChart:
    """Means with intervals against the step, a panel per data set.

    title: of the y axis. reference: where a dashed line is drawn.
    """
    x = alt.X("step:Q", title=f"step of the {walk}")
    chart = lines.bands(None, x, alt.Y("mean:Q", title=title), _looks(table["series"].unique()), columns=4)
    layers = chart if reference is None else alt.layer(lines.rule(y=reference), chart)
    return lines.panels(layers.properties(width=180, height=150), table).properties(
        description=f"{title} per step of the {walk}, {table.attrs['title']}"
    )


def clean_error(table: pd.DataFrame) -> alt.FacetChart:
    """Squared error of the predicted clean image per step: a row per data set, a column per band."""
    x = alt.X("step:Q", title="step of the inversion")
    y = alt.Y("mean:Q", title="squared error", scale=lines.log_scale(table)).axis(format="~e", tickCount=4)
    chart = lines.bands(None, x, y, _looks(table["series"].unique()), columns=4).properties(width=190, height=95)
    return chart.facet(
        data=table,
        row=alt.Row("row:N", title=None, sort=list(table["row"].unique())),
        column=alt.Column("panel:N", title=None, sort=list(table["panel"].unique())),
        spacing=10,
    ).properties(description=f"Error of the predicted clean image per step and band, {table.attrs['title']}")


def _looks(names: Iterable[str]) -> Looks:
    """The look of the yardstick, and those of the methods in their order, the same in every figure."""
    yardstick = next(iter(TITLES.values()))
    methods = lines.looks(name for name in names if name != yardstick)
    return {name: lines.Look(PALETTE[6], (1, 3)) if name == yardstick else methods[name] for name in names}


def _ticks(steps: pd.Series) -> list[int]:
    last = int(steps.max())
    return sorted({1, *range(10, last + 1, 10), last})
