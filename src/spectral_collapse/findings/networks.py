"""What the comparison of the networks says: their training, what they know, what they make, what bounds them.

What is called `runs` is a result of `training.records.curves`; all else are results of `studies.networks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import datasets, paths, results
from spectral_collapse.findings.benchmark import called, difference
from spectral_collapse.findings.benchmark import value as mean_of
from spectral_collapse.findings.claims import Claim, below, from_cases
from spectral_collapse.findings.intervals import as_table, mean_text, means
from spectral_collapse.findings.measured import attr, images, said, title_of
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.networks.checkpoints import available
from spectral_collapse.statistics import (
    POSITIVE,
    REAL,
    SHARE,
    Bounds,
    Interval,
    bootstrap_counts,
    bootstrap_mean,
    geometric_mean,
    groups_of,
    ratio,
    resampled,
    resampled_means,
    text,
)
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.networks import DOMAINS
from spectral_collapse.training import records

LEARNT = 0.8
"""Error of the predicted noise, 1 for none, below which a band counts as learnt at all."""

SHARED = {"photos": "photos-x8only"}
"""Networks of several data sets, and recipes that differ from theirs in having the first of these alone."""

FILTER = "filter by the mean spectrum"
"""What tables call the closed form."""

STAGES = {
    "real": "test targets",
    "ceiling": "… after the autoencoder",
    "noise": "samples from white noise",
    "translated": "translations: samples from inverted sources",
}
"""Images by what may have been lost in them; each stage has one more possible culprit than the one before."""


class Bars(NamedTuple):
    """Of each bar a name, a limit, what a network has there, or whether it clears it."""

    texture: Any
    distance: Any
    psnr: Any


NAMES = Bars("S_HF", "SWD", "PSNR (dB)")
BARS = Bars(texture=0.03, distance=2.0, psnr=28.0)
"""How good a network is to be, on images that no training saw: the distance of its samples to test targets in mean
S_HF, and their sliced Wasserstein distance to training targets over that of as many test targets, at most; PSNR of its
own targets, inverted and sampled, at least. They are the same for all, and none looks at what inversion makes of
sources."""

TOLD_APART = 0.1
"""By how much a classifier may tell samples from test targets better than training targets from these, at most."""

_PREDICTIONS = {
    "epsilon": "noise (epsilon)",
    "sample": "clean image (x0)",
    "edm": "EDM",
    "velocity": "velocity",
    "flow": "flow matching",
}
"""What a prediction type is called."""


def losses(runs: xr.Dataset) -> pd.DataFrame:
    """Training loss and mean S_HF of samples of every run.

    Columns panel (loss, s_hf), model, step, value.
    """
    tables = [pd.DataFrame(columns=["panel", "model", "step", "value"])]
    for panel, variable, step in (("loss", "train_loss", "train_step"), ("s_hf", "s_hf", "step")):
        if variable in runs:
            values = runs[variable] if panel == "loss" else runs[variable].mean("sample")
            table = values.transpose("model", step).to_series().dropna().rename("value").reset_index()
            tables.append(table.rename(columns={step: "step"}).assign(panel=panel))
    return pd.concat([table for table in tables if len(table)] or tables)


def learning(runs: xr.Dataset, name: str) -> pd.DataFrame:
    """Error of the noise that a network predicts for sources during its training, per band, at four noise levels.

    Columns panel (the level), band, step, and those of `intervals.means`; no rows where there
    is no record of it.
    """
    if not records.has_bands(runs, name):
        return pd.DataFrame(columns=["panel", "band", "step", "mean", "low", "high"])
    ratios = runs["ratio"].sel(model=name).to_numpy()
    levels = np.linspace(0, len(ratios) - 2, 4).round().astype(int)
    one = runs["noise_error"].sel(model=name, domain="source", drop=True).dropna("step", how="all").isel(level=levels)
    one = one.assign_coords(
        level=[f"sigma / alpha = {at:.2g}" for at in ratios[levels]],
        band=[f"{band}: {low:g} to {high:g} cycles/px" for band, (low, high) in BANDS.items()],
    )
    return means(one.rename(level="panel").transpose("panel", "band", "step", "pair"), "pair", POSITIVE, network=name)


def learnt_first(runs: xr.Dataset, name: str, domain: str = "source") -> pd.DataFrame:
    """A network's `records.half_learnt` per noise level and frequency band, with 95 % bootstrap intervals.

    A row per level and band of which anything is learnt, that is, at whose end the error of the predicted
    noise is below `LEARNT`: ratio, band, mean, low, high (steps), error (at the end). The band 'high over low'
    is the quotient of the two, resampled together, where both are learnt.
    """
    one = runs["noise_error"].sel(model=name, domain=domain).dropna("step", how="all")
    values = one.transpose("step", "level", "band", "pair").to_numpy()
    steps = one["step"].to_numpy().astype(float)
    means = values.mean(-1)
    found = records.half_learnt(means, steps)
    groups = groups_of(one, "pair")
    drawn = records.half_learnt(resampled_means(values, bootstrap_counts(groups)), steps)
    ratios, bands = runs["ratio"].sel(model=name).to_numpy(), [str(band) for band in one["band"].data]
    low, high = bands.index("low"), bands.index("high")
    rows = []
    for level, learnt in enumerate(means[-1] < LEARNT):
        of = {bands[band]: (found[level, band], drawn[level, band]) for band in np.flatnonzero(learnt)}
        if learnt[low] and learnt[high]:
            of["high over low"] = (found[level, high] / found[level, low], drawn[level, high] / drawn[level, low])
        for band, (value, draws) in of.items():
            error = means[-1, level, bands.index(band)] if band in bands else np.nan
            rows.append((ratios[level], band, *resampled(value, draws, groups), error))
    return pd.DataFrame(rows, columns=["ratio", "band", "mean", "low", "high", "error"])


def learning_order(runs: xr.Dataset, name: str) -> str:
    """Which frequencies a run learns first, as Markdown: what the paper's Eq. 48 speaks of."""
    if not records.has_bands(runs, name):
        return f"{name} has no record of its errors per frequency: train it again, or choose a network that has one."
    found = learnt_first(runs, name).set_index(["ratio", "band"])
    lines = []
    for level in found.index.unique("ratio"):
        listed = []
        for band, row in found.xs(level).iterrows():
            digits = 0 if band in BANDS else 2
            interval = Interval(row["mean"], row["low"], row["high"])
            listed.append(f"{band} {text(interval, digits)}")
        lines.append(f"- sigma / alpha = {level:.2g}: {', '.join(listed)}")
    return (
        f"Optimizer steps after which {name} has learnt half of what it learns about the noise in sources, per "
        f"frequency band, and how many times as long the high band takes as the low one (bands in which it never gets "
        f"below an error of {LEARNT:g} are left out; intervals of this one training):\n\n" + "\n".join(lines)
    )


def sharing() -> pd.DataFrame:
    """How much larger the error of the predicted noise is where data sets share a network.

    A row per network of `SHARED`, domain and noise level: network, alone, domain, ratio (sigma / alpha), and
    mean, low, high: the error of the shared network over that of the other one, each the mean over the
    frequency bands at the end of the training, on the same held-out images of the data set that they have in
    common, with 95 % bootstrap intervals. Pairs of which a record is missing, or whose recipes
    differ in more than the data sets, are left out.
    """
    rows = []
    for shared, alone in SHARED.items():
        runs = _both(shared, alone)
        if runs is None:
            continue
        ends = [run["noise_error"].isel(step=-1).mean("band") for run in runs]
        for domain in DOMAINS:
            found = ratio(*(end.sel(domain=domain) for end in ends), dim="pair")
            for at, *interval in zip(ends[0]["sigma_over_alpha"].data, *found, strict=True):
                rows.append((shared, alone, domain, at, *interval))
    return pd.DataFrame(rows, columns=["network", "alone", "domain", "ratio", "mean", "low", "high"])


def sharing_verdict() -> str:
    """What sharing a network costs, over all noise levels and in the S_HF of samples, as Markdown."""
    lines = []
    for shared, alone in SHARED.items():
        runs = _both(shared, alone)
        if runs is None:
            lines.append(f"- **{shared}** and {alone} have no records that can be compared.")
            continue
        errors = [run["noise_error"].isel(step=-1).mean(["band", "level"]) for run in runs]
        times = [text(ratio(*(one.sel(domain=domain) for one in errors), dim="pair"), 3) for domain in DOMAINS]
        scores = [run["s_hf"].isel(step=-1) for run in runs]  # of the same white noise
        independent = len(set(groups_of(runs[0], "pair")))
        about = f"{attr(runs[0], 'data_source')} images, {runs[0].sizes['pair']} pairs"
        about += "" if independent == runs[0].sizes["pair"] else f" from {independent} pictures"
        lines.append(
            f"- **{shared}** ({about}) has {times[0]} times the error of {alone} on sources and {times[1]} times on "
            f"targets, the mean over bands and levels. $S_{{HF}}$ of {len(scores[0])} samples is "
            f"{float(scores[0].mean()):.3f}, against {float(scores[1].mean()):.3f}: a difference of "
            f"{mean_text(scores[0] - scores[1])}."
        )
    return "\n".join(lines)


def setting(study: xr.Dataset) -> str:
    """What was measured, as one line of Markdown."""
    return (
        f"**{title_of(study)}**: {images(study)} "
        f"({attr(study, 'origin')}); {study.sizes['draw']} draws of {study.sizes['drawn']} samples from white noise; "
        f"{study.attrs['num_steps']} steps."
    )


def answer(study: xr.Dataset) -> str:
    """Where the first network loses texture: the autoencoder, the network or the inversion, as Markdown."""
    one, lost = study.isel(model=0), _ratio_to_noise(study.isel(model=0))
    blame = "The inversion loses it" if lost.high < 1 else "It is not shown that the inversion loses it"
    space = (
        f"The autoencoder keeps {_times(one['excess_ceiling'] - study['excess_real'])} of the targets' energy"
        if str(one["autoencoder"].item())
        else "The network works on pixels"
    )
    return (
        f"**Answer.** {blame}. With the network `{one['model'].item()}` ({title_of(study)}, "
        f"{images(study)}), translations have {text(lost, 2)} times the energy at high frequencies of samples "
        f"from white noise. {space}, and samples from white noise have {_times(every_draw(one['excess_noise']))} "
        "times the usual of training targets."
    )


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list, with 95 % bootstrap intervals."""
    real = study["excess_real"]
    lines = [
        f"- **Test targets** ({attr(study, 'data_source')}) have {_times(real)} times the usual high-frequency "
        f"energy of training targets."
    ]
    for name, autoencoder in first_with(study).items():
        one = study.sel(model=name)
        if autoencoder:
            lines.append(
                f"- **The autoencoder** leaves {_times(one['excess_ceiling'] - real)} of that of test "
                f"targets, at {mean_text(one['psnr_ceiling'], 1)} dB."
            )
    for name in study["model"].data:
        one = study.sel(model=name)
        lines.append(
            f"- **Samples of `{name}`** have {_times(every_draw(one['excess_noise']))} times the usual energy when "
            f"they start from white noise, and {_times(one['excess_translated'])} times when they start from inverted "
            f"sources: {_compared(one)}. Its latents have an S_DC of {mean_text(one['s_dc'])} (white noise "
            f"{float(one['white_s_dc']):.3f})."
        )
    return "\n".join(lines)


def first_with(study: xr.Dataset) -> dict[str, str]:
    """For each autoencoder ('' for pixel space) the first network that works with it: its name -> the autoencoder."""
    found: dict[str, str] = {}
    for name, autoencoder in zip(study["model"].data, study["autoencoder"].data, strict=True):
        found.setdefault(str(autoencoder), str(name))
    return {name: autoencoder for autoencoder, name in found.items()}


def every_draw(values: xr.DataArray) -> xr.DataArray:
    """Values (draw, drawn) of all samples from white noise, one after the other."""
    return values.stack(every=("draw", "drawn"))


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What the paper's ablations say, of the latents of the standard inversion.

    'Collapse' holds on a data set where the 95 % interval of S_DC lies below white noise's for every network in
    question, and fails where it does for none. 'Learnt more slowly' looks at the quotients of `learnt_first`: it holds
    on a data set where those whose interval excludes 1 lie above it, and fails where they lie below it.
    """
    pixels, order = {}, {}
    for study in found.values():
        title, one = title_of(study), study.set_coords(["prediction", "space"])
        noise = one.isel(model=(one["prediction"] == "epsilon").to_numpy())
        inside = noise.isel(model=(noise["space"] == "pixels").to_numpy())
        if inside.sizes["model"]:
            pixels[title] = _all_collapse(inside)
        quotients = learning_quotients([str(name) for name in noise["model"].data])
        if len(quotients):
            order[title] = _slower(quotients)
    paper = "Spectral Collapse"
    return [
        from_cases(
            "The collapse is there in pixel space too.",
            f"{paper}, Table 4",
            pixels,
            "S_DC, network by network",
            "fig-networks-quality",
        ),
        from_cases(
            "High frequencies are learnt more slowly than low ones.",
            f"{paper}, App. C, Eq. 48",
            order,
            "steps to half of what is learnt about the noise in sources, high over low band, at each noise level",
            "fig-networks-learning",
        ),
    ]


def learning_quotients(names: Sequence[str]) -> pd.DataFrame:
    """How many times as long the high band takes as the low one, of all recorded trainings of these networks: the rows
    'high over low' of `learnt_first`, without those at which both bands have half from the first look on."""
    runs = records.curves([name for name in names if name in available()])
    rows = [learnt_first(runs, name) for name in names if records.has_bands(runs, name)]
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["band", "mean", "low", "high"])
    tied = (table[["mean", "low", "high"]] == 1).all(axis=1)
    return table[(table["band"] == "high over low") & ~tied]


def _slower(quotients: pd.DataFrame) -> tuple[str, bool | None]:
    """How many quotients of `learning_quotients` lie below 1 and above it with their intervals, and whether all that
    lie on a side lie above."""
    under, over = int((quotients["high"] < 1).sum()), int((quotients["low"] > 1).sum())
    measured = (
        f"below 1 with the whole interval in {under} of {len(quotients)}, above in {over}; "
        f"{quotients['mean'].min():.2f} to {quotients['mean'].max():.2f}"
    )
    return measured, None if bool(under) == bool(over) else not under


def _all_collapse(study: xr.Dataset) -> tuple[str, bool | None]:
    """S_DC of each network beside white noise's, and whether all of them, or none, lie below it."""
    found = {
        str(name): bootstrap_mean(study["s_dc"].sel(model=name), bounds=SHARE) for name in study["model"].to_numpy()
    }
    white = {name: float(study["white_s_dc"].sel(model=name)) for name in found}
    held = {below(one, white[name]) for name, one in found.items()}
    listed = ", ".join(f"{name} {text(one)} of {white[name]:.3f}" for name, one in found.items())
    return listed, next(iter(held)) if len(held) == 1 else None


def errors(study: xr.Dataset) -> pd.DataFrame:
    """Error of the predicted clean images: columns panel (domain and space), network, ratio, and those of
    `intervals.means`; in each panel the closed form (`FILTER`) of its first network stands beside the networks."""
    found = _per_predictor(study, "error", POSITIVE).sort_values("domain", kind="stable", ignore_index=True)
    return found.assign(panel=found["domain"] + "s, " + found["panel"])


def responses(study: xr.Dataset) -> pd.DataFrame:
    """Share of a change of the noise's size that is predicted: columns as in `errors`."""
    return _per_predictor(study, "response")


def energies(study: xr.Dataset) -> pd.DataFrame:
    """High-frequency energy over the usual one of training targets, geometric means: columns network, stage, and
    those of `intervals.means`; without an autoencoder that stage is missing."""
    tables = []
    for name in study["model"].to_numpy():
        one = study.sel(model=name)
        for stage, title in STAGES.items():
            if stage != "ceiling" or one["autoencoder"].item():
                values = one[f"excess_{stage}"]
                values = every_draw(values) if stage == "noise" else values
                tables.append(means(values, str(values.dims[-1])).assign(network=name, stage=title))
    found = pd.concat(tables, ignore_index=True)
    found[["mean", "low", "high"]] = np.exp(found[["mean", "low", "high"]])
    found.attrs = {"title": title_of(study)}
    return found


def decorrelation(study: xr.Dataset) -> pd.DataFrame:
    """S_DC of the latents of the standard inversion: columns network, those of `intervals.means`, and white, that of
    white noise."""
    found = means(study["s_dc"], bounds=SHARE, title=title_of(study)).rename(columns={"model": "network"})
    return found.assign(white=study["white_s_dc"].to_numpy())


def norms(study: xr.Dataset) -> pd.DataFrame:
    """A row per sample: network, stage, norm of the latent that it started from over the square root of d, and times,
    its high-frequency energy over the usual."""
    tables = []
    for name in study["model"].to_numpy():
        for stage in ("noise", "translated"):
            starts, logarithms = (study[f"{what}_{stage}"].sel(model=name).to_numpy() for what in ("norm", "excess"))
            values = {"norm": starts.ravel(), "times": np.exp(logarithms.ravel())}
            tables.append(pd.DataFrame({"network": str(name), "stage": STAGES[stage], **values}))
    found = pd.concat(tables, ignore_index=True)
    found.attrs = {"title": title_of(study)}
    return found


def ceiling(study: xr.Dataset) -> pd.DataFrame:
    """How much of the targets' power is left after each autoencoder, per frequency: columns autoencoder, frequency,
    and those of `intervals.means`; no rows where no network has one."""
    tables = [pd.DataFrame(columns=["autoencoder", "frequency", "mean", "low", "high"])]
    for name, autoencoder in first_with(study).items():
        if autoencoder:
            power = study["reconstructed_power"].sel(model=name, drop=True)
            found = ratio(power, study["target_power"])
            tables.append(as_table(found, power).assign(autoencoder=autoencoder))
    found = pd.concat(tables[1:] or tables, ignore_index=True)
    found.attrs = {"title": title_of(study)}
    return found


def norm_sensitivity(study: xr.Dataset) -> pd.DataFrame:
    """How much the high-frequency energy of samples depends on the norm of the white noise they start from.

    Two rows per network: network, measure, mean, low, high. 'elasticity' is the slope of the logarithm of the
    energy on that of the norm, 'correlation' that of both logarithms, over the samples of all draws, with 95 %
    bootstrap intervals over these. The norm of white noise is independent of its direction, so the slope is an
    effect and no mere association. Where sampling is linear, as for Gaussian data, the energy grows as the
    square of the norm: an elasticity of 2.
    """
    rows = []
    for name in study["model"].data:
        one = study.sel(model=name)
        norms, energies = (every_draw(values).to_numpy() for values in (np.log(one["norm_noise"]), one["excess_noise"]))
        found = _regression(norms, energies)
        draws = _regression(norms, energies, bootstrap_counts(range(norms.size)))
        for measure, value, drawn in zip(("elasticity", "correlation"), found, draws, strict=True):
            rows.append((str(name), measure, *resampled(float(value), drawn, range(norms.size))))
    return pd.DataFrame(rows, columns=["network", "measure", "mean", "low", "high"])


def amplification(study: xr.Dataset, name: str, predictor: str = "network") -> Interval:
    """By how many percent noise is too large at the lowest of `RATIOS` that is 1 % too large at the highest.

    What `noise_response` predicts for sampling with a network, or with the closed form in its place, if all
    frequencies did as they do on average: exp of the integral of 1 - response over the logarithm of sigma / alpha.
    """
    one = study.sel(model=name)
    response = one["response"].sel(predictor=predictor).transpose("level", "sample").to_numpy()
    ratios = np.log(one["ratio"].to_numpy())

    def grown(of: np.ndarray) -> np.ndarray:
        return np.exp(np.trapezoid(1 - of, ratios, axis=0))

    draws = resampled_means(response, bootstrap_counts(groups_of(one)))
    return resampled(float(grown(response.mean(-1))), grown(draws), groups_of(one))


def learnt(study: xr.Dataset, domain: str = "source") -> str:
    """How the networks' errors compare with the closed form's at the lowest, the middle and the highest noise."""
    lines = []
    for name in study["model"].data:
        one = study.sel(model=name, domain=domain)
        found = []
        for level in (0, int(np.argmin(np.abs(np.log(one["ratio"].data)))), -1):
            errors = (one["error"].isel(level=level).sel(predictor=who) for who in ("network", "closed form"))
            at = float(one["ratio"][level])
            found.append(f"{text(ratio(*errors), 2)} at {at:.2g}")
        lines.append(f"- **{name}**: {', '.join(found)}")
    return (
        f"On {domain}s the networks' error is so many times that of the filter, at three noise ratios (below 1: more "
        "is known than a mean colour and a spectrum; 95 % bootstrap intervals):\n\n" + "\n".join(lines)
    )


def norms_table(study: xr.Dataset) -> pd.DataFrame:
    """What the norm of the start does to each network's samples, and how far inverted latents are from it.

    A row per network with 95 % intervals: elasticity and correlation (`norm_sensitivity`), what its
    response makes of an excess of 1 % (`amplification`), the filter's beside it.
    """
    found = norm_sensitivity(study).set_index(["network", "measure"])

    def row(one: xr.Dataset) -> dict[str, str]:
        name = str(one["model"].item())
        elasticity, correlation = (
            _nonbreaking(Interval(*found.loc[(name, measure), ["mean", "low", "high"]]), digits)
            for measure, digits in (("elasticity", 0), ("correlation", 2))
        )
        grown, of_filter = (amplification(study, name, who) for who in ("network", "closed form"))
        return {
            "Elasticity": elasticity,
            "Correlation": correlation,
            "1 % at the start becomes (%)": _nonbreaking(grown, 1),
            "with the filter (%)": f"{of_filter.mean:.1f}",
            "Spread of white noise's norms (%)": f"{100 * float(one['norm_noise'].std()):.1f}",
            "Norm of inverted latents / sqrt(d)": _nonbreaking(bootstrap_mean(one["norm_translated"])),
        }

    return _per_network([study], row)


def recipes(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results: what it is, and how it was trained."""
    return _per_network(
        studies,
        lambda one: {
            "Predicts": _PREDICTIONS.get(str(one["prediction"].item()), one["prediction"].item()),
            "Architecture": f"{one['network'].item()}, {one['space'].item()}",
            "Weights": f"{one['parameters'].item() / 1e6:.2f} M",
            "Training images": f"{_whole(one['train_images'])} {one['train_source'].item()}".rstrip(),
            "Steps": " ".join(filter(None, [_whole(one["steps"]), _after(str(one["start"].item()))])),
            "Seconds": _whole(one["train_seconds"]),
            "Judged on": f"{title_of(one)}, {attr(one, 'data_source')}",
        },
    )


def table(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results, with 95 % bootstrap intervals.

    SWD is the mean over draws with the smallest and the largest; in brackets behind it that of as many
    test targets. KID is a column where its weights are there.
    """

    def share(values: xr.DataArray) -> str:
        return _nonbreaking(bootstrap_mean(values, bounds=SHARE))

    found = _per_network(
        studies,
        lambda one: {
            "S_HF: test targets": share(one["s_hf_real"]),
            "autoencoder": share(one["s_hf_ceiling"]) if one["autoencoder"].item() else "-",
            "white noise": share(every_draw(one["s_hf_noise"])),
            "translated": share(one["s_hf_translated"]),
            "PSNR of autoencoder (dB)": _nonbreaking(bootstrap_mean(one["psnr_ceiling"]), 1),
            "PSNR of own targets (dB)": _nonbreaking(bootstrap_mean(one["psnr_own"]), 1),
            "SWD (test targets)": f"{_extent(one['swd'])} ({float(one['swd_real']):.2f})",
            "KID": "-" if np.isnan(one["kid"]) else f"{float(one['kid']):.4f}",
            "S_DC (white noise)": f"{share(one['s_dc'])} ({float(one['white_s_dc']):.3f})",
        },
    )
    return found.drop(columns="KID") if (found["KID"] == "-").all() else found


def bars(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results: what `BARS` ask of it, which of them it misses, and its elasticity."""

    def row(one: xr.Dataset) -> dict[str, str]:
        found = _measured(one)
        shown = Bars(f"{found.texture:.4f}", f"{found.distance:.2f}", _nonbreaking(found.psnr, 1))
        missed = ", ".join(name for name, clear in zip(NAMES, _held(found), strict=True) if not clear) or "nothing"
        slope = norm_sensitivity(one.expand_dims("model")).set_index("measure").loc["elasticity"]
        elasticity = _nonbreaking(Interval(*slope[["mean", "low", "high"]]), 0)
        return dict(zip(NAMES, shown, strict=True)) | {"Misses": missed, "Elasticity": elasticity}

    signs = Bars(texture="≤", distance="≤", psnr="≥")
    limits = {name: f"{name} {sign} {bar:g}" for name, sign, bar in zip(NAMES, signs, BARS, strict=True)}
    return _per_network(studies, row).rename(columns=limits)


def bars_verdict(studies: Sequence[xr.Dataset]) -> str:
    """How many networks clear each of `BARS`, and which miss one, as a sentence of Markdown."""
    held = [(said(name), _held(_measured(one.sel(model=name)))) for one in studies for name in one["model"].data]
    each = zip(*(found for _, found in held), strict=True)
    each = "; ".join(f"{name}: {sum(clear)}" for name, clear in zip(NAMES, each, strict=True))
    missing = ", ".join(f"`{name}`" for name, found in held if not all(found)) or "none"
    return f"Of {len(held)} networks, so many clear each bar: {each}. At least one is missed by: {missing}."


def told_apart(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results of `studies.fidelity`: how well a classifier tells its samples from test
    targets, beside training targets, whether that is within `TOLD_APART`, and how often a sample is the nearer one to
    a training image."""

    def area(score: xr.DataArray, error: xr.DataArray) -> str:
        return f"{float(score):.3f} ± {float(error):.3f}"

    return _per_network(
        studies,
        lambda one: {
            "Data": f"{title_of(one)}, {attr(one, 'data_source')}",
            "Images": f"{one.sizes['sample']}",
            "Samples": area(one["c2st"], one["c2st_error"]),
            "Training targets": area(one["c2st_training"], one["c2st_training_error"]),
            f"At most {TOLD_APART:g} more": "yes" if one["c2st"] <= one["c2st_training"] + TOLD_APART else "no",
            "Nearer to training images": f"{float(one['memorised']):.2f}",
        },
    )


def told_apart_verdict(studies: Sequence[xr.Dataset]) -> str:
    """Of how many networks a classifier hardly tells the samples from real images, as a sentence of Markdown."""
    gaps = {said(name): one.sel(model=name) for one in studies for name in one["model"].data}
    gaps = {name: float(one["c2st"] - one["c2st_training"]) for name, one in gaps.items()}
    clear = ", ".join(f"`{name}`" for name, gap in gaps.items() if gap <= TOLD_APART) or "none"
    return (
        f"Of {len(gaps)} networks, so many have samples that the classifier tells from test targets at most "
        f"{TOLD_APART:g} better than it tells training targets: {sum(gap <= TOLD_APART for gap in gaps.values())} "
        f"({clear}). The gaps lie between {min(gaps.values()):.2f} and {max(gaps.values()):.2f}."
    )


def again(recorded: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Two rows per recorded network: the network that ships for the same data, and the recorded one; how white their
    standard latents are, and the log energy at high frequencies minus that of true targets, by method.

    recorded: name -> result of the benchmark, as of `recording.recorded`. The shipping network has a row where its own
    result is stored.
    """
    rows = []
    for title, networks in _trainings(recorded).items():
        for network, one in networks.items():
            row = {"Data": title, "Network": network}
            row["S_DC, standard"] = _nonbreaking(mean_of(one, "s_dc", "standard"))
            for point in ("standard", "taba", "ovg", "ovg+taba"):
                gap = difference(one, point, benchmark.TARGET, "hf_excess")
                row[f"log energy minus targets', {called(point)}"] = _nonbreaking(gap, 2)
            rows.append(row)
    return pd.DataFrame(rows).set_index(["Data", "Network"]) if rows else pd.DataFrame(columns=["Network"])


def again_verdict(recorded: Mapping[str, xr.Dataset]) -> str:
    """A sentence per data set, as Markdown: with how many of its networks standard latents are less white than white
    noise, and images lack energy. recorded: as of `again`; '' where no network has another beside it."""
    lines = []
    for title, networks in _trainings(recorded).items():
        if len(networks) < 2:
            continue
        latents = sum(
            mean_of(one, "s_dc", "standard").high < mean_of(one, "s_dc", WHITE).mean for one in networks.values()
        )
        energy = [difference(one, "standard", benchmark.TARGET, "hf_excess") for one in networks.values()]
        lacking = sum(gap.high < 0 for gap in energy)
        apart = max(gap.low for gap in energy) > min(gap.high for gap in energy)
        lines.append(
            f"- **{title}**: latents are less white than white noise with {latents} of {len(networks)} networks. "
            f"Images have less energy at high frequencies than true targets with {lacking}: "
            f"{' and '.join(text(gap, 2) for gap in energy)}, intervals that {'do not ' if apart else ''}overlap."
        )
    return "\n".join(lines)


def _trainings(recorded: Mapping[str, xr.Dataset]) -> dict[str, dict[str, xr.Dataset]]:
    """Title of the data -> network -> result of the benchmark: that which ships, where it is stored, and the others."""
    found: dict[str, dict[str, xr.Dataset]] = {}
    for name, study in recorded.items():
        given = results.parameters(study.attrs)
        info = datasets.info(given["dataset"])
        if info.title not in found:
            usual = benchmark.STUDY.stored(dataset=given["dataset"], profile=given["profile"])
            found[info.title] = {} if usual is None else {info.family: usual}
        found[info.title][name] = study
    return found


def _measured(one: xr.Dataset) -> Bars:
    """What a network has at each of `BARS`."""
    return Bars(
        texture=abs(float(every_draw(one["s_hf_noise"]).mean() - one["s_hf_real"].mean())),
        distance=float(one["swd"].mean() / one["swd_real"]),
        psnr=bootstrap_mean(one["psnr_own"]),
    )


def _held(found: Bars) -> Bars:
    """Which of `BARS` are cleared, by the mean. A measure without a value is not cleared."""
    return Bars(
        texture=found.texture <= BARS.texture,
        distance=found.distance <= BARS.distance,
        psnr=bool(found.psnr.mean >= BARS.psnr),
    )


def starts(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per network of all results: what the noisiest level keeps of the mean target, and the distance (SWD) to
    training targets of samples from white noise and from noised targets (mean of the draws, the smallest and the
    largest), and of as many test targets."""
    return _per_network(
        studies,
        lambda one: {
            "Space": one["space"].item(),
            "Mean target at the noisiest level (sd of the noise)": f"{float(one['leak']):.1f}",
            "SWD from white noise": _extent(one["swd"]),
            "SWD from noised targets": _extent(one["swd_marginal"]),
            "SWD of test targets": f"{float(one['swd_real']):.2f}",
        },
    )


def starts_verdict(studies: Sequence[xr.Dataset]) -> str:
    """For which networks white noise is no start, as a sentence of Markdown."""
    far = {
        str(name): one
        for study in studies
        for name in study["model"].to_numpy()
        if float((one := study.sel(model=name))["leak"]) > LEAKS
    }
    if not far:
        return f"At the noisiest level no network's mean target lies more than {LEAKS:g} standard deviations off."
    listed = "; ".join(
        f"`{name}` {float(one['leak']):.1f} standard deviations, SWD {float(one['swd'].mean()):.2f} from white noise "
        f"and {float(one['swd_marginal'].mean()):.2f} from noised targets"
        for name, one in far.items()
    )
    return (
        f"White noise is more than {LEAKS:g} standard deviations from where these networks' trajectories end: {listed}."
    )


def _after(start: str) -> str:
    """How a table says that a training went on from another one."""
    return f"after {start}" if start else ""


LEAKS = 2.0
"""Standard deviations: a start that is farther off is one that training hardly saw."""


def _per_network(studies: Sequence[xr.Dataset], row: Callable[[xr.Dataset], dict[str, str]]) -> pd.DataFrame:
    rows = [{"Network": str(name)} | row(study.sel(model=name)) for study in studies for name in study["model"].data]
    return pd.DataFrame(rows).set_index("Network").rename_axis(index=None, columns="Network")


def _per_predictor(study: xr.Dataset, variable: str, bounds: Bounds = REAL) -> pd.DataFrame:
    """Means with intervals per network and level, and of one closed form per autoencoder or pixel space."""
    tables, first = [], first_with(study)
    for name in study["model"].to_numpy():
        one = study.sel(model=name)
        autoencoder = str(one["autoencoder"].item())
        titles = {"network": str(name)} | ({"closed form": FILTER} if name in first else {})
        values = study[variable].sel(model=name, predictor=list(titles), drop=True)
        values = values.assign_coords(predictor=list(titles.values()), level=one["ratio"].to_numpy())
        table = means(values.rename(predictor="network", level="ratio"), bounds=bounds)
        tables.append(table.assign(panel=f"latents of {autoencoder}" if autoencoder else "pixels"))
    found = pd.concat(tables, ignore_index=True)
    found.attrs = {"title": title_of(study)}
    return found


def _regression(x: np.ndarray, y: np.ndarray, counts: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Slope of y on x, both (N,), and their correlation; of each resample (resamples, N), if counts are given."""
    counts = np.ones((1, x.size)) if counts is None else counts
    x, y = x - x.mean(), y - y.mean()  # for the precision of what follows

    def mean(values: np.ndarray) -> np.ndarray:
        return resampled_means(values, counts).squeeze()

    covariance, of_x, of_y = (mean(one * other) - mean(one) * mean(other) for one, other in ((x, y), (x, x), (y, y)))
    return covariance / of_x, covariance / np.sqrt(of_x * of_y)


def _both(shared: str, alone: str) -> list[xr.Dataset] | None:
    return records.alike(paths.checkpoints() / shared, paths.records() / alone)


def _times(logarithms: xr.DataArray) -> str:
    """The geometric mean of what values are the logarithms of."""
    return text(geometric_mean(logarithms), 2)


def _ratio_to_noise(one: xr.Dataset) -> Interval:
    """The energy of translations over that of samples from white noise, two independent sets; without ends where one
    of them has none."""
    noise, translated = every_draw(one["excess_noise"]), one["excess_translated"]
    draws = [
        resampled_means(values.to_numpy(), bootstrap_counts(groups_of(values, dim), seed=seed))
        for seed, (values, dim) in enumerate(((noise, "every"), (translated, "sample")))
    ]
    gap = resampled(float(translated.mean() - noise.mean()), draws[1] - draws[0], groups_of(translated))
    return Interval(*np.exp(gap))


def _compared(one: xr.Dataset) -> str:
    """`_ratio_to_noise` in words."""
    gap = _ratio_to_noise(one)
    return f"{text(gap, 2)} times as much" if gap.low > 1 or gap.high < 1 else "no significant difference"


def _nonbreaking(interval: Interval, digits: int = 3) -> str:
    """An interval that no line break parts."""
    return text(interval, digits).replace(", ", ",\u00a0")


def _extent(values: xr.DataArray) -> str:
    """Mean, smallest and largest."""
    numbers = values.to_numpy()
    return f"{numbers.mean():.2f} [{numbers.min():.2f},\u00a0{numbers.max():.2f}]"


def _whole(value: xr.DataArray) -> str:
    return "-" if np.isnan(value) else f"{value.item():,.0f}"
