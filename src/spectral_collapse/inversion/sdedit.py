"""SDEdit: forward noise to an intermediate level, and sampling from there."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.checks import check_number
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState


@dataclass(frozen=True)
class SDEdit(InversionMethod):
    """Forward diffusion of the image to a share of the steps; the network is not asked (Meng et al. 2022).

    strength: above 0, to 1; the latent lies at level round(num_steps * strength), where `sample`
    starts. At strength 1 the latent is white noise alone: the residual alpha_T x0 (alpha_T = 0.07 for
    Stable Diffusion's schedule) is dropped.
    """

    strength: float = 0.6

    name = "sdedit"
    fresh = False

    def __post_init__(self) -> None:
        check_number("strength", self.strength, 0, 1)
        if not self.strength:
            raise InvalidParameterError("strength must be above 0; 0 leaves the image as it is")

    @property
    def replaced_share(self) -> float:
        return self.strength

    def walked_steps(self, num_steps: int) -> int:
        steps = self.replaced_steps(num_steps)
        if not steps:
            raise InvalidParameterError(
                f"sdedit with strength {self.strength:g} adds noise in none of {num_steps} steps; "
                f"use at least {0.5 / num_steps:g}"
            )
        return steps

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        return run.levels[-1].norm * run.noise[0] if self.strength == 1 else states[-1]
