"""BDIA: exact inversion by steps that look both ways."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.sampling import SamplingState, ode_step, plain_step


@dataclass(frozen=True)
class BDIA(InversionMethod):
    """Bi-directional integration approximation (Zhang et al. 2023, Eq. 16 to 18).

    Sampling goes x_(i-1) = down(x_i) + gamma * (x_(i+1) - up(x_i)): the step down, and what the step
    up would have missed on the way here. Both come from one prediction at x_i, and the line can be
    solved for x_(i+1), so the round trip is exact but for rounding. One network call per step, up and
    down. gamma: above 0, to 1; at 1 the step is the leapfrog rule, of second order. Below 1 sampling
    damps what was missed by gamma in each step, and inversion amplifies it by as much. Two steps are the
    least: the latent is a pair of states, and after a single step the image is one of them.
    """

    gamma: float = 1.0

    name = "bdia"

    def __post_init__(self) -> None:
        check_number("gamma", self.gamma, 0, 1)
        if not self.gamma:
            raise InvalidParameterError("gamma must be above 0; at 0 the step can't be inverted")

    def prepare(self, run: InversionState) -> None:
        if len(run.levels) < 3:
            raise InvalidParameterError(
                "bdia needs num_steps of at least 2; with the 1 that was given it would return the image as it is"
            )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        following_x, prediction = super().step(run, x)
        if run.position:
            missed = run.memory["below"] - ode_step(prediction, run.levels[run.position - 1])
            following_x = following_x + missed / self.gamma
        run.memory["below"] = x
        return following_x, prediction

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        if "above" not in run.memory:  # the inversion ends with two states, and sampling begins with them
            run.memory["above"] = x
            return run.memory["below"], None
        following_x, prediction = plain_step(run, x)
        missed = run.memory["above"] - ode_step(prediction, run.levels[run.position + 2])
        run.memory["above"] = x
        return following_x + self.gamma * missed, prediction
