"""Noise floor: the image enters with the noise that the entry level stands for."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import StandardSteps


@dataclass(frozen=True)
class NoiseFloor(StandardSteps):
    """Standard inversion of alpha_0 * x0 + sigma_0 * noise (ours).

    This is the least noise that the marginal of the entry level requires, and what an optimal denoiser of Gaussian data
    needs for a white latent. It is `nullspace` at k = 0 with the identity as its projector.
    """

    name = "noise_floor"
    entry_noise = True
