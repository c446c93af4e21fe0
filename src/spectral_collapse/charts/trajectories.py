"""Figures of the chapter on trajectories: a result of `studies.trajectories`, tables of `findings.trajectories`."""

from __future__ import annotations

from functools import partial

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import described
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.trajectories import YARDSTICK

_looks = partial(lines.looks, fixed={YARDSTICK: lines.Look(PALETTE[6], (1, 3))})


@pictures.explained
@described
def slider(study: xr.Dataset) -> alt.VConcatChart:
    """State, predicted noise and predicted clean image of one test image by every method, a slider over the steps."""
    steps = study["pictured"].to_numpy()
    ratios = study["ratio"].sel(walk="inversion").to_numpy()
    frames = {
        (f"step {step + 1} of {study.sizes['step']}, from noise ratio {ratios[step]:.3g}",): {
            called(name): study["picture"].sel(pictured_method=name, pictured=step)
            for name in study["pictured_method"].to_numpy()
        }
        for step in steps
    }
    views = ["state x", "predicted|noise", "predicted|clean image"]
    return pictures.sliders(frames, views, ["Step: "], [min(2, len(steps) - 1)])


@described
def heat(table: pd.DataFrame) -> alt.FacetChart:
    """Energy of the updates per step and frequency, a column per series and a row per walk (Fig. 17)."""
    frequencies = sorted(table["frequency"].unique())
    shown = [f"{one:.2f}" for one in frequencies]
    table = table.assign(frequency=table["frequency"].map("{:.2f}".format))
    every, last = max(1, len(shown) // 6), int(table["step"].max())
    # whole pixels for each cell: no seams between them
    width, height = (
        max(2, side // count) * count for side, count in ((165, table["step"].nunique()), (130, len(shown)))
    )
    rows = alt.InlineData(values=table.to_dict("records"))  # more than Altair takes as a table
    chart = alt.Chart(rows).mark_rect()
    chart = chart.encode(
        lines.x_axis("step:O", "step", values=sorted({1, *range(10, last + 1, 10), last}), labelAngle=0),
        lines.y_axis("frequency:O", "cycles per pixel", sort=shown[::-1], values=shown[::every]),
        color=alt.Color("mean:Q", title="log10 |F Δx|").scale(scheme="viridis", nice=False, zero=False),
        tooltip=lines.tips({"step:O": "step", "frequency:O": "cycles per pixel", "mean:Q": "log10 |F Δx|"}),
    )
    return chart.properties(width=width, height=height).facet(
        column=alt.Column("series:N", title=None, sort=list(table["series"].unique())),
        row=alt.Row("walk:N", title=None, sort=["inversion", "sampling"]),
        spacing=14,
    )


@described
def per_step(
    table: pd.DataFrame, title: str, walk: str = "inversion", reference: float | None = None
) -> alt.FacetChart:
    """Means with intervals against the step, a panel per data set.

    title: of the y axis. reference: where a dashed line is drawn.
    """
    x, y = lines.x_axis("step", f"step of the {walk}"), lines.y_axis("mean", title)
    below = [] if reference is None else [lines.rule(y=reference)]
    return lines.figure(table, lines.bands, x, y, _looks, height=150, below=below, columns=4)


@described
def clean_error(table: pd.DataFrame) -> alt.FacetChart:
    """Squared error of the predicted clean image per step: a row per data set, a column per band."""
    x = lines.x_axis("step", "step of the inversion")
    y = lines.y_axis("mean", "squared error", format="~e", tickCount=4).scale(lines.log_scale(table))
    chart = lines.bands(None, x, y, _looks(table["series"].unique()), columns=4)
    chart = chart.properties(width=lines.width(3), height=95)
    return lines.matrix(chart, table, "row", "panel").properties(spacing=10)
