"""SDEdit: forward noise to an intermediate level, and sampling from there."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionMethod, InversionState
from spectral_collapse.inversion.noise_maps import reverse_step
from spectral_collapse.later import torch
from spectral_collapse.sampling import SamplingState


@dataclass(frozen=True)
class SDEdit(InversionMethod):
    """Forward diffusion of the image to a share of the steps, without calling the network (Meng et al. 2022).

    strength: above 0, to 1; the latent lies at level round(num_steps * strength), where `sample` starts. At strength 1
    the latent is white noise alone: the residual alpha_T x0 (alpha_T = 0.07 for Stable Diffusion's schedule) is
    dropped.

    eta: 0 to 1, the stochasticity of the sampling steps; `invert` generates their noise. At 1 they solve the reverse
    SDE as the paper does, with the variance of DDPM's posterior; at 0 they are the deterministic ones of diffusers'
    image-to-image pipelines with DDIM.
    """

    strength: float = 0.6
    eta: float = 1.0

    name = "sdedit"
    fresh = False
    replaced_by = "strength"

    def __post_init__(self) -> None:
        check_number("strength", self.strength, 0, 1)
        if not self.strength:
            raise InvalidParameterError("strength must be above 0; 0 leaves the image as it is")
        check_number("eta", self.eta, 0, 1)

    def walked_steps(self, num_steps: int) -> int:
        return self.replaced_steps(num_steps)

    def draws(self, num_steps: int) -> int:
        return 1 + self.walked_steps(num_steps) * (self.eta > 0)

    def finish(self, run: InversionState, states: list[torch.Tensor]) -> torch.Tensor:
        if self.eta:
            run.memory["noise"] = run.noise
        return run.levels[-1].norm * run.noise[0] if self.strength == 1 else states[-1]

    def step_back(self, run: SamplingState, x: torch.Tensor) -> tuple[torch.Tensor, Prediction]:
        prediction = run.guided(x, run.level, run.labels)
        mean, spread = reverse_step(prediction, run.level, run.following, self.eta)
        return mean + spread * run.memory["noise"][1 + run.position] if spread else mean, prediction
