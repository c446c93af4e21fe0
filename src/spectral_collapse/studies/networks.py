"""How good the networks are: what they predict, what they sample from noise, and what limits them.

A translation loses texture for three reasons: the autoencoder cannot reproduce it, the network has not learnt it, or
the latent from the inversion is not noise. Real images after the autoencoder show the first alone, samples from true
white noise the first two, translations all three.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import Field

from spectral_collapse import datasets, inversion, metrics
from spectral_collapse.denoisers import Denoiser, gaussian_denoiser
from spectral_collapse.executors import Arrays
from spectral_collapse.labels import TARGET
from spectral_collapse.later import torch
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.networks.checkpoints import Model, shipped
from spectral_collapse.processes import Level, Process
from spectral_collapse.sampling import as_labels, sample
from spectral_collapse.studies import common
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Checkpoint, Count, ImageParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study
from spectral_collapse.translation import translated

DOMAINS = ("source", "target")
PREDICTORS = ("network", "closed form")
"""A network, and the optimal denoiser of Gaussian data that has the mean colour and the spectrum of encoded training
images."""

RATIOS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 14.0)
"""Noise ratios sigma / alpha at which predictions are judged; a process takes its nearest levels."""

SWD_REFERENCES = 128
"""Real targets that samples are compared with: the time of the distance grows with their number, and its
error hardly falls while there are fewer samples than that."""

LOUDER = 0.02
"""By how much the noise of an image is scaled up and down to see whether a network notices."""

_ARCHITECTURES = {
    "UNet2DModel": "U-Net",
    "UNet2DConditionModel": "U-Net",
    "DiTTransformer2DModel": "DiT",
    "GainedDiT": "DiT",
    "PatchedUNet": "U-Net, patched",
    "SpectralUNet": "U-Net, spectral",
}
_PER_MODEL = Layout(
    s_hf_noise=("model draw drawn", "S_HF of samples from white noise"),
    s_hf_translated=("model sample", "S_HF of translations"),
    s_hf_ceiling=("model sample", "S_HF of targets after the autoencoder"),
    excess_noise=("model draw drawn", "log high-frequency energy over the usual, samples from white noise"),
    excess_translated=("model sample", "log high-frequency energy over the usual, translations"),
    excess_ceiling=("model sample", "log high-frequency energy over the usual, targets after the autoencoder"),
    psnr_ceiling=("model sample", "PSNR of targets after the autoencoder", "dB"),
    psnr_own=("model sample", "PSNR of targets inverted and sampled under their own label", "dB"),
    s_dc=("model sample", "S_DC of latents of the standard inversion"),
    norm_noise=("model draw drawn", "norm of the white noise that is sampled from, over the square root of d"),
    norm_translated=("model sample", "norm of latents of the standard inversion, over the square root of d"),
    white_s_dc=("model", "S_DC of white noise"),
    swd_marginal=("model draw", "sliced Wasserstein distance of samples from noised targets to training targets"),
    leak=("model", "mean training target at the noisiest level, in standard deviations of the noise"),
    swd=("model draw", "sliced Wasserstein distance of samples to training targets"),
    kid=("model", "kernel Inception distance of samples to training targets"),
    error=("model predictor domain level sample", "squared error of the clean image over its variance"),
    response=("model predictor level sample", "share of a change of the noise's size that is predicted"),
    ratio=("model level", "noise ratio sigma / alpha"),
    reconstructed_power=("model sample frequency", "power after the autoencoder"),
    image=("model shown row col rgb", "sample from white noise"),
)
"""What is stored of each network."""

_ABOUT = Layout(
    prediction=("model", "what the network predicts"),
    network=("model", "architecture"),
    space=("model", "what it is trained on"),
    autoencoder=("model", "its autoencoder"),
    parameters=("model", "number of weights"),
    steps=("model", "optimizer steps"),
    start=("model", "the checkpoint whose weights its training began with"),
    train_seconds=("model", "seconds of training", "s"),
    train_images=("model", "training images"),
    train_source=("model", "whether these were real or rendered"),
    hash=("model", "hash of the weights"),
)
"""What each network is."""

_REAL = Layout(
    s_hf_real=("sample", "S_HF of test targets"),
    excess_real=("sample", "their log high-frequency energy over the usual"),
    target_power=("sample frequency", "power"),
    swd_real=("", "sliced Wasserstein distance of test targets to training targets"),
    real_image=("shown row col rgb", "test target"),
)
"""What is stored of the test targets, real or rendered."""


class NetworksParameters(ImageParameters):
    """Test images of one data set, and the networks that are compared on them."""

    checkpoints: tuple[Checkpoint, ...] | None = Field(
        None, min_length=1, description="names or folders of networks (default: all that ship for this data set)"
    )
    num_steps: Count = by_profile(5, 50, 50, ge=1, description="steps of the inversion and of the sampling")
    seeds: Count = by_profile(2, 3, 3, ge=1, description="draws of white noise, each of as many samples as images")
    weights: str | Path | None = Field(
        None, description="folder with weights of Inception, for KID (default: SPECTRAL_COLLAPSE_WEIGHTS)"
    )


Given = Request[NetworksParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per network."""
    return {name: functools.partial(measured, request, name) for name in request.checkpoints}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The measures along `model`, whose coordinates say what it is.

    All are of the standard inversion without guidance, whatever the data set's. `drawn`: samples from white noise, as
    many in each draw as there are test images.

    - `excess_...`: `metrics.hf_excess` of the same images as `s_hf_...`, in which too little and too much differ;
      `norm_noise`, `norm_translated`: what both start from. PSNR of the ceiling is NaN in pixel space.
    - `leak`: how far the mean training target, noised at the last level, is from white noise (`leak`); `swd_marginal`:
      of samples that start there and not at white noise. `kid` is NaN with the attr `missing` without its weights.
    - `error`: over the variance of the domain's training images about their mean colour, at levels of `ratio`;
      `response`: `noise_response` on noised test targets.
    """
    held, names, shown = request.pair.target, request.images.names, request.parameters.shown
    frequency, power = radial_spectrum(held)
    layout = Layout(**_PER_MODEL, **_ABOUT, **_REAL)
    arrays = {
        **layout.stacked("model", list(parts.values())),
        **_texture("real", held, request.hf_reference),
        "target_power": power[:, 1:].numpy(),
        "swd_real": metrics.sliced_wasserstein(held, compared(request)).score,
        "real_image": common.pictures(held[:shown]),
    }
    coordinates = {
        "model": list(parts),
        "sample": names,
        "shown": names[:shown],
        "domain": list(DOMAINS),
        "predictor": list(PREDICTORS),
        "frequency": common.frequencies(frequency[1:].numpy()),
    }
    attrs = {"num_steps": request.parameters.num_steps, "family": request.info.family}
    result = layout.dataset(arrays, coordinates, attrs).set_coords(_ABOUT)
    missing = {str(part["kid_missing"]) for part in parts.values()} - {""}
    if missing:
        result["kid"].attrs["missing"] = missing.pop()
    return result


def others(dataset: str = "photos_x8", study: Study | None = None, **given: Any) -> list[xr.Dataset]:
    """The results for the first data set of each family but that of `dataset`, with all networks included for it.

    If some are for real images and others for their rendered twins, both.

    study: this one, or another of networks. given: its parameters; those of one data set alone (source, checkpoints,
    images) are ignored. A family without networks for images of this size is left out.
    """
    given = {name: value for name, value in given.items() if name not in ("source", "checkpoints", "images")}
    size = NetworksParameters.checked(**{name: given[name] for name in ("profile", "size") if name in given}).size
    families = {info.family: info.name for info in reversed(datasets.DATASETS.values())}  # the first of each
    family = datasets.info(dataset).family
    fitting = [families[other] for other in reversed(families) if other != family and shipped(other, size)]
    found = []
    for name in fitting:
        found.append((study or STUDY).run(dataset=name, **given))
        if twins(name, size):
            found.append((study or STUDY).run(dataset=name, source="rendered", **given))
    return found


def twins(dataset: str, size: int) -> bool:
    """Whether networks of real images are included for a data set, and others for its rendered twin."""
    family = datasets.info(dataset).family
    return not set(shipped(family, size, "real")) & set(shipped(family, size, "rendered"))


@functools.lru_cache(maxsize=1)
def training_images(request: Given) -> dict[str, torch.Tensor]:
    """The images that all networks are judged against: N x 3 x H x W that training shows in each of `DOMAINS`."""
    train, count = request.images.train, request.parameters.reference
    sources = common.training_sources(train, count // 2)  # for a mean and a spectrum, enough
    return {"source": sources, "target": common.real_targets(train, count)}


def compared(request: Given) -> torch.Tensor:
    """At most `SWD_REFERENCES` of the training targets, spread evenly."""
    targets = training_images(request)["target"]
    return targets[common.spread(len(targets), min(SWD_REFERENCES, len(targets)))]


def measured(request: Given, name: str) -> Arrays:
    """The arrays of `_PER_MODEL` and `_ABOUT` for one network, and why KID is missing, if it is."""
    given, model = request.parameters, request.network(request.checkpoints[name])
    labels = dict(zip(DOMAINS, (request.info.source_label, TARGET), strict=True))
    clean = {domain: model.encode(getattr(request.pair, domain)) for domain in DOMAINS}
    training, held, reference = training_images(request), request.pair.target, request.hf_reference
    again = model.decode(clean["target"]).cpu()
    noises = [white_noise(clean["target"], seed) for seed in range(given.seeds)]
    draws = torch.stack([drawn(model, noise, given.num_steps) for noise in noises])
    standard, steps = inversion.create("standard"), given.num_steps
    inverted = translated(model, standard, request.pair.source, request.info.source_label, num_steps=steps)
    returned = translated(model, standard, held, TARGET, num_steps=steps)
    kid = evaluate(
        ["kid"],
        images=draws.flatten(0, 1),
        reference_set=training["target"],
        weights=given.weights,
        device=request.device,
    )["kid"]
    levels, errors = nearest_levels(model.denoiser.process), []

    def distance(made: torch.Tensor) -> float:
        return metrics.sliced_wasserstein(made, compared(request)).score

    for domain, label in labels.items():
        known = model.encode(training[domain])
        variance = float((known - known.mean((0, 2, 3), keepdim=True)).square().mean())
        predictors = (model.denoiser, gaussian_denoiser(model.denoiser.process, known, label))
        errors.append(np.stack([predictor_error(one, clean[domain], label, levels, variance) for one in predictors]))
    return {
        **_texture("noise", draws, reference),
        **_texture("translated", inverted.images, reference),
        **_texture("ceiling", again, reference),
        "psnr_ceiling": np.full(len(held), np.nan) if model.autoencoder is None else metrics.psnr(again, held).numpy(),
        "psnr_own": metrics.psnr(returned.images, held).numpy(),
        "s_dc": metrics.s_dc(inverted.latents).numpy(),
        "white_s_dc": np.float64(white_noise_level(inverted.latents.shape[1])),
        "norm_noise": np.stack([common.norms(noise) for noise in noises]),
        "norm_translated": common.norms(inverted.latents),
        "swd_marginal": np.array([distance(_from_marginal(model, known, noise, steps)) for noise in noises]),
        "leak": np.float64(leak(known, model.denoiser.process.levels(steps)[-1])),
        "swd": np.array([distance(one) for one in draws]),
        "kid": np.float64(kid),
        "kid_missing": np.array(kid.attrs.get("missing", "")),
        "error": np.stack(errors, axis=1),
        # of targets, whose closed form is the last one
        "response": np.stack([noise_response(one, clean["target"], TARGET, levels) for one in predictors]),
        "ratio": np.array([level.ratio for level in levels]),
        "reconstructed_power": radial_spectrum(again)[1][:, 1:].numpy(),
        "image": common.pictures(draws[0][: given.shown]),
        **_about(model),
    }


def white_noise(like: torch.Tensor, seed: int) -> torch.Tensor:
    """White noise in the shape of latents and where they are; the same for networks on latents of the same shape."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed)).to(like)


def drawn(model: Model, noise: torch.Tensor, num_steps: int) -> torch.Tensor:
    """Samples of the target domain from noise, N x 3 x H x W on the CPU, without guidance."""
    return model.decode(sample(model.denoiser, noise, TARGET, num_steps)).cpu()


def leak(images: torch.Tensor, level: Level) -> float:
    """How far the mean of images N x C x H x W lies from zero at a level, in standard deviations of the noise there.

    Along the mean's own direction the marginal of a level is shifted by (alpha / sigma) ||mean||: a trajectory that
    starts from white noise starts that many standard deviations off. Infinite at a level without noise.
    """
    return float(images.double().mean(0).norm()) / level.ratio if level.ratio else float("inf")


def _from_marginal(model: Model, images: torch.Tensor, noise: torch.Tensor, num_steps: int) -> torch.Tensor:
    """Samples from encoded images that are noised as the last level asks for, as many as there is noise for."""
    last, chosen = model.denoiser.process.levels(num_steps)[-1], common.spread(len(images), len(noise))
    return drawn(model, (last.alpha * images[chosen] + last.sigma * noise) / last.norm, num_steps)


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

    The noise n of an image is scaled to 1 - `LOUDER` and 1 + `LOUDER` times its size. If image and noise can be
    distinguished, the predicted noise should change by the whole difference along n: a response of 1. With a response
    of m at all levels, sampling turns an excess of the noise by a share r into r (s_T / s_0)^(1 - m),
    s = sigma / alpha, as follows from Eq. (3) of the paper for an empty frequency.
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
    """Those of the process's finest levels that are nearest to `RATIOS`."""
    finest = process.levels(getattr(process, "num_train_steps", 1000) - 1)
    return [min(finest, key=lambda level: abs(np.log(level.ratio / ratio))) for ratio in RATIOS]


def _texture(stage: str, made: torch.Tensor, reference: metrics.HFReference) -> dict[str, np.ndarray]:
    """S_HF of images (..., 3, H, W) and its logarithm with a sign, each (...)."""
    flat = made.flatten(0, -4)
    found = {"s_hf": metrics.s_hf(flat, reference), "excess": metrics.hf_excess(flat, reference)}
    return {f"{name}_{stage}": values.view(made.shape[:-3]).numpy() for name, values in found.items()}


def _about(model: Model) -> Arrays:
    """What the card says, NaN where it does not: cards of models from elsewhere have no recipe."""
    card, network = model.card, getattr(model.denoiser, "network", model.denoiser)
    weights = network.parameters() if isinstance(network, torch.nn.Module) else ()
    called = type(network).__name__
    about = {
        "prediction": card.get("prediction") or "",
        "network": _ARCHITECTURES.get(called, called),
        "space": "pixels" if model.autoencoder is None else "latents",
        "autoencoder": card.get("autoencoder") or "",
        "parameters": sum(weight.numel() for weight in weights),
        "steps": float(card.get("recipe", {}).get("steps", np.nan)),
        "start": card.get("recipe", {}).get("start", ""),
        "train_seconds": float(card.get("seconds", np.nan)),
        "train_images": float(card.get("training_images", np.nan)),
        "train_source": card.get("data_source", ""),
        "hash": model.hash,
    }
    return {name: np.array(value) for name, value in about.items()}


STUDY = Study(
    "networks",
    "How good are the networks before anything is inverted, and what bounds them?",
    NetworksParameters,
    jobs,
    combine,
    uses=lambda request: [inversion.create("standard"), metrics.SCORES["kid"]],
    made={"image": {}},
)
