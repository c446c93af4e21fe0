"""Two distances of two sets of images in the features of shift-tolerant LPIPS."""

from __future__ import annotations

import math

from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.frechet import FID, KID, frechet_distance, kernel_distance
from spectral_collapse.metrics.sets import chance, check_sets
from spectral_collapse.metrics.st_lpips import st_lpips_features


def st_frechet(images: torch.Tensor, references: torch.Tensor) -> FID:
    """Frechet distance of images (N, 1 or 3, H, W) to references (M, ...), in [-1, 1], on features of ST-LPIPS.

    FID's formula on `st_lpips_features` in place of those of Inception: its values cannot be compared with FID. With
    fewer images than features, 2304, most of the value is bias: read it beside `chance`, and compare values of the same
    N and M only. Raises as `st_lpips_features`, and DataError for fewer than two images in either set.
    """
    x, y = _features("ST-LPIPS Frechet distance", images, references, 2)
    return FID(float(frechet_distance(x, y)), chance(frechet_distance, x, y), len(x), len(y))


def st_kernel(images: torch.Tensor, references: torch.Tensor) -> KID:
    """Kernel distance of images (N, 1 or 3, H, W) to references (M, ...), in [-1, 1], on features of ST-LPIPS.

    KID's formula, the unbiased squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, on `st_lpips_features`
    in place of those of Inception: its values cannot be compared with KID. They are slightly negative where two sets do
    not differ. Raises as `st_frechet`; three images and three references at least.
    """
    x, y = _features("ST-LPIPS kernel distance", images, references, 3)
    return KID(*(float(value) for value in kernel_distance(x, y)), len(x), len(y))


def _features(
    score: str, images: torch.Tensor, references: torch.Tensor, smallest: int
) -> tuple[torch.Tensor, torch.Tensor]:
    images, references = check_sets(score, images, references, smallest)
    return st_lpips_features(images), st_lpips_features(references)


SCORES = tuple(
    ScoreInfo(
        name=function.__name__,
        function=function,
        symbol=symbol,
        higher_is_better=False,
        range=(least, math.inf),
        inputs="two sets",
        per="set",
        source=f"{source}, on features of ST-LPIPS",
        field="score",
    )
    for function, symbol, least, source in (
        (st_frechet, "ST-LPIPS Frechet", 0.0, "Heusel et al. 2017, Eq. (6)"),
        (st_kernel, "ST-LPIPS kernel", -math.inf, "Binkowski et al. 2018, Sec. 4"),
    )
)
