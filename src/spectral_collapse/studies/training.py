"""How good the networks are: what training was like, what they make from noise, and what bounds them.

A translation loses texture for three reasons: the autoencoder does not write it, the network has not
learnt it, or the inversion handed over a latent that is no noise. Real images after the autoencoder show
the first alone, samples from true white noise the first two, translations all three.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, metrics, paths, results, statistics
from spectral_collapse.datasets import TARGET
from spectral_collapse.denoisers import Denoiser, gaussian_denoiser
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.networks.checkpoints import Model, find, load_model
from spectral_collapse.processes import Level, Process
from spectral_collapse.sampling import as_labels, sample
from spectral_collapse.statistics import bootstrap_counts, groups_of, ratio, resampled_means
from spectral_collapse.studies import common
from spectral_collapse.studies.profiles import profile as profile_named
from spectral_collapse.studies.setting import Setting, finish, total_seconds
from spectral_collapse.training import history, recipes
from spectral_collapse.training.validation import held_out_indices
from spectral_collapse.translation import translate

STUDY = "training"

_CODE = ("metrics", "studies.collapse", "studies.decomposition", "studies.training", "translation")

DOMAINS = ("source", "target")

RATIOS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 14.0)
"""Noise ratios sigma / alpha at which predictions are judged; a process takes its nearest levels."""

SWD_REFERENCES = 128
"""Real targets that samples are compared with: the time of the distance grows with their number, and its
error hardly falls while there are fewer samples than that."""

LEARNT = 0.8
"""Error of the predicted noise, 1 for none, below which a band counts as learnt at all."""

LOUDER = 0.02
"""By how much the noise of an image is scaled up and down to see whether a network notices."""

BIN = 50
"""Optimizer steps whose training losses are drawn as one point."""

SHARED = {"photos": "photos-x8only", "bbbc021": "bbbc021-x8only"}
"""Networks of several data sets, and recipes that differ from theirs in having the first of these alone."""

_COMPANIONS = ("photos_x8", "bbbc021_x8", "edges2shoes")
_NETWORKS = {"UNet2DModel": "U-Net", "UNet2DConditionModel": "U-Net", "DiTTransformer2DModel": "DiT"}
_PER_MODEL = {
    "s_hf_noise": (("draw", "drawn"), "S_HF of samples from white noise", "1"),
    "s_hf_translated": (("sample",), "S_HF of translations", "1"),
    "s_hf_ceiling": (("sample",), "S_HF of targets after the autoencoder", "1"),
    "excess_noise": (("draw", "drawn"), "log high-frequency energy over the usual, samples from white noise", "1"),
    "excess_translated": (("sample",), "log high-frequency energy over the usual, translations", "1"),
    "excess_ceiling": (("sample",), "log high-frequency energy over the usual, targets after the autoencoder", "1"),
    "psnr_ceiling": (("sample",), "PSNR of targets after the autoencoder", "dB"),
    "s_dc": (("sample",), "S_DC of latents of the standard inversion", "1"),
    "norm_noise": (("draw", "drawn"), "norm of the white noise that is sampled from, over the square root of d", "1"),
    "norm_translated": (("sample",), "norm of latents of the standard inversion, over the square root of d", "1"),
    "white_s_dc": ((), "S_DC of white noise", "1"),
    "swd": (("draw",), "sliced Wasserstein distance of samples to training targets", "1"),
    "kid": ((), "kernel Inception distance of samples to training targets", "1"),
    "error": (("predictor", "domain", "level", "sample"), "squared error of the clean image over its variance", "1"),
    "response": (("predictor", "level", "sample"), "share of a change of the noise's size that is predicted", "1"),
    "ratio": (("level",), "noise ratio sigma / alpha", "1"),
    "reconstructed_power": (("sample", "frequency"), "power after the autoencoder", "1"),
    "image": (("shown", *common.PIXELS), "sample from white noise", "1"),
}
"""What is stored of each model: dimensions after `model`, long name, units."""


@dataclass(frozen=True)
class Images:
    """What all networks of one data set are judged against, N x 3 x H x W: images that training shows in
    each domain, the test targets, and what S_HF takes from targets."""

    sources: torch.Tensor
    targets: torch.Tensor
    held: torch.Tensor
    reference: metrics.HFReference

    @property
    def compared(self) -> torch.Tensor:
        """At most `SWD_REFERENCES` of the targets, spread evenly."""
        return self.targets[common.spread(len(self.targets), min(SWD_REFERENCES, len(self.targets)))]


class Candidate(Setting):
    """A setting whose model is one of those that are compared."""

    @cached_property
    def translated(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and latents of the standard inversion and its sampling in the target domain."""
        made = translate(
            self.model,
            inversion.create("standard"),
            self.pair.source,
            self.info.source_label,
            num_steps=self.size.num_steps,
        )
        return made.images, made.latents

    def noise(self, seed: int) -> torch.Tensor:
        """White noise for as many samples as there are test images."""
        return torch.randn(self.encoded.shape, generator=torch.Generator().manual_seed(seed)).to(self.encoded)

    def drawn(self, seed: int) -> torch.Tensor:
        """Samples of the target domain from `noise`."""
        return self.model.decode(sample(self.model.denoiser, self.noise(seed), TARGET, self.size.num_steps))


def run(
    dataset: str = "photos_x8",
    profile: str = "quick",
    checkpoints: Sequence[str | Path] | None = None,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Judges networks of one family side by side, goes on with an interrupted run, or loads a finished one.

    Args:
        dataset: a name of `datasets.DATASETS`.
        profile: 'smoke', 'quick' or 'paper'.
        checkpoints: names or folders of networks; without them all that ship for this family (`shipped`).
        source, root: as in `datasets.load`.
        progress: whether to show a progress bar, a tick for each network.

    Returns:
        The result, also stored (`results`). Along `model`, whose coordinates say what it is
        (`checkpoint`, `prediction`, `network`, `space`, `autoencoder`, `parameters`, `steps`,
        `train_seconds`, `train_images`, `hash`), and with the standard inversion in the profile's steps and
        no guidance, whatever the data set's:

        - `s_hf_noise` (draw, drawn): samples from white noise, as many in each draw as there are test images;
          `s_hf_translated` (sample): test sources inverted, sampled in the target domain; `s_hf_ceiling`
          (sample): test targets encoded and decoded. `excess_...`: the same images' `metrics.hf_excess`, in
          which too little and too much differ. `image` (shown, row, col, rgb): some samples from white noise;
        - `norm_noise` (draw, drawn), `norm_translated` (sample): the norms ||x|| / sqrt(d) that both start from;
        - `psnr_ceiling` (sample), `reconstructed_power` (sample, frequency): test targets encoded and decoded;
          PSNR is NaN in pixel space;
        - `s_dc` (sample): latents of the standard inversion; `white_s_dc`: white noise of that shape;
        - `swd` (draw), `kid`: samples against targets of the training split; `kid` is NaN with the
          attr `missing` where its weights are not there;
        - `error` (predictor, domain, level, sample): mean squared error of the predicted clean image of
          noised test images, over the variance of the domain's training images about their mean colour, of
          the network and of `collapse.gaussian_denoiser` of those (`closed form`), which knows their mean
          colour and how their power falls with frequency, at levels of `ratio` = sigma / alpha;
        - `response` (predictor, level, sample): of the same two, `noise_response` on noised test targets.

        And of the test targets, real or rendered: `s_hf_real`, `excess_real` (sample), `target_power` (sample,
        frequency), `swd_real`, `real_image` (shown, row, col, rgb).

    Raises:
        InvalidParameterError, DataError, CheckpointError, NotFiniteError: one sentence each.
    """
    given = _chosen(dataset, checkpoints)
    first = Candidate.load(dataset, profile, next(iter(given.values())), source, root, _CODE)
    candidates = {label: replace(first, model=load_model(name)) for label, name in given.items()}
    for candidate in candidates.values():
        common.check_model(candidate.model, first.info, first.size.size)
    first.parameters.update(
        checkpoint={label: candidate.model.hash for label, candidate in candidates.items()},
        weights=common.checksum("inception"),
        seeds=first.size.seeds,
    )
    result = first.stored(STUDY)
    if result is None:
        images = _images(first)
        parts = first.parts(STUDY)
        jobs = {f"{label} {one.model.hash}": _job(one, images) for label, one in candidates.items()}
        done = finish(parts, jobs, f"{STUDY} {dataset}", progress)
        result = _dataset(first, candidates, dict(zip(candidates, done.values(), strict=True)), images)
        result = first.save(STUDY, result, total_seconds(done))
        parts.clear()
    # The key knows neither the order nor the folders: whoever stored the result may have had others.
    folders = [str(find(name).resolve()) for name in given.values()]
    return result.sel(model=list(given)).assign_coords(checkpoint=("model", folders, {"long_name": "folder"}))


def others(
    study: xr.Dataset, profile: str = "quick", root: str | Path | None = None, progress: bool = True
) -> list[xr.Dataset]:
    """`run` for a data set of each other family than a study's, with those of its shipped networks that are
    made for the profile's images. A family without any is left out."""
    size, found = profile_named(profile).size, []
    for name in _COMPANIONS:
        family = datasets.info(name).family
        fitting = [one for one in shipped(family) if _cards()[one].get("image_size") == size]
        if family != study.attrs["family"] and fitting:
            found.append(run(name, profile, fitting, root=root, progress=progress))
    return found


def shipped(family: str) -> list[str]:
    """The checkpoints that ship for a family of data sets, those of recipes in their order, then others."""
    mine = [name for name, card in _cards().items() if card.get("family") == family]
    known = [name for name in recipes.names() if name in mine]
    return known + [name for name in mine if name not in known]


def curves(study: xr.Dataset) -> xr.Dataset:
    """The curves of the training runs of a result's networks, from the training.nc beside each checkpoint.

    Returns `train_loss` (model, train_step), the mean over `BIN` optimizer steps, in the units of the
    network's own objective, and of the validations along `step` `s_hf` (model, step, sample) and
    `noise_error` (model, step, level, band, domain, pair) at levels of `ratio` (model, level) = sigma / alpha;
    NaN where a run has no such step. Runs without the file are left out.
    """
    found = {}
    for label, checkpoint in zip(study["model"].data, study["checkpoint"].data, strict=True):
        file = find(str(checkpoint)) / history.FILE
        if file.is_file():
            run = _record(file)
            binned = run["train_loss"].coarsen(iteration=min(BIN, run.sizes["iteration"]), boundary="trim").mean()
            looks = run[[name for name in ("s_hf", "noise_error") if name in run]].reset_coords(drop=True)
            looks = looks.assign(train_loss=binned.rename(iteration="train_step"))
            if "pair_group" in run.coords and "noise_error" in looks:
                looks = looks.assign_coords(pair_group=run["pair_group"].variable)
            if "noise_error" in looks:
                looks["ratio"] = "level", run["sigma_over_alpha"].data, run["sigma_over_alpha"].attrs
            found[str(label)] = looks
    if not found:
        return xr.Dataset(coords={"model": np.array([], str)})
    names = xr.Variable("model", list(found))
    return xr.concat(list(found.values()), names, join="outer", coords="minimal", compat="override")


def recorded(runs: xr.Dataset, name: str) -> bool:
    """Whether a run, of those in `curves`, kept its errors per frequency band."""
    there = name in runs["model"] and "noise_error" in runs
    return there and bool(runs["noise_error"].sel(model=name).notnull().any())


def half_learnt(errors: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Steps (...) after which half of all that a run learns is learnt, from its errors (step, ...).

    Half of the way from an error of 1, that of predicting no noise at all, to the run's last; between looks
    the error is taken as linear in the logarithm of the step. The first look where it is already below.
    """
    half = (1 + errors[-1]) / 2
    after = (errors <= half).argmax(0)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(errors, at[None], 0)[0] for at in (before, after))
    share = np.divide(high - half, high - low, out=np.zeros_like(half), where=after > 0)
    return np.exp(np.log(steps[before]) + share * (np.log(steps[after]) - np.log(steps[before])))


def learnt_first(runs: xr.Dataset, name: str, domain: str = "source") -> pd.DataFrame:
    """A network's `half_learnt` per noise level and frequency band, with 95 % bootstrap intervals.

    A row per level and band of which anything is learnt, that is, at whose end the error of the predicted
    noise is below `LEARNT`: ratio, band, mean, low, high (steps), error (at the end). The band 'high over low'
    is the quotient of the two, resampled together, where both are learnt. runs: from `curves`.
    """
    one = runs["noise_error"].sel(model=name, domain=domain).dropna("step", how="all")
    values = one.transpose("step", "level", "band", "pair").to_numpy()
    steps = one["step"].to_numpy().astype(float)
    means = values.mean(-1)
    found = half_learnt(means, steps)
    drawn = half_learnt(resampled_means(values, bootstrap_counts(groups_of(one, "pair"))), steps)
    ratios, bands = runs["ratio"].sel(model=name).to_numpy(), [str(band) for band in one["band"].data]
    low, high = bands.index("low"), bands.index("high")
    rows = []
    for level, learnt in enumerate(means[-1] < LEARNT):
        of = {bands[band]: (found[level, band], drawn[level, band]) for band in np.flatnonzero(learnt)}
        if learnt[low] and learnt[high]:
            of["high over low"] = (found[level, high] / found[level, low], drawn[level, high] / drawn[level, low])
        for band, (value, draws) in of.items():
            error = means[-1, level, bands.index(band)] if band in bands else np.nan
            rows.append((ratios[level], band, value, *statistics.percentiles(draws), error))
    return pd.DataFrame(rows, columns=["ratio", "band", "mean", "low", "high", "error"])


def bias(runs: xr.Dataset, name: str) -> str:
    """Which frequencies a run learns first, as Markdown: what the paper's Eq. 48 speaks of."""
    if not recorded(runs, name):
        return f"{name} has no record of its errors per frequency: train it again, or choose a network that has one."
    found = learnt_first(runs, name).set_index(["ratio", "band"])
    lines = []
    for level in found.index.unique("ratio"):
        listed = []
        for band, row in found.xs(level).iterrows():
            digits = 0 if band in BANDS else 2
            interval = statistics.Interval(row["mean"], row["low"], row["high"])
            listed.append(f"{band} {common.text(interval, digits)}")
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
        records = _compared_records(shared, alone)
        if records is None:
            continue
        ends = [run["noise_error"].isel(step=-1).mean("band") for run in records]
        for domain in DOMAINS:
            found = ratio(*(end.sel(domain=domain) for end in ends), dim="pair")
            for at, *interval in zip(ends[0]["sigma_over_alpha"].data, *found, strict=True):
                rows.append((shared, alone, domain, at, *interval))
    return pd.DataFrame(rows, columns=["network", "alone", "domain", "ratio", "mean", "low", "high"])


def sharing_verdict() -> str:
    """What sharing a network costs, over all noise levels and in the S_HF of samples, as Markdown."""
    lines = []
    for shared, alone in SHARED.items():
        records = _compared_records(shared, alone)
        if records is None:
            lines.append(f"- **{shared}** and {alone} have no records that can be compared.")
            continue
        errors = [run["noise_error"].isel(step=-1).mean(["band", "level"]) for run in records]
        times = [common.text(ratio(*(one.sel(domain=domain) for one in errors), dim="pair"), 3) for domain in DOMAINS]
        scores = [run["s_hf"].isel(step=-1) for run in records]  # of the same white noise
        independent = len(set(statistics.groups_of(records[0], "pair")))
        about = f"{records[0].attrs['data_source']} images, {records[0].sizes['pair']} pairs"
        about += "" if independent == records[0].sizes["pair"] else f" from {independent} pictures"
        lines.append(
            f"- **{shared}** ({about}) has {times[0]} times the error of {alone} on sources and {times[1]} times on "
            f"targets, the mean over bands and levels. $S_{{HF}}$ of {len(scores[0])} samples is "
            f"{float(scores[0].mean()):.3f}, against {float(scores[1].mean()):.3f}: a difference of "
            f"{_mean(scores[0] - scores[1])}."
        )
    return "\n".join(lines)


def predictor_error(
    denoiser: Denoiser, clean: torch.Tensor, label: int, levels: Sequence[Level], variance: float
) -> np.ndarray:
    """Mean squared error of the predicted clean images over `variance`, (level, N), of noised clean N x C x H x W."""
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(clean)
    labels = as_labels(label, clean)
    with torch.no_grad():
        found = [denoiser(x.alpha * clean + x.sigma * noise, x, labels).clean - clean for x in levels]
    return np.stack([one.square().mean((1, 2, 3)).cpu().numpy() for one in found]) / variance


def noise_response(denoiser: Denoiser, clean: torch.Tensor, label: int, levels: Sequence[Level]) -> np.ndarray:
    """How much of a change of the noise's size a denoiser notices, (level, N), on noised clean N x C x H x W.

    The noise n of an image is scaled to 1 - `LOUDER` and 1 + `LOUDER` times its size. Of the difference, the
    predicted noise should have all along n where image and noise can be told apart: a response of 1. With a
    response of m at all levels, sampling blows a noise that is too large by a share r up to
    r (s_T / s_0)^(1 - m), s = sigma / alpha, as follows from Eq. (3) of the paper for an empty frequency.
    """
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(clean)
    labels, found = as_labels(label, clean), []
    with torch.no_grad():
        for level in levels:
            louder, softer = (
                denoiser(level.alpha * clean + scale * level.sigma * noise, level, labels).noise
                for scale in (1 + LOUDER, 1 - LOUDER)
            )
            along = ((louder - softer) * noise).sum((1, 2, 3)) / noise.square().sum((1, 2, 3))
            found.append((along / (2 * LOUDER)).cpu().numpy())
    return np.stack(found)


def nearest_levels(process: Process) -> list[Level]:
    """Of the process's finest levels those nearest to `RATIOS`."""
    finest = process.levels(getattr(process, "num_train_steps", 1000) - 1)
    return [min(finest, key=lambda level: abs(np.log(level.sigma / level.alpha / ratio))) for ratio in RATIOS]


def setting(study: xr.Dataset) -> str:
    """What was measured, as one line of Markdown."""
    return (
        f"**{study.attrs['title']}**: {common.images(study)} "
        f"({study.attrs['origin']}); {study.sizes['draw']} draws of {study.sizes['drawn']} samples from white noise; "
        f"{study.attrs['num_steps']} steps."
    )


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list, with 95 % bootstrap intervals."""
    real = study["excess_real"]
    lines = [
        f"- **Test targets** ({study.attrs['data_source']}) have {_times(real)} times the usual high-frequency "
        f"energy of training targets."
    ]
    for name, autoencoder in first_with(study).items():
        one = study.sel(model=name)
        if autoencoder:
            lines.append(
                f"- **The autoencoder** `{autoencoder}` leaves {_times(one['excess_ceiling'] - real)} of that of test "
                f"targets, at {_mean(one['psnr_ceiling'], 1)} dB."
            )
    for name in study["model"].data:
        one = study.sel(model=name)
        lines.append(
            f"- **{name}** samples with {_times(every_draw(one['excess_noise']))} times the usual energy from white "
            f"noise and {_times(one['excess_translated'])} times from inverted sources, {_compared(one)}. Its latents "
            f"have an S_DC of {_mean(one['s_dc'])} (white noise {float(one['white_s_dc']):.3f})."
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
        draws = _regression(norms, energies, statistics.bootstrap_counts(range(norms.size)))
        for measure, value, resampled in zip(("elasticity", "correlation"), found, draws, strict=True):
            rows.append((str(name), measure, float(value), *statistics.percentiles(resampled)))
    return pd.DataFrame(rows, columns=["network", "measure", "mean", "low", "high"])


def amplification(study: xr.Dataset, name: str, predictor: str = "network") -> statistics.Interval:
    """By how many percent noise is too large at the lowest of `RATIOS` that is 1 % too large at the highest.

    What `noise_response` predicts for sampling with a network, or with the closed form in its place, if all
    frequencies did as they do on average: exp of the integral of 1 - response over the logarithm of sigma / alpha.
    """
    one = study.sel(model=name)
    response = one["response"].sel(predictor=predictor).transpose("level", "sample").to_numpy()
    ratios = np.log(one["ratio"].to_numpy())

    def grown(of: np.ndarray) -> np.ndarray:
        return np.exp(np.trapezoid(1 - of, ratios, axis=0))

    draws = statistics.resampled_means(response, statistics.bootstrap_counts(statistics.groups_of(one)))
    return statistics.Interval(float(grown(response.mean(-1))), *map(float, statistics.percentiles(grown(draws))))


def learnt(study: xr.Dataset, domain: str = "source") -> str:
    """How the networks' errors compare with the closed form's at the lowest, the middle and the highest noise."""
    lines = []
    for name in study["model"].data:
        one = study.sel(model=name, domain=domain)
        found = []
        for level in (0, int(np.argmin(np.abs(np.log(one["ratio"].data)))), -1):
            errors = (one["error"].isel(level=level).sel(predictor=who) for who in ("network", "closed form"))
            at = float(one["ratio"][level])
            found.append(f"{common.text(ratio(*errors), 2)} at {at:.2g}")
        lines.append(f"- **{name}**: {', '.join(found)}")
    return (
        f"On {domain}s the networks' error is so many times that of the filter, at three noise ratios (below 1: more "
        "is known than a mean colour and a spectrum; 95 % bootstrap intervals):\n\n" + "\n".join(lines)
    )


def _chosen(dataset: str, checkpoints: Sequence[str | Path] | None) -> dict[str, str | Path]:
    """Names or folders of the networks to compare by what they are called, checked."""
    family = datasets.info(dataset).family
    if checkpoints is None:
        checkpoints = shipped(family) or [family]
    if isinstance(checkpoints, str | Path) or not checkpoints:
        raise InvalidParameterError(
            f"checkpoints must be a list of names or folders, one at least; {checkpoints!r} was given"
        )
    labels = [_label(Path(name)) for name in checkpoints]
    if len(set(labels)) < len(labels):
        raise InvalidParameterError(f"checkpoints must have different names; {', '.join(labels)} were given")
    return dict(zip(labels, checkpoints, strict=True))


def _label(folder: Path) -> str:
    """A checkpoint's own name; the folder 'model' of a training run is called as the run is."""
    return folder.resolve().parent.name if folder.name == "model" else folder.name


def _images(given: Setting) -> Images:
    targets = common.real_targets(given.train, given.size.reference)
    sources = common.training_sources(given.train, given.size.reference // 2)  # for a mean and a spectrum, enough
    return Images(sources, targets, given.pair.target, metrics.hf_reference(targets))


def _job(candidate: Candidate, images: Images) -> Callable[[], dict[str, np.ndarray]]:
    return lambda: _measure(candidate, images)


def _measure(given: Candidate, images: Images) -> dict[str, np.ndarray]:
    """The arrays of `_PER_MODEL` for one network, and why KID is missing, if it is."""
    model, held = given.model, images.held
    encoded = model.encode(held)
    again = model.decode(encoded)
    draws = [given.drawn(seed) for seed in range(given.size.seeds)]
    translated, latents = given.translated
    scored = evaluate(["kid"], images=torch.cat(draws), reference_set=images.targets)["kid"]
    levels = nearest_levels(model.denoiser.process)
    errors = []
    for clean, label, shown in (
        (given.encoded, given.info.source_label, images.sources),
        (encoded, TARGET, images.targets),
    ):
        known = model.encode(shown)
        variance = float((known - known.mean((0, 2, 3), keepdim=True)).square().mean())
        predictors = (model.denoiser, gaussian_denoiser(model.denoiser.process, known, label))
        errors.append(np.stack([predictor_error(one, clean, label, levels, variance) for one in predictors]))
    in_pixels = model.autoencoder is None
    return {
        **_texture("noise", torch.stack(draws), images.reference),
        **_texture("translated", translated, images.reference),
        **_texture("ceiling", again, images.reference),
        "psnr_ceiling": np.full(len(held), np.nan) if in_pixels else metrics.psnr(again, held).numpy(),
        "s_dc": metrics.s_dc(latents).numpy(),
        "white_s_dc": np.float64(white_noise_level(latents.shape[1])),
        "norm_noise": np.stack([common.norms(given.noise(seed)) for seed in range(given.size.seeds)]),
        "norm_translated": common.norms(latents),
        "swd": np.array([metrics.sliced_wasserstein(one, images.compared).score for one in draws]),
        "kid": np.float64(scored),
        "kid_missing": np.array(scored.attrs.get("missing", "")),
        "error": np.stack(errors, axis=1),
        "response": np.stack([noise_response(one, encoded, TARGET, levels) for one in predictors]),  # of targets
        "ratio": np.array([level.sigma / level.alpha for level in levels]),
        "reconstructed_power": radial_spectrum(again)[1][:, 1:].numpy(),
        "image": common.pictures(draws[0][: given.size.shown]),
    }


def _texture(stage: str, made: torch.Tensor, reference: metrics.HFReference) -> dict[str, np.ndarray]:
    """S_HF of images (..., 3, H, W) and its logarithm with a sign, each (...)."""
    flat = made.flatten(0, -4)
    found = {"s_hf": metrics.s_hf(flat, reference), "excess": metrics.hf_excess(flat, reference)}
    return {f"{name}_{stage}": values.view(made.shape[:-3]).numpy() for name, values in found.items()}


def _regression(x: np.ndarray, y: np.ndarray, counts: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Slope of y on x, both (N,), and their correlation; of each resample (resamples, N), if counts are given."""
    counts = np.ones((1, x.size)) if counts is None else counts
    x, y = x - x.mean(), y - y.mean()  # for the precision of what follows

    def mean(values: np.ndarray) -> np.ndarray:
        return statistics.resampled_means(values, counts).squeeze()

    covariance, of_x, of_y = (mean(one * other) - mean(one) * mean(other) for one, other in ((x, y), (x, x), (y, y)))
    return covariance / of_x, covariance / np.sqrt(of_x * of_y)


def _dataset(
    first: Setting,
    candidates: Mapping[str, Candidate],
    done: Mapping[str, Mapping[str, np.ndarray]],
    images: Images,
) -> xr.Dataset:
    frequency, power = radial_spectrum(images.held)
    shown = first.size.shown
    variables: dict[str, Any] = {
        name: (("model", *dims), np.stack([part[name] for part in done.values()]), {"long_name": text, "units": units})
        for name, (dims, text, units) in _PER_MODEL.items()
    }
    missing = {str(part["kid_missing"]) for part in done.values()} - {""}
    if missing:
        variables["kid"][2]["missing"] = missing.pop()
    names = {"s_hf_real": "S_HF of test targets", "excess_real": "their log high-frequency energy over the usual"}
    real = _texture("real", images.held, images.reference)
    variables |= {name: ("sample", real[name], {"long_name": text, "units": "1"}) for name, text in names.items()}
    variables |= {
        "target_power": (("sample", "frequency"), power[:, 1:].numpy(), {"long_name": "power", "units": "1"}),
        "swd_real": (
            (),
            metrics.sliced_wasserstein(images.held, images.compared).score,
            {"long_name": "sliced Wasserstein distance of test targets to training targets", "units": "1"},
        ),
        "real_image": (
            ("shown", *common.PIXELS),
            common.pictures(images.held[:shown]),
            {"long_name": "test target", "units": "1"},
        ),
    }
    about = {name: [_about(one.model)[name] for one in candidates.values()] for name in _ABOUT}
    coordinates = {
        "model": list(candidates),
        "sample": first.names,
        "shown": first.names[:shown],
        "draw": np.arange(first.size.seeds),
        "drawn": np.arange(len(first.names)),
        "domain": list(DOMAINS),
        "predictor": ["network", "closed form"],
        "level": np.arange(len(RATIOS)),
        "frequency": (
            "frequency",
            frequency[1:].numpy(),
            {"long_name": "spatial frequency", "units": "cycles per pixel"},
        ),
        **{name: ("model", values, {"long_name": _ABOUT[name]}) for name, values in about.items()},
    }
    side = first.size.size
    coordinates |= {"row": np.arange(side), "col": np.arange(side), "rgb": ["red", "green", "blue"]}
    return xr.Dataset(variables, coordinates, {"num_steps": first.size.num_steps, "family": first.info.family})


_ABOUT = {
    "prediction": "what the network predicts",
    "network": "architecture",
    "space": "what it is trained on",
    "autoencoder": "its autoencoder",
    "parameters": "number of weights",
    "steps": "optimizer steps",
    "train_seconds": "seconds of training",
    "train_images": "training images",
    "hash": "hash of the weights",
}


def _about(model: Model) -> dict[str, str | float]:
    """What the card says, NaN where it does not: cards of models from elsewhere have no recipe."""
    card, network = model.card, type(model.denoiser.network).__name__
    return {
        "prediction": card["prediction"],
        "network": _NETWORKS.get(network, network),
        "space": "pixels" if model.autoencoder is None else "latents",
        "autoencoder": card["autoencoder"] or "",
        "parameters": sum(weight.numel() for weight in model.denoiser.network.parameters()),
        "steps": card.get("recipe", {}).get("steps", np.nan),
        "train_seconds": card.get("seconds", np.nan),
        "train_images": card.get("training_images", np.nan),
        "hash": model.hash,
    }


def _record(file: Path) -> xr.Dataset:
    """What a training recorded, with `pair_group`: what its validation pairs were taken from.

    The file does not say, but which images of the test split they are is known; where these images are
    always the same, real ones without a twin, so is what they were taken from. Other pairs count as
    independent, which rendered ones are.
    """
    run = results.read(file)
    if "pair" not in run.dims:
        return run
    recipe = json.loads(run.attrs["parameters"])
    name = next(iter(recipe.get("datasets", [])), None)
    if name not in datasets.DATASETS or datasets.info(name).render is not None:
        return run
    test = datasets.load(name, "test", recipe["size"])
    chosen = held_out_indices(len(test))[: run.sizes["pair"]]
    return run.assign_coords(pair_group=("pair", [test.clusters[index] for index in chosen]))


def _compared_records(shared: str, alone: str) -> tuple[xr.Dataset, xr.Dataset] | None:
    """What both trainings recorded, None where that is missing or where more than their data differs."""
    files = [paths.checkpoints() / shared / history.FILE, paths.records() / alone / history.FILE]
    if not all(file.is_file() for file in files):
        return None
    first, second = (_record(file) for file in files)
    recipes_of = [json.loads(run.attrs["parameters"]) for run in (first, second)]
    for recipe in recipes_of:
        for key in ("name", "recipe", "datasets", "data"):
            recipe.pop(key, None)
    alike = recipes_of[0] == recipes_of[1] and all("noise_error" in run for run in (first, second))
    return (first, second) if alike else None


def _cards() -> dict[str, dict[str, Any]]:
    """The cards of all checkpoints that ship, by name."""
    found = {}
    for file in sorted(paths.checkpoints().glob("[!.]*/card.json")):
        try:
            found[file.parent.name] = dict(json.loads(file.read_text()))
        except (ValueError, TypeError, OSError) as error:
            raise CheckpointError(f"{str(file)!r} is no readable card; copy the checkpoint again") from error
    return found


def _times(logarithms: xr.DataArray) -> str:
    """The geometric mean of what values are the logarithms of."""
    return common.text(statistics.Interval(*np.exp(statistics.bootstrap_mean(logarithms))), 2)


def _mean(values: xr.DataArray, digits: int = 3) -> str:
    return common.text(statistics.bootstrap_mean(values), digits)


def _compared(one: xr.Dataset) -> str:
    """The energy of translations over that of samples from white noise, two independent sets."""
    noise, translated = every_draw(one["excess_noise"]), one["excess_translated"]
    draws = [
        statistics.resampled_means(
            values.to_numpy(), statistics.bootstrap_counts(statistics.groups_of(values, dim), seed=seed)
        )
        for seed, (values, dim) in enumerate(((noise, "every"), (translated, "sample")))
    ]
    low, high = statistics.percentiles(draws[1] - draws[0])
    if low <= 0 <= high or np.isnan(low):
        return "not told apart"
    gap = statistics.Interval(*np.exp([float(translated.mean() - noise.mean()), low, high]))
    return f"{common.text(gap, 2)} times as much"
