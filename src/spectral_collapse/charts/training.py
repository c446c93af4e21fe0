"""Networks drawn side by side: their training, what they know, what they make, and what bounds them.

`curves` and `learning` take a result of `studies.training.curves`, the others of `studies.training.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.charts import pictures
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import ratio
from spectral_collapse.studies.common import text
from spectral_collapse.studies.training import amplification, every_draw, first_with, norm_sensitivity, recorded

_PREDICTIONS = {
    "epsilon": "noise (epsilon)",
    "sample": "clean image (x0)",
    "edm": "EDM",
    "velocity": "velocity",
}
"""What a prediction type is called."""
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [12, 4], [4, 4])
_CLOSED_FORM = "filter by the mean spectrum"
_STAGES = {
    "real": ("test targets", PALETTE[6], "circle"),
    "ceiling": ("… after the autoencoder", PALETTE[0], "square"),
    "noise": ("samples from white noise", PALETTE[2], "triangle-up"),
    "translated": ("translations: samples from inverted sources", PALETTE[1], "diamond"),
}
"""Name, colour, shape; each stage has one more possible culprit than the one before."""
_LEGEND = {"orient": "bottom", "symbolOpacity": 1, "labelLimit": 320}


def curves(runs: xr.Dataset) -> alt.FacetChart:
    """Training loss of every run in the units of its objective, and its mean S_HF of samples at validations.

    runs: a result of `studies.training.curves`; without any run the chart is empty.
    """
    panels = {"loss": runs.get("train_loss"), "s_hf": runs.get("s_hf")}
    rows = []
    for panel, values in panels.items():
        if values is None:
            continue
        means = values if panel == "loss" else values.mean("sample")
        step = "train_step" if panel == "loss" else "step"
        for name in runs["model"].data:
            for at, value in means.sel(model=name).dropna(step).to_series().items():
                rows.append({"panel": panel, "model": name, "step": float(at), "value": value})
    table = pd.DataFrame(rows, columns=["panel", "model", "step", "value"])
    models = list(dict.fromkeys(table["model"]))
    base = (
        alt.Chart(table)
        .mark_line(strokeWidth=1.5)
        .encode(
            alt.X("step:Q", title="optimizer steps").axis(format="~s", tickCount=5),
            *_told_apart("model", models),
            tooltip=[
                alt.Tooltip("model:N", title="Network"),
                alt.Tooltip("step:Q", title="Steps", format=".0f"),
                alt.Tooltip("value:Q", title="Value", format=".3f"),
            ],
        )
        .properties(width=290, height=230)
    )
    loss = base.transform_filter(alt.datum.panel == "loss").encode(
        alt.Y("value:Q", title="training loss").scale(type="log", nice=False).axis(format="~g")
    )
    texture = base.transform_filter(alt.datum.panel == "s_hf").encode(
        alt.Y("value:Q", title="S_HF of 16 samples").scale(zero=False)
    )
    return (loss | texture).properties(description="Training loss and S_HF of samples during training")


def learning(runs: xr.Dataset, name: str) -> alt.FacetChart | alt.Chart:
    """Error of the noise that a network predicts for sources during its training, per band, at four noise levels.

    With 95 % bootstrap intervals. runs: a result of `studies.training.curves`; of a network
    without a record of it there is only a sentence.
    """
    if not recorded(runs, name):
        return _sentence(f"{name} has no record of its errors per frequency")
    one = runs["noise_error"].sel(model=name, domain="source").dropna("step", how="all")
    ratios = runs["ratio"].sel(model=name).to_numpy()
    rows = []
    for level in np.linspace(0, len(ratios) - 2, 4).round().astype(int):
        for band, (low, high) in BANDS.items():
            values = one.isel(level=level).sel(band=band).transpose("step", "pair")
            called = f"{band}: {low:g} to {high:g} cycles/px"
            for step, *interval in zip(one["step"].data, *statistics.bootstrap_mean(values), strict=True):
                place = {"panel": f"sigma / alpha = {ratios[level]:.2g}", "band": called, "step": step}
                rows.append(place | dict(zip(("mean", "low", "high"), interval, strict=True)))
    found = pd.DataFrame(rows)
    color, dash = _told_apart("band", list(dict.fromkeys(found["band"])))
    scale = alt.Scale(type="log", nice=False)
    base = alt.Chart().encode(
        alt.X("step:Q", title="optimizer steps")
        .scale(type="log", nice=False)
        .axis(format="~s", values=[10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000]),
        color,
    )
    layers = alt.layer(
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q", scale=scale), alt.Y2("high:Q")),
        base.mark_line(strokeWidth=1.8).encode(
            alt.Y("mean:Q", title="error of the predicted noise", scale=scale).axis(
                format="~g", values=[0.01, 0.03, 0.1, 0.3, 1, 3, 10, 100, 1000]
            ),
            dash,
            tooltip=[
                alt.Tooltip("band:N", title="Band"),
                alt.Tooltip("step:Q", title="Steps"),
                *_interval("error"),
            ],
        ),
    )
    return (
        layers.properties(width=280, height=170)
        .facet(alt.Facet("panel:N", title=None, sort=list(dict.fromkeys(found["panel"]))), data=found, columns=2)
        .properties(description=f"Error of the predicted noise per band during the training of {name}")
    )


def sharing(found: pd.DataFrame) -> alt.FacetChart | alt.Chart:
    """Error of networks that data sets share over that of networks of one data set, with 95 % intervals.

    found: from `studies.training.sharing`; without rows there is only a sentence.
    """
    if found.empty:
        return _sentence("there is no record of a network that shares and of one that does not")
    rows = found.assign(panel="held-out " + found["domain"] + "s", network=found["network"] + " / " + found["alone"])
    return _against_noise(rows, "error, shared / alone", alt.Scale(zero=False)).properties(
        description="Error of the predicted noise, networks that data sets share over those of one"
    )


def errors(study: xr.Dataset) -> alt.FacetChart:
    """Error of the predicted clean images against the noise, with 95 % intervals; 1: that of the mean colour.

    A column per domain, a row per autoencoder or pixel space; in each the closed form beside the networks.
    """
    rows = [
        row
        for domain in study["domain"].data
        for row in _per_predictor(study["error"].sel(domain=domain), study, f"{domain}s, ")
    ]
    axis = alt.Axis(format="~g", values=[10.0**power for power in range(-5, 3)])
    scale = alt.Scale(type="log", nice=False)
    return _against_noise(pd.DataFrame(rows), "error of the clean image / variance", scale, axis).properties(
        description=f"Error of the predicted clean image per noise ratio, {study.attrs['title']}"
    )


def responses(study: xr.Dataset) -> alt.FacetChart:
    """Share of a change of the noise's size that is predicted, against the noise, with 95 % intervals."""
    rows = pd.DataFrame(_per_predictor(study["response"], study))
    return _against_noise(rows, "response to the size of the noise", alt.Scale(zero=False)).properties(
        description=f"Response of the predicted noise to the size of the noise, {study.attrs['title']}"
    )


def _per_predictor(values: xr.DataArray, study: xr.Dataset, prefix: str = "") -> list[dict[str, str | float]]:
    """Means with intervals per network and level, and of one closed form per autoencoder or pixel space."""
    rows: list[dict[str, str | float]] = []
    first = first_with(study)
    for name in study["model"].data:
        one = study.sel(model=name)
        autoencoder = str(one["autoencoder"].item())
        panel = f"{prefix}latents of {autoencoder}" if autoencoder else f"{prefix}pixels"
        who = {"network": str(name)} | ({"closed form": _CLOSED_FORM} if name in first else {})
        for predictor, called in who.items():
            of = values.sel(model=name, predictor=predictor).transpose("level", "sample")
            for level, *interval in zip(one["ratio"].data, *statistics.bootstrap_mean(of), strict=True):
                place = {"network": called, "panel": panel, "ratio": level}
                rows.append(place | dict(zip(("mean", "low", "high"), interval, strict=True)))
    return rows


def _against_noise(
    found: pd.DataFrame, title: str, scale: alt.Scale, axis: alt.Axis | alt.UndefinedType = alt.Undefined
) -> alt.FacetChart:
    """Lines with bands over the noise ratio, two panels to a row, and a rule at 1.

    found: columns network, panel, ratio, mean, low, high, as of `_per_predictor`; the rest is of the y axis.
    """
    names = sorted(dict.fromkeys(found["network"]), key=lambda name: name == _CLOSED_FORM)  # that one last
    color, dash = _told_apart("network", names)
    base = alt.Chart().encode(
        alt.X("ratio:Q", title="noise ratio sigma / alpha")
        .scale(type="log", nice=False)
        .axis(format="~g", values=[0.03, 0.1, 0.3, 1, 3, 10]),
        color,
    )
    layers = alt.layer(
        alt.Chart().mark_rule(color="#aaaaaa").encode(y=alt.datum(1.0)),
        base.mark_area(opacity=0.12).encode(alt.Y("low:Q", scale=scale), alt.Y2("high:Q")),
        base.mark_line(strokeWidth=1.8).encode(
            alt.Y("mean:Q", title=title, scale=scale, axis=axis),
            dash,
            tooltip=[
                alt.Tooltip("network:N", title="Network"),
                alt.Tooltip("ratio:Q", title="sigma / alpha", format=".2f"),
                *_interval("mean"),
            ],
        ),
    )
    panels = list(dict.fromkeys(found["panel"]))
    return layers.properties(width=290, height=220).facet(
        alt.Facet("panel:N", title=None, sort=panels), data=found, columns=2
    )


def quality(study: xr.Dataset) -> alt.HConcatChart:
    """High-frequency energy from test targets down to translations, and S_DC of the latents, a row per network."""
    rows, latents = [], []
    for name in study["model"].data:
        one = study.sel(model=name)
        stages = {
            "real": one["excess_real"],
            "ceiling": one["excess_ceiling"],
            "noise": every_draw(one["excess_noise"]),
        }
        if not one["autoencoder"].item():
            del stages["ceiling"]
        for stage, values in (stages | {"translated": one["excess_translated"]}).items():
            logarithms = _row(str(name), _STAGES[stage][0], values)
            rows.append(logarithms | {key: np.exp(logarithms[key]) for key in ("mean", "low", "high")})
        latents.append(_row(str(name), "inverted", one["s_dc"]) | {"white": float(one["white_s_dc"])})
    names = list(study["model"].data)
    height, scale = 60 * len(names), alt.Scale(type="log", nice=False)
    called, colors, shapes = zip(*_STAGES.values(), strict=True)
    legend = alt.Legend(**_LEGEND, columns=2, symbolSize=90)
    y = alt.Y("model:N", sort=names, title=None).axis(grid=True, labelLimit=220)
    points = alt.Chart(pd.DataFrame(rows)).encode(
        y,
        alt.YOffset("stage:N", sort=called).scale(paddingOuter=0.4),
        alt.Color("stage:N", title=None, legend=legend).scale(domain=called, range=colors),
        tooltip=[alt.Tooltip("model:N", title="Network"), alt.Tooltip("stage:N", title=" "), *_interval("times")],
    )
    shape = alt.Shape("stage:N", title=None, legend=legend).scale(domain=called, range=shapes)
    texture = alt.layer(
        alt.Chart().mark_rule(color="#555555", strokeDash=[2, 2]).encode(x=alt.datum(1.0)),
        points.mark_rule(strokeWidth=2).encode(alt.X("low:Q", scale=scale), alt.X2("high:Q")),
        points.mark_point(size=55).encode(
            alt.X("mean:Q", title="high-frequency energy / the usual of training targets", scale=scale).axis(
                format="~g", values=[0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 30]
            ),
            shape,
        ),
    ).properties(width=330, height=height)
    base = alt.Chart(pd.DataFrame(latents)).encode(
        y.axis(labels=False, ticks=False, grid=True),
        tooltip=[alt.Tooltip("model:N", title="Network"), *_interval("S_DC")],
    )
    collapse = alt.layer(
        base.mark_tick(color="#555555", thickness=2, size=30).encode(
            y.axis(labels=False, ticks=False, grid=True),
            alt.X("white:Q"),
            tooltip=[alt.Tooltip("white:Q", title="S_DC of white noise", format=".3f")],
        ),
        base.mark_rule(strokeWidth=2, color=PALETTE[1]).encode(alt.X("low:Q"), alt.X2("high:Q")),
        base.mark_point(size=55, color=PALETTE[1], shape="diamond").encode(
            alt.X("mean:Q", title="decorrelation of the latents S_DC").scale(domain=[0, 1])
        ),
    ).properties(width=210, height=height)
    return alt.hconcat(texture, collapse).properties(
        description=f"High-frequency energy of samples, S_DC of latents, per network, {study.attrs['title']}"
    )


def norms(study: xr.Dataset) -> alt.FacetChart:
    """High-frequency energy of each sample against the norm of the latent that it started from, a panel per network."""
    rows = []
    for name in study["model"].data:
        one = study.sel(model=name)
        for stage in ("noise", "translated"):
            starts, energies = one[f"norm_{stage}"], one[f"excess_{stage}"]
            for norm, logarithm in zip(starts.to_numpy().ravel(), energies.to_numpy().ravel(), strict=True):
                place = {"network": str(name), "start": _STAGES[stage][0], "norm": norm}
                rows.append(place | {"times": np.exp(logarithm)})
    called, colors, shapes = zip(*(_STAGES[stage] for stage in ("noise", "translated")), strict=True)
    legend = alt.Legend(**_LEGEND, symbolSize=90)
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_point(size=28, strokeWidth=1.2, opacity=0.8)
        .encode(
            alt.X("norm:Q", title="norm of the start / sqrt(d)").scale(zero=False).axis(tickCount=5),
            alt.Y("times:Q", title="HF energy / usual")
            .scale(type="log", nice=False)
            .axis(format="~g", values=[0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]),
            alt.Color("start:N", title=None, legend=legend).scale(domain=called, range=colors),
            alt.Shape("start:N", title=None, legend=legend).scale(domain=called, range=shapes),
            tooltip=[
                alt.Tooltip("network:N", title="Network"),
                alt.Tooltip("start:N", title=" "),
                alt.Tooltip("norm:Q", title="Norm / sqrt(d)", format=".4f"),
                alt.Tooltip("times:Q", title="Times the usual energy", format=".3f"),
            ],
        )
        .properties(width=190, height=150)
        .facet(alt.Facet("network:N", title=None, sort=list(study["model"].data)), columns=3)
        .resolve_scale(x="independent")
        .properties(
            description=f"High-frequency energy of samples against the norm of the start, {study.attrs['title']}"
        )
    )


def norms_table(study: xr.Dataset) -> pd.DataFrame:
    """What the norm of the start does to each network's samples, and how far inverted latents are from it.

    A row per network with 95 % intervals: elasticity and correlation (`studies.training.norm_sensitivity`), what its
    response makes of an excess of 1 % (`studies.training.amplification`), the filter's beside it.
    """
    found = norm_sensitivity(study).set_index(["network", "measure"])

    def row(one: xr.Dataset) -> dict[str, str]:
        name = str(one["model"].item())
        elasticity, correlation = (
            _unbroken(statistics.Interval(*found.loc[(name, measure), ["mean", "low", "high"]]), digits)
            for measure, digits in (("elasticity", 0), ("correlation", 2))
        )
        grown, of_filter = (amplification(study, name, who) for who in ("network", "closed form"))
        return {
            "Elasticity": elasticity,
            "Correlation": correlation,
            "1 % at the start becomes (%)": _unbroken(grown, 1),
            "with the filter (%)": f"{of_filter.mean:.1f}",
            "Spread of white noise's norms (%)": f"{100 * float(one['norm_noise'].std()):.1f}",
            "Norm of inverted latents / sqrt(d)": _mean(one["norm_translated"]),
        }

    return _per_network([study], row)


def samples(study: xr.Dataset) -> alt.Chart:
    """What each network makes of the same white noise, beside test targets, which are real or rendered."""
    columns = {f"{study.attrs['data_source']} targets|(not the same)": study["real_image"].to_numpy()} | {
        str(name).replace("-", "-|", 1): study["image"].sel(model=name).to_numpy() for name in study["model"].data
    }
    names = [f"draw 0, sample {row}" for row in range(study.sizes["shown"])]
    return pictures.grid(columns, names, side=96, description=f"Samples from white noise, {study.attrs['title']}")


def others_samples(studies: Sequence[xr.Dataset]) -> alt.VConcatChart | alt.Chart:
    """The first `samples` of the networks of other families; without any there is only a sentence."""
    if not studies:
        return _sentence("no other family of data sets has networks for images of this size")
    return alt.vconcat(*(samples(study.isel(shown=slice(3))) for study in studies))


def ceiling(study: xr.Dataset) -> alt.LayerChart | alt.Chart:
    """How much of the targets' power is left after each autoencoder, per frequency, with 95 % intervals.

    Where no network has one there is only a sentence.
    """
    rows = []
    for name, autoencoder in first_with(study).items():
        if autoencoder:
            found = ratio(study["reconstructed_power"].sel(model=name), study["target_power"])
            for frequency, mean, low, high in zip(study["frequency"].data, *found, strict=True):
                rows.append(
                    {"autoencoder": autoencoder, "frequency": frequency, "mean": mean, "low": low, "high": high}
                )
    if not rows:
        return _sentence("none of these networks has an autoencoder")
    found = pd.DataFrame(rows)
    color, dash = _told_apart("autoencoder", list(dict.fromkeys(found["autoencoder"])))
    base = alt.Chart(found).encode(alt.X("frequency:Q", title="spatial frequency in cycles per pixel"), color)
    scale = alt.Scale(type="log", nice=False)
    return alt.layer(
        alt.Chart().mark_rule(color="#555555", strokeDash=[2, 2]).encode(y=alt.datum(1.0)),
        base.mark_area(opacity=0.2).encode(alt.Y("low:Q", scale=scale), alt.Y2("high:Q")),
        base.mark_line().encode(
            alt.Y("mean:Q", title="power after the autoencoder / before", scale=scale).axis(
                format="~g", values=[0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5]
            ),
            dash,
            tooltip=[
                alt.Tooltip("autoencoder:N", title="Autoencoder"),
                alt.Tooltip("frequency:Q", title="Cycles per pixel", format=".3f"),
                *_interval("power left"),
            ],
        ),
    ).properties(width=420, height=240, description=f"Power left by the autoencoder, {study.attrs['title']}")


def recipes(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results: what it is, and how it was trained."""
    return _per_network(
        studies,
        lambda one: {
            "Predicts": _PREDICTIONS[str(one["prediction"].item())],
            "Architecture": f"{one['network'].item()}, {one['space'].item()}",
            "Weights": f"{one['parameters'].item() / 1e6:.2f} M",
            "Training images": _whole(one["train_images"]),
            "Steps": _whole(one["steps"]),
            "Seconds": _whole(one["train_seconds"]),
            "Judged on": f"{one.attrs['title']}, {one.attrs['data_source']}",
        },
    )


def table(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results, with 95 % bootstrap intervals.

    SWD is the mean over draws with the smallest and the largest; in brackets behind it that of as many
    test targets. KID is a column where its weights are there.
    """
    found = _per_network(
        studies,
        lambda one: {
            "S_HF: test targets": _mean(one["s_hf_real"]),
            "autoencoder": _mean(one["s_hf_ceiling"]) if one["autoencoder"].item() else "-",
            "white noise": _mean(every_draw(one["s_hf_noise"])),
            "translated": _mean(one["s_hf_translated"]),
            "PSNR of autoencoder (dB)": _mean(one["psnr_ceiling"], 1),
            "SWD (test targets)": f"{_extent(one['swd'])} ({float(one['swd_real']):.2f})",
            "KID": "-" if np.isnan(one["kid"]) else f"{float(one['kid']):.4f}",
            "S_DC (white noise)": f"{_mean(one['s_dc'])} ({float(one['white_s_dc']):.3f})",
        },
    )
    return found.drop(columns="KID") if (found["KID"] == "-").all() else found


def _per_network(studies: Sequence[xr.Dataset], row: Callable[[xr.Dataset], dict[str, str]]) -> pd.DataFrame:
    rows = [{"Network": str(name)} | row(study.sel(model=name)) for study in studies for name in study["model"].data]
    return pd.DataFrame(rows).set_index("Network").rename_axis(index=None, columns="Network")


def _sentence(words: str) -> alt.Chart:
    """What stands in place of a chart that has nothing to show."""
    return alt.Chart(pd.DataFrame({"words": [words]})).mark_text(size=14).encode(alt.Text("words:N"))


def _told_apart(field: str, names: Sequence[str]) -> tuple[alt.Color, alt.StrokeDash]:
    """Colours and dashes for lines, one legend for both."""
    legend = alt.Legend(**_LEGEND, columns=3, symbolType="stroke", symbolSize=300)
    colors = [PALETTE[index % len(PALETTE)] for index in range(len(names))]
    dashes = [_DASHES[index % len(_DASHES)] for index in range(len(names))]
    if names and names[-1] == _CLOSED_FORM:
        colors[-1], dashes[-1] = "#777777", [1, 3]
    return (
        alt.Color(f"{field}:N", title=None, legend=legend).scale(domain=names, range=colors),
        alt.StrokeDash(f"{field}:N", title=None, legend=legend).scale(domain=names, range=dashes),
    )


def _row(model: str, stage: str, values: xr.DataArray) -> dict[str, str | float]:
    mean, low, high = statistics.bootstrap_mean(values)
    return {"model": model, "stage": stage, "mean": mean, "low": low, "high": high}


def _interval(title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("mean:Q", title=title, format=".3f"),
        alt.Tooltip("low:Q", title="95 % from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
    ]


def _mean(values: xr.DataArray, digits: int = 3) -> str:
    return _unbroken(statistics.bootstrap_mean(values), digits)


def _unbroken(interval: statistics.Interval, digits: int) -> str:
    """An interval that no line break parts."""
    return text(interval, digits).replace(", ", ",\u00a0")


def _extent(values: xr.DataArray) -> str:
    """Mean, smallest and largest."""
    numbers = values.to_numpy()
    return f"{numbers.mean():.2f} [{numbers.min():.2f},\u00a0{numbers.max():.2f}]"


def _whole(value: xr.DataArray) -> str:
    return "-" if np.isnan(value) else f"{value.item():,.0f}"
