"""How are the steps taken? The solvers of inversion and sampling, and the timestep that the network receives.

Papers on inversion compare entries and corrections and leave both open. Here images enter without noise, with the noise
of the first level, and at a later one. Each solver inverts and samples them; pairs of two different solvers include the
standard one. Every image has one noise map. Then the network receives the timestep of the state's level or of the next
one (`StandardSteps`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import pairwise
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import xarray as xr
from pydantic import AfterValidator, Field

from spectral_collapse import inversion, metrics
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import Inversion, InversionMethod
from spectral_collapse.inversion.dpm_solver import DPMSolver
from spectral_collapse.inversion.nullspace import NullSpace
from spectral_collapse.inversion.standard import Standard
from spectral_collapse.labels import TARGET
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, Process, VariancePreserving
from spectral_collapse.studies import common, published
from spectral_collapse.studies.layout import Layout, sides
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile, known
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

EULER, SECOND, FINE, LOG_SNR = "Euler", "second order", "Euler, four times the steps", "Euler, even in log SNR"
SOLVERS = (EULER, SECOND, FINE, LOG_SNR)
"""Standard steps; DPM-Solver++(2M); standard steps between levels of which each interval is halved twice; and between
levels that lie evenly in log SNR, on variance-preserving processes alone."""

NOTHING, FLOOR, TABA, NULL_SPACE = "no noise", "noise floor", "TABA", "null-space noise"
ENTRIES = (NOTHING, FLOOR, TABA, NULL_SPACE)
"""What enters with the image: nothing; the noise of the first level; that of the level where TABA ends, everywhere or
above the source's band. One noise of each image serves all of them."""

SHARES = (0.02, 0.04, 0.06, 0.1, 0.2)
"""Shares of the steps that TABA replaces for either timestep."""
TOLD = ("own", "next")

LAYOUT = Layout(
    hf_ratio=("entry up down sample", "log high-frequency energy over the own target's"),
    st_lpips=("entry up down sample", "ST-LPIPS to the own target"),
    s_lf=("entry up down sample", "low-frequency structural fidelity S_LF"),
    psnr=("entry up down sample", "peak signal-to-noise ratio against the true target", "dB"),
    s_dc=("entry up sample", "decorrelation of the latent S_DC"),
    high_power=("entry up sample", "power of the latent at high frequencies"),
    calls_up=("entry up", "network calls of the inversion"),
    calls_down=("down", "network calls of the sampling"),
    told_hf_ratio=("told start sample", "log high-frequency energy over the own target's"),
    told_st_lpips=("told start sample", "ST-LPIPS to the own target"),
    told_s_lf=("told start sample", "low-frequency structural fidelity S_LF"),
    told_psnr=("told start sample", "peak signal-to-noise ratio against the true target", "dB"),
    told_s_dc=("told start sample", "decorrelation of the latent S_DC"),
    told_high_power=("told start sample", "power of the latent at high frequencies"),
    image=("picture shown row col rgb", "picture"),
    source_image=("shown row col rgb", "picture"),
    target_image=("shown row col rgb", "picture"),
)


class SolversParameters(NetworkParameters):
    """Test images of one data set, a network, and the solvers."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 4, "quick": 16, "paper": 64}
    """Few at quick: some paths have four times the steps both ways."""
    solvers: Annotated[
        tuple[str, ...], Field(min_length=1), AfterValidator(partial(known, "solver", among=SOLVERS))
    ] = by_profile(
        (EULER, SECOND),
        SOLVERS,
        SOLVERS,
        description="solvers, each used both ways, and one way with standard steps the other way",
    )
    shown: Count = by_profile(1, 2, 2, ge=1, description="how many of the images are stored as pictures")


Given = Request[SolversParameters]


class Walk(NamedTuple):
    """A solver: its method of steps, the network on its levels, and the number of steps."""

    method: DPMSolver | Standard
    denoiser: Denoiser
    num_steps: int

    @property
    def levels(self) -> list[Level]:
        """The levels, cleanest first."""
        return self.denoiser.process.levels(self.num_steps)


@dataclasses.dataclass(frozen=True)
class Halved:
    """A process that passes, between any two levels of another one, three more, each at the middle."""

    process: Process

    def levels(self, num_steps: int) -> list[Level]:
        """num_steps + 1 levels, cleanest first: num_steps / 4 steps of the other one. Raises as that process does."""
        found = self.process.levels(num_steps // 4)
        for _ in range(2):
            between = [[low, self.process.between(low, high)] for low, high in pairwise(found)]
            found = [level for both in between for level in both] + found[-1:]
        return found


class On:
    """A denoiser on levels other than those of its own process."""

    def __init__(self, denoiser: Denoiser, process: Process) -> None:
        self.denoiser, self.process = denoiser, process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        return self.denoiser(x, level, label)


def everywhere(noise: torch.Tensor) -> torch.Tensor:
    """Noise at all frequencies: the projector that leaves it as it is."""
    return noise


def solvers(request: Given) -> list[str]:
    """Those solvers of the parameters that this network's process allows."""
    even = isinstance(request.model.denoiser.process, VariancePreserving)
    return [name for name in request.parameters.solvers if even or name != LOG_SNR]


def walk(request: Given, solver: str) -> Walk:
    """The network that a solver of `SOLVERS` calls, and how it steps."""
    denoiser, steps = request.model.denoiser, request.parameters.num_steps
    if solver == FINE:
        return Walk(Standard(), On(denoiser, Halved(denoiser.process)), 4 * steps)
    if solver == LOG_SNR:
        denoiser = On(denoiser, dataclasses.replace(denoiser.process, spacing="log_snr"))
    return Walk(DPMSolver() if solver == SECOND else Standard(), denoiser, steps)


def entering(request: Given, entry: str, solver: str) -> InversionMethod:
    """The inversion with an entry of `ENTRIES` and the steps of a solver.

    Images enter at the level whose noise over signal is nearest to that of the standard solver's entry level.
    """
    if entry == NOTHING:
        return walk(request, solver).method
    given = published.settings(request, "nullspace")
    usual = walk(request, EULER).levels[0 if entry == FLOOR else given["k"]]
    ratios = np.array([level.ratio for level in walk(request, solver).levels])
    k = int(np.abs(np.log(ratios / usual.ratio)).argmin())
    projector = given["projector"] if entry == NULL_SPACE else everywhere
    return NullSpace(k=k, projector=projector, order=2 if solver == SECOND else 1)


def starts(request: Given) -> dict[str, dict[str, InversionMethod]]:
    """The starts that are combined with either timestep: start -> timestep -> method."""
    steps, found = request.parameters.num_steps, {"standard": ("standard", {}), "noise floor": ("noise_floor", {})}
    for count in dict.fromkeys(max(1, round(share * steps)) for share in SHARES):
        found[f"TABA, {count / steps:.0%}"] = "taba", {"fraction": count / steps}
    found["OVG"] = "ovg", published.settings(request, "ovg")
    return {
        start: {told: inversion.create(name, told=told, **settings) for told in TOLD}
        for start, (name, settings) in found.items()
    }


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods, for the key."""
    yield from (method for both in starts(request).values() for method in both.values())
    yield from (DPMSolver(), Standard(), NullSpace())


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per entry and solver of the inversion, and one per start and timestep."""
    walked = {f"{entry}, {up}": partial(_walked, request, entry, up) for entry in ENTRIES for up in solvers(request)}
    told = {
        f"{start}, told {told}": partial(_told, request, method)
        for start, both in starts(request).items()
        for told, method in both.items()
    }
    return walked | told


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Scores along `entry`, `up` and `down`, latents along the first two.

    Those of either timestep are along `told` and `start`. `image`: of some images, the standard start with either
    timestep, and no noise by each solver both ways.
    """
    chosen, begun = solvers(request), list(starts(request))
    walked = [[parts[f"{entry}, {up}"] for up in chosen] for entry in ENTRIES]
    told = [[parts[f"{start}, told {told}"] for start in begun] for told in TOLD]
    pictures = {f"standard, told {told}": parts[f"standard, told {told}"]["image"] for told in TOLD}
    pictures |= {up: parts[f"{NOTHING}, {up}"]["image"] for up in chosen[1:]}
    arrays = {
        **LAYOUT.stacked("entry up", walked),
        **LAYOUT.stacked("told start", told),
        "calls_down": walked[0][0]["calls_down"],
        "image": np.stack(list(pictures.values())),
        **sides(request),
    }
    names = np.array(request.images.names)
    coordinates = {
        **{"entry": list(ENTRIES), "up": chosen, "down": chosen, "told": list(TOLD), "start": begun},
        **{"picture": list(pictures), "sample": names, "shown": names[request.shown]},
    }
    return LAYOUT.dataset(arrays, coordinates)


_SCORES = ("hf_ratio", "st_lpips", "s_lf", "psnr")


def _scores(request: Given, images: torch.Tensor) -> Arrays:
    """Of translations, N x 3 x H x W, rounded to 256 levels as stored ones are."""
    images = ((images.cpu() + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
    cutoff, info = request.info.structure_cutoff(request.parameters.size), request.info
    source, target = request.pair
    found = {
        "hf_ratio": metrics.hf_ratio(images, target),
        "st_lpips": metrics.st_lpips(images, target),
        "s_lf": metrics.s_lf(images, source, cutoff=cutoff, structure=info.structure),
        "psnr": metrics.psnr(images, target),
    }
    return {name: values.numpy().astype(np.float64) for name, values in found.items()}


def _latents(latents: torch.Tensor) -> Arrays:
    latents = latents.cpu()
    power = 1 - metrics.high_frequency_deficit(latents)
    return {"s_dc": metrics.s_dc(latents).numpy().astype(np.float64), "high_power": power.numpy()}


def _walked(request: Given, entry: str, up: str) -> Arrays:
    """An inversion, and the ways down from its latents: by the same solver, and where one of the two is the standard
    one by another; NaN in place of the others."""
    label, there = request.info.source_label, walk(request, up)
    generator = torch.Generator().manual_seed(0)
    method = entering(request, entry, up)
    found = method.invert(there.denoiser, request.encoded, label, there.num_steps, generator)
    scores, calls, image = [], [], None
    for down in solvers(request):
        back = walk(request, down)
        calls.append(back.num_steps * (1 if request.guidance in (0, 1) else 2))
        if down != up and EULER not in (up, down):
            scores.append(dict.fromkeys(_SCORES, np.full(len(found.latent), np.nan)))
            continue
        begin = Inversion(found.latent, back.levels, 0)
        images = request.model.decode(back.method.sample(back.denoiser, begin, TARGET, request.guidance))
        scores.append(_scores(request, images))
        image = common.pictures(images[request.shown]) if down == up else image
    return {
        **{name: np.stack([one[name] for one in scores]) for name in _SCORES},
        **_latents(found.latent),
        **{"calls_up": np.int64(found.network_calls), "calls_down": np.array(calls), "image": image},
    }


def _told(request: Given, method: InversionMethod) -> Arrays:
    found = request.translated(method)
    arrays = _scores(request, found.images) | _latents(found.latents)
    return {f"told_{name}": values for name, values in arrays.items()} | {
        "image": common.pictures(found.images[request.shown])
    }


STUDY = Study(
    "solvers",
    "Do the solver, and the timestep that the network is told, matter as much as the method?",
    SolversParameters,
    jobs,
    combine,
    uses,
    made={"image": {}},
)
