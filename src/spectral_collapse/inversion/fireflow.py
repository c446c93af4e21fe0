"""FireFlow: the midpoint rule for one network call per step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.inversion.multistep import BothWays
from spectral_collapse.processes import Level
from spectral_collapse.sampling import increment


@dataclass(frozen=True)
class FireFlow(BothWays):
    """The midpoint rule, whose half step takes the slope of the step before (Deng et al. 2024).

    Of second order, with one network call per step and one more at the start; up and down alike. The way back begins
    without a slope of its own, too: a round trip is not exact.
    """

    name = "fireflow"

    def rule(
        self,
        denoiser: Denoiser,
        x: torch.Tensor,
        level: Level,
        following: Level,
        labels: torch.Tensor,
        memory: dict[str, Any],
    ) -> tuple[torch.Tensor, Prediction]:
        before = memory["slope"] if memory else denoiser(x, level, labels)
        half = denoiser.process.between(level, following)
        slope = memory["slope"] = denoiser(x + increment(before, level, half), half, labels)
        return x + increment(slope, level, following), slope
