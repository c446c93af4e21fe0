"""The figures of the page on solvers and timesteps: tables of `findings.solvers`."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.solvers import BOTH, ENTRY, NEXT, OWN, PREDICTED, SOLVER

_TOLD = {OWN: Look(PALETTE[0]), NEXT: Look(PALETTE[1], shape="diamond"), PREDICTED: Look("#555555", (4, 4), "cross")}
_KINDS = {SOLVER: Look(PALETTE[0]), ENTRY: Look(PALETTE[1], shape="diamond"), BOTH: Look(PALETTE[2], shape="square")}


@lines.described
def latents(table: pd.DataFrame) -> alt.FacetChart:
    """Power of latents at high frequencies against the share of steps that forward diffusion replaces, a panel per data
    set; white noise has 1."""
    x = lines.x_axis("share", "share of steps replaced by noise", format="%")
    y = lines.y_axis("mean", "power of latents at high frequencies")
    return lines.figure(table, lines.bands, x, y, _TOLD, points=True, columns=3, below=[lines.rule(y=1)])


@lines.described
def told(table: pd.DataFrame, title: str, target: float) -> alt.FacetChart:
    """A score of each start told its own or the next timestep, a panel per data set; dashed: what it should be."""
    x, y, height = lines.x_axis("mean", title, zero=False), lines.rows(table, "row"), alt.Step(22)
    below = [lines.rule(x=target)]
    return lines.figure(table, lines.whiskers, x, y, lines.present(_TOLD, table["series"]), height=height, below=below)


@lines.described
def gains(table: pd.DataFrame) -> alt.FacetChart:
    """How much nearer each change brings images to their true targets' fine detail, a panel per data set."""
    x = lines.x_axis("mean", "change of the distance to the target")
    y, height = lines.rows(table, "row", labelLimit=260), alt.Step(18)
    return lines.figure(table, lines.whiskers, x, y, _KINDS, height=height, columns=3, below=[lines.rule(x=0)])


@lines.described
def detail(table: pd.DataFrame) -> alt.FacetChart:
    """Log energy over its true target's of each entry and solver, a panel per data set; dashed: the target's."""
    x, height = lines.x_axis("mean", "log energy over the target's"), alt.Step(11)
    y, below = lines.rows(table, "row"), [lines.rule(x=0)]
    return lines.figure(table, lines.whiskers, x, y, height=height, below=below, side_by_side=True)


@pictures.explained
def shown(found: Mapping[str, xr.Dataset]) -> alt.VConcatChart:
    """Sources, true targets, and what the standard inversion told either timestep and each solver make of them."""

    def grid(study: xr.Dataset) -> alt.FacetChart:
        columns = {"Source": study["source_image"], "True target": study["target_image"]}
        for name in map(str, study["picture"].to_numpy()):
            columns[name.replace(", ", ",|")] = study["image"].sel(picture=name)
        return pictures.grid(columns, list(map(str, study["shown"].to_numpy())))

    return pictures.menu({title_of(study): grid(study) for study in found.values()}, shown.__doc__)
