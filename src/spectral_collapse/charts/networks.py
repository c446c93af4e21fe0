"""Networks drawn side by side: their training, what they know, what they make, and what bounds them.

All take tables of `findings.networks`, but those of pictures, which take results of the study.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look, described, figure, tips, x_axis, y_axis
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.networks import FILTER, STAGES

_COLORS, _SHAPES = [PALETTE[place] for place in (6, 0, 2, 1)], ["circle", "square", "triangle-up", "diamond"]
LOOKS: lines.Looks = {
    stage: Look(color, shape=shape) for stage, color, shape in zip(STAGES.values(), _COLORS, _SHAPES, strict=True)
}
"""Of each stage."""


@described
def losses(table: pd.DataFrame) -> alt.HConcatChart:
    """Training loss of every run in the units of its objective, and its mean S_HF of samples at validations.

    Without any run the chart is empty.
    """
    looks = lines.looks(dict.fromkeys(table["model"])) or {"": Look(PALETTE[0])}
    x = x_axis("step", "optimizer steps", format="~s", tickCount=5)
    axes = {
        "loss": y_axis("value", "training loss", log=True, format="~g"),
        "s_hf": y_axis("value", "S_HF of 16 samples", zero=False),
    }
    options = {"series": "model", "height": 280, "panel": None, "per_row": 2, "columns": 3}
    both = (figure(table[table["panel"] == name], lines.curves, x, y, looks, **options) for name, y in axes.items())
    return alt.hconcat(*both)


@described
def learning(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Error of the noise that a network predicts for sources during its training, per band, at four noise levels.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence("no errors per frequency are stored for this network")
    values = [10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000]
    x = x_axis("step", "optimizer steps", log=True, format="~s", values=values)
    y = y_axis("mean", "error of the predicted noise")
    y = lines.log_axis(y, table, [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1000])
    return figure(table, lines.bands, x, y, series="band", height=190, per_row=2, columns=3)


@described
def sharing(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Error of networks that data sets share over that of networks of one data set, with 95 % intervals.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence("no results are stored for both a shared and a separate network")
    rows = table.assign(panel="held-out " + table["domain"] + "s", network=table["network"] + " / " + table["alone"])
    return _against_noise(rows, y_axis("mean", "error, shared / alone", zero=False))


@described
def errors(table: pd.DataFrame) -> alt.FacetChart:
    """Error of the predicted clean images against the noise, with 95 % intervals; 1: that of the mean colour."""
    y = y_axis("mean", "error of the clean image / variance")
    return _against_noise(table, lines.log_axis(y, table, (10.0**power for power in range(-8, 3))))


@described
def responses(table: pd.DataFrame) -> alt.FacetChart:
    """Share of a change of the noise's size that is predicted, against the noise, with 95 % intervals."""
    return _against_noise(table, y_axis("mean", "response to the size of the noise", zero=False))


@described
def quality(energies: pd.DataFrame, decorrelation: pd.DataFrame) -> alt.HConcatChart:
    """High-frequency energy from test targets down to translations, and S_DC of the latents, a row per network."""
    names = list(decorrelation["network"])
    height = 60 * len(names)
    y = y_axis("network:N", sort=names, grid=True, labelLimit=220)
    values = [0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 30]
    title = "high-frequency energy over that of training targets"
    x = x_axis("mean", title, log=True, format="~g", values=values)
    stages = lines.whiskers(energies, x, y, LOOKS, "stage", side_by_side=True)
    texture = alt.layer(lines.rule(x=1), stages).properties(width=330, height=height)
    x, y = x_axis("mean", "S_DC of the latents", domain=[0, 1]), y.axis(labels=False, ticks=False, grid=True)
    white = alt.Chart(decorrelation).mark_tick(color="#555555", thickness=2, size=30)
    white = white.encode(alt.X("white:Q"), y, tooltip=tips({"white:Q": "S_DC of white noise"}, ".3f"))
    inverted = lines.whiskers(decorrelation, x, y, LOOKS[STAGES["translated"]])
    collapse = alt.layer(white, inverted).properties(width=210, height=height)
    return alt.hconcat(texture, collapse)


@described
def norms(table: pd.DataFrame) -> alt.FacetChart:
    """High-frequency energy of each sample against the norm of the latent that it started from, a panel per network."""
    encoded = lines.channels({name: LOOKS[name] for name in table["stage"].unique()}, "stage", points=True)
    values = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
    tooltip = tips({"network:N": "Network", "stage:N": " ", "norm:Q": "Norm / sqrt(d)"}, ".4f")
    chart = alt.Chart().mark_point(size=28, strokeWidth=1.2, opacity=0.8)
    chart = chart.encode(
        x_axis("norm", "norm of the start / sqrt(d)", zero=False, tickCount=5),
        y_axis("times", "HF energy over that of training targets", log=True, format="~g", values=values),
        encoded["color"],
        encoded["shape"],
        tooltip=[*tooltip, *tips({"times:Q": "Times the energy of training targets"}, ".3f")],
    )
    return lines.panels(chart.properties(width=lines.width(3), height=150), table, "network", x="independent")


@described
def samples(studies: Sequence[xr.Dataset]) -> alt.FacetChart:
    """What each network samples from white noise, a row per network, below test targets where they may be shown."""
    rows: dict[str, xr.DataArray] = {}
    for study in studies:
        if "withheld" not in study.attrs:
            rows[f"{title_of(study).replace(' (', '|(')}|test targets"] = study["real_image"]
        rows |= {str(name).replace("-", "-|", 1): study["image"].sel(model=name) for name in study["model"].data}
    count = min(pictures.COLUMNS - 2, *(pictured.sizes["shown"] for pictured in rows.values()))
    columns = {str(1 + number): [one.isel(shown=number) for one in rows.values()] for number in range(count)}
    return pictures.grid(columns, list(rows), labelled=True)


@described
def ceiling(table: pd.DataFrame) -> alt.LayerChart | alt.Chart:
    """How much of the targets' power is left after each autoencoder, per frequency, with 95 % intervals.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence("none of these networks has an autoencoder")
    x = x_axis("frequency", "spatial frequency in cycles per pixel")
    y = y_axis("mean", "power after the autoencoder / before", format="~g", zero=True)
    options = {"series": "autoencoder", "height": 280, "below": [lines.rule(y=1)], "panel": None}
    return figure(table, lines.bands, x, y, **options)


def _against_noise(table: pd.DataFrame, y: alt.Y) -> alt.FacetChart:
    """Lines with bands over the noise ratio, two panels to a row, and a rule at 1.

    table: columns network, panel, ratio, mean, low, high.
    """
    looks = lines.looks(name for name in table["network"].unique() if name != FILTER)
    if FILTER in set(table["network"]):
        looks[FILTER] = Look("#777777", (1, 3))
    x = x_axis("ratio", "noise ratio sigma / alpha", log=True, format="~g", values=[0.03, 0.1, 0.3, 1, 3, 10])
    options = {"height": 220, "below": [lines.rule(y=1)], "per_row": 2, "columns": 3, "opacity": 0.12}
    return figure(table, lines.bands, x, y, looks, "network", **options)
