"""O-BELM: exact inversion by the most accurate of the linear two-step rules."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState
from spectral_collapse.inversion.multistep import Paired
from spectral_collapse.later import torch
from spectral_collapse.processes import Level


@dataclass(frozen=True)
class OBELM(Paired):
    """Bidirectional explicit linear multistep sampler with optimal coefficients (Wang et al. 2024).

    Sampling combines the state, the one above it and the predicted noise, in x / alpha and sigma / alpha; the equation
    can be solved for the state above, so the round trip is exact but for rounding. One network call per step. With
    equal steps in sigma / alpha it is the leapfrog rule. At least two steps are needed, as for `bdia`. Where a step is
    q times as long as the one before it, the inversion multiplies the last step's error by -q^2: on schedules whose
    steps grow, latents can be far from noise, though they lead back to the image.
    """

    name = "o_belm"

    def prepare(self, run: InversionState) -> None:
        super().prepare(run)
        if not run.levels[-1].alpha:
            raise InvalidParameterError(
                "o_belm divides by alpha, which is 0 at this process's last level; use bdia, or a process that ends "
                "before it, such as FlowMatching(last=0.999)"
            )

    def across(
        self, before: torch.Tensor, x: torch.Tensor, prediction: Prediction, levels: list[Level], up: bool
    ) -> torch.Tensor:
        first, here, last = levels
        come, go = here.ratio - first.ratio, last.ratio - here.ratio
        share = (go / come) ** 2
        noise = go * (come + go) / come * prediction.noise
        return last.alpha * (share * before / first.alpha + (1 - share) * x / here.alpha + noise)
