"""RF-Inversion: the network's flow, mixed with one towards random noise."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState, StandardSteps, least_share
from spectral_collapse.later import torch
from spectral_collapse.sampling import SamplingState, noise_step, ode_step, plain_step


@dataclass(frozen=True)
class RFInversion(StandardSteps):
    """Controlled inversion of rectified flow (Rout et al. 2024), on any process.

    Each step is (1 - gamma) times the network's and gamma times the one on the straight path to a random white noise
    map. gamma: 0 to 1; at 0 this is the standard inversion, at 1 the network is never called. The paper uses 0.5.

    eta: 0 to 1, the same mixture in sampling, towards the inverted image; until: the share of the sampling steps that
    use it, rounded down. The paper edits with eta up to 1 for the first quarter of the steps; at 0, the default,
    sampling is plain, as for the other methods here.
    """

    gamma: float = 0.5
    eta: float = 0.0
    until: float = 0.25

    name = "rf_inversion"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("gamma", self.gamma, 0, 1)
        check_number("eta", self.eta, 0, 1)
        check_number("until", self.until, 0, 1)

    @property
    def stochastic(self) -> bool:
        return self.gamma > 0

    def draws(self, num_steps: int) -> int:
        return int(self.stochastic)

    @property
    def remembers(self) -> bool:
        return bool(self.eta and self.until)

    def prepare(self, run: InversionState) -> None:
        steps = len(run.levels) - 1
        if not self.remembers:
            return
        if not int(self.until * steps):
            raise InvalidParameterError(
                f"rf_inversion leads none of {steps} sampling steps to the image with until {self.until:g}; "
                f"use {least_share(1 / steps, lambda given: int(given * steps)):g} or more, or eta 0"
            )
        run.memory["image"] = run.clean

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        if not self.gamma:
            return super().step(run, x)
        straight = noise_step(x, run.noise[0], run.level, run.following)
        if self.gamma == 1:
            return straight, None
        following_x, prediction = super().step(run, x)
        return torch.lerp(following_x, straight, self.gamma), prediction

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction | None]:
        following_x, prediction = plain_step(run, x)
        steps = len(run.levels) - 1
        if not self.eta or steps - 1 - run.position >= int(self.until * steps):
            return following_x, prediction
        image = run.memory["image"]
        straight = ode_step(Prediction((x - run.level.alpha * image) / run.level.sigma, image), run.following)
        return torch.lerp(following_x, straight, self.eta), prediction
