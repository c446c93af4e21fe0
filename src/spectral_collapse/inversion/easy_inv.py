"""EasyInv: each new state is mixed with the one before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spectral_collapse.checks import check_flag, check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState, StandardSteps, least_share
from spectral_collapse.later import torch
from spectral_collapse.sampling import noise_step


@dataclass(frozen=True)
class EasyInv(StandardSteps):
    """In a window of the steps each new state is eta times itself and 1 - eta times the one before (Zhang et al. 2024).

    eta: 0 to 1; 1 is the standard inversion. start, stop: the window, as shares of the steps; step i = 0, 1, ... of N
    is in it where start N < i < stop N. The defaults are the authors' for Stable Diffusion 1.4. predict_first: noise is
    predicted before a state is mixed with the one before it, as in the code of the authors' experiments, and not after,
    as in their example and here by default. told: both give the network the next timestep, 'next'.

    By construction it keeps more of the image and adds less noise, so less variance and more collapse are to be
    expected.
    """

    eta: float = 0.5
    start: float = 0.05
    stop: float = 0.25
    predict_first: bool = False

    name = "easy_inv"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_flag("predict_first", self.predict_first)
        for name in ("eta", "start", "stop"):
            check_number(name, getattr(self, name), 0, 1)
        if self.start > self.stop:
            raise InvalidParameterError(f"start must not be above stop; {self.start:g} and {self.stop:g} were given")

    def prepare(self, run: InversionState) -> None:
        steps = len(run.levels) - 1
        first = math.floor(self.start * steps) + 1
        if self.eta == 1 or self.start == self.stop or first < self.stop * steps:
            return
        helps = "more steps, or a lower start"
        if first < steps:
            helps = f"a stop of {least_share(first / steps, lambda given: first < given * steps):g} or more, or eta 1"
        raise InvalidParameterError(
            f"easy_inv mixes none of {steps} steps with the window {self.start:g} to {self.stop:g}; use {helps}"
        )

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        steps = len(run.levels) - 1
        mixes = self.start * steps < run.position < self.stop * steps
        if not self.predict_first:
            following_x, prediction = super().step(run, x)
            return torch.lerp(x, following_x, self.eta) if mixes else following_x, prediction
        prediction = run.ask(x)
        x = run.scratch["before"] = torch.lerp(run.scratch["before"], x, self.eta) if mixes else x
        return noise_step(x, prediction.noise, run.level, run.following), prediction
