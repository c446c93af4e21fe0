"""Multi-scale structural similarity, by piq, with as many scales as the images are large enough for."""

from __future__ import annotations

from spectral_collapse.checks import check_count
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_pair, pieces, unit
from spectral_collapse.metrics.ssim import WINDOW, check_window
from spectral_collapse.metrics.weights import package

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang et al. 2003, Sec. 3.2)."""


def scales(height: int, width: int) -> int:
    """How many of the five scales images of this size allow.

    Each scale halves the side, and the coarsest must hold the window of SSIM: 5 need 161 px, 4 need 81, 3 need 41, 2
    need 21 and 1 needs 11.
    """
    height, width = check_count("height", height, 1), check_count("width", width, 1)
    return min(len(WEIGHTS), ((min(height, width) - 1) // (WINDOW - 1)).bit_length())


def ms_ssim(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """MS-SSIM per sample, (N,) float64, of images (N, C, H, W) in [-1, 1] to their references, mean over channels.

    With fewer than five scales (see `scales`) the exponents that remain, of the finest, are divided by their sum, so
    that with one scale left it is SSIM; values of different numbers of scales cannot be compared. A scale whose mean
    structure is negative counts as 0.

    Raises InvalidParameterError (range, shapes, under 11 px), DataError (no images), NotFiniteError.
    """
    images, references = check_pair("MS-SSIM", images, references, "references")
    check_window("MS-SSIM", images)
    piq = package("piq")
    count, weights = scales(*images.shape[-2:]), None
    if count < len(WEIGHTS):  # piq divides what it is given by its sum; the published five it takes as they are
        weights = images.new_tensor(WEIGHTS[:count])
    options = {"kernel_size": WINDOW, "data_range": 1.0, "reduction": "none", "scale_weights": weights}
    return torch.cat(
        [piq.multi_scale_ssim(unit(x), unit(y), **options).double() for x, y in pieces(images, references)]
    )


def _notes(shape: torch.Size) -> dict[str, object]:
    return {"scales": scales(*shape[2:])}


SCORE = ScoreInfo(
    name="ms_ssim",
    function=ms_ssim,
    symbol="MS-SSIM",
    higher_is_better=True,
    range=(0.0, 1.0),
    inputs="image and reference",
    per="sample",
    source="Wang et al. 2003, Eq. (7)",
    notes=_notes,
)
