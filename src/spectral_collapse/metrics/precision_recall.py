"""Precision and recall of a set of images: how many look real, and how much of the real ones is covered."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from spectral_collapse.errors import DataError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.inception import features
from spectral_collapse.metrics.sets import chance, check_features

NEIGHBOURS = 3
"""k of the paper's experiments."""


class Coverage(NamedTuple):
    """score; chance: the value of sets of these sizes that do not differ (`sets.chance`), which is under 1;
    n_images, n_references."""

    score: float
    chance: float
    n_images: int
    n_references: int


def precision(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> Coverage:
    """Share of the images (N, 1 or 3, H, W) in [-1, 1] that lie on the manifold of the references (M, ...).

    It uses the Inception features of FID, where the paper takes VGG-16's: values can be compared with each other, not
    with published ones. See `inception.features` for resizing, weights and the errors raised; four images and four
    references at least.
    """
    x, y = features("precision", images, references, weights, smallest=NEIGHBOURS + 1)
    return Coverage(float(coverage(x, y)), chance(coverage, x, y), len(x), len(y))


def recall(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> Coverage:
    """Share of the references that lie on the manifold of the images: `precision` with the roles exchanged."""
    x, y = features("recall", images, references, weights, smallest=NEIGHBOURS + 1)
    return Coverage(float(coverage(y, x)), chance(coverage, y, x), len(x), len(y))


def coverage(points: torch.Tensor, manifold: torch.Tensor) -> torch.Tensor:
    """Share of points (N, D) in the union of balls about the samples of a manifold (M, D), each of which
    reaches to its sample's third nearest neighbour."""
    check_features("precision and recall", points, manifold, smallest=1)
    if len(manifold) <= NEIGHBOURS:
        raise DataError(f"a manifold needs {NEIGHBOURS + 1} samples at least; {len(manifold)} were given")
    # The nearest neighbour of all is the sample itself.
    radii = torch.cat([torch.cdist(block, manifold).kthvalue(NEIGHBOURS + 1).values for block in manifold.split(1024)])
    inside = [(torch.cdist(block, manifold) <= radii).any(1) for block in points.split(1024)]
    return torch.cat(inside).double().mean()


SCORES = tuple(
    ScoreInfo(
        name=name,
        function=function,
        symbol=name,
        higher_is_better=True,
        range=(0.0, 1.0),
        inputs="two sets",
        per="set",
        source="Kynkaanniemi et al. 2019, Eq. (1)-(2)",
        field="score",
        weights="inception",
    )
    for name, function in (("precision", precision), ("recall", recall))
)
