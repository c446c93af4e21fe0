"""Inversion of Gaussian data under an optimal denoiser: what each method does, frequency by frequency, exactly.

For stationary Gaussian data of power S(f) the optimal denoiser is known (`denoisers.GaussianDenoiser`) and linear in
each Fourier coefficient. So is every inversion method here but OVG: a latent is a gain times the source plus a gain
times the noise that the method adds. The gains are measured with the library's own `invert` on one image whose
coefficients are all 1, so nothing about them is random. They are compared with closed forms and, if a method adds
noise, with random images.

Two sets of powers S are used: a ladder of powers, for curves against S, and the two-dimensional spectrum of a data
set's sources, in pixel space.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from spectral_collapse import datasets, inversion
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.errors import NotFiniteError
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.inversion.projectors import HighPass
from spectral_collapse.later import torch
from spectral_collapse.metrics import spectral_slope
from spectral_collapse.metrics.radial_spectrum import BAND
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from spectral_collapse.studies import common
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, ImageParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

PRESERVING, EXPLODING, FLOW = "variance preserving", "variance exploding", "flow matching"
PROCESSES: dict[str, Process] = {
    PRESERVING: VariancePreserving(),
    EXPLODING: VarianceExploding(),
    FLOW: FlowMatching(last=0.999),  # EDICT and Heun's rule divide by alpha
}

DETERMINISTIC: dict[str, tuple[str, dict[str, Any]]] = {
    "Euler (standard)": ("standard", {}),
    "Heun (EDM)": ("edm", {"entry_noise": False, "heun": True}),
    "fixed point": ("fixed_point", {"tolerance": 1e-12}),
    "ReNoise": ("renoise", {"lambda_pair": 0.0, "lambda_patch": 0.0}),
    "EDICT": ("edict", {}),
    "BDIA": ("bdia", {}),
    "BDIA, gamma 0.9": ("bdia", {"gamma": 0.9}),
}
"""Methods without noise whose latents differ: title -> name and parameters. The regularisation of
ReNoise's noise is off: it is meant for networks, and not linear."""

ROUND_TRIPS = DETERMINISTIC | {
    "DirectInversion": ("direct", {}),
    "cycle diffusion": ("cycle_diffusion", {}),
    "edit-friendly DDPM": ("ddpm_friendly", {}),
    "noise floor": ("noise_floor", {}),
    "TABA": ("taba", {"fraction": 0.04}),
}
"""Methods whose way there and back is measured."""

OVG_SERIES: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("standard", {}),
    "OVG": ("ovg", {"eta_hf": 1000.0, "eta_lf": 1e-4}),
    "OVG, variance gradient alone": ("ovg", {"eta_hf": 1000.0, "eta_lf": 0.0, "project": False}),
    "OVG + TABA": ("ovg", {"eta_hf": 1000.0, "eta_lf": 1e-4, "forward_fraction": 0.04}),
}
"""OVG with the published step sizes of BBBC021, its parts and its partner."""

NOISES = ("everywhere", "empty band")
"""The frequencies of the noise that a method adds: all (noise floor at k = 0, TABA), or those that the source can't
hold (nullspace)."""

EMPTIED = (0.2, 0.3)
"""The band, in cycles per pixel, that is emptied to see what OVG does with it."""

_LADDER_SIDE = 32
"""Side of the ladder's images in pixels."""

_VARIANCE, _CORRELATION = "variance of the latent", "correlation of the latent with the source"
LAYOUT = Layout(
    power=("domain sample frequency", "power per coefficient"),
    slope=("sample", "exponent of the target's spectrum"),
    power_law=("frequency", "power law fitted to the targets"),
    entry=("process", "s_0^2"),
    below_entry=("process", "share of the sources' coefficients below s_0^2"),
    empty=("", "share of coefficients without power"),
    data_limit=("process frequency", "S / (S + s_0^2)"),
    terminal=("process method variance", _VARIANCE),
    limit=("process variance", "S / (S + s_0^2)"),
    error=("process method steps", "largest relative error of the gain, against the exact flow"),
    edm_variance=("entry_noise edm_steps variance", _VARIANCE),
    edm_drawn=("entry_noise draw variance", _VARIANCE),
    ovg_power=("ovg_series frequency", "power of the latent"),
    ovg_image=("frequency", "power of the image"),
    standard_variance=("frequency", _VARIANCE),
    variance_expected=("noise replaced frequency", _VARIANCE),
    correlation_expected=("noise replaced frequency", _CORRELATION),
    variance_drawn=("noise replaced draw frequency", _VARIANCE),
    correlation_drawn=("noise replaced draw frequency", _CORRELATION),
    round_trip=("process trip", "error of the reconstruction, relative to the image"),
    calls=("process trip", "network calls per image, inversion"),
)


class GaussianParameters(ImageParameters):
    """How finely the exact inversion is resolved."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 8, "quick": 64, "paper": 64}

    num_steps: Count = by_profile(25, 50, 50, ge=1, description="inversion steps of all that is shown at one number")
    steps: tuple[Count, ...] = by_profile(
        (16, 32, 64),
        (16, 32, 64, 128, 256, 512),
        (16, 32, 64, 128, 256, 512),
        description="numbers of inversion steps for the orders of convergence",
    )
    entry_steps: tuple[Count, ...] = by_profile(
        (10, 50), (50, 500), (50, 500), description="numbers of steps for EDM's entry noise"
    )
    replaced: tuple[Count, ...] = by_profile(
        (0, 1, 2), (0, 2, 5, 10), (0, 2, 5, 10), description="levels k at which noise enters"
    )
    draws: Count = by_profile(4, 32, 32, ge=1, description="images of three channels for what is drawn")


@dataclass(frozen=True)
class Gaussian:
    """Stationary Gaussian data, and its bands of frequencies.

    spectrum: H x W, the power S of each coefficient. band: H x W, the number of the coefficient's band, 0 to B - 1, or
    -1 in none.
    """

    spectrum: torch.Tensor
    band: torch.Tensor

    def mean(self, values: torch.Tensor, among: torch.Tensor | None = None) -> torch.Tensor:
        """Real values (..., H, W) averaged over each band, or over those of its coefficients that are `among`."""
        band = self.band if among is None else torch.where(among, self.band, -1)
        member = torch.nn.functional.one_hot(band.flatten() + 1, int(self.band.max()) + 2)[:, 1:].double()
        return values.double().flatten(-2) @ (member / member.sum(0))

    def without(self, bands: torch.Tensor) -> Gaussian:
        """The same data with no power in some bands, a boolean of B."""
        inside = bands[self.band.clamp(min=0)] & (self.band >= 0)
        return Gaussian(self.spectrum.where(~inside, 0), self.band)

    def denoiser(self, process: Process) -> GaussianDenoiser:
        """The optimal denoiser of this data under label 0."""
        return GaussianDenoiser(process, {0: self.spectrum})

    def draw(self, count: int, seed: int) -> torch.Tensor:
        """Random images of this data, count x 3 x H x W."""
        generator = torch.Generator().manual_seed(seed)
        white = torch.randn(count, 3, *self.spectrum.shape, generator=generator, dtype=torch.float64)
        return torch.fft.ifft2(torch.fft.fft2(white) * self.spectrum.sqrt()).real

    def power(self, images: torch.Tensor) -> torch.Tensor:
        """Power per band of images N x C x H x W, averaged over channels, (N, B)."""
        return self.mean(_fourier(images).abs().square().mean(1))

    def correlation(self, latents: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Correlation of the coefficients of latents with those of images in each band, (N, B).

        Each coefficient is divided by its own standard deviation over all N images and their channels, so
        that within a band strong and weak ones count alike. Those without power are left out.
        """
        one, other = (
            values / values.abs().square().mean((0, 1)).sqrt() for values in (_fourier(latents), _fourier(images))
        )
        present = self.spectrum > 0

        def banded(values: torch.Tensor) -> torch.Tensor:
            return self.mean(values.mean(1).where(present, 0), present)

        cross = banded((one * other.conj()).real)
        return cross / (banded(one.abs().square()) * banded(other.abs().square())).sqrt()

    def gain(self, method: InversionMethod, process: Process, num_steps: int) -> torch.Tensor:
        """The factor by which an inversion multiplies each coefficient of the source, H x W; NaN where it overflows.

        The noise that a method adds without looking at the image is the latent of a black image under the same
        generator. Since all is linear, the difference to it is the source's part.
        """
        impulse = torch.fft.ifft2(torch.ones_like(self.spectrum), norm="ortho").real[None, None]
        denoiser = self.denoiser(process)
        try:
            latent, *noise = (
                method.invert(denoiser, image, 0, num_steps, torch.Generator().manual_seed(0)).latent
                for image in ((impulse, torch.zeros_like(impulse)) if method.stochastic else (impulse,))
            )
        except NotFiniteError:
            return torch.full_like(self.spectrum, float("nan"))
        return _fourier(latent - sum(noise))[0, 0].real


def ladder(lowest: float = -8.0) -> tuple[Gaussian, np.ndarray]:
    """Gaussian data with powers from 10 down to 10 to the power of `lowest`, evenly in the logarithm, and these powers.

    A band is one power; S falls with |f_x| + |f_y|, so most bands have many coefficients.
    """
    axis = (torch.fft.fftfreq(_LADDER_SIDE, dtype=torch.float64) * _LADDER_SIDE).abs().long()
    band = axis[:, None] + axis[None, :]
    powers = torch.logspace(1.0, lowest, _LADDER_SIDE + 1, dtype=torch.float64)
    return Gaussian(powers[band], band), powers.numpy()


def modelled(images: torch.Tensor) -> Gaussian:
    """Gaussian data with the two-dimensional spectrum of images N x C x H x W, averaged over N and C.

    The bands are the rings of `metrics.radial_spectrum` without ring 0. Power that is no more than
    rounding error is set to 0.
    """
    centred = images.double() - images.double().mean((0, 2, 3), keepdim=True)
    spectrum = _fourier(centred).abs().square().mean((0, 1))
    spectrum = spectrum.where(spectrum > torch.finfo(torch.float32).eps ** 2 * spectrum.max(), 0)
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in spectrum.shape)
    side = min(spectrum.shape)
    ring = (down[:, None].hypot(across) * side).round().long()
    return Gaussian(spectrum, torch.where(ring <= side // 2, ring - 1, -1))


def flow_gain(spectrum: torch.Tensor, process: Process, num_steps: int) -> torch.Tensor:
    """The factor by which the exact probability flow multiplies an amplitude from the entry level to the last one.

    The flow carries N(0, alpha^2 S + sigma^2) of one level into that of another, linearly, so it is the ratio of the
    two standard deviations; the latent is divided by the last level's norm. With alpha_0 = 1 and no signal left at the
    last level, S * gain^2 = S / (S + s_0^2).
    """
    levels = process.levels(num_steps)
    start, end = (level.alpha**2 * spectrum + level.sigma**2 for level in (levels[0], levels[-1]))
    return (end / start).sqrt() / levels[-1].norm


def entry(process: Process) -> float:
    """s_0^2, the variance of the noise relative to the signal at the level where an image enters."""
    return process.levels(1)[0].ratio ** 2


Given = Request[GaussianParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per section of the chapter."""
    given = request.parameters

    def entered() -> Arrays:
        cutoff = request.info.source_band(given.size)
        return _entered(modelled(request.pair.source), given.num_steps, cutoff, given.replaced, given.draws)

    return {
        "spectra": lambda: _measured(request.pair, modelled(request.pair.source)),
        "terminal variance": lambda: _terminal(given.num_steps),
        "orders of convergence": lambda: _convergence(given.steps),
        "entry noise": lambda: _entry_noise(given.entry_steps, given.draws),
        "OVG": lambda: _guided(request.pair.source, given.num_steps),
        "noise at level k": entered,
        "round trips": lambda: _round_trips(modelled(request.pair.source), given.num_steps),
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The variables of a result.

    Dims: process; method (DETERMINISTIC), trip (ROUND_TRIPS); variance, the ladder of powers S; frequency, the rings of
    a spectrum; steps; draw.

    `power`, `slope`, `power_law` are of the data; `below_entry` and `empty` are the shares of the sources' Fourier
    coefficients with less mean power than s_0^2 and with none; `data_limit` is the closed form's variance of the
    sources' latents. `error`: largest over the ladder. `ovg_image`: of the one image that the latents come from, whose
    band EMPTIED is empty. `*_expected`, `*_drawn`: latents of noise that enters at level k = replaced. Round trips are
    in float64.
    """
    given, arrays = request.parameters, {name: array for part in parts.values() for name, array in part.items()}
    coordinates = {
        "domain": list(request.pair._fields),
        "sample": request.images.names,
        "process": list(PROCESSES),
        "frequency": common.frequencies(arrays["frequency"]),
        "method": list(DETERMINISTIC),
        "variance": common.variable("variance", ladder()[1], "variance S of the data at a frequency"),
        "steps": list(given.steps),
        "entry_noise": [False, True],
        "edm_steps": list(given.entry_steps),
        "draw": range(given.draws),
        "ovg_series": list(OVG_SERIES),
        "noise": list(NOISES),
        "replaced": list(given.replaced),
        "trip": list(ROUND_TRIPS),
    }
    attrs = {"num_steps": given.num_steps, "cutoff": request.info.source_band(given.size)}
    return LAYOUT.dataset(arrays, coordinates, attrs)


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods, which are found by name."""
    return [*_methods(ROUND_TRIPS), *_methods(OVG_SERIES), inversion.create("nullspace")]


def emptied_rings(frequency: xr.DataArray | np.ndarray) -> xr.DataArray | np.ndarray:
    """Which of a spectrum's rings lie in the band EMPTIED."""
    return (frequency > EMPTIED[0]) & (frequency < EMPTIED[1])


def _measured(pair: datasets.Pair, data: Gaussian) -> Arrays:
    frequency, power = common.spectra(pair._asdict())
    slopes = [spectral_slope(image[None]) for image in pair.target]
    # with the slope given, the law's level is what makes the mean residual over the fitted band vanish
    law, fitted = np.mean(slopes) * np.log(frequency), (frequency >= BAND[0]) & (frequency <= BAND[1])
    law += (np.log(power[pair._fields.index("target")].mean(0)) - law)[fitted].mean()
    entries = [entry(process) for process in PROCESSES.values()]
    return {
        "frequency": frequency,
        "power": power,
        "slope": np.array(slopes),
        "power_law": np.exp(law),
        "entry": np.array(entries),
        "below_entry": np.array([float((data.spectrum < noise).double().mean()) for noise in entries]),
        "empty": np.float64((data.spectrum == 0).double().mean()),
        "data_limit": np.array([data.mean(data.spectrum / (data.spectrum + noise)).numpy() for noise in entries]),
    }


def _terminal(num_steps: int) -> Arrays:
    data, powers = ladder()
    gains = [
        [data.mean(data.gain(method, process, num_steps)).numpy() for method in _methods(DETERMINISTIC)]
        for process in PROCESSES.values()
    ]
    limits = [powers / (powers + entry(process)) for process in PROCESSES.values()]
    return {"terminal": np.square(gains) * powers, "limit": np.array(limits)}


def _convergence(steps: tuple[int, ...]) -> Arrays:
    data, _ = ladder()

    def error(method: InversionMethod, process: Process, num_steps: int) -> float:
        exact = flow_gain(data.spectrum, process, num_steps)
        return float((data.gain(method, process, num_steps) / exact - 1).abs().max())

    errors = [
        [[error(method, process, num_steps) for num_steps in steps] for method in _methods(DETERMINISTIC)]
        for process in PROCESSES.values()
    ]
    return {"error": np.array(errors)}


def _entry_noise(entry_steps: Sequence[int], draws: int) -> Arrays:
    data, _ = ladder()
    process = PROCESSES[EXPLODING]
    denoiser, images = data.denoiser(process), data.draw(draws, seed=1)
    expected, drawn = [], []
    for added in (False, True):
        method, total = inversion.create("edm", entry_noise=added), data.spectrum + added * entry(process)
        gains = [data.gain(method, process, steps) for steps in entry_steps]
        expected.append([data.mean(gain.square() * total).numpy() for gain in gains])
        generator = torch.Generator().manual_seed(2)
        drawn.append(data.power(method.invert(denoiser, images, 0, entry_steps[0], generator).latent).numpy())
    return {"edm_variance": np.array(expected), "edm_drawn": np.array(drawn)}


def _guided(sources: torch.Tensor, num_steps: int) -> Arrays:
    """OVG looks at the norm of the whole image, so it isn't linear: one drawn image stands for its kind."""
    frequency, _ = common.spectra({"": sources[:1]})
    emptied = modelled(sources).without(torch.from_numpy(emptied_rings(frequency)))
    image, denoiser = emptied.draw(1, seed=3), emptied.denoiser(PROCESSES[PRESERVING])
    latents = [
        method.invert(denoiser, image, 0, num_steps, torch.Generator().manual_seed(4)).latent
        for method in _methods(OVG_SERIES)
    ]
    return {"ovg_power": emptied.power(torch.cat(latents)).numpy(), "ovg_image": emptied.power(image)[0].numpy()}


def _entered(data: Gaussian, num_steps: int, cutoff: float, replaced: Sequence[int], draws: int) -> Arrays:
    """Latents of noise that enters at level k, expected and drawn.

    With the gain g of the steps that remain from level k on, the latent's variance at a frequency is
    g^2 (alpha_k^2 S + sigma_k^2 P), P being 1 where noise is let in and 0 elsewhere, and its correlation
    with the source alpha_k sqrt(S) / sqrt(alpha_k^2 S + sigma_k^2 P). `Gaussian.gain` measures g alpha_k.
    """
    process = PROCESSES[PRESERVING]
    levels, spectrum = process.levels(num_steps), data.spectrum
    denoiser, images = data.denoiser(process), data.draw(draws, seed=5)
    found: dict[str, list[torch.Tensor]] = defaultdict(list)
    for noise, k in itertools.product(NOISES, replaced):
        method, passed = _entering(noise, k, num_steps, cutoff, spectrum)
        total = spectrum + levels[k].ratio ** 2 * passed
        share = (spectrum / total).sqrt().where(spectrum > 0, 0)
        latents = method.invert(denoiser, images, 0, num_steps, torch.Generator().manual_seed(6)).latent
        found["variance_expected"].append(data.mean(data.gain(method, process, num_steps).square() * total))
        found["correlation_expected"].append(data.mean(share, spectrum > 0))
        found["variance_drawn"].append(data.power(latents))
        found["correlation_drawn"].append(data.correlation(latents, images))
    arrays = {name: torch.stack(values).unflatten(0, (len(NOISES), -1)).numpy() for name, values in found.items()}
    standard = data.gain(inversion.create("standard"), process, num_steps).square() * spectrum
    return arrays | {"standard_variance": data.mean(standard).numpy()}


def _entering(
    noise: str, k: int, num_steps: int, cutoff: float, spectrum: torch.Tensor
) -> tuple[InversionMethod, torch.Tensor]:
    """The method that lets noise in at level k, and where it does: P of each coefficient, H x W."""
    if noise == "empty band":
        impulse = torch.fft.ifft2(torch.ones_like(spectrum)).real
        return inversion.create("nullspace", k=k, projector=cutoff), torch.fft.fft2(HighPass(cutoff)(impulse)).real
    white = inversion.create("taba", fraction=k / num_steps) if k else inversion.create("noise_floor")
    return white, torch.ones_like(spectrum)


def _round_trips(data: Gaussian, num_steps: int) -> Arrays:
    images = data.draw(2, seed=7)
    errors, calls = [], []
    for process in PROCESSES.values():
        denoiser = data.denoiser(process)
        for method in _methods(ROUND_TRIPS):
            latent = method.invert(denoiser, images, 0, num_steps, torch.Generator().manual_seed(8))
            errors.append(float((method.sample(denoiser, latent, 0) - images).norm() / images.norm()))
            calls.append(latent.network_calls)
    shape = (len(PROCESSES), len(ROUND_TRIPS))
    return {"round_trip": np.reshape(errors, shape), "calls": np.reshape(calls, shape)}


def _methods(table: Mapping[str, tuple[str, dict[str, Any]]]) -> list[InversionMethod]:
    return [inversion.create(name, **params) for name, params in table.values()]


def _fourier(images: torch.Tensor) -> torch.Tensor:
    return torch.fft.fft2(images.double(), norm="ortho")


STUDY = Study(
    "gaussian", "What does each method do to Gaussian data, exactly?", GaussianParameters, jobs, combine, uses
)
