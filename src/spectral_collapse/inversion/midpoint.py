"""The explicit midpoint rule, which is RF-Solver's step."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.multistep import BothWays, Move
from spectral_collapse.later import torch
from spectral_collapse.sampling import increment, ode_step


@dataclass(frozen=True)
class Midpoint(BothWays):
    """Each step takes the slope half way, at the cost of a second network call; up and down alike.

    The rule is of second order. On a flow-matching process this is RF-Solver (Wang et al. 2024): its Taylor step with
    the second derivative taken as a difference over half a step is algebraically the explicit midpoint rule.
    """

    name = "midpoint"

    def rule(self, x: torch.Tensor, move: Move) -> tuple[torch.Tensor, Prediction]:
        prediction = move.ask(x)
        slope = move.ask(ode_step(prediction, move.half), move.half)
        return x + increment(slope, move.level, move.following), prediction
