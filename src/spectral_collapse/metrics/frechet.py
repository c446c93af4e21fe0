"""FID and KID: two distances of two sets of images in the features of Inception."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.inception import features
from spectral_collapse.metrics.sets import chance, check_features


class FID(NamedTuple):
    """score; chance: the FID of sets of these sizes that do not differ (`sets.chance`), since FID grows as n shrinks;
    n_images, n_references."""

    score: float
    chance: float
    n_images: int
    n_references: int


class KID(NamedTuple):
    """score, whose expectation does not depend on n; standard_error: by the jackknife over images and references,
    up to root 2 too large where the sets hardly differ; n_images, n_references."""

    score: float
    standard_error: float
    n_images: int
    n_references: int


def fid(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> FID:
    """Frechet Inception distance of images (N, 1 or 3, H, W) to references (M, ...), in [-1, 1], sizes may differ.

    Under some 2048 images the covariances are of deficient rank and most of the value is bias: read it
    beside `chance`, and compare values of the same N and M only. See `inception.features` for resizing,
    weights and the errors raised; two images and two references at least.
    """
    x, y = features("FID", images, references, weights)
    return FID(float(frechet_distance(x, y)), chance(frechet_distance, x, y), len(x), len(y))


def kid(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> KID:
    """Kernel Inception distance of images (N, 1 or 3, H, W) to references (M, ...), in [-1, 1], sizes may differ.

    Unbiased, and so slightly negative where two sets do not differ. clean-fid averages 100 random
    subsets of at most 1000; this is the mean over all subsets, of which that is an estimate. Raises as
    `fid` does; three images and three references at least.
    """
    x, y = features("KID", images, references, weights, smallest=3)
    return KID(*(float(value) for value in kernel_distance(x, y)), len(x), len(y))


def frechet_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared Frechet distance, a float64 scalar, of the Gaussians with the moments of x (N, D) and y (M, D).

    With centred samples A and B, tr sqrt(S_A S_B) is the sum of the singular values of A B^T over
    sqrt((N - 1)(M - 1)): no root of a matrix, and exact also where the covariances have no full rank.
    """
    check_features("FID", x, y)
    shift = (x.mean(0) - y.mean(0)).square().sum()
    a, b = ((z - z.mean(0)).double() / math.sqrt(len(z) - 1) for z in (x, y))
    traces = a.square().sum() + b.square().sum()
    # More samples than dimensions: R of QR has the same covariance in D rows.
    a, b = (torch.linalg.qr(z, mode="r").R if len(z) > z.shape[1] else z for z in (a, b))
    return (shift + traces - 2 * torch.linalg.svdvals(a @ b.T).sum()).clamp_min(0)


def kernel_distance(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared maximum mean discrepancy of x (N, D) and y (M, D), unbiased, and its standard error.

    Kernel (x.y / D + 1)^3. The error is the jackknife's, the two samples being independent.
    """
    check_features("KID", x, y, smallest=3)
    n, m = len(x), len(y)
    within_x, within_y = _kernel_sums(x, x) - _self(x), _kernel_sums(y, y) - _self(y)
    across_x, across_y = _kernel_sums(x, y), _kernel_sums(y, x)

    def distance(xx: torch.Tensor, yy: torch.Tensor, xy: torch.Tensor, n: int, m: int) -> torch.Tensor:
        return xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)

    xx, yy, xy = within_x.sum(), within_y.sum(), across_x.sum()
    # A sample's kernel values stand in their sum twice, as row and as column.
    without_x = distance(xx - 2 * within_x, yy, xy - across_x, n - 1, m)
    without_y = distance(xx, yy - 2 * within_y, xy - across_y, n, m - 1)
    variance = sum((len(z) - 1) / len(z) * (z - z.mean()).square().sum() for z in (without_x, without_y))
    return distance(xx, yy, xy, n, m), variance.sqrt()


def _kernel_sums(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Sum over y of the kernel, for each x; in blocks of rows, because N x M may not fit."""
    return torch.cat([(block @ y.T / x.shape[1] + 1).pow_(3).sum(1) for block in x.split(1024)])


def _self(x: torch.Tensor) -> torch.Tensor:
    return (x.square().sum(1) / x.shape[1] + 1) ** 3


SCORES = (
    ScoreInfo(
        name="fid",
        function=fid,
        symbol="FID",
        higher_is_better=False,
        range=(0.0, math.inf),
        inputs="two sets",
        per="set",
        source="Heusel et al. 2017, Eq. (6), as in clean-fid (Parmar et al. 2022)",
        field="score",
        weights="inception",
    ),
    ScoreInfo(
        name="kid",
        function=kid,
        symbol="KID",
        higher_is_better=False,
        range=(-math.inf, math.inf),
        inputs="two sets",
        per="set",
        source="Binkowski et al. 2018, Sec. 4, as in clean-fid (Parmar et al. 2022)",
        field="score",
        weights="inception",
    ),
)
