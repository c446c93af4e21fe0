"""Where the collapse comes from: the deficit of a latent split into three causes, by intervention.

Two things are wrong with a standard inversion whatever the denoiser: the image starts without the noise of the first
level, and the steps are coarse. Each can be put right alone, with the same network, the same image and the same noise,
so the share of each in the deficit can be read off; what is left when both are right is the error of the denoiser.
Replacing the first predictions by true ones shows where on the trajectory that error is made ('There and Back Again'
does so for the first steps).

Two denoisers that are optimal for Gaussian data are compared with the network: one knows the spectrum of the encoded
sources, one their covariance, which a spectrum does not describe if images are not stationary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from typing import Annotated, Self

import numpy as np
import pydantic
import xarray as xr
from pydantic import Field

from spectral_collapse import metrics
from spectral_collapse.denoisers import (
    Denoiser,
    OnProcess,
    Prediction,
    TrueBelow,
    covariance_denoiser,
    gaussian_denoiser,
)
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import Standard
from spectral_collapse.later import torch
from spectral_collapse.metrics.plain_error import plain_places
from spectral_collapse.metrics.radial_spectrum import BANDS, band_power
from spectral_collapse.metrics.s_dc import white_noise_level
from spectral_collapse.processes import Level, VariancePreserving
from spectral_collapse.sampling import Step, as_labels
from spectral_collapse.studies import common, latents
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

MEASURES = {
    "high_power": "power of the latent above half the Nyquist frequency",
    "s_dc": "decorrelation of the latent S_DC",
    "plain": "local variance of the latent in plain areas",
    "other": "local variance of the latent in the other areas",
}
"""Measures of a latent: white noise has 1; in S_DC the attr `white_s_dc`, 0.986 with four channels."""

DENOISERS = ("network", "spectrum", "covariance")
"""The trained network, and the optimal denoisers of Gaussian data with the sources' spectrum or covariance."""

ENTRIES = ("none", "noise")
RESOLUTIONS = ("coarse", "fine")
SPACED = "coarse, even in log SNR"
"""As many steps as the coarse ones on levels that are spaced otherwise (`processes.VariancePreserving`)."""

_PLAIN_SHARE = 0.05  # of an image; with fewer places its local variance is mostly chance


_SQUARE = "mean square per pixel or coefficient of the noise, white noise has 1"
LAYOUT = Layout(
    value=("denoiser entry resolution measure sample", "measure of the inverted latent"),
    corrected=(
        "denoiser resolution replaced measure sample",
        "measure of the latent after true predictions in the first steps",
    ),
    spaced=("entry measure sample", "measure of the latent of steps even in log SNR"),
    ideal=("resolution measure sample", "measure of the latent of true predictions"),
    noise_norm=("denoiser entry step sample", _SQUARE),
    error=("denoiser step band sample", _SQUARE),
    predicted=("denoiser step band sample", _SQUARE),
    area_error=("denoiser step area sample", _SQUARE),
    empty=("", "share of directions with less variance than the entry noise"),
)


class DecompositionParameters(NetworkParameters):
    """Test images of one data set, a network to invert them with, and the interventions."""

    fine: Count = by_profile(
        20, 400, 999, ge=1, description="steps of the refined inversions; their discretisation counts as own error"
    )
    replaced: tuple[Annotated[Count, Field(ge=1)], ...] = by_profile(
        (1, 2), (1, 2, 4), (1, 2, 3, 5, 11, 26), description="after how many of num_steps true predictions end"
    )

    @pydantic.model_validator(mode="after")
    def _replaces_steps_that_there_are(self) -> Self:
        if any(count > self.num_steps for count in self.replaced):
            raise ValueError(
                f"replaced must be at most num_steps, {self.num_steps}; {list(self.replaced)} was given, or is the "
                "default of this profile"
            )
        return self


Given = Request[DecompositionParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per inversion, one per denoiser for noised images, and one for what needs no inversion."""
    found: dict[str, Job] = {"ideal": partial(_ideal, request)}
    for name in DENOISERS:
        found[f"{name}-noised"] = partial(_noised, request, name)
        for resolution in RESOLUTIONS:
            walk, job = partial(_walk, request, name, resolution), f"{name}-{resolution}"
            found |= {f"{job}-{entry}": partial(walk, entry) for entry in ENTRIES}
            found |= {f"{job}-{count}": partial(walk, "noise", count) for count in request.parameters.replaced}
    if isinstance(request.model.denoiser.process, VariancePreserving):
        found |= {f"network-{SPACED}-{entry}": partial(_walk, request, "network", SPACED, entry) for entry in ENTRIES}
    return found


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Results of the sources, inverted under their own label with one noise map each.

    `value`: the four combinations of starting without or with the noise of the first level, in `num_steps` steps or in
    fine ones. `corrected`: starts with the noise, with true predictions up to the level that `replaced` of the coarse
    steps reach; 0 is the denoiser alone. `spaced`, for variance-preserving processes only: the network in as many steps
    as the coarse ones that are even in log SNR. `ideal`: all predictions true, so the same noise without any deficit.
    `error`, `predicted` and `area_error` are of sources noised to the level of every coarse step. `empty`: the share of
    the latent's directions in which held-out training sources have less variance than the first level's noise; they
    share no pixel with the sources that the directions are from.

    Samples with too few plain positions have NaN there.
    """
    levels, replaced = _levels(request), (0, *request.parameters.replaced)

    def of_walks(key: str, resolutions: tuple[str, ...], kinds: tuple[str | int, ...]) -> np.ndarray:
        """(denoiser, resolution, kind, ...)"""
        return np.array([[[parts[f"{n}-{r}-{k}"][key] for k in kinds] for r in resolutions] for n in DENOISERS])

    def ratios(dim: str, chosen: Iterable[Level]) -> common.Variable:
        return common.variable(dim, [level.ratio for level in chosen], "noise ratio sigma / alpha of a level")

    arrays = {
        **LAYOUT.stacked("denoiser", [parts[f"{name}-noised"] for name in DENOISERS]),
        "value": of_walks("value", RESOLUTIONS, ENTRIES).swapaxes(1, 2),
        "corrected": of_walks("value", RESOLUTIONS, ("noise", *request.parameters.replaced)),
        "ideal": parts["ideal"]["value"],
        "noise_norm": of_walks("noise_norm", ("coarse",), ENTRIES)[:, 0],
        "empty": parts["ideal"]["empty"],
    }
    layout = Layout(**LAYOUT)
    if spaced := [part["value"] for entry in ENTRIES if (part := parts.get(f"network-{SPACED}-{entry}"))]:
        arrays["spaced"] = np.stack(spaced)
    else:
        del layout["spaced"]
    coordinates = {
        "denoiser": list(DENOISERS),
        "entry": list(ENTRIES),
        "resolution": list(RESOLUTIONS),
        "num_steps": common.variable("resolution", list(_steps(request).values()), "inversion steps"),
        "replaced": list(replaced),
        "replaced_ratio": ratios("replaced", [levels[count] for count in replaced]),
        "measure": list(MEASURES),
        "sample": request.images.names,
        "step": np.arange(len(levels) - 1),
        "level": ratios("step", levels[:-1]),
        "band": list(BANDS),
        "area": ["plain", "other"],
    }
    attrs = {"white_s_dc": float(parts["ideal"]["white_s_dc"])} | network_attrs(request)
    return layout.dataset(arrays, coordinates, attrs)


def network_attrs(request: Request[NetworkParameters]) -> dict[str, str]:
    """What is inverted, and what the network predicts, as attrs of a result."""
    model = request.model
    return {
        "prediction": model.card["prediction"],
        "space": "pixels" if model.autoencoder is None else "latents of an autoencoder",
    }


def denoiser(request: Request[NetworkParameters], name: str) -> Denoiser:
    """One of `DENOISERS`; the closed forms are fitted to training sources."""
    return request.model.denoiser if name == "network" else _closed_forms(request)[name]


@lru_cache(maxsize=1)
def _closed_forms(request: Request[NetworkParameters]) -> dict[str, Denoiser]:
    few, train = request.parameters.reference, request.images.train
    process, encoded = request.model.denoiser.process, request.training_sources(3 * few)
    groups = [train.images.groups[index] for index in common.training_source_indices(train, 3 * few)]
    chosen = encoded[common.spread(len(encoded), min(few, len(encoded)))]
    return {
        "spectrum": gaussian_denoiser(process, chosen, request.info.source_label),
        "covariance": covariance_denoiser(process, encoded, groups),
    }


def noise(request: Request[NetworkParameters]) -> torch.Tensor:
    """The one white noise map that every intervention shares."""
    return latents.white_noise(request).to(request.encoded)


def enter(request: Request[NetworkParameters], level: Level, gamma: float = 1.0) -> torch.Tensor:
    """The encoded sources at a level as a denoiser expects them, with `gamma` times the level's noise."""
    return level.alpha * request.encoded + gamma * level.sigma * noise(request)


def measure(request: Request[NetworkParameters], found: torch.Tensor) -> np.ndarray:
    """The measures of latents of the sources, in the order of `MEASURES`: (measure, N)."""
    rows = [
        band_power(found)[:, list(BANDS).index("high")],
        metrics.s_dc(found),
        *_area_means(request, local_variance(found)),
    ]
    return np.stack([row.detach().cpu().double().numpy() for row in rows])


def local_variance(found: torch.Tensor) -> torch.Tensor:
    """Half the mean squared difference of neighbours, N x (H - 1) x (W - 1): 1 on average for white noise.

    Right and lower neighbour and all channels are averaged; structure larger than a pixel cancels.
    """
    right = found.diff(dim=-1)[..., :-1, :].square()
    below = found.diff(dim=-2)[..., :, :-1].square()
    return ((right + below) / 4).mean(1)


def _walk(request: Given, name: str, resolution: str, entry: str, replaced: int = 0) -> Arrays:
    """A standard inversion, with true predictions up to the level that `replaced` coarse steps reach."""
    levels, norms = _levels(request), []
    truth, asked = Prediction(noise(request), request.encoded), denoiser(request, name)
    if resolution == SPACED:
        asked = OnProcess(asked, dataclasses.replace(asked.process, spacing="log_snr"))
    helped = TrueBelow(asked, truth, levels[replaced].ratio if replaced else 0.0)

    def keep(step: Step) -> None:
        norms.append(step.prediction.noise.square().mean((1, 2, 3)).cpu().numpy())

    start = request.encoded if entry == "none" else enter(request, levels[0])
    steps = _steps(request)["coarse" if resolution == SPACED else resolution]
    found = Standard().invert(helped, start, request.info.source_label, steps, callback=keep)
    return {"value": measure(request, found.latent), "noise_norm": np.stack(norms)}


def _noised(request: Given, name: str) -> Arrays:
    """What a denoiser says of noised images at every level that a coarse inversion asks it at."""
    asked, added = denoiser(request, name), noise(request)
    labels = as_labels(request.info.source_label, request.encoded)
    found = []
    for level in _levels(request)[:-1]:
        with torch.no_grad():
            said = asked(enter(request, level), level, labels).noise
        wrong = said - added
        areas = _area_means(request, wrong.square().mean(1)[:, :-1, :-1])
        found.append((band_power(wrong).T, band_power(said).T, torch.stack(areas)))
    return {
        key: torch.stack(values).cpu().numpy()
        for key, values in zip(("error", "predicted", "area_error"), zip(*found, strict=True), strict=True)
    }


def _ideal(request: Given) -> Arrays:
    """The measures of what all true predictions lead to at either resolution, and what is known of the data."""
    process = request.model.denoiser.process
    ends = [process.levels(steps)[-1] for steps in _steps(request).values()]
    return {
        "value": np.stack([measure(request, enter(request, end) / end.norm) for end in ends]),
        "empty": np.float64(denoiser(request, "covariance").empty_share),
        "white_s_dc": np.float64(white_noise_level(request.encoded.shape[1])),
    }


def _steps(request: Given) -> dict[str, int]:
    return dict(zip(RESOLUTIONS, (request.parameters.num_steps, request.parameters.fine), strict=True))


def _levels(request: Request[NetworkParameters]) -> list[Level]:
    return request.model.denoiser.process.levels(request.parameters.num_steps)


def _area_means(request: Request[NetworkParameters], values: torch.Tensor) -> list[torch.Tensor]:
    """Means of values (N, H - 1, W - 1) over the plain and the other areas; NaN where one is too small to tell."""
    plain = plain_places(request.pair.source, request.encoded.shape[-1]).to(values.device)
    found = []
    for area in (plain, ~plain):
        share = area.double().mean((1, 2))
        mean = torch.where(area, values, 0).double().mean((1, 2)) / share
        found.append(torch.where(share >= _PLAIN_SHARE, mean, torch.nan))
    return found


STUDY = Study(
    "decomposition",
    "How much of what a latent lacks do the entry, coarse steps and the network each account for?",
    DecompositionParameters,
    jobs,
    combine,
)
