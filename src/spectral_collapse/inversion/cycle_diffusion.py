"""CycleDiffusion: the DPM encoder, a path drawn from the forward process's posterior."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_number
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion.base import InversionState
from spectral_collapse.inversion.noise_maps import NoiseMaps, reverse_step
from spectral_collapse.later import torch


@dataclass(frozen=True)
class CycleDiffusion(NoiseMaps):
    """Stochastic encoding by the DPM encoder (Wu and De la Torre 2023, Alg. 1).

    The path is that of sampling with the true noise and the true image in place of the network's:
    x_T by forward diffusion, then each x_(t-1) from q(x_(t-1) | x_t, x_0). eta: stochasticity of the
    steps, above 0, to 1; the paper uses 0.1 for latent models and 1 for pixel models.
    """

    eta: float = 0.1

    name = "cycle_diffusion"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("eta", self.eta, 0, 1)
        if not self.eta:
            raise InvalidParameterError("eta must be above 0; at 0 sampling has no noise that could be encoded")

    def path(self, run: InversionState) -> list[torch.Tensor]:
        last, noise = run.levels[-1], run.noise[len(run.levels) - 2]
        states = [last.alpha * run.clean + last.sigma * noise]
        for position in range(len(run.levels) - 3, -1, -1):
            level, following = run.levels[position + 2], run.levels[position + 1]
            noise = (states[-1] - level.alpha * run.clean) / level.sigma
            mean, spread = reverse_step(Prediction(noise, run.clean), level, following, self.eta)
            states.append(mean + spread * run.noise[position])
        return states[::-1]
