"""The scale of latents: what an autoencoder's latents are divided by before a denoiser sees them."""

from __future__ import annotations

import torch

from spectral_collapse.networks.autoencoder import Autoencoder, posterior_means


def measure(autoencoder: Autoencoder, images: torch.Tensor) -> None:
    """Stores the mean of each channel of the latents of `images`, and their one standard deviation, in the config.

    images: N x 3 x H x W in [-1, 1]. With them latents have zero mean and, over all channels, unit variance, which the
    noise schedules assume. All channels have one deviation, as in latent diffusion (Rombach et al. 2022, Appendix G):
    a channel that holds little of the picture is the first that noise covers, as fine detail is in pixels.
    """
    latents = posterior_means(autoencoder, images)
    means = latents.mean((0, 2, 3))
    deviation = float((latents - means[:, None, None]).square().mean().sqrt())
    autoencoder.register_to_config(latents_mean=means.tolist(), latents_std=[deviation] * len(means))
