"""EasyInv: states pulled back to the one before."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState


@dataclass(frozen=True)
class EasyInv(InversionMethod):
    """In a window of the steps each new state is eta times itself and 1 - eta times the one before (Zhang et al. 2024).

    eta: 0 to 1; 1 is the standard inversion. start, stop: the window, as shares of the steps. The defaults are the
    authors' for Stable Diffusion 1.4. By its construction it keeps more of the image and lets in less noise: less
    variance, and more collapse, are to be expected.
    """

    eta: float = 0.5
    start: float = 0.05
    stop: float = 0.25

    name = "easy_inv"

    def __post_init__(self) -> None:
        for name in ("eta", "start", "stop"):
            check_number(name, getattr(self, name), 0, 1)
        if self.start > self.stop:
            raise InvalidParameterError(f"start must not be above stop; {self.start:g} and {self.stop:g} were given")

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        following_x, prediction = super().step(run, x)
        steps = len(run.levels) - 1
        if self.start * steps <= run.position < self.stop * steps:
            following_x = torch.lerp(x, following_x, self.eta)
        return following_x, prediction
