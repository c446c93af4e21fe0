"""What the scores of two sets share: checks, and the value that chance alone gives at these sizes."""

from __future__ import annotations

from collections.abc import Callable

from spectral_collapse.checks import check_batch, check_finite
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.ranges import check_images, same_kind

DRAWS = 8
"""Random divisions in `chance`; they share all samples, so that few are enough for their mean."""


def check_sets(
    score: str, images: torch.Tensor, references: torch.Tensor, smallest: int = 2
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two sets of images of the same precision and number of channels, each with `smallest` images at least."""
    images, references = same_kind(
        score, check_images(score, images), check_images(score, references, "references"), "references"
    )
    if images.shape[1] != references.shape[1]:
        raise InvalidParameterError(
            f"{score}: images have {images.shape[1]} channels and references {references.shape[1]}; "
            "both sets need the same"
        )
    if min(len(images), len(references)) < smallest:
        raise DataError(
            f"{score} compares sets of at least {smallest} images, got {len(images)} images and "
            f"{len(references)} references"
        )
    return images, references


def check_features(score: str, x: torch.Tensor, y: torch.Tensor, smallest: int = 2) -> None:
    """Raises unless these are the features of two sets, (N, D) and (M, D), of `smallest` samples each at least."""
    for values in (x, y):
        check_batch(values, f"{score}: features", "N x D")
        check_finite(values, f"{score}: features hold NaN or infinity")
    if x.shape[1] != y.shape[1] or not x.shape[1] or min(len(x), len(y)) < smallest:
        raise InvalidParameterError(
            f"{score} compares features N x D of at least {smallest} samples each, of the same D; "
            f"{tuple(x.shape)} and {tuple(y.shape)} were given"
        )


def chance(
    value: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], images: torch.Tensor, references: torch.Tensor
) -> float:
    """The mean of value(first, second) over random divisions of both sets together into two of the same sizes.

    That is what sets of these sizes score if they do not differ at all: the small-sample bias, and the
    null hypothesis of a permutation test. Fixed seed.
    """
    together = torch.cat((images, references))
    values = [value(together[first], together[~first]) for first in divisions(len(images), len(references))]
    return float(torch.stack(values).mean())


def divisions(count: int, others: int) -> torch.Tensor:
    """Random choices of `count` out of count + others, boolean (DRAWS, count + others), always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(DRAWS, count + others, generator=generator).argsort(1) < count
