"""Autoencoders: from images to latents and back."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL


def small_autoencoder(widths: tuple[int, ...] = (32, 64, 96), latent_channels: int = 4) -> AutoencoderKL:
    """An AutoencoderKL of 1.7 million parameters that turns 64 x 64 x 3 into 16 x 16 x 4.

    Each width after the first halves the resolution.
    """
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        latent_channels=latent_channels,
        layers_per_block=1,
        norm_num_groups=16,
    )


def downsampling(autoencoder: AutoencoderKL) -> int:
    """How many pixels, along each axis, one latent pixel stands for."""
    return 2 ** (len(autoencoder.config.block_out_channels) - 1)


def measure_latents(autoencoder: AutoencoderKL, images: torch.Tensor) -> None:
    """Stores the mean and standard deviation per channel of the latents of `images` in the config.

    images: N x 3 x H x W in [-1, 1]. With them `encode` gives latents of zero mean and unit variance,
    which the noise schedules assume.
    """
    latents = posterior_means(autoencoder, images)
    autoencoder.register_to_config(
        latents_mean=latents.mean((0, 2, 3)).tolist(), latents_std=latents.std((0, 2, 3)).tolist()
    )


def posterior_means(autoencoder: AutoencoderKL, images: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """The means of the encoder's posterior, N x c x h x w, not normalised."""
    images = images.to(next(autoencoder.parameters()).dtype)
    with torch.no_grad():
        return torch.cat([autoencoder.encode(batch).latent_dist.mean for batch in images.split(batch_size)])


def encode(autoencoder: AutoencoderKL, images: torch.Tensor) -> torch.Tensor:
    """Images N x 3 x H x W in [-1, 1] -> normalised latents N x c x h x w (the posterior's mean)."""
    mean, std = latent_statistics(autoencoder)
    return (posterior_means(autoencoder, images) - mean) / std


def decode(autoencoder: AutoencoderKL, latents: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Normalised latents -> images N x 3 x H x W, clamped to [-1, 1]."""
    mean, std = latent_statistics(autoencoder)
    latents = latents.to(mean.dtype)
    with torch.no_grad():
        images = [autoencoder.decode(batch * std + mean).sample for batch in latents.split(batch_size)]
    return torch.cat(images).clamp(-1, 1)


def latent_statistics(autoencoder: AutoencoderKL) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per latent channel, 1 x c x 1 x 1, as `measure_latents` left them.

    An autoencoder that nobody measured, such as Stable Diffusion's, has its `scaling_factor` and
    `shift_factor` instead.
    """
    config, like = autoencoder.config, next(autoencoder.parameters())
    if config.get("latents_mean") is None:
        shift = config.get("shift_factor") or 0.0
        return like.new_tensor(shift).view(1, 1, 1, 1), like.new_tensor(1 / config.scaling_factor).view(1, 1, 1, 1)
    return like.new_tensor(config.latents_mean).view(1, -1, 1, 1), like.new_tensor(config.latents_std).view(1, -1, 1, 1)
