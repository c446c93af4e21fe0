"""Spectral swap: random noise replaces the latent's high frequencies."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import InversionState, StandardSteps
from spectral_collapse.inversion.projectors import HighPass
from spectral_collapse.later import torch


@dataclass(frozen=True)
class SpectralSwap(StandardSteps):
    """Standard inversion, then low frequencies from its latent and high ones from white noise.

    FreeInit's reinitialisation (Wu et al. 2023) as a baseline, with a sharp filter. cutoff: in cycles
    per pixel of the latent, 0 to 0.5.
    """

    cutoff: float = 0.25

    name = "spectral_swap"

    def __post_init__(self) -> None:
        super().__post_init__()
        HighPass(self.cutoff)

    @property
    def stochastic(self) -> bool:
        return True

    def draws(self, num_steps: int) -> int:
        return 1

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        high_pass, x = HighPass(self.cutoff), states[-1]
        return x - high_pass(x) + run.levels[-1].norm * high_pass(run.noise[0])
