"""The structural similarity index, by piq, per sample and in double precision.

piq because it agrees with scikit-image to rounding; torchmetrics 1.9 differs from both by about 0.01.
"""

from __future__ import annotations

import torch

from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.ranges import pieces

WINDOW = 11
"""Side of the Gaussian window of standard deviation 1.5, and with it the smallest image (Wang et al. 2004)."""


def ssim(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Mean SSIM per sample, (N,) float64, of two batches (N, C, H, W) in [0, 1], Eq. (43).

    Gaussian window, averaged over channels and over the pixels whose window lies inside the image.
    Double precision because the variances are differences of squares.

    Raises InvalidParameterError for images smaller than the window.
    """
    height, width = images.shape[-2:]
    if min(height, width) < WINDOW:
        raise InvalidParameterError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels, got {height} x {width}")
    ensure_torchvision()
    import piq

    def score(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return piq.ssim(x.double(), y.double(), kernel_size=WINDOW, data_range=1.0, reduction="none", downsample=False)

    return torch.cat([score(x, y) for x, y in pieces(images, references)])
