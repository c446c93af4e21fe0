"""Correlation between the elements of a patch, over many latents."""

from __future__ import annotations

import functools

from spectral_collapse import memory
from spectral_collapse.checks import check_count
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_latents

DRAWS = 64
"""Patches of white noise in a calibration; the mean's standard error is then under 1 % of it."""

VALUES = 1 << 23
"""Correlations, or values, that are held at a time: 64 MB in float64."""


def patch_correlation(latents: torch.Tensor, patch: int = 8, top: int = 20) -> float:
    """Mean of the `top` largest |Pearson r| inside each patch, mean over patches, of latents (N, C, H, W).

    r is that of two elements of one patch over the N latents; the C x patch x patch elements of all channels are paired
    with each other, and patches tile the latent (what does not fill a patch at the right and lower border is left out).
    An element that never varies correlates with nothing: 0. The largest of many correlations is far from 0 by chance:
    compare a score with `white_noise_correlation`, the value of white noise, which is 0.116 for 1000 latents of 4
    channels.

    Raises DataError (fewer than 3 latents), InvalidParameterError (latents under a patch's size,
    more pairs asked for than there are, not a batch), NotFiniteError.
    """
    latents = check_latents("patch correlation", latents)
    count, channels, height, width = latents.shape
    _check(count, channels, patch, top)
    if patch > min(height, width):
        raise InvalidParameterError(
            f"patch correlation: a patch of {patch} x {patch} does not fit into latents {height} x {width}"
        )
    inside = latents[..., : height - height % patch, : width - width % patch]
    # (N, C, rows, patch, columns, patch) -> (rows x columns, N, C x patch x patch): a view, until a part is flattened
    tiles = inside.unflatten(-1, (-1, patch)).unflatten(-3, (-1, patch)).permute(2, 4, 0, 1, 3, 5)
    elements = channels * patch**2
    columns = max(1, VALUES // (elements * max(elements, count)))
    found = [_strongest(part.flatten(2).double(), top) for row in tiles for part in row.split(columns)]
    return float(torch.cat(found).mean())


def white_noise_correlation(count: int, channels: int, patch: int = 8, top: int = 20) -> float:
    """The `patch_correlation` that `count` latents of white noise have, whatever their size: by Monte Carlo.

    DRAWS independent patches from a fixed seed, kept in memory; a fraction of a second for 1000
    latents of 4 channels.

    Raises as `patch_correlation` does.
    """
    _check(count, channels, patch, top)
    if DRAWS * count * channels * patch**2 * (channels * patch**2 + 100) > 10**13:  # about an hour
        raise InvalidParameterError(
            f"patch correlation: white noise of {count} latents of {channels} channels in patches of {patch} x {patch} "
            "takes hours; lower count or patch"
        )
    return _calibrated(count, channels, patch, top)


@functools.cache
def _calibrated(count: int, channels: int, patch: int, top: int) -> float:
    generator = torch.Generator().manual_seed(0)
    shape = (1, count, channels * patch**2)
    draws = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(DRAWS))
    return float(torch.cat([_strongest(draw, top) for draw in draws]).mean())


def _check(count: int, channels: int, patch: int, top: int) -> None:
    for name, value in (("count", count), ("channels", channels), ("patch", patch), ("top", top)):
        check_count(f"patch correlation: {name}", value, 1)
    if count < 3:
        raise DataError(f"patch correlation is taken over a set and got {count} latents; give at least 3, better 1000")
    elements = channels * patch**2
    memory.check(
        8 * elements * (elements + count),
        f"patch correlation: the correlation of {count} patches of {channels} x {patch} x {patch}",
        "lower patch or count",
    )
    pairs = elements * (elements - 1) // 2
    if top > pairs:
        raise InvalidParameterError(
            f"patch correlation: {channels} channels of {patch} x {patch} hold {pairs} pairs, fewer than top = {top}"
        )


def _strongest(patches: torch.Tensor, top: int) -> torch.Tensor:
    """(P, N, elements) float64 -> the mean of the `top` largest |r| of each patch, (P,)."""
    # Without the first latent's value an element that never varies is 0 to the last bit.
    values = patches - patches[:, :1]
    values = torch.nn.functional.normalize(values - values.mean(1, keepdim=True), dim=1, eps=torch.finfo().tiny)
    correlations = (values.mT @ values).abs().tril(-1)
    return correlations.flatten(1).topk(top).values.mean(1).clamp_max(1)


def _notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": white_noise_correlation(*shape[:2])}


SCORE = ScoreInfo(
    name="patch_correlation",
    function=patch_correlation,
    symbol="Top-20 |r|",
    higher_is_better=False,
    range=(0.0, 1.0),
    inputs="latent",
    per="set",
    source="There and Back Again, Fig. 2",
    notes=_notes,
)
