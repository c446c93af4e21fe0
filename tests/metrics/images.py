"""Made-up images with known properties."""

from __future__ import annotations

import torch


def textures(
    count: int, generator: torch.Generator, slope: float = -3.0, size: int = 64, channels: int = 3
) -> torch.Tensor:
    """Stationary Gaussian textures (count, channels, size, size) in [-1, 1] with power ~ frequency ** slope."""
    frequency = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.fftfreq(size))
    frequency[0, 0] = torch.inf  # no mean
    noise = torch.randn(count, channels, size, size, generator=generator)
    images = torch.fft.ifft2(torch.fft.fft2(noise) * frequency ** (slope / 2)).real
    return images / images.abs().amax((1, 2, 3), keepdim=True)


def wave(size: int, cycles: int) -> torch.Tensor:
    """A horizontal cosine of amplitude 1 with this many cycles per image, (1, 1, size, size)."""
    x = torch.arange(size, dtype=torch.float64) / size
    return torch.cos(2 * torch.pi * cycles * x).expand(1, 1, size, size)


def towards_smooth(count: int, generator: torch.Generator, channels: int = 4, size: int = 32) -> list[torch.Tensor]:
    """White noise that turns into smooth fields in five steps of equal variance: a graded collapse."""
    noise = torch.randn(count, channels, size, size, generator=generator)
    smooth = textures(count, generator, slope=-4.0, size=size, channels=channels)
    smooth = smooth / smooth.std((1, 2, 3), keepdim=True)
    return [(1 - share) ** 0.5 * noise + share**0.5 * smooth for share in (0.0, 0.2, 0.4, 0.6, 0.8)]
