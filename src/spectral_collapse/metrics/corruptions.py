"""Graded corruptions of images and of latents, to see what a score responds to.

Every corruption has one parameter, its strength; strength 0 changes nothing. Grades run from 0 to 1,
the strongest in use here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spectral_collapse.later import F, torch

GRADES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Corruption:
    """A corruption of a batch, graded by its strength.

    apply: (batch (N, C, H, W), strength) -> a batch like it; strongest: the strength at grade 1, as a function of the
    height in pixels; units: of the strength; meaning: what the strength is.
    """

    apply: Callable[[torch.Tensor, float], torch.Tensor]
    strongest: Callable[[int], float]
    units: str
    meaning: str

    def strength(self, grade: float, height: int) -> float:
        return grade * self.strongest(height)

    def __call__(self, batch: torch.Tensor, grade: float) -> torch.Tensor:
        """The batch corrupted at a grade from 0 to 1."""
        strength = self.strength(grade, batch.shape[-2])
        return self.apply(batch, strength) if strength else batch  # not even rounded


def gaussian_blur(batch: torch.Tensor, sigma: float) -> torch.Tensor:
    """(N, C, H, W) convolved with a Gaussian of standard deviation `sigma` pixels; opposite borders are joined."""
    down, across = torch.fft.fftfreq(batch.shape[-2]), torch.fft.rfftfreq(batch.shape[-1])
    transfer = torch.exp(-2 * (torch.pi * sigma * torch.hypot(down[:, None], across)) ** 2)
    return torch.fft.irfft2(torch.fft.rfft2(batch) * transfer.to(batch), s=batch.shape[-2:])


def smooth_field(shape: torch.Size, sigma: float = 2.0) -> torch.Tensor:
    """White noise blurred over `sigma` pixels, each sample of mean square 1; always the same for a shape."""
    field = gaussian_blur(_noise(shape, seed=1), sigma)
    return field / field.square().mean((1, 2, 3), keepdim=True).sqrt()


def _noise(shape: torch.Size, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _blocks(images: torch.Tensor, octaves: float) -> torch.Tensor:
    side = round(2**octaves)
    means = F.avg_pool2d(images, side)
    return means.repeat_interleave(side, -2).repeat_interleave(side, -1)


def _mixed(latents: torch.Tensor, share: float) -> torch.Tensor:
    return (1 - share) ** 0.5 * latents + share**0.5 * smooth_field(latents.shape).to(latents)


IMAGES: dict[str, Corruption] = {
    "blur": Corruption(
        lambda x, sigma: gaussian_blur(x, sigma).clamp(-1, 1), lambda height: height / 32, "px", "standard deviation"
    ),
    "noise": Corruption(
        lambda x, sigma: (x + sigma * _noise(x.shape).to(x)).clamp(-1, 1), lambda height: 0.4, "1", "standard deviation"
    ),
    "shift": Corruption(lambda x, pixels: x.roll(round(pixels), -1), lambda height: height / 8, "px", "to the right"),
    "contrast": Corruption(lambda x, share: (1 - share) * x, lambda height: 0.8, "1", "share of the contrast lost"),
    "blocks": Corruption(_blocks, lambda height: 4.0, "octaves", "log2 of the side of a block in pixels"),
}
"""Corruptions of images in [-1, 1]. Blur and shift grow with the image, so that they mean the same at any size."""

LATENTS: dict[str, Corruption] = {
    "smoothing": Corruption(gaussian_blur, lambda height: 1.0, "px", "standard deviation"),
    "scaling": Corruption(lambda x, share: (1 - share) * x, lambda height: 0.5, "1", "share of the amplitude lost"),
    "smooth field": Corruption(_mixed, lambda height: 0.8, "1", "share of the variance"),
}
"""Corruptions of latents of unit variance. 'smoothing' removes variance, as a collapse does; 'smooth field' replaces
white noise by correlated values of the same variance."""
