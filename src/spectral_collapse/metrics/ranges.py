"""Input checks and range conversion, the same for every score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from spectral_collapse.checks import Span, check_batch, described
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError, listed
from spectral_collapse.later import torch

if TYPE_CHECKING:
    from spectral_collapse.metrics.base import ScoreInfo

SLACK = 1e-3
"""How far an image may leave [-1, 1]: enough for rounding, not for an undecoded latent or a 0..255 image."""

CHUNK = 1 << 19
"""Values per piece in `pieces`: a few temporaries of this size stay in a CPU's cache, and memory
stays bounded for any number of images."""


def check_latents(score: str, latents: torch.Tensor, name: str = "latents") -> torch.Tensor:
    """Checks that `latents` (N, C, H, W) are a finite, non-empty batch, and returns them for computing.

    The result has single precision at least and no gradient, since numpy, scipy and the FFT take neither half precision
    nor a graph. If the input was so already, the result shares its memory; no score may write into it.

    Raises InvalidParameterError (not a floating-point batch), DataError (empty), NotFiniteError.
    """
    span(score, latents, name)
    return _ready(latents)


def check_images(score: str, images: torch.Tensor, name: str = "images") -> torch.Tensor:
    """Checks that `images` (N, C, H, W) are inside [-1, 1], and returns them as `check_latents` does.

    Raises as `check_latents` does, and InvalidParameterError beyond [-1 - SLACK, 1 + SLACK].
    """
    image_span(score, images, name)
    return _ready(images)


def image_span(score: str, images: torch.Tensor, name: str = "images") -> Span:
    """The smallest and the largest value of images. Raises as `check_images` does."""
    low, high = span(score, images, name)
    if low < -1 - SLACK or high > 1 + SLACK:
        raise InvalidParameterError(
            f"{score}: {name} span [{low:.4g}, {high:.4g}], but must lie in [-1, 1]; rescale or clamp them first"
        )
    return low, high


def span(score: str, values: torch.Tensor, name: str) -> Span:
    """The smallest and the largest value of a batch. Raises as `check_latents` does."""
    check_batch(values, f"{score}: {name}")
    if values.numel() == 0:
        raise DataError(f"{score}: {name} {tuple(values.shape)} are empty; give at least one sample")
    if values.shape[3] in (1, 3, 4) and values.shape[1] not in (1, 3, 4) and min(values.shape[1:3]) >= 8:
        raise InvalidParameterError(
            f"{score}: {name} {tuple(values.shape)} have their channels last; give {name}.permute(0, 3, 1, 2), as "
            "N x C x H x W has them"
        )
    low, high = torch.aminmax(values.detach())  # passes NaN on
    if not torch.isfinite(low) or not torch.isfinite(high):
        first = int((~torch.isfinite(values)).flatten(1).any(1).nonzero()[0])
        raise NotFiniteError(f"{score}: {name} hold NaN or infinity, first in sample {first}")
    return float(low), float(high)


def check_pair(
    score: str, images: torch.Tensor, references: torch.Tensor, name: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two batches of images that are compared one to one, of one precision; `name` is what the second is called."""
    images, references = same_kind(score, check_images(score, images), check_images(score, references, name), name)
    if images.shape != references.shape:
        raise InvalidParameterError(
            f"{score}: images {tuple(images.shape)} and {name} {tuple(references.shape)} must have the same shape"
        )
    return images, references


def same_kind(score: str, first: torch.Tensor, second: torch.Tensor, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Two batches in the higher of their precisions. Raises InvalidParameterError where their devices differ."""
    if first.device != second.device:
        raise InvalidParameterError(
            f"{score}: {name} are on {second.device}, what they are compared with is on {first.device}; "
            "move them to one device"
        )
    dtype = torch.promote_types(first.dtype, second.dtype)
    return first.to(dtype), second.to(dtype)


def changes(batches: Mapping[str, object]) -> dict[str, int]:
    """How often each of the tensors was written to."""
    found = {}
    for name, one in batches.items():
        if isinstance(one, torch.Tensor) and not one.is_inference():
            found[name] = one._version
    return found


def check_untouched(score: str, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Raises InvalidParameterError for a score after which a batch is not what other scores should see (`changes`)."""
    if changed := [name for name, count in before.items() if after[name] != count]:
        raise InvalidParameterError(
            f"evaluate: the score {score!r} wrote into {listed(changed)}, which other scores get too; let it make new "
            "tensors, as x - y makes one and x.sub_(y) does not"
        )


def check_result(card: ScoreInfo, result: object, count: int) -> None:
    """Raises InvalidParameterError for a score that does not give what its card says of `count` samples."""
    if isinstance(result, Exception):
        return
    wanted, what = ((count,), f"a tensor ({count},)") if card.per == "sample" else ((), "one number")
    value = getattr(result, card.field, None) if card.field else result
    try:
        values = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        values = None
    if values is None or values.shape != wanted or values.requires_grad:
        given = f"{described(value)}{' with one' if values is not None and values.requires_grad else ''}"
        raise InvalidParameterError(
            f"evaluate: the score {card.name!r}, which is per {card.per}, must return {what} without a gradient; "
            f"{given} was returned"
        )


def rescale(images: torch.Tensor, top: float) -> torch.Tensor:
    """Images from [-1, 1] to [0, top]."""
    return (images + 1) * (top / 2)


def unit(images: torch.Tensor) -> torch.Tensor:
    """Images from [-1, 1] to [0, 1] for piq, channels last.

    Rounding beyond [0, 1], which piq refuses, is cut off; with channels last its filters take half the time.
    """
    return rescale(images, 1.0).clamp_(0, 1).contiguous(memory_format=torch.channels_last)


def pieces(*batches: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """The batches cut alike along samples, into pieces of about CHUNK values (one sample at least)."""
    count = max(1, CHUNK // batches[0][0].numel())
    return zip(*(batch.split(count) for batch in batches), strict=True)


def _ready(values: torch.Tensor) -> torch.Tensor:
    return values.detach().to(torch.promote_types(values.dtype, torch.float32))
