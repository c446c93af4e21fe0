"""What happens during inversion and sampling: updates, predictions and their errors at every step.

Fig. 17 of 'Spectral Collapse in Diffusion Inversion' shows the energy of the updates of one sample per step and
frequency. Here it is averaged over many, and compared with a true latent's trajectory: forward diffusion with one
noise.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pydantic
import xarray as xr

from spectral_collapse import inversion
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.labels import TARGET
from spectral_collapse.later import F, torch
from spectral_collapse.metrics import Trajectory
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.sampling import Step
from spectral_collapse.studies import common, latents, published
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

WALKS = ("inversion", "sampling")
VIEWS = ("state", "noise", "clean")
"""What is pictured of a step: x, and the two halves of the network's prediction."""

LAYOUT = Layout(
    # the amplitude of one sample to 2 %; pages show means of many
    log_velocity=("series walk step frequency sample", "log10 of the update's amplitude", "1", 7),
    noise_norm=("series walk step sample", "mean square of the predicted noise", "1", 12),
    clean_error=("series step band sample", "squared error of the predicted clean image", "1", 12),
    label_sensitivity=("series step sample", "relative change of the predicted noise", "1", 12),
    picture=("pictured_method pictured view row col rgb", "picture"),
)

_LEAST = 1e-12  # of an amplitude, so that its logarithm is a number


class TrajectoryParameters(latents.LatentParameters):
    """Test images of one data set, a network, and the methods whose trajectories are measured."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 4, "quick": 64, "paper": 64}

    methods: latents.Methods = by_profile(
        ("standard", "taba", "ovg"),
        ("standard", "taba", "ovg"),
        ("standard", "taba", "ovg"),
        min_length=1,
        description="inversion methods, with the papers' settings for the data set",
    )
    pictured: Count = by_profile(4, 12, 12, ge=4, description="steps of which there are pictures, spread over the walk")
    _with_standard = pydantic.field_validator("methods")(latents.with_standard)


Given = Request[TrajectoryParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per series: inversion and sampling. Raises InvalidParameterError for a method that stops halfway."""
    steps = request.parameters.num_steps
    for name in request.parameters.methods:
        if method_of(request, name).walked_steps(steps) < steps:
            raise InvalidParameterError(
                f"{name!r} does not walk all {steps} steps, so its walk has no place beside the others; leave it out"
            )
    return {name: functools.partial(_walks, request, name) for name in series(request)}


def series(request: Given) -> list[str]:
    """The reference, white noise that is mixed with the images step by step and sampled from, and the methods."""
    return [WHITE, *request.parameters.methods]


def method_of(request: Given, name: str) -> InversionMethod:
    """A method with the papers' settings; for the reference, forward diffusion with one noise at all steps."""
    return inversion.create("taba", fraction=1.0, fresh=False) if name == WHITE else published.method(request, name)


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The measures of each step, in order; `ratio` is of the level that a step starts from.

    `log_velocity`: of `Trajectory`'s velocity. Of the inversion alone `clean_error`, per coefficient, a mean over a
    band's rings, and `label_sensitivity` against the target label; NaN at steps that do not call the network.
    `picture`: of the first image; x and noise are first channels from -3 to 3, x over its level's norm, and mid-grey
    where the network was not called.
    """
    names, methods = series(request), request.parameters.methods
    arrays = LAYOUT.stacked("series", [parts[name] for name in names])
    arrays |= LAYOUT.stacked("pictured_method", [parts[name] for name in methods])
    coordinates = {
        "series": names,
        "pictured_method": list(methods),
        "walk": list(WALKS),
        "band": list(BANDS),
        "view": list(VIEWS),
        "sample": request.images.names,
        "pictured": common.variable("pictured", pictured(request), "step"),
        "frequency": common.frequencies(parts[WHITE]["frequency"]),
        "ratio": common.variable(("walk", "step"), parts[WHITE]["ratio"], "sigma / alpha"),
    }
    return LAYOUT.dataset(arrays, coordinates)


def pictured(request: Given) -> list[int]:
    """The steps of which there are pictures: the first ones, where all begins, and others spread to the last."""
    steps, wanted = request.parameters.num_steps, request.parameters.pictured
    later = np.linspace(min(2, steps - 1), steps - 1, wanted - 2).round().astype(int).tolist()
    return sorted({0, min(1, steps - 1), *later})


def _walks(request: Given, name: str) -> Arrays:
    """One series, up under the source's label and down under the target's."""
    given, denoiser, encoded = request.parameters, request.model.denoiser, request.encoded
    up, down = Trajectory(clean=encoded, denoiser=denoiser, other_label=TARGET), Trajectory()
    wanted, seen = set(pictured(request)), []

    def watch(step: Step) -> None:
        up(step)
        if step.index in wanted:
            seen.append(_pictures(request, step))

    method, generator = method_of(request, name), torch.Generator().manual_seed(0)
    found = method.invert(denoiser, encoded, request.info.source_label, given.num_steps, generator, callback=watch)
    method.sample(denoiser, found, TARGET, request.guidance, callback=down)
    walks = [watched.dataset() for watched in (up, down)]
    # a ring belongs to the band of its number over the side, as in `metrics.radial_spectrum.band_power`
    rings = np.arange(walks[0].sizes["frequency"]) / min(encoded.shape[-2:])
    lower = [low for low, _ in BANDS.values()]
    band = np.searchsorted(lower, rings, side="right") - 1
    errors = [walks[0]["clean_spectrum"][..., (band == index) & (rings > 0)].mean("frequency") for index in range(3)]
    velocity = np.stack([walk["velocity"].transpose("step", "frequency", "sample") for walk in walks])[:, :, 1:]
    return {
        "frequency": walks[0]["frequency"].to_numpy()[1:],
        "ratio": np.stack([walk["sigma"] / walk["alpha"] for walk in walks]),
        "log_velocity": np.log10(velocity.clip(_LEAST)).astype(np.float32),
        "noise_norm": np.stack([walk["noise_norm"] for walk in walks]),
        "clean_error": np.stack(errors, 1),
        "label_sensitivity": walks[0]["label_sensitivity"].to_numpy(),
        "picture": np.stack(seen),
    }


def _pictures(request: Given, step: Step) -> np.ndarray:
    """`VIEWS` of the first image, of its size, as bytes."""
    size = request.parameters.size
    state, blank = step.x[:1, :1] / step.level.norm, torch.zeros_like(step.x[:1, :1])
    noise, clean = blank, blank.new_zeros(1, 3, size, size)
    if step.prediction is not None:
        noise, clean = step.prediction.noise[:1, :1], request.model.decode(step.prediction.clean[:1])
    maps = [F.interpolate(one / 3, size).expand(-1, 3, -1, -1) for one in (state, noise)]
    return common.pictures(torch.cat([*maps, clean]))


STUDY = Study(
    "trajectories",
    "At which steps and frequencies do inversions move, and where do their predictions go wrong?",
    TrajectoryParameters,
    jobs,
    combine,
    uses=lambda request: [method_of(request, name) for name in series(request)],
    made={"picture": {"view": ["noise"]}},
)
