"""The Haar wavelet-based perceptual similarity index, by piq."""

from __future__ import annotations

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_pair, pieces, unit
from spectral_collapse.metrics.weights import package

SMALLEST = 16
"""Halved once, the image must hold the coarsest filter, 8 x 8."""


def haarpsi(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """HaarPSI per sample, (N,) float64, of images (N, 1 or 3, H, W) in [-1, 1] to their references.

    Two finest scales of Haar coefficients are compared, the third says where it matters; colour is
    compared by 2 x 2 means. On images halved once and on 0..255, as published. Two black images are
    alike: 1, where the formula has 0 / 0.

    Raises InvalidParameterError (range, shapes, channels, under 16 px), DataError (no images), NotFiniteError.
    """
    images, references = check_pair("HaarPSI", images, references, "references")
    channels, height, width = images.shape[1:]
    if channels not in (1, 3):
        raise InvalidParameterError(f"HaarPSI takes images of 1 or 3 channels, got {channels}")
    if min(height, width) < SMALLEST:
        raise InvalidParameterError(
            f"HaarPSI needs images of at least {SMALLEST} x {SMALLEST} pixels, got {height} x {width}"
        )
    piq = package("piq")
    found = torch.cat(
        [
            piq.haarpsi(unit(x), unit(y), data_range=1.0, reduction="none").double()
            for x, y in pieces(images, references)
        ]
    )
    return found.nan_to_num(1.0).clamp_max(
        1
    )  # float32's rounding, inverted by the logistic function, exceeds 1 a little


SCORE = ScoreInfo(
    name="haarpsi",
    function=haarpsi,
    symbol="HaarPSI",
    higher_is_better=True,
    range=(0.0, 1.0),
    inputs="image and reference",
    per="sample",
    source="Reisenhofer et al. 2018, Eq. (10)-(12)",
)
