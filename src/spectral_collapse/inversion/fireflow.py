"""FireFlow: the midpoint rule for one network call per step."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.processes import Level
from spectral_collapse.sampling import SamplingState, increment


@dataclass(frozen=True)
class FireFlow(InversionMethod):
    """The midpoint rule, whose half step takes the slope of the step before (Deng et al. 2024, Alg. 1).

    Of second order, with one network call per step and one more at the start; up and down alike. The way back begins
    without a slope of its own, too: a round trip is not exact.
    """

    name = "fireflow"

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        return _step(run.denoiser, x, run.level, run.following, run.labels, run.memory, "up")

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        return _step(run.guided, x, run.level, run.following, run.labels, run.memory, "down")


def _step(
    denoiser: Denoiser,
    x: torch.Tensor,
    level: Level,
    following: Level,
    labels: torch.Tensor,
    memory: dict[str, Prediction],
    direction: str,
) -> tuple[torch.Tensor, Prediction]:
    """memory[direction]: the slope of the step before, in the middle of it."""
    before = memory[direction] if direction in memory else denoiser(x, level, labels)
    half = denoiser.process.between(level, following)
    slope = denoiser(x + increment(before, level, half), half, labels)
    memory[direction] = slope
    return x + increment(slope, level, following), slope
