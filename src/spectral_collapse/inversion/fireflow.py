"""FireFlow: the midpoint rule for one network call per step."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.multistep import BothWays, Move
from spectral_collapse.later import torch
from spectral_collapse.sampling import increment


@dataclass(frozen=True)
class FireFlow(BothWays):
    """The midpoint rule, whose half step takes the slope of the step before (Deng et al. 2024).

    It is of second order, with one network call per step and one more at the start, up and down. Sampling starts
    without a previous slope as well, so a round trip is not exact.
    """

    name = "fireflow"

    def rule(self, x: torch.Tensor, move: Move) -> tuple[torch.Tensor, Prediction]:
        before = move.memory.get("slope") or move.ask(x)
        slope = move.memory["slope"] = move.ask(x + increment(before, move.level, move.half), move.half)
        return x + increment(slope, move.level, move.following), slope
