"""Noise that enters with the image: why it works on Gaussian data, what it costs, and how far better solvers help.

An image that enters level k with the share P of that level's noise is, in every Fourier coefficient, a sum of two
independent parts. A linear flow multiplies both by one number. From this follow the product law (power times squared
correlation does not depend on P), what each frequency of a translation is made of, the expected S_LF, and the error
that is left by coarse steps and by a wrong network. Closed forms describe the exact flow; they are compared with the
library's own `invert` and `sample` on random images.

Words: S and T, the power of a coefficient in the source's and the target's data; s_k = sigma_k / alpha_k.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np
import pydantic
import xarray as xr
from pydantic import Field

from spectral_collapse import inversion, metrics
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.inversion.dpm_solver import DPMSolver
from spectral_collapse.inversion.nullspace import NullSpace
from spectral_collapse.inversion.projectors import HighPass, Projector
from spectral_collapse.labels import SOURCE, TARGET
from spectral_collapse.later import torch
from spectral_collapse.metrics.high_frequency import CUTOFF
from spectral_collapse.metrics.ssim import WINDOW
from spectral_collapse.processes import Level, Process, VariancePreserving
from spectral_collapse.studies import common
from spectral_collapse.studies.gaussian import Gaussian, entry, flow_gain, modelled
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, ImageParameters, Number, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

TIME, LOG_SNR = "even in time", "even in log SNR"
PROCESSES: dict[str, Process] = {TIME: VariancePreserving(), LOG_SNR: VariancePreserving(spacing="log_snr")}
"""How the levels lie. Networks are used at the first; at the second the steps become fine everywhere."""

NOWHERE, EVERYWHERE, ABOVE = "nowhere", "everywhere", "above the source's band"
NOISES = (NOWHERE, EVERYWHERE, ABOVE)
"""At which frequencies the noise of the level enters."""

EULER, SECOND, FINE = "Euler", "second order", "second order, even in log SNR"

STANDARD, FLOOR, EDM, HALF = "standard", "noise floor", "EDM (Heun)", "half of the noise"
TABA, NONE, WIENER = "TABA", "no noise at TABA's level", "Wiener entry"
LAW = (STANDARD, FLOOR, EDM, HALF, TABA, NONE, WIENER)
"""What enters, where the product law is measured."""

RATIOS = (10.0, 1.0, 0.1)
"""S / s_0^2 of the data on which it is measured: a disc of low frequencies and two rings around it."""

LATER = 4.0
"""About s_k^2 / s_0^2 at the later of the two levels where images enter there."""

SOLVERS = {"Euler": ("standard", {}), "Heun": ("edm", {"entry_noise": False, "heun": True}), "2M": ("dpm_solver", {})}
"""Solvers whose order of convergence is measured: title -> method, parameters."""

CONTRAST = 0.5
"""Images are scored at half their contrast, so that black and white do not cut the tails of a Gaussian."""

_SIDE, _LAW_STEPS = 32, 200
_WINDOW_WIDTH = 1.5
"""Of SSIM's window, in pixels, and its two constants for images in [0, 1] (Wang et al. 2004)."""
_LUMINANCE, _STRUCTURE = 0.01**2, 0.03**2

LAYOUT = Layout(
    law_power=("entering draw ratio", "power of the latent"),
    law_kept=("entering draw ratio", "squared correlation of the latent with the source"),
    law_power_expected=("entering ratio", "power of the latent"),
    law_kept_expected=("entering ratio", "squared correlation of the latent with the source"),
    level_ratio=("entering", "s_k^2 / s_0^2 where the image enters"),
    level_noise=("replaced", "s_k^2"),
    power_expected=("noise replaced frequency", "power of the translation over the target's"),
    carried_expected=("noise replaced frequency", "its part that comes from the source"),
    power=("walk noise replaced draw frequency", "power of the translation over the target's"),
    carried=("walk noise replaced draw frequency", "its part that comes from the source"),
    s_lf_expected=("noise replaced", "S_LF"),
    detail_expected=("noise replaced", "power above half the Nyquist frequency over the target's"),
    s_lf=("walk noise replaced draw", "S_LF"),
    detail=("walk noise replaced draw", "power above half the Nyquist frequency over the target's"),
    walk_error=("walk replaced", "relative error of the latent"),
    error=("process solver spectral_error steps", "relative error of the latent"),
    floor=("process spectral_error steps", "relative error of the exact flow"),
    calls=("solver steps", "network calls per image"),
)


class EntryNoiseParameters(ImageParameters):
    """Where noise enters, and how fine the steps are."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 8, "quick": 64, "paper": 64}

    num_steps: Count = by_profile(25, 50, 50, ge=1, description="inversion and sampling steps of translations")
    replaced: tuple[Annotated[Count, Field(ge=0)], ...] = by_profile(
        (0, 1, 2), (0, 1, 2, 5, 10), (0, 1, 2, 5, 10), description="levels k at which images enter; 0 is one of them"
    )
    steps: tuple[Annotated[Count, Field(ge=1)], ...] = by_profile(
        (5, 20, 80),
        (5, 10, 20, 50, 100, 200, 500),
        (5, 10, 20, 50, 100, 200, 500),
        description="numbers of inversion steps for the orders of convergence",
    )
    spectral_errors: tuple[Annotated[Number, Field(gt=-1)], ...] = by_profile(
        (0.0, 0.03, 0.3),
        (0.0, 0.03, 0.3),
        (0.0, 0.03, 0.3),
        description="delta: a network's spectrum is (1 + delta) times the true one; 0 is one of them",
    )
    draws: Count = by_profile(4, 12, 12, ge=2, description="images of three channels for what is drawn")

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if max(self.replaced, default=0) > self.num_steps:
            raise ValueError(f"replaced must be at most num_steps, {self.num_steps}; {list(self.replaced)} was given")
        if len(set(self.steps)) < 2:
            raise ValueError(f"steps must be two different numbers at least; {list(self.steps)} was given")
        return self

    @property
    def entered(self) -> list[int]:
        """`replaced` in order, with 0."""
        return sorted({0, *self.replaced})

    @property
    def finer(self) -> list[int]:
        """`steps` in order."""
        return sorted(set(self.steps))

    @property
    def wrong(self) -> list[float]:
        """`spectral_errors` in order, with 0."""
        return sorted({0.0, *self.spectral_errors})


@dataclass(frozen=True)
class Share:
    """A projector's place for a share P of the noise's variance, 0 to 1, the same at every frequency."""

    share: float

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.share**0.5


@dataclass(frozen=True)
class Through(VariancePreserving):
    """Levels as even in log SNR as those can be that pass through given ones.

    through: at most num_steps + 1 levels, cleanest first; trajectories begin at the first and end at the last.
    """

    through: tuple[Level, ...] = ()

    def levels(self, num_steps: int) -> list[Level]:
        places = np.log([level.ratio for level in self.through])
        steps = np.ones(len(places) - 1, int)
        for _ in range(num_steps - len(steps)):
            steps[np.argmax(np.diff(places) / steps)] += 1
        found: list[Level] = []
        for start, ends, count in zip(self.through, pairwise(places), steps, strict=False):
            found += [start, *(self._with_ratio(math.exp(place)) for place in np.linspace(*ends, count + 1)[1:-1])]
        return [*found, self.through[-1]]


WALKS = {EULER: 1, SECOND: 2, FINE: 2}
"""The solvers of translations and their orders, up by `NullSpace`, down by standard steps or by `DPMSolver`; the last
one has the levels of `Through`, the others those of networks. `NullSpace` with all of the noise is the noise floor
(k = 0) and TABA with one noise map."""


class Spectra(NamedTuple):
    """Spectra of translated images, H x W each.

    power: the mean squared magnitude of a coefficient; carried: the part of it that is a multiple of the source's.
    """

    power: torch.Tensor
    carried: torch.Tensor

    def cross(self, source: torch.Tensor) -> torch.Tensor:
        """Covariance of translated and source coefficients, source being their power."""
        return (self.carried * source).sqrt()


def translation(
    source: torch.Tensor, target: torch.Tensor, levels: Sequence[Level], k: int, share: torch.Tensor
) -> Spectra:
    """The exact flow from the source's data at level k up to the last level, and down to the target's at the first.

    The image enters as alpha_k x0 + sigma_k sqrt(share) noise. The flow carries the marginal of one level into that of
    another; with levels from no noise to nothing else, power = T (S + s_k^2 P) / (S + s_k^2) and carried the same with
    P = 0. source, target, share: H x W.
    """
    first, start, last = levels[0], levels[k], levels[-1]
    up = marginal(source, last) / marginal(source, start)
    down = marginal(target, first) / marginal(target, last)
    carried = up * down * start.alpha**2 * source
    return Spectra(carried + up * down * start.sigma**2 * share, carried)


def marginal(spectrum: torch.Tensor, level: Level) -> torch.Tensor:
    """alpha^2 S + sigma^2: the power of noised images at a level."""
    return level.alpha**2 * spectrum + level.sigma**2


def expected_s_lf(source: torch.Tensor, translated: Spectra, cutoff: float, contrast: float = CONTRAST) -> float:
    """S_LF of translations, a ratio of expectations in place of the expectation of a ratio.

    SSIM of two low-passed images is a product of two ratios per window (Wang et al. 2004, Eq. (13)), of means and of
    variances in it. For stationary Gaussian images the expectation of each numerator and denominator is a sum over
    frequencies: with W the window's Fourier transform, |W|^2 of a frequency's power goes to the window's mean and
    1 - |W|^2 to the variance in it. Images of mean 0 in [-1, 1], scaled by contrast. Not accounted for: that ratios of
    random numbers are on average not the ratio of their means, and what is cut off at black and white.
    """
    height, width = source.shape
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    kept = torch.hypot(down[:, None], across) <= cutoff / 2 + 1e-9
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    bell = torch.exp(-((offsets / _WINDOW_WIDTH) ** 2) / 2)
    tall, wide = ((torch.fft.fft(bell / bell.sum(), n=side)).abs().square() for side in (height, width))
    mean = tall[:, None] * wide
    scale = (contrast / 2) ** 2 / source.numel()

    def of(spectrum: torch.Tensor) -> torch.Tensor:
        """What a spectrum gives to products of windows' means, and to covariances in windows."""
        return scale * torch.stack([(spectrum * kept * part).sum() for part in (mean, 1 - mean)])

    grey = torch.tensor([0.5**2, 0.0], dtype=torch.float64)
    constants = torch.tensor([_LUMINANCE, _STRUCTURE], dtype=torch.float64)
    cross, one, other = of(translated.cross(source)), of(source), of(translated.power)
    ratios = (2 * (grey + cross) + constants) / (2 * grey + one + other + constants)
    return float(ratios.prod())


def in_phase(images: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
    """The power that a real multiple of the source has in each coefficient of images N x C x H x W, one value each.

    Noise has as much power in phase with the source as a quarter of a turn off; the source's part is only in phase. So
    the mean difference of both powers is the source's part, for any spectrum. 0 where the source is empty, to rounding.
    """
    image, source = (torch.fft.fft2(x.double(), norm="ortho") for x in (images, sources))
    size = source.abs()
    present = size > 1e-6 * size.amax((-2, -1), keepdim=True)
    turned = image * (source.conj() / size).where(present, 0)
    return turned.real.square() - turned.imag.square()


def relative_error(gain: torch.Tensor, exact: torch.Tensor, spectrum: torch.Tensor, last: Level) -> torch.Tensor:
    """The error of latents that start with their level's full noise: root of expected squared error over squared norm.

    Exactly inverted, each coefficient has the power of `marginal` at the last level, so this is the weight of the
    gains' errors. gain, exact: (..., H, W); spectrum: H x W, the true one.
    """
    weight = marginal(spectrum, last)
    return ((gain / exact - 1).square() * weight).sum((-2, -1)).div(weight.sum()).sqrt()


def rings() -> Gaussian:
    """Data of the powers RATIOS, in units of s_0^2: a disc of low frequencies, a ring, and all beyond it."""
    axis = torch.fft.fftfreq(_SIDE, dtype=torch.float64) * _SIDE
    radius = torch.hypot(axis[:, None], axis).round()
    band = (radius > _SIDE / 4).long() + (radius > 3 * _SIDE / 8)
    return Gaussian(torch.tensor(RATIOS, dtype=torch.float64)[band] * entry(PROCESSES[LOG_SNR]), band)


Given = Request[EntryNoiseParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per section of the chapter."""
    given = request.parameters

    def translations() -> Arrays:
        source, target = (modelled(images) for images in request.pair)
        band, cutoff = request.info.source_band(given.size), request.info.structure_cutoff(given.size)
        return _translations(source, target, given, band, cutoff)

    return {
        "product law": lambda: _law(given.draws),
        "translations": translations,
        "orders": lambda: _orders(modelled(request.pair.source).spectrum, given.finer, given.wrong),
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The variables of a result.

    Dims: entering (LAW), ratio (S / s_0^2), draw; walk (WALKS), noise (NOISES), replaced (k), frequency (rings);
    process (PROCESSES), solver (SOLVERS), spectral_error (delta), steps.

    `*_expected` are expectations over random images and noise; `law_power` is in units of the last level's marginal;
    `walk_error`, `error` and `floor` are of `relative_error`.
    """
    given, arrays = request.parameters, {name: array for part in parts.values() for name, array in part.items()}
    coordinates = {
        "entering": list(LAW),
        "ratio": common.variable("ratio", list(RATIOS), "S / s_0^2"),
        "draw": range(given.draws),
        "walk": list(WALKS),
        "noise": list(NOISES),
        "replaced": given.entered,
        "frequency": common.frequencies(arrays["frequency"]),
        "process": list(PROCESSES),
        "solver": list(SOLVERS),
        "spectral_error": given.wrong,
        "steps": given.finer,
    }
    attrs = {"num_steps": given.num_steps, "cutoff": request.info.source_band(given.size)}
    return LAYOUT.dataset(arrays, coordinates, attrs)


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods that are found by name."""
    return [inversion.create(name) for name in ("standard", "noise_floor", "edm", "taba", "wiener", "dpm_solver")]


def _law(draws: int) -> Arrays:
    process, data = PROCESSES[LOG_SNR], rings()
    levels = process.levels(_LAW_STEPS)
    later = int(np.argmin([abs(np.log(level.ratio**2 / (LATER * entry(process)))) for level in levels]))
    entering: dict[str, tuple[InversionMethod, int, float]] = {
        STANDARD: (inversion.create("standard"), 0, 0.0),
        FLOOR: (inversion.create("noise_floor"), 0, 1.0),
        EDM: (inversion.create("edm", heun=True), 0, 1.0),
        HALF: (NullSpace(0, Share(0.5)), 0, 0.5),
        TABA: (inversion.create("taba", fraction=later / _LAW_STEPS), later, 1.0),
        NONE: (NullSpace(later, Share(0.0)), later, 0.0),
        WIENER: (inversion.create("wiener", k=0), 0, 1.0),
    }
    images, denoiser = data.draw(draws, seed=1).float(), data.denoiser(process)
    found: dict[str, list[torch.Tensor]] = defaultdict(list)
    for name in LAW:
        method, k, share = entering[name]
        latents = method.invert(denoiser, images, SOURCE, _LAW_STEPS, torch.Generator().manual_seed(2)).latent
        noise = levels[k].ratio ** 2
        kept = data.spectrum / (data.spectrum + noise * share)
        if name == WIENER:  # which multiplies the image too
            kept = 1 - (1 - kept) ** 2
        power = (data.spectrum + noise * share) / (data.spectrum + noise)
        found["law_power"].append(data.power(latents / levels[-1].sigma))  # the signal there is next to nothing
        found["law_kept"].append(data.correlation(latents, images).square())
        found["law_power_expected"].append(data.mean(power))
        found["law_kept_expected"].append(data.mean(kept))
        found["level_ratio"].append(torch.tensor(noise / entry(process)))
    return {name: torch.stack(values).numpy() for name, values in found.items()}


def _translations(
    source: Gaussian, target: Gaussian, given: EntryNoiseParameters, band: float, cutoff: float
) -> Arrays:
    usual, num_steps = PROCESSES[TIME], given.num_steps
    levels = usual.levels(num_steps)
    fine = Through(through=tuple(levels[k] for k in sorted({*given.entered, num_steps})))
    images, white = source.draw(given.draws, seed=3).float(), marginal(target.spectrum, levels[0])
    by_ring, detail = source.mean(white), white[_high(white)].mean()
    expected: dict[str, list[np.ndarray | float]] = defaultdict(list)
    drawn: dict[str, list[np.ndarray]] = defaultdict(list)
    grid = list(itertools.product(NOISES, given.entered))
    for noise, k in grid:
        share = _response(_projector(noise, band), source.spectrum).square()
        exact = translation(source.spectrum, target.spectrum, levels, k, share)
        expected["power_expected"].append((source.mean(exact.power) / by_ring).numpy())
        expected["carried_expected"].append((source.mean(exact.carried) / by_ring).numpy())
        expected["s_lf_expected"].append(expected_s_lf(source.spectrum, exact, cutoff))
        expected["detail_expected"].append(float(exact.power[_high(white)].mean() / detail))
    for walk, (noise, k) in itertools.product(WALKS, grid):
        process = fine if walk == FINE else usual
        denoiser = GaussianDenoiser(process, {SOURCE: source.spectrum, TARGET: target.spectrum})
        method = NullSpace(process.levels(num_steps).index(levels[k]), _projector(noise, band), WALKS[walk])
        back = method if WALKS[walk] == 1 else DPMSolver()
        latents = method.invert(denoiser, images, SOURCE, num_steps, torch.Generator().manual_seed(4))
        translated = back.sample(denoiser, latents, TARGET)
        scored = [(CONTRAST * one).clamp(-1, 1) for one in (translated, images)]
        drawn["power"].append((source.power(translated) / by_ring).numpy())
        drawn["carried"].append((source.mean(in_phase(translated, images).mean(1)) / by_ring).numpy())
        drawn["s_lf"].append(metrics.s_lf(*scored, cutoff).numpy())
        drawn["detail"].append(((1 - metrics.high_frequency_deficit(translated)) / detail).numpy())
        if noise == NOWHERE:
            start, last = levels[k], levels[-1]
            gain = start.alpha * (marginal(source.spectrum, last) / marginal(source.spectrum, start)).sqrt() / last.norm
            walked = source.gain(method, process, num_steps)
            drawn["walk_error"].append(relative_error(walked, gain, source.spectrum, last).numpy())
    sizes = len(NOISES), len(given.entered)
    arrays = {name: np.reshape(values, (*sizes, *np.shape(values[0]))) for name, values in expected.items()}
    errors = np.reshape(drawn.pop("walk_error"), (len(WALKS), -1))
    arrays |= {name: np.reshape(values, (len(WALKS), *sizes, *values[0].shape)) for name, values in drawn.items()}
    return arrays | {
        "frequency": common.spectra({"": images[:1]})[0],
        "level_noise": np.array([levels[k].ratio ** 2 for k in given.entered]),
        "walk_error": errors,
    }


def _orders(spectrum: torch.Tensor, steps: Sequence[int], spectral_errors: Sequence[float]) -> Arrays:
    """A network per label: their spectra are wrong by different factors."""
    told = {label: (1 + wrong) * spectrum for label, wrong in enumerate(spectral_errors)}
    impulses = torch.fft.ifft2(torch.ones_like(spectrum), norm="ortho").real.expand(len(told), 1, -1, -1)
    methods = [inversion.create(name, **given) for name, given in SOLVERS.values()]
    errors, floors, calls = [], [], []
    for process, num_steps in itertools.product(PROCESSES.values(), steps):
        exact, last = flow_gain(spectrum, process, num_steps), process.levels(num_steps)[-1]
        wrong = torch.stack([flow_gain(one, process, num_steps) for one in told.values()])
        floors.append(relative_error(wrong, exact, spectrum, last).numpy())
        for method in methods:
            found = method.invert(GaussianDenoiser(process, told), impulses, torch.tensor(list(told)), num_steps)
            gains = torch.fft.fft2(found.latent[:, 0], norm="ortho").real
            errors.append(relative_error(gains, exact, spectrum, last).numpy())
            calls.append(found.network_calls)
    ways = len(PROCESSES), len(steps)
    return {
        "error": np.reshape(errors, (*ways, len(methods), len(told))).transpose(0, 2, 3, 1),
        "floor": np.reshape(floors, (*ways, len(told))).transpose(0, 2, 1),
        "calls": np.reshape(calls, (*ways, len(methods)))[0].T,
    }


def _projector(noise: str, band: float) -> Projector:
    return {NOWHERE: Share(0.0), EVERYWHERE: Share(1.0), ABOVE: HighPass(band)}[noise]


def _response(projector: Projector, like: torch.Tensor) -> torch.Tensor:
    """What a projector multiplies each coefficient by, H x W."""
    return torch.fft.fft2(projector(torch.fft.ifft2(torch.ones_like(like)).real)).real


def _high(like: torch.Tensor) -> torch.Tensor:
    """The coefficients above half the Nyquist frequency, as `metrics.high_frequency_deficit` counts them."""
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in like.shape)
    return torch.hypot(down[:, None], across) > CUTOFF / 2 + 1e-9


STUDY = Study(
    "entry_noise", "Why does entry noise work, and what does it cost?", EntryNoiseParameters, jobs, combine, uses
)
