"""Products with the transposed Jacobian of the predicted noise, without differentiating a network.

For Gaussian data with a covariance Sigma, J = sigma (alpha^2 Sigma + sigma^2)^-1, which is symmetric. Nothing here
calls the network: a product follows from the data's spectrum or from the trajectory.
"""

from __future__ import annotations

from typing import Literal

from spectral_collapse.later import torch
from spectral_collapse.processes import Level

Before = tuple[Level, "torch.Tensor"]
"""The level of an earlier step and the noise that was predicted there."""


def product(
    kind: Literal["spectral", "secant", "free"],
    v: torch.Tensor,
    clean: torch.Tensor,
    level: Level,
    noise: torch.Tensor,
    before: Before | None,
) -> torch.Tensor:
    """J^T v, for N vectors v (N x C x H x W) along the predicted noise.

    clean: the encoded images, for their spectra. At the first step, which has no step before it, 'secant' is 'free'.
    """
    if kind == "spectral":
        return spectral(v, clean, level)
    if kind == "secant" and before is not None:
        return secant(v, level, noise, before)
    return v / level.sigma


def spectral(v: torch.Tensor, clean: torch.Tensor, level: Level) -> torch.Tensor:
    """J^T v of Gaussian data: sigma / (alpha^2 S + sigma^2) at every frequency.

    S is each image's own spectrum, averaged over rings and channels.
    """
    gain = level.sigma / (level.alpha**2 * radial(clean) + level.sigma**2)
    wide = v.to(torch.promote_types(v.dtype, torch.float32))  # the FFT knows no half precision
    return torch.fft.irfft2(torch.fft.rfft2(wide) * gain.to(wide), s=v.shape[-2:]).to(v.dtype)


def secant(v: torch.Tensor, level: Level, noise: torch.Tensor, before: Before) -> torch.Tensor:
    """J^T v for v along the predicted noise n, from the last step of the trajectory.

    In y = x / alpha and s = sigma / alpha the trajectory is dy / ds = n, and for Gaussian data of any covariance
    alpha J n = n / s - dn / ds: the data's part of n is what changes along the way.
    """
    earlier, was = before
    change = (noise - was) / (level.ratio - earlier.ratio)
    # v = k n with one k per image
    k = (v * noise).sum((1, 2, 3), keepdim=True) / noise.square().sum((1, 2, 3), keepdim=True)
    return k * (noise / level.ratio - change) / level.alpha


def radial(images: torch.Tensor) -> torch.Tensor:
    """Power per coefficient of the orthonormal FFT, mean over rings and channels, N x 1 x H x (W // 2 + 1)."""
    wide = images.to(torch.promote_types(images.dtype, torch.float32))
    height, width = images.shape[-2:]
    power = torch.fft.fft2(wide, norm="ortho").abs().square().mean(1).flatten(1)
    down, across = torch.fft.fftfreq(height) * height, torch.fft.fftfreq(width) * width
    rings = torch.hypot(down[:, None], across[None, :]).round().long().flatten()
    number, rings = int(rings.max()) + 1, rings.to(images.device)
    count = torch.zeros(number, dtype=power.dtype, device=images.device)
    count.index_add_(0, rings, torch.ones_like(power[0]))
    total = power.new_zeros(len(power), len(count)).index_add_(1, rings, power)
    return (total / count)[:, rings].view(-1, 1, height, width)[..., : width // 2 + 1]
