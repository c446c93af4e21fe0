"""EDM's inversion: Euler or Heun steps from an image that carries the entry level's noise."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_flag
from spectral_collapse.denoisers import Prediction
from spectral_collapse.inversion.multistep import BothWays, Move
from spectral_collapse.later import torch
from spectral_collapse.sampling import noise_step, ode_step


@dataclass(frozen=True)
class EDM(BothWays):
    """The probability-flow ODE as EDM integrates it (Karras et al. 2022, Alg. 1 without churn).

    entry_noise: the image enters as x0 + sigma_min * noise (authors' code), as the first level
    demands; without it, and without Heun, this is the standard inversion. heun: the trapezoidal rule
    in sigma / alpha, of second order, for two network calls per step; up and down alike.

    On a variance-preserving process the same is done at its levels (alpha, sigma). The network receives log(sigma) / 4
    (`processes.Level`), as in Karras et al. and the OVG paper's appendix. The OVG authors' code gives it sigma itself:
    weights trained with that code need a process that does so too.
    """

    entry_noise: bool = True
    heun: bool = False

    name = "edm"

    def __post_init__(self) -> None:
        check_flag("entry_noise", self.entry_noise)
        check_flag("heun", self.heun)

    def rule(self, x: torch.Tensor, move: Move) -> tuple[torch.Tensor, Prediction]:
        prediction = move.ask(x)
        euler = ode_step(prediction, move.following)
        if not self.heun:
            return euler, prediction
        # d(x / alpha) / d(sigma / alpha) = noise: the mean slope of both ends.
        end = move.ask(euler, move.following)
        return noise_step(x, (prediction.noise + end.noise) / 2, move.level, move.following), prediction
