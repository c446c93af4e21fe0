"""Sliced Wasserstein distance of two sets on a Laplacian pyramid: no pretrained network, a value per scale."""

from __future__ import annotations

import math
from typing import NamedTuple

from spectral_collapse.checks import check_batch, check_count, described
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import F, torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import pieces
from spectral_collapse.metrics.sets import check_sets, divisions
from spectral_collapse.metrics.windows import slide

SMALLEST = 16
"""Side of the pyramid's coarsest level in pixels, and of the smallest image."""
PATCH, PATCHES = 7, 128
"""Side of a patch, and patches per image and level."""
DIRECTIONS = 128
"""Random projections per level."""
BLOCK = 1 << 23
"""Values that are sorted together, so that memory stays bounded."""
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""The pyramid's low-pass filter, down and across (Burt and Adelson 1983)."""


class SlicedWasserstein(NamedTuple):
    """score: the mean of levels; chance: its value for sets of these sizes that do not differ (`sets.chance`);
    n_images, n_references; sides: of the levels in pixels, finest first; levels: the distance at each."""

    score: float
    chance: float
    n_images: int
    n_references: int
    sides: tuple[int, ...]
    levels: tuple[float, ...]


def sliced_wasserstein(images: torch.Tensor, references: torch.Tensor) -> SlicedWasserstein:
    """Sliced Wasserstein-1 distance of images (N, C, H, W) in [-1, 1] to references (M, C, H, W), over levels.

    Each level of the Laplacian pyramid down to 16 px is cut into 7 x 7 patches at 128 random positions, the same for
    every image; the distributions of 128 random projections are compared, in standard deviations of the references'
    level and channel. The paper's code divides each set by its own deviations, and does not see a loss of contrast or
    of high frequencies; here both are divided by the references', so that exchanging the sets changes the value. The
    paper's values are 1000 times these.

    Raises InvalidParameterError (range, shapes, under 16 px), DataError (fewer than two images, or
    references without any contrast in a channel), NotFiniteError.
    """
    images, references = check_sets("sliced Wasserstein distance", images, references)
    if images.shape[1:] != references.shape[1:]:
        raise InvalidParameterError(
            f"sliced Wasserstein distance: images {tuple(images.shape[1:])} and references "
            f"{tuple(references.shape[1:])} must have the same channels, height and width"
        )
    side = min(images.shape[-2:])
    if side < SMALLEST:
        raise InvalidParameterError(
            f"sliced Wasserstein distance needs images of at least {SMALLEST} x {SMALLEST} pixels, "
            f"got {images.shape[2]} x {images.shape[3]}"
        )
    first = torch.arange(len(images) + len(references)) < len(images)
    choices = torch.cat((first[None], divisions(len(images), len(references)))).to(images.device)
    sides = _sides(*images.shape[-2:])
    levels = [
        _distances(x, y, choices)
        for x, y in zip(_descriptors(images, sides), _descriptors(references, sides), strict=True)
    ]
    values = torch.stack(levels)
    return SlicedWasserstein(
        float(values[:, 0].mean()),
        float(values[:, 1:].mean()),
        len(images),
        len(references),
        tuple(min(side) for side in sides),
        tuple(values[:, 0].tolist()),
    )


def wasserstein(values: torch.Tensor, choices: torch.Tensor) -> torch.Tensor:
    """Wasserstein-1 distances (D, K) of the parts into which each choice divides the samples.

    values: (N, P, K), P numbers per sample and K separate distributions; choices: (D, N), true for the
    samples of the first part, whose number N1 is the same in all. The distance is the area between the
    two distribution functions, exact for parts of any size, and one sort serves all choices.
    """
    check_batch(values, "Wasserstein distance: values", "N x P x K")
    samples, per_sample, _ = values.shape
    if not isinstance(choices, torch.Tensor) or choices.dtype != torch.bool or choices.shape[1:] != (samples,):
        raise InvalidParameterError(
            f"Wasserstein distance: choices must be a boolean tensor D x {samples}; {described(choices)} was given"
        )
    ordered, order = values.flatten(0, 1).sort(0)
    gaps, owners = ordered.diff(dim=0).double(), order[:-1].div_(per_sample, rounding_mode="floor")
    sizes = choices.sum(1, keepdim=True).double()
    steps = torch.where(choices, 1 / sizes, -1 / (samples - sizes)) / per_sample
    return torch.stack([(step[owners].cumsum(0).abs_() * gaps).sum(0) for step in steps])


def _distances(x: torch.Tensor, y: torch.Tensor, choices: torch.Tensor) -> torch.Tensor:
    """One level: descriptors (N, P, C, 49) and (M, P, C, 49) -> mean distance over directions, (D,) float64."""
    deviation, mean = torch.std_mean(y, (0, 1, 3), keepdim=True)
    if not deviation.all():
        raise DataError(
            "sliced Wasserstein distance: the references have no contrast at all in some channel, "
            "which leaves no unit to measure in; give other references or leave that channel out"
        )
    together = ((torch.cat((x, y)) - mean) / deviation).flatten(2)
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(together.shape[2], DIRECTIONS, generator=generator).to(together.device)
    directions /= directions.norm(dim=0)
    width = max(1, BLOCK // (len(together) * PATCHES))
    parts = [wasserstein(together @ block, choices) for block in directions.split(width, dim=1)]
    return torch.cat(parts, 1).mean(1)


def _sides(height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths of the pyramid's levels, finest first."""
    sides = [(height, width)]
    while min(sides[-1]) >= 2 * SMALLEST:
        height, width = sides[-1]
        sides.append((-(-height // 2), -(-width // 2)))
    return sides


def _descriptors(images: torch.Tensor, sides: list[tuple[int, int]]) -> list[torch.Tensor]:
    """Patches (N, PATCHES, C, 49) of each level of the pyramid, at places that depend on its size only."""
    places = []
    for height, width in sides:
        generator = torch.Generator().manual_seed(0)
        rows, columns = torch.rand(2, PATCHES, generator=generator)
        places.append(((rows * (height - PATCH + 1)).long(), (columns * (width - PATCH + 1)).long()))
    parts = []
    for (piece,) in pieces(images):
        bands = laplacian_pyramid(piece.float(), len(sides))
        windows = [band.unfold(2, PATCH, 1).unfold(3, PATCH, 1) for band in bands]
        parts.append(
            [window[:, :, r, c].transpose(1, 2).flatten(3) for window, (r, c) in zip(windows, places, strict=True)]
        )
    return [torch.cat(level) for level in zip(*parts, strict=True)]


def laplacian_pyramid(images: torch.Tensor, levels: int) -> list[torch.Tensor]:
    """Bands of images (N, C, H, W), finest first, each half the size of the one before; the last is the rest.

    Enlarged and added up from the last to the first they give the images back.
    """
    _check_bands(images)
    side, most = min(images.shape[-2:]), 1
    while side > 2:  # the filter's border mirrors two pixels
        side, most = -(-side // 2), most + 1
    check_count("Laplacian pyramid: levels", levels, 1, most)
    bands = []
    for _ in range(levels - 1):
        low = _blur(images)[..., ::2, ::2]
        bands.append(images - enlarge(low, images.shape[-2:]))
        images = low
    return [*bands, images]


def enlarge(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images (N, C, ceil(H / 2), ceil(W / 2)) at twice their size, (N, C, H, W)."""
    _check_bands(images)
    if not isinstance(size, tuple) or tuple(-(-side // 2) for side in size) != tuple(images.shape[-2:]):
        raise InvalidParameterError(
            f"Laplacian pyramid: size must be twice {tuple(images.shape[-2:])}, or 1 less; {described(size)} was given"
        )
    spread = images.new_zeros(*images.shape[:2], *size)
    spread[..., ::2, ::2] = images
    return _blur(spread).mul_(4)


def _check_bands(images: torch.Tensor) -> None:
    check_batch(images, "Laplacian pyramid: images")
    check_count("Laplacian pyramid: channels", images.shape[1], 1)


def _blur(images: torch.Tensor) -> torch.Tensor:
    return slide(F.pad(images, (2, 2, 2, 2), mode="reflect"), BINOMIAL, BINOMIAL)


SCORE = ScoreInfo(
    name="sliced_wasserstein",
    function=sliced_wasserstein,
    symbol="SWD",
    higher_is_better=False,
    range=(0.0, math.inf),
    inputs="two sets",
    per="set",
    source="Karras et al. 2018 (progressive growing), Sec. 5",
    field="score",
)
