"""O-BELM: exact inversion by the most accurate of the linear two-step rules."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.processes import Level
from spectral_collapse.sampling import SamplingState, plain_step


@dataclass(frozen=True)
class OBELM(InversionMethod):
    """Bidirectional explicit linear multistep sampler with optimal coefficients (Wang et al. 2024, Eq. 18 and 19).

    Sampling combines the state, the one above it and the predicted noise, in x / alpha and sigma / alpha; the line
    can be solved for the state above, so the round trip is exact but for rounding. One network call per step. With
    equal steps in sigma / alpha it is the leapfrog rule. Two steps are the least, as for `bdia`. Where a step is q
    times as long as the one before it, the inversion multiplies what the last step missed by -q^2: on schedules whose
    steps grow, latents can be far from noise, though they lead back to the image.
    """

    name = "o_belm"

    def prepare(self, run: InversionState) -> None:
        if len(run.levels) < 3:
            raise InvalidParameterError(
                "o_belm needs num_steps of at least 2; with the 1 that was given it would return the image as it is"
            )
        if not run.levels[-1].alpha:
            raise InvalidParameterError(
                "o_belm divides by alpha, which is 0 at this process's last level; use bdia, or a process that ends "
                "before it, such as FlowMatching(last=0.999)"
            )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        following_x, prediction = super().step(run, x)
        if run.position:
            following_x = _across(run.memory["below"], x, prediction, run.levels[run.position - 1 : run.position + 2])
        run.memory["below"] = x
        return following_x, prediction

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        if "above" not in run.memory:  # the inversion ends with two states, and sampling begins with them
            run.memory["above"] = x
            return run.memory["below"], None
        _, prediction = plain_step(run, x)
        levels = run.levels[run.position : run.position + 3][::-1]
        following_x = _across(run.memory["above"], x, prediction, levels)
        run.memory["above"] = x
        return following_x, prediction


def _across(before: torch.Tensor, x: torch.Tensor, prediction: Prediction, levels: list[Level]) -> torch.Tensor:
    """The state at the last of three levels from those at the first two, up or down: the same rule."""
    first, here, last = levels
    come, go = here.ratio - first.ratio, last.ratio - here.ratio
    share = (go / come) ** 2
    scaled = share * before / first.alpha + (1 - share) * x / here.alpha + go * (come + go) / come * prediction.noise
    return last.alpha * scaled
