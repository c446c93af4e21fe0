"""Networks drawn side by side: their training, what they know, what they make, and what bounds them.

All take tables of `findings.networks`, but those of pictures, which take results of the study.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse.charts import lines, pictures
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.networks import FILTER, STAGES

LOOKS: lines.Looks = dict(
    zip(
        STAGES.values(),
        (
            Look(PALETTE[6]),
            Look(PALETTE[0], shape="square"),
            Look(PALETTE[2], shape="triangle-up"),
            Look(PALETTE[1], shape="diamond"),
        ),
        strict=True,
    )
)
"""Of each stage."""

_LOG = alt.Scale(type="log", nice=False)


def losses(table: pd.DataFrame) -> alt.HConcatChart:
    """Training loss of every run in the units of its objective, and its mean S_HF of samples at validations.

    Without any run the chart is empty.
    """
    looks = lines.looks(dict.fromkeys(table["model"])) or {"": Look(PALETTE[0])}
    x = alt.X("step:Q", title="optimizer steps").axis(format="~s", tickCount=5)
    axes = {
        "loss": alt.Y("value:Q", title="training loss", scale=_LOG).axis(format="~g"),
        "s_hf": alt.Y("value:Q", title="S_HF of 16 samples").scale(zero=False),
    }
    both = [
        lines.curves(table[table["panel"] == panel], x, y, looks, "model", columns=3).properties(width=290, height=230)
        for panel, y in axes.items()
    ]
    return alt.hconcat(*both).properties(description="Training loss and S_HF of samples during training")


def learning(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Error of the noise that a network predicts for sources during its training, per band, at four noise levels.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence("this network has no record of its errors per frequency")
    x = alt.X("step:Q", title="optimizer steps", scale=_LOG).axis(
        format="~s", values=[10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000]
    )
    y = alt.Y("mean:Q", title="error of the predicted noise")
    y = lines.log_axis(y, table, [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1000])
    layers = lines.bands(None, x, y, lines.looks(table["band"].unique()), "band", columns=3)
    return lines.panels(layers.properties(width=280, height=170), table, columns=2).properties(
        description=f"Error of the predicted noise per band during the training of {table.attrs['network']}"
    )


def sharing(table: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Error of networks that data sets share over that of networks of one data set, with 95 % intervals.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence("there is no record of a network that shares and of one that does not")
    rows = table.assign(panel="held-out " + table["domain"] + "s", network=table["network"] + " / " + table["alone"])
    return _against_noise(rows, alt.Y("mean:Q", title="error, shared / alone").scale(zero=False)).properties(
        description="Error of the predicted noise, networks that data sets share over those of one"
    )


def errors(table: pd.DataFrame) -> alt.FacetChart:
    """Error of the predicted clean images against the noise, with 95 % intervals; 1: that of the mean colour."""
    y = alt.Y("mean:Q", title="error of the clean image / variance")
    y = lines.log_axis(y, table, (10.0**power for power in range(-8, 3)))
    return _against_noise(table, y).properties(
        description=f"Error of the predicted clean image per noise ratio, {table.attrs['title']}"
    )


def responses(table: pd.DataFrame) -> alt.FacetChart:
    """Share of a change of the noise's size that is predicted, against the noise, with 95 % intervals."""
    return _against_noise(
        table, alt.Y("mean:Q", title="response to the size of the noise").scale(zero=False)
    ).properties(description=f"Response of the predicted noise to the size of the noise, {table.attrs['title']}")


def quality(energies: pd.DataFrame, decorrelation: pd.DataFrame) -> alt.HConcatChart:
    """High-frequency energy from test targets down to translations, and S_DC of the latents, a row per network."""
    names = list(decorrelation["network"])
    height = 60 * len(names)
    y = alt.Y("network:N", sort=names, title=None).axis(grid=True, labelLimit=220)
    x = alt.X("mean:Q", title="high-frequency energy / the usual of training targets", scale=_LOG).axis(
        format="~g", values=[0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 30]
    )
    stages = lines.whiskers(energies, x, y, LOOKS, "stage", side_by_side=True)
    texture = alt.layer(lines.rule(x=1), stages).properties(width=330, height=height)
    inverted = LOOKS[STAGES["translated"]]
    base = alt.Chart(decorrelation).encode(
        y.axis(labels=False, ticks=False, grid=True),
        tooltip=[alt.Tooltip("network:N", title="Network"), *lines.interval_tooltip("S_DC")],
    )
    collapse = alt.layer(
        base.mark_tick(color="#555555", thickness=2, size=30).encode(
            alt.X("white:Q"), tooltip=[alt.Tooltip("white:Q", title="S_DC of white noise", format=".3f")]
        ),
        base.mark_rule(strokeWidth=2, color=inverted.color).encode(alt.X("low:Q"), alt.X2("high:Q")),
        base.mark_point(size=55, color=inverted.color, shape=inverted.shape).encode(
            alt.X("mean:Q", title="decorrelation of the latents S_DC").scale(domain=[0, 1])
        ),
    ).properties(width=210, height=height)
    return alt.hconcat(texture, collapse).properties(
        description=f"High-frequency energy of samples, S_DC of latents, per network, {energies.attrs['title']}"
    )


def norms(table: pd.DataFrame) -> alt.FacetChart:
    """High-frequency energy of each sample against the norm of the latent that it started from, a panel per network."""
    encoded = lines.channels({name: LOOKS[name] for name in table["stage"].unique()}, "stage", points=True)
    return (
        alt.Chart(table)
        .mark_point(size=28, strokeWidth=1.2, opacity=0.8)
        .encode(
            alt.X("norm:Q", title="norm of the start / sqrt(d)").scale(zero=False).axis(tickCount=5),
            alt.Y("times:Q", title="HF energy / usual", scale=_LOG).axis(
                format="~g", values=[0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
            ),
            encoded["color"],
            encoded["shape"],
            tooltip=[
                alt.Tooltip("network:N", title="Network"),
                alt.Tooltip("stage:N", title=" "),
                alt.Tooltip("norm:Q", title="Norm / sqrt(d)", format=".4f"),
                alt.Tooltip("times:Q", title="Times the usual energy", format=".3f"),
            ],
        )
        .properties(width=190, height=150)
        .facet(alt.Facet("network:N", title=None, sort=list(table["network"].unique())), columns=3)
        .resolve_scale(x="independent")
        .properties(
            description=f"High-frequency energy of samples against the norm of the start, {table.attrs['title']}"
        )
    )


def samples(study: xr.Dataset) -> alt.FacetChart:
    """What each network makes of the same white noise, beside test targets, which are real or rendered."""
    columns = {f"{study.attrs['data_source']} targets|(not the same)": study["real_image"].to_numpy()} | {
        str(name).replace("-", "-|", 1): study["image"].sel(model=name).to_numpy() for name in study["model"].data
    }
    names = [f"draw 0, sample {row}" for row in range(study.sizes["shown"])]
    return pictures.grid(columns, names, description=f"Samples from white noise, {study.attrs['title']}")


def others_samples(studies: Sequence[xr.Dataset]) -> alt.VConcatChart | alt.Chart:
    """The first `samples` of the networks of other families; without any there is only a sentence."""
    if not studies:
        return lines.sentence("no other family of data sets has networks for images of this size")
    titles = ", ".join(study.attrs["title"] for study in studies)
    return alt.vconcat(*(samples(study.isel(shown=slice(3))) for study in studies)).properties(
        description=f"Samples from white noise beside test targets: {titles}"
    )


def ceiling(table: pd.DataFrame) -> alt.LayerChart | alt.Chart:
    """How much of the targets' power is left after each autoencoder, per frequency, with 95 % intervals.

    Without rows there is only a sentence.
    """
    if table.empty:
        return lines.sentence("none of these networks has an autoencoder")
    x = alt.X("frequency:Q", title="spatial frequency in cycles per pixel")
    y = alt.Y("mean:Q", title="power after the autoencoder / before").axis(format="~g").scale(zero=True)
    return alt.layer(
        lines.rule(y=1),
        lines.bands(table, x, y, lines.looks(table["autoencoder"].unique()), "autoencoder"),
    ).properties(width=420, height=240, description=f"Power left by the autoencoder, {table.attrs['title']}")


def _against_noise(table: pd.DataFrame, y: alt.Y) -> alt.FacetChart:
    """Lines with bands over the noise ratio, two panels to a row, and a rule at 1.

    table: columns network, panel, ratio, mean, low, high.
    """
    looks = lines.looks(name for name in table["network"].unique() if name != FILTER)
    if FILTER in set(table["network"]):
        looks[FILTER] = Look("#777777", (1, 3))
    x = alt.X("ratio:Q", title="noise ratio sigma / alpha", scale=_LOG).axis(
        format="~g", values=[0.03, 0.1, 0.3, 1, 3, 10]
    )
    layers = alt.layer(
        lines.rule(y=1),
        lines.bands(None, x, y, looks, "network", columns=3, opacity=0.12),
    )
    return lines.panels(layers.properties(width=290, height=220), table, columns=2)
