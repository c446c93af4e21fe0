"""The closed form that many tests compare with: Gaussian data under a perfect denoiser."""

from __future__ import annotations

import math

import numpy as np
import torch

from spectral_collapse.denoisers import Denoiser, GaussianDenoiser, Prediction
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import FlowMatching, Level, Process, VarianceExploding, VariancePreserving

SIZE = 16
PROCESSES = [VariancePreserving(), VarianceExploding(), FlowMatching()]


class FineVariancePreserving(VariancePreserving):
    """The same entry and terminal level, with as many levels between them as one likes.

    The training timesteps are a grid: near t = 0 the noise variance doubles from one to the next
    however many steps there are, so limits in the number of steps need a schedule without that grid.
    """

    def levels(self, num_steps: int) -> list[Level]:
        first, last = self.level(0), self.level(981)
        ratios = np.geomspace(first.sigma / first.alpha, last.sigma / last.alpha, num_steps + 1)
        return [self._at(r, i) for i, r in enumerate(ratios.tolist())]

    def between(self, level: Level, following: Level) -> Level:
        return self._at(math.sqrt(level.ratio * following.ratio), (level.time + following.time) / 2)

    @staticmethod
    def _at(ratio: float, time: float) -> Level:
        return Level(1 / math.hypot(1, ratio), ratio / math.hypot(1, ratio), time)


class FineFlowMatching(FlowMatching):
    """The same path up to t = 0.999, as finely divided near the entry as one likes; the steps in t are even."""

    def levels(self, num_steps: int) -> list[Level]:
        ratios = np.geomspace(self.first / (1 - self.first), 999, num_steps + 1)
        return [self.level(r / (1 + r)) for r in ratios.tolist()]


FINE_PROCESSES = [FineVariancePreserving(), VarianceExploding(), FineFlowMatching()]


class Counting:
    """A denoiser that counts its calls."""

    def __init__(self, inner: Denoiser) -> None:
        self.inner, self.process, self.calls = inner, inner.process, 0

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        self.calls += 1
        return self.inner(x, level, label)


def flat(process: Process, variance: float, size: int = SIZE, labels: tuple[int, ...] = (0, 1, 2)) -> GaussianDenoiser:
    """The perfect denoiser of white data of one variance, the same under every label."""
    spectrum = torch.full((size, size), variance, dtype=torch.float64)
    return GaussianDenoiser(process, dict.fromkeys(labels, spectrum))


def two_means(size: int, **card: object) -> Model:
    """A model in pixel space: a dark source domain and a bright target domain, whose means are 1 apart."""
    spectra = {label: torch.full((size, size), 0.01) for label in (0, 1, 2)}
    means = {label: torch.tensor([[[mean]]]) for label, mean in enumerate((-0.5, 0.5, 0.0))}
    return Model(GaussianDenoiser(VariancePreserving(), spectra, means), None, card, "")


def draw(variance: float, count: int = 8, channels: int = 3, size: int = SIZE) -> torch.Tensor:
    return torch.randn(count, channels, size, size, dtype=torch.float64) * math.sqrt(variance)


def flow_gain(variance: float, level: Level, terminal: Level) -> float:
    """What the exact probability flow multiplies a state's amplitude by on its way between two levels.

    For Gaussian data the flow carries the marginal N(0, alpha^2 S + sigma^2) of one level into that
    of the other, linearly, so it is the ratio of the two standard deviations.
    """
    return math.sqrt((terminal.alpha**2 * variance + terminal.sigma**2) / (level.alpha**2 * variance + level.sigma**2))
