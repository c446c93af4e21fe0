"""White norm: the latent scaled to the norm of white noise."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.later import torch


@dataclass(frozen=True)
class WhiteNorm(StandardSteps):
    """Standard inversion, then each latent scaled to a mean square of 1 (ours).

    An ablation of OVG: it rescales only the final latent, to unit root mean square. A latent of 0 stays 0.
    """

    name = "white_norm"

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        x = states[-1]
        size = x.double().square().mean((1, 2, 3), keepdim=True).sqrt()
        return torch.where(size > 0, x.double() * run.levels[-1].norm / size, x).to(x.dtype)
