"""The structural similarity index, by torchmetrics, per sample and in double precision."""

from __future__ import annotations

import torch

from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics.ranges import pieces

WINDOW = 11
"""Side of the Gaussian window of standard deviation 1.5, and with it the smallest image (Wang et al. 2004)."""


def ssim(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Mean SSIM per sample, (N,) float64, of two batches (N, C, H, W) with data range 1, Eq. (43).

    Gaussian window, averaged over channels and over the pixels whose window lies inside the image.
    Double precision because single precision scores a flat image 1e-4 below 1 against itself.

    Raises InvalidParameterError for images smaller than the window.
    """
    height, width = images.shape[-2:]
    if min(height, width) < WINDOW:
        raise InvalidParameterError(f"SSIM needs images of at least {WINDOW} x {WINDOW} pixels, got {height} x {width}")
    ensure_torchvision()
    from torchmetrics.functional.image import structural_similarity_index_measure

    def score(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return structural_similarity_index_measure(x.double(), y.double(), reduction="none", data_range=1.0)

    return torch.cat([score(x, y) for x, y in pieces(images, references)])
