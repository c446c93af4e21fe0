"""What the stochastic encoders share: the noise that each sampling step must be given to retrace a path."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState, share_of
from spectral_collapse.later import torch
from spectral_collapse.processes import Level
from spectral_collapse.sampling import SamplingState


@dataclass(frozen=True)
class NoiseMaps(InversionMethod, ABC):
    """A path of noisy images from forward diffusion, and a noise map per step that leads down it.

    Subclasses define the random path (`path`) and the `eta` of stochastic sampling. Under the source label `sample`
    retraces the path to the image, to float error. skip: the share of the steps, from the noisiest, that is left out,
    so that the latent lies at a lower level and keeps more of the image; 0 to below 1, and small enough that a step is
    left.
    """

    skip: float = 0.0

    eta = 1.0
    remembers = True

    def __post_init__(self) -> None:
        check_number("skip", self.skip, 0, 1, exclude=(1,))

    @property
    def stochastic(self) -> bool:
        return True

    def walked_steps(self, num_steps: int) -> int:
        steps = num_steps - share_of(num_steps, self.skip, f"{self.name} skips", "skip")
        if not steps:
            raise InvalidParameterError(
                f"{self.name} with skip {self.skip:g} leaves none of {num_steps} steps; use a smaller skip"
            )
        return steps

    def draws(self, num_steps: int) -> int:
        return self.walked_steps(num_steps)

    @abstractmethod
    def path(self, run: InversionState) -> list[torch.Tensor]:
        """The states at all levels but the cleanest, in ascending order of noise."""

    def prepare(self, run: InversionState) -> None:
        run.scratch["path"], run.memory["maps"] = self.path(run), []

    def step(self, run: InversionState, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        following_x = run.scratch["path"][run.position]
        mean, spread = reverse_step(
            run.denoiser(following_x, run.following, run.labels), run.following, run.level, self.eta
        )
        run.memory["maps"].append((x - mean) / spread)
        return following_x, None

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        prediction = run.guided(x, run.level, run.labels)
        mean, spread = reverse_step(prediction, run.level, run.following, self.eta)
        return mean + spread * run.memory["maps"][run.position], prediction


def reverse_step(prediction: Prediction, level: Level, following: Level, eta: float) -> tuple[torch.Tensor, float]:
    """Mean and standard deviation of a stochastic step down (Song et al. 2020, Eq. 12, 16).

    eta 1 is the posterior of the forward process (DDPM), 0 the deterministic step.
    """
    ratio = following.ratio / level.ratio
    spread = eta * following.sigma * (1 - ratio**2) ** 0.5
    kept = (following.sigma**2 - spread**2) ** 0.5 if eta else following.sigma
    return following.alpha * prediction.clean + kept * prediction.noise, spread
