"""Errors in the plain areas of an image against those elsewhere."""

from __future__ import annotations

from typing import NamedTuple

from spectral_collapse.checks import check_batch, check_count, check_number, described
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import F, torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_images, check_latents, check_pair, pieces

_SOURCE = "Staniszewski et al. 2024 (TABA), analysis of the first inversion steps"

THRESHOLD = 0.025
"""Mean absolute difference to the two neighbours under which a pixel is plain, for images in [-1, 1]."""


class PlainError(NamedTuple):
    """Mean absolute errors per sample, each (N,) float64.

    plain, other: in plain areas and elsewhere, NaN where an image has no such area; ratio: plain
    through other, NaN where either is missing or both are 0.
    """

    plain: torch.Tensor
    other: torch.Tensor
    ratio: torch.Tensor


def plain_error(images: torch.Tensor, references: torch.Tensor) -> PlainError:
    """Errors of images (N, C, H, W) in [-1, 1] in the plain areas of their references and elsewhere.

    Raises InvalidParameterError (range, shapes, under 2 px), DataError (no images), NotFiniteError.
    """
    images, references = check_pair("plain error", images, references, "references")
    return area_error(references, images, references)


def area_error(images: torch.Tensor, predicted: torch.Tensor, true: torch.Tensor) -> PlainError:
    """Errors |predicted - true| of any values (N, D, H, W) in the plain areas of images (N, C, H, W) and elsewhere.

    TABA's use: noise predicted in the first inversion steps against the noise that was added.

    Raises as `plain_error` does, and InvalidParameterError if height and width differ.
    """
    mask = plain_mask(images)
    predicted, true = (check_latents("plain error", values) for values in (predicted, true))
    area = (len(images), *images.shape[2:])
    if predicted.shape != true.shape or (len(predicted), *predicted.shape[2:]) != area:
        raise InvalidParameterError(
            f"plain error: predicted {tuple(predicted.shape)} and true values {tuple(true.shape)} must have the same "
            f"shape, with the number, height and width of the images {tuple(images.shape)}"
        )
    sums = []
    for x, y, plain in pieces(predicted, true, mask):
        error = (x - y)[..., :-1, :-1].abs_().mean(1)
        sums.append(torch.stack([z.sum((1, 2), dtype=torch.float64) for z in (error, error * plain, plain)]))
    total, inside, count = torch.cat(sums, 1)
    plain, other = inside / count, (total - inside) / (mask[0].numel() - count)
    return PlainError(plain, other, plain / other)


def area_means(values: torch.Tensor, plain: torch.Tensor, least: float = 0.0) -> torch.Tensor:
    """Means of values (N, ..., H, W) over the plain and over the other positions (N, H, W): (2, N, ...) float64.

    NaN if an area has no position, or less than the share `least` of all: the mean of a few is mostly chance.

    Raises InvalidParameterError if the numbers, heights or widths differ.
    """
    check_number("least", least, 0, 1)
    between = max(values.ndim - 3, 0) if isinstance(values, torch.Tensor) else 0
    check_batch(values, "values", f"N x {'D x ' * between}H x W")
    if not isinstance(plain, torch.Tensor) or plain.dtype != torch.bool or plain.is_meta or plain.is_sparse:
        raise InvalidParameterError(f"plain must be a boolean tensor N x H x W; {described(plain)} was given")
    if (len(values), *values.shape[-2:]) != tuple(plain.shape):
        raise InvalidParameterError(
            f"values {tuple(values.shape)} must have the number, height and width of the places {tuple(plain.shape)}"
        )
    ones = (1,) * between
    means = []
    for area in (plain, ~plain):
        share = area.double().mean((1, 2)).reshape(-1, *ones)
        inside = area.reshape(len(area), *ones, *area.shape[1:])
        mean = torch.where(inside, values, 0).double().mean((-2, -1)) / share
        means.append(torch.where(share >= least, mean, torch.nan))
    return torch.stack(means)


def plain_mask(images: torch.Tensor) -> torch.Tensor:
    """Which pixels of images (N, C, H, W) in [-1, 1] are plain: boolean (N, H - 1, W - 1).

    A pixel is plain where, in every channel, the mean of its absolute differences to the right and the
    lower neighbour is under THRESHOLD; the last row and column have no such neighbours and are left out.

    Raises InvalidParameterError (range, under 2 px), DataError (no images), NotFiniteError.
    """
    images = check_images("plain error", images)
    if min(images.shape[-2:]) < 2:
        raise InvalidParameterError(
            f"plain error needs images of at least 2 x 2 pixels, got {images.shape[2]} x {images.shape[3]}"
        )
    return torch.cat([_plain(piece) for (piece,) in pieces(images)])


def plain_places(images: torch.Tensor, side: int) -> torch.Tensor:
    """Which windows of 2 x 2 pixels of a latent lie over plain areas of images (N, C, H, W): (N, side - 1, side - 1).

    A window does where all pixels of the image under it are plain, as in `plain_mask`; pixels of the last row and
    column have neighbours like themselves.

    side: of the latent. Raises InvalidParameterError unless H = W is a multiple of it.
    """
    images, side = check_images("plain places", images), check_count("side", side, 1)
    height, width = images.shape[-2:]
    if height != width or height % side:
        raise InvalidParameterError(f"latents of side {side} do not fit images of {height} x {width}; use square ones")
    uneven = (~_plain(F.pad(images, (0, 1, 0, 1), mode="replicate"))).float()
    factor = height // side
    return F.max_pool2d(uneven[:, None], 2 * factor, factor)[:, 0] == 0


def _plain(images: torch.Tensor) -> torch.Tensor:
    inner = images[..., :-1, :-1]
    right, below = (images[..., :-1, 1:] - inner).abs_(), (images[..., 1:, :-1] - inner).abs_()
    return (right.add_(below) < 2 * THRESHOLD).all(1)


SCORES = tuple(
    ScoreInfo(
        name=name,
        function=plain_error,
        symbol=symbol,
        higher_is_better=better,
        range=(0.0, float("inf")),
        inputs="image and reference",
        per="sample",
        source=_SOURCE,
        target=target,
        field=field,
    )
    for name, symbol, better, target, field in (
        ("plain_error", "error, plain", False, None, "plain"),
        ("other_error", "error, other", False, None, "other"),
        ("plain_error_ratio", "error, plain / other", None, 1.0, "ratio"),
    )
)
