"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_pair, pieces


def psnr(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """PSNR per sample, (N,) float64 in dB, of images (N, C, H, W) in [-1, 1] against their references.

    The mean square error runs over channels and pixels of one sample; the peak-to-peak range is 2.
    An image identical to its reference has infinite PSNR, and so has any mean that includes it.

    Raises InvalidParameterError (range, shapes), DataError (no images), NotFiniteError.
    """
    images, references = check_pair("PSNR", images, references, "references")
    errors = [(x - y).square().mean((1, 2, 3), dtype=torch.float64) for x, y in pieces(images, references)]
    return 10 * torch.log10(2**2 / torch.cat(errors))


SCORE = ScoreInfo(
    name="psnr",
    function=psnr,
    symbol="PSNR",
    higher_is_better=True,
    range=(0.0, math.inf),
    inputs="image and reference",
    per="sample",
    source="Spectral Collapse, Sec. 6 and Tables 2, 8-11",
    units="dB",
)
