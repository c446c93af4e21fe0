"""BDIA: exact inversion by steps that look both ways."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.multistep import Paired
from spectral_collapse.later import torch
from spectral_collapse.processes import Level
from spectral_collapse.sampling import ode_step


@dataclass(frozen=True)
class BDIA(Paired):
    """Bi-directional integration approximation (Zhang et al. 2023, Eq. 16 to 18).

    A sampling step is x_(i-1) = down(x_i) + gamma * (x_(i+1) - up(x_i)): the step down, plus the error that the step up
    would have made on the way here. Both come from one prediction at x_i, and the equation can be solved for x_(i+1),
    so the round trip is exact but for rounding. One network call per step, up and down. gamma: above 0, to 1; at 1 the
    step is the leapfrog rule, of second order. Below 1 each sampling step damps that error by gamma, and each inversion
    step amplifies it by as much. At least two steps are needed: the latent is a pair of states, and after a single step
    the image is one of them.
    """

    gamma: float = 1.0

    name = "bdia"

    def __post_init__(self) -> None:
        check_number("gamma", self.gamma, 0, 1)
        if not self.gamma:
            raise InvalidParameterError("gamma must be above 0; at 0 the step can't be inverted")

    def across(
        self, before: torch.Tensor, x: torch.Tensor, prediction: Prediction, levels: list[Level], up: bool
    ) -> torch.Tensor:
        missed = before - ode_step(prediction, levels[0])
        return ode_step(prediction, levels[2]) + (missed / self.gamma if up else missed * self.gamma)
