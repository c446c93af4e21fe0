"""Edit-friendly DDPM inversion: noise maps from independently noised images."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import InversionState
from spectral_collapse.inversion.noise_maps import NoiseMaps
from spectral_collapse.later import torch


@dataclass(frozen=True)
class DDPMFriendly(NoiseMaps):
    """Edit-friendly noise maps (Huberman-Spiegelglas et al. 2023, Alg. 1), eta = 1.

    The path is not a sample of the diffusion process: each state is the image with its own noise, x_t = alpha_t
    x_0 + sigma_t noise_t, so neighbours differ more and the noise maps are stronger. The paper skips 36 % of the steps
    (`skip`) when it edits. The authors' code sets the last noise map to 0, since it has no variance on their levels.
    Here the cleanest level is t = 0 and not the image, so that map has a variance and is kept; otherwise the image
    would not come back.
    """

    name = "ddpm_friendly"

    def path(self, run: InversionState) -> list[torch.Tensor]:
        return [
            level.alpha * run.clean + level.sigma * run.noise[position] for position, level in enumerate(run.levels[1:])
        ]
