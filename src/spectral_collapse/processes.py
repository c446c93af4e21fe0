"""Noise processes: the levels (alpha, sigma) that an image passes on its way to noise and back.

Every process corrupts an image as x = alpha * x0 + sigma * eps with eps ~ N(0, I).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from spectral_collapse import memory
from spectral_collapse.checks import check_count, check_generator, check_is, check_name, check_number, described
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch

MOST_LEVELS = 1_000_000
"""More levels than this are a slip of the pen, and would only fill the memory."""

_TOLD = 1000.0
"""What a flow-matching network is told is this times t, as in diffusers."""

BetaSchedule = Literal["scaled_linear", "linear"]
Spacing = Literal["time", "log_snr"]


@dataclass(frozen=True)
class Level:
    """One point of a process: x = alpha * x0 + sigma * eps.

    time: what a network receives as its time there. It is the integer training timestep for a variance-preserving
    process, log(sigma) / 4 (`c_noise` of Karras et al. 2022, Table 1) for a variance-exploding one, and 1000 sigma for
    flow matching.
    """

    alpha: float
    sigma: float
    time: float

    @property
    def ratio(self) -> float:
        """sigma / alpha: the standard deviation of the noise in units of the image; infinite where alpha is 0."""
        return self.sigma / self.alpha if self.alpha else math.inf

    @property
    def norm(self) -> float:
        """Standard deviation of a unit-variance image at this level, sqrt(alpha^2 + sigma^2)."""
        return math.hypot(self.alpha, self.sigma)


def check_levels(*levels: object) -> None:
    """Raises InvalidParameterError unless all arguments are a `Level`."""
    for level in levels:
        check_is("a level", level, Level, "a processes.Level, as process.levels(50) gives them")


def check_trajectory(process: Process, num_steps: int) -> None:
    """Raises InvalidParameterError unless a process gives num_steps + 1 levels whose noise grows."""
    levels, kind = process.levels(num_steps), type(process).__name__
    if not isinstance(levels, list | tuple) or len(levels) != num_steps + 1:
        given = f"{len(levels)} levels" if isinstance(levels, list | tuple) else described(levels)
        raise InvalidParameterError(
            f"levels({num_steps}) of a process must be a list of {num_steps + 1} levels; {kind} gives {given}"
        )
    check_levels(*levels)
    ratios = [level.ratio for level in levels]
    if ratios != sorted(ratios) or ratios[0] == ratios[-1]:
        raise InvalidParameterError(
            f"the levels of a process must go from the cleanest to the noisiest, by sigma / alpha; those of {kind} go "
            f"from {ratios[0]:.4g} to {ratios[-1]:.4g} and not upwards throughout"
        )


class Process(Protocol):
    """What inversion, sampling and training need from a noise schedule."""

    def levels(self, num_steps: int) -> list[Level]:
        """The num_steps + 1 levels of a discretised trajectory, cleanest first."""
        ...

    def interval(self, level: Level, following: Level) -> float:
        """The length dt of a step, in the unit of OVG's step sizes."""
        ...

    def between(self, level: Level, following: Level) -> Level:
        """The level half way between two others, measured in the time that a network receives."""
        ...

    def draw(
        self, count: int, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Random alpha, sigma and time for training, each of shape (count,)."""
        ...


@dataclass(frozen=True)
class VariancePreserving:
    """DDPM / DDIM's process (paper, Eq. 15), with the betas of Stable Diffusion unless others are given.

    schedule 'scaled_linear' (Stable Diffusion): sqrt(beta) is linear between sqrt(beta_start) and sqrt(beta_end).
    'linear' (DDPM, and DiT from 1e-4 to 0.02): beta itself is linear. alpha_bar_t is the product of 1 - beta up to and
    including t, so the cleanest level t = 0 has alpha_bar = 1 - beta_start, not 1.

    spacing: the quantity in which a trajectory's levels are evenly spaced. 'time' is how networks are normally used;
    'log_snr' is log(alpha_bar / (1 - alpha_bar)) between the same two ends. The logistic schedule (Lin et al. 2024),
    alpha_bar = 1 / (1 + exp(k (t - t0))), is the same spacing under another name: its log SNR is -k (t - t0).

    Raises InvalidParameterError for num_train_steps outside 2 to `MOST_LEVELS`, for betas that are not
    0 < beta_start <= beta_end < 1, for an unknown schedule, and for betas that leave no noise at the first level or no
    signal at the last.
    """

    num_train_steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    schedule: BetaSchedule = "scaled_linear"
    spacing: Spacing = "time"

    def __post_init__(self) -> None:
        check_count("num_train_steps", self.num_train_steps, 2, MOST_LEVELS)
        check_number("beta_start", self.beta_start)
        check_number("beta_end", self.beta_end)
        if not 0 < self.beta_start <= self.beta_end < 1:
            raise InvalidParameterError(
                f"betas must satisfy 0 < beta_start <= beta_end < 1; {self.beta_start} and {self.beta_end} were given"
            )
        check_name("beta schedule", self.schedule, get_args(BetaSchedule))
        check_name("spacing", self.spacing, get_args(Spacing))
        if not 0 < self.alpha_bars[-1] <= self.alpha_bars[0] < 1:
            raise InvalidParameterError(
                f"the betas {self.beta_start} to {self.beta_end} in {self.num_train_steps} steps leave no noise at the "
                "first level or no signal at the last; use larger ones, or smaller ones"
            )

    @functools.cached_property
    def alpha_bars(self) -> np.ndarray:
        """alpha_bar_t for t = 0 .. num_train_steps - 1, float64."""
        power = 1 if self.schedule == "linear" else 2
        ends = self.beta_start ** (1 / power), self.beta_end ** (1 / power)
        return np.cumprod(1 - np.linspace(*ends, self.num_train_steps) ** power)

    def levels(self, num_steps: int) -> list[Level]:
        """The levels at t = 0, 1, 1 + T/N, 1 + 2T/N, ... (N + 1 of them, cleanest first).

        Where N divides T, this is diffusers' spacing 'leading' with steps_offset 1, upwards, with t = 0 in place of the
        final alpha. Elsewhere diffusers rounds T / N down and ends earlier. With spacing 'log_snr' the levels between
        these ends lie at fractional timesteps. Raises InvalidParameterError unless 1 <= num_steps < num_train_steps.
        """
        num_steps = check_count("num_steps", num_steps, 1, self.num_train_steps - 1)
        times = [0, *(1 + i * self.num_train_steps // num_steps for i in range(num_steps))]
        if self.spacing == "time":
            return [self.level(t) for t in times]
        ends = [2 * math.log(self.level(t).ratio) for t in (times[0], times[-1])]
        return [self._with_ratio(math.exp(rise / 2)) for rise in np.linspace(*ends, num_steps + 1)]

    def level(self, time: int) -> Level:
        """The level of one training timestep, 0 to num_train_steps - 1; InvalidParameterError for another."""
        time = check_count("time", time, 0, self.num_train_steps - 1)
        alpha_bar = float(self.alpha_bars[time])
        return Level(math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar), float(time))

    def interval(self, level: Level, following: Level) -> float:
        """t_next - t in training timesteps, the unit of the published eta (authors' code)."""
        check_levels(level, following)
        return following.time - level.time

    def between(self, level: Level, following: Level) -> Level:
        """The level at the mean timestep; for fractional timesteps, log(alpha_bar) is interpolated linearly."""
        check_levels(level, following)
        time = (level.time + following.time) / 2
        alpha_bar = math.exp(np.interp(time, np.arange(self.num_train_steps), np.log(self.alpha_bars)))
        return Level(math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar), time)

    def _with_ratio(self, ratio: float) -> Level:
        """The level of one sigma / alpha, as `between` reads timesteps that are not whole."""
        alpha_bar = 1 / (1 + ratio**2)
        time = np.interp(-math.log(alpha_bar), -np.log(self.alpha_bars), np.arange(self.num_train_steps))
        return Level(math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar), float(time))

    def draw(
        self, count: int, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Uniform over the training timesteps (Ho et al. 2020)."""
        count = _check_draw(count, generator, 32)
        times = torch.randint(self.num_train_steps, (count,), generator=generator)
        alpha_bars = torch.from_numpy(self.alpha_bars)[times]
        return alpha_bars.sqrt().float(), (1 - alpha_bars).sqrt().float(), times.float()


@dataclass(frozen=True)
class VarianceExploding:
    """EDM's process (Karras et al. 2022; paper, Eq. 24 and 25): alpha = 1, sigma from sigma_min to sigma_max.

    log_mean and log_std are P_mean and P_std of the log-normal distribution of noise levels in training.

    Raises InvalidParameterError for numbers that are not finite, unless 0 < sigma_min < sigma_max, for a rho or log_std
    that is not positive, and for a rho with which a double does not hold the levels.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0
    log_mean: float = -1.2
    log_std: float = 1.2

    def __post_init__(self) -> None:
        for name in ("sigma_min", "sigma_max", "log_mean"):
            check_number(name, getattr(self, name))
        check_number("rho", self.rho, 0, 1e6, exclude=(0,))  # beyond, a double hardly tells the levels apart
        check_number("log_std", self.log_std, 0, exclude=(0,))
        if not 0 < self.sigma_min < self.sigma_max:
            raise InvalidParameterError(
                f"sigmas must satisfy 0 < sigma_min < sigma_max; {self.sigma_min} and {self.sigma_max} were given"
            )
        steepest = max(abs(math.log(self.sigma_min)), abs(math.log(self.sigma_max)))
        if steepest > 700 * self.rho:  # the rho-th root of a sigma is then 0 or infinite
            raise InvalidParameterError(
                f"rho must be at least {steepest / 700:.2g} for sigmas from {self.sigma_min} to {self.sigma_max}; "
                f"{self.rho} was given"
            )

    def levels(self, num_steps: int) -> list[Level]:
        """Karras levels (paper, Eq. 25 with N + 1 points), cleanest first, without a final zero.

        Raises InvalidParameterError unless num_steps is from 1 to `MOST_LEVELS`.
        """
        num_steps = check_count("num_steps", num_steps, 1, MOST_LEVELS)
        ends = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        return [self.level(float(root) ** self.rho) for root in np.linspace(*ends, num_steps + 1)]

    def level(self, sigma: float) -> Level:
        """The level of one noise standard deviation, above 0; InvalidParameterError for another."""
        sigma = check_number("sigma", sigma, 0, exclude=(0,))
        return Level(1.0, sigma, math.log(sigma) / 4)

    def interval(self, level: Level, following: Level) -> float:
        """log(sigma_next / sigma), the unit of the published eta (authors' code)."""
        check_levels(level, following)
        return math.log(following.sigma / level.sigma)

    def between(self, level: Level, following: Level) -> Level:
        """The level of the geometric mean of both sigmas."""
        check_levels(level, following)
        return self.level(math.sqrt(level.sigma * following.sigma))

    def draw(
        self, count: int, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """log(sigma) ~ N(log_mean, log_std^2) (Karras et al. 2022, Table 1)."""
        count = _check_draw(count, generator, 16)
        logs = self.log_mean + self.log_std * torch.randn(count, generator=generator)
        return torch.ones(count), logs.exp(), logs / 4


@dataclass(frozen=True)
class FlowMatching:
    """The straight path of flow matching and rectified flow: alpha = 1 - t, sigma = t.

    Sources: Lipman et al. 2023; Liu et al. 2023. shift moves the levels towards noise, t -> shift t / (1 + (shift - 1)
    t), as Stable Diffusion 3 and FLUX do for large images (Esser et al. 2024); 1 leaves them evenly spaced. first,
    last: the two ends of a trajectory, before the shift. An image cannot start at t = 0, where there is no noise for a
    network to see; it starts, unchanged, at 0.001. At t = 1 nothing of the image is left; methods whose steps divide by
    alpha need a last level below it.

    Raises InvalidParameterError unless shift > 0 and 0 < first < last <= 1.
    """

    shift: float = 1.0
    first: float = 0.001
    last: float = 1.0

    def __post_init__(self) -> None:
        check_number("shift", self.shift, 0, 1e6, exclude=(0,))
        check_number("first", self.first)
        check_number("last", self.last)
        if not 0 < self.first < self.last <= 1:
            raise InvalidParameterError(
                f"levels must satisfy 0 < first < last <= 1; {self.first} and {self.last} were given"
            )

    def levels(self, num_steps: int) -> list[Level]:
        """The levels at t = first, last / N, 2 last / N, ..., last (N + 1 of them, shifted), cleanest first.

        With last = 1 these are the sigmas of diffusers' FLUX pipeline in ascending order, with `first` in place of 0.
        Raises InvalidParameterError unless num_steps is at least 1 and last / num_steps is above first.
        """
        num_steps = check_count("num_steps", num_steps, 1, max(1, math.ceil(self.last / self.first) - 1))
        return [self.level(self._shifted(t)) for t in (self.first, *np.linspace(0, self.last, num_steps + 1)[1:])]

    def level(self, t: float) -> Level:
        """The level of one t of the path, above 0 and at most 1; InvalidParameterError for another."""
        t = check_number("t", t, 0, 1, exclude=(0,))
        return Level(1 - t, t, _TOLD * t)

    def interval(self, level: Level, following: Level) -> float:
        """1000 (t_next - t): the unit of the published eta is a step of 1000, as for a variance-preserving process."""
        check_levels(level, following)
        return following.time - level.time

    def between(self, level: Level, following: Level) -> Level:
        """The level at the mean t."""
        check_levels(level, following)
        return self.level((level.sigma + following.sigma) / 2)

    def draw(
        self, count: int, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """t uniform in (0, 1], then shifted."""
        t = self._shifted(1 - torch.rand(_check_draw(count, generator, 16), generator=generator))
        return 1 - t, t, _TOLD * t

    def _shifted(self, t: Any) -> Any:
        return self.shift * t / (1 + (self.shift - 1) * t)


def _check_draw(count: object, generator: object, size: int) -> int:
    """The number of draws of `size` bytes each, if they can be drawn."""
    count = check_count("count", count, 0)
    check_count("count", count, 0, 10**8)  # more take minutes
    check_generator(generator)
    memory.check(size * count, f"a draw of {count} levels", "draw fewer at a time")
    return count
