"""DPM-Solver++ of second order, also used upwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.base import StandardSteps
from spectral_collapse.inversion.multistep import BothWays, Move
from spectral_collapse.later import torch
from spectral_collapse.sampling import ode_step


@dataclass(frozen=True)
class DPMSolver(BothWays, StandardSteps):
    """The multistep solver DPM-Solver++(2M) (Lu et al. 2022), up and down.

    A step is exact for a clean image that is linear in log(alpha / sigma), extrapolated from this prediction and the
    last one. It is of second order with one network call per step. The first step, and a step to a level without
    signal, are standard ones. The two directions are not inverses of each other: a round trip is not exact.
    """

    name = "dpm_solver"

    def rule(self, x: torch.Tensor, move: Move) -> tuple[torch.Tensor, Prediction]:
        level, following = move.level, move.following
        prediction = move.ask(x)
        clean, before = prediction.clean, move.memory.get("before")
        move.memory["before"] = level, clean
        if before is not None and following.alpha and before[0].alpha:
            come, go = math.log(before[0].ratio / level.ratio), math.log(level.ratio / following.ratio)
            clean = clean + go / (2 * come) * (clean - before[1])
        return ode_step(Prediction((x - level.alpha * clean) / level.sigma, clean), following), prediction
