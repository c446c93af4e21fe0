"""Wiener entry: each frequency enters with as much noise as it needs, and keeps what it can of the image."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.checks import check_count
from spectral_collapse.inversion.dpm_solver import DPMSolver
from spectral_collapse.inversion.jacobians import radial
from spectral_collapse.later import torch
from spectral_collapse.processes import Level


@dataclass(frozen=True)
class Wiener(DPMSolver):
    """Enters the ODE at level k with noise shaped by the image's own spectrum, then second-order steps (ours).

    With S the image's power at a frequency, averaged over rings and channels, s = sigma / alpha at level k and
    p = s^2 / (S + s^2), the share of the noise in what a denoiser expects there, the image enters as

        alpha * sqrt(1 + p) * x0 + sigma * sqrt(p) * noise, at every frequency.

    Its power is that of the forward diffusion, S + s^2 in units of alpha^2, so an optimal denoiser of Gaussian data
    turns it into a white latent. Its squared correlation with the image is 1 - p^2, where forward diffusion (TABA,
    `noise_floor`) has 1 - p. Where the image has no power only noise enters; where it has much, next to none.

    A spectrum is an average over the whole image. An image with edges here and plain areas there has power at high
    frequencies, and too little noise enters its plain areas: for images that are not stationary the latent is not
    white.

    k: the level of entry, 0 to num_steps; the steps below it are skipped. Steps up and down are `DPMSolver`'s.
    """

    k: int = 2

    name = "wiener"
    entry_noise = True
    fresh = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("k", self.k, 0)

    def replaced_steps(self, num_steps: int) -> int:
        return self.entered_at(self.k, num_steps)

    def enter(self, clean: torch.Tensor, noise: torch.Tensor, level: Level) -> torch.Tensor:
        if not level.alpha:  # nothing of the image is left
            return level.sigma * noise
        share = level.ratio**2 / (radial(clean) + level.ratio**2)
        wide = torch.promote_types(clean.dtype, torch.float32)  # the FFT knows no half precision
        image, white = (torch.fft.rfft2(part.to(wide)) for part in (clean, noise))
        mixed = level.alpha * (1 + share).sqrt() * image + level.sigma * share.sqrt() * white
        return torch.fft.irfft2(mixed, s=clean.shape[-2:]).to(clean.dtype)
