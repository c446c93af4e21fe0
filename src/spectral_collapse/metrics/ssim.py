"""The structural similarity index, by piq, per sample.

piq because it agrees with scikit-image to rounding; torchmetrics 1.9 differs from both by about 0.01.
"""

from __future__ import annotations

from spectral_collapse.checks import check_batch
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_pair, pieces, unit
from spectral_collapse.metrics.weights import package

WINDOW = 11
"""Side of the Gaussian window of standard deviation 1.5, and with it the smallest image (Wang et al. 2004)."""


def ssim(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Mean SSIM per sample, (N,) float64, of images (N, C, H, W) in [-1, 1] to their references.

    Averaged over channels and over the pixels whose window lies inside the image. Its variances are
    differences of squares: float32 costs 1e-4 at most.

    Raises InvalidParameterError (range, shapes, under 11 px), DataError (no images), NotFiniteError.
    """
    images, references = check_pair("SSIM", images, references, "references")
    check_window("SSIM", images)
    piq = package("piq")
    options = {"kernel_size": WINDOW, "data_range": 1.0, "reduction": "none", "downsample": False}
    return torch.cat([piq.ssim(unit(x), unit(y), **options).double() for x, y in pieces(images, references)])


def check_window(score: str, images: torch.Tensor) -> None:
    """Raises InvalidParameterError unless the images hold the window."""
    check_batch(images, f"{score}: images")
    height, width = images.shape[-2:]
    if min(height, width) < WINDOW:
        raise InvalidParameterError(
            f"{score} needs images of at least {WINDOW} x {WINDOW} pixels, got {height} x {width}"
        )


SCORE = ScoreInfo(
    name="ssim",
    function=ssim,
    symbol="SSIM",
    higher_is_better=True,
    range=(-1.0, 1.0),
    inputs="image and reference",
    per="sample",
    source="Wang et al. 2004, Eq. (13); Spectral Collapse, Table 2",
)
