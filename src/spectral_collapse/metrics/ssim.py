"""The structural similarity index, batched.

Written here because the packages at hand do not fit S_LF: piq refuses the overshoots of an ideal
low-pass filter, torchmetrics is below 1 for a flat image against itself in float32, and both
convolve with the full 11 x 11 window, which takes several times as long as two passes of 11.
"""

from __future__ import annotations

import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.ranges import pieces
from spectral_collapse.metrics.windows import slide

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
"""Stabilisers for a data range of 1; all four as in Wang et al. (2004)."""


def ssim(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Mean SSIM per sample, (N,) float64, of two batches (N, C, H, W) with data range 1, Eq. (43).

    Gaussian window, averaged over channels and over the pixels whose window lies inside the image.

    Raises InvalidParameterError for images smaller than the window.
    """
    height, width = images.shape[-2:]
    if min(height, width) < WINDOW:
        raise InvalidParameterError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels, got {height} x {width}")
    return torch.cat([_ssim_map(x, y).double().mean((1, 2, 3)) for x, y in pieces(images, references)])


def _ssim_map(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    window = _window()

    def blur(images: torch.Tensor) -> torch.Tensor:
        return slide(images, window, window)

    x, y = x - 0.5, y - 0.5  # variances do not mind, and lose fewer digits around 0
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x * mean_x, blur(y * y) - mean_y * mean_y
    covariance = blur(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    luminance = (2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    return luminance * (2 * covariance + C2) / (var_x + var_y + C2)


def _window() -> list[float]:
    """The Gaussian along one axis, of sum 1."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * SIGMA**2))
    return (weights / weights.sum()).tolist()
