"""The explicit midpoint rule, which is RF-Solver's step."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.processes import Level
from spectral_collapse.sampling import SamplingState, increment, ode_step


@dataclass(frozen=True)
class Midpoint(InversionMethod):
    """Each step with the slope half way, at the cost of a second network call; up and down alike.

    Of second order. On a flow-matching process this is RF-Solver (Wang et al. 2024, Eq. 11): its Taylor step with
    the second derivative taken as a difference over half a step is algebraically the explicit midpoint rule.
    """

    name = "midpoint"

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        return _midpoint(run.denoiser, x, run.level, run.following, run.labels)

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        return _midpoint(run.guided, x, run.level, run.following, run.labels)


def _midpoint(
    denoiser: Denoiser, x: torch.Tensor, level: Level, following: Level, labels: torch.Tensor
) -> tuple[torch.Tensor, Prediction]:
    half = denoiser.process.between(level, following)
    prediction = denoiser(x, level, labels)
    slope = denoiser(ode_step(prediction, half), half, labels)
    return x + increment(slope, level, following), prediction
