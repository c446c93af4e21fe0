"""The explicit midpoint rule, which is RF-Solver's step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.inversion.multistep import BothWays
from spectral_collapse.processes import Level
from spectral_collapse.sampling import increment, ode_step


@dataclass(frozen=True)
class Midpoint(BothWays):
    """Each step with the slope half way, at the cost of a second network call; up and down alike.

    Of second order. On a flow-matching process this is RF-Solver (Wang et al. 2024): its Taylor step with
    the second derivative taken as a difference over half a step is algebraically the explicit midpoint rule.
    """

    name = "midpoint"

    def rule(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        level: Level,
        following: Level,
        labels: torch.Tensor,
        memory: dict[str, Any],
    ) -> tuple[torch.Tensor, Prediction]:
        half = denoiser.process.between(level, following)
        prediction = denoiser(x, level, labels)
        slope = denoiser(ode_step(prediction, half), half, labels)
        return x + increment(slope, level, following), prediction
