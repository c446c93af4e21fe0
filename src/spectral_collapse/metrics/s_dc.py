"""S_DC: the share of a latent's patches that are not suspiciously smooth."""

from __future__ import annotations

import functools
import math

from scipy import stats

from spectral_collapse import memory
from spectral_collapse.checks import check_count, check_number
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_latents, pieces
from spectral_collapse.metrics.windows import slide

DRAWS = 1 << 20
"""Independent patches in a calibration: the realised false-positive rate then has a standard error
of 2e-4 at a nominal 0.05."""


def s_dc(latents: torch.Tensor, fpr: float = 0.05, patch: int = 5, fraction: float = 0.5) -> torch.Tensor:
    r"""Decorrelation score per sample, (N,) float64, of latents (N, C, H, W); 1 is best.

    With the roughness rho of each of n patches p in channel c, the mean square of neighbour differences, and the
    threshold tau that a share fpr of white-noise patches falls below,

    .. math::

        P\big(\rho(\varepsilon) \le \tau\big) = \mathrm{fpr}, \qquad
        S_{DC}(z) = 1 - \frac{1}{n} \sum_{p=1}^{n} 1\Big[\sum_{c=1}^{C} 1\big[\rho(z_{c,p}) \le \tau\big]
        \ge \mathrm{fraction} \cdot C\Big].

    One minus Eq. (36) of 'Spectral Collapse': the appendix defines the share of *flagged* patches,
    but all its tables report the share of the others (white noise near 1), and so does this.
    See `s_dc_mask` for the parameters and errors, `white_noise_level` for the value of white noise.
    """
    return 1 - s_dc_mask(latents, fpr, patch, fraction).double().mean((1, 2))


def s_dc_mask(latents: torch.Tensor, fpr: float = 0.05, patch: int = 5, fraction: float = 0.5) -> torch.Tensor:
    """Which patches are autocorrelated: boolean (N, H - patch + 1, W - patch + 1), Eq. (34)-(36).

    fpr: share of white-noise patches, per channel, whose roughness lies under the threshold (the
    paper's 0.05). patch: side of the window in latent pixels; the paper does not state it.
    fraction: share of the channels that must be too smooth together; 'sufficient' in the paper,
    and with one half and 4 channels white noise scores 0.986, as a perfect latent does in its tables.

    The score is not scale-free: a latent of too little variance is too smooth, and is flagged.

    Raises InvalidParameterError (parameters out of range, latents under the patch's size),
    DataError (no latents), NotFiniteError.
    """
    latents = check_latents("S_DC", latents)
    channels, height, width = latents.shape[1:]
    if _patch(patch) > min(height, width):
        raise InvalidParameterError(f"S_DC: a patch of {patch} x {patch} does not fit into latents {height} x {width}")
    needed = _needed(channels, fraction)
    limit = threshold(patch, fpr)
    flags = [(_roughness(piece, patch) <= limit).sum(1) >= needed for (piece,) in pieces(latents)]
    return torch.cat(flags)


def threshold(patch: int = 5, fpr: float = 0.05) -> float:
    """tau of Eq. (35): the `fpr` quantile of a patch's roughness in white noise, by Monte Carlo.

    The paper calibrates per latent shape. Under the null every patch of every channel has the same
    law, whatever C, H and W, so one calibration on independent patches serves all shapes, with more
    draws than any shape would give. Fixed seed, kept in memory (about half a second the first time).

    Raises InvalidParameterError for a patch under 2 or an fpr outside (0, 1).
    """
    return _calibrated(_patch(patch), _rate(fpr))


@functools.cache
def _calibrated(patch: int, fpr: float) -> float:
    generator = torch.Generator().manual_seed(0)
    parts = 16
    memory.check(8 * DRAWS / parts * patch**2, f"S_DC: a calibration for patches of {patch} x {patch}", "lower patch")
    roughness = [
        _roughness(torch.randn(DRAWS // parts, 1, patch, patch, generator=generator), patch).flatten()
        for _ in range(parts)
    ]
    return float(torch.quantile(torch.cat(roughness), fpr))


def white_noise_level(channels: int, fpr: float = 0.05, fraction: float = 0.5) -> float:
    """The expected S_DC of white noise: 1 - P(enough of the independent channels fall under tau).

    Raises InvalidParameterError as `s_dc_mask` does, and for channels under 1.
    """
    channels = check_count("S_DC: channels", channels, 1)
    return 1 - float(stats.binom.sf(_needed(channels, fraction) - 1, channels, _rate(fpr)))


def _patch(patch: int) -> int:
    return check_count("S_DC: patch", patch, 2)


def _rate(fpr: float) -> float:
    return check_number("S_DC: fpr", fpr, 0, 1, exclude=(0, 1))


def _needed(channels: int, fraction: float) -> int:
    """How many channels must be too smooth for a patch to be flagged."""
    check_number("S_DC: fraction", fraction, 0, 1, exclude=(0,))
    return math.ceil(fraction * channels - 1e-9)  # 0.1 * 10 must not ask for two channels


def _roughness(latents: torch.Tensor, patch: int) -> torch.Tensor:
    """rho of Eq. (34) per channel and valid centre: mean squared difference of neighbours in the window."""
    latents = latents.float()
    # A window holds patch * (patch - 1) pairs of either direction, so the mean of both is the mean of the two means.
    long, short = [0.5 / patch] * patch, [1 / (patch - 1)] * (patch - 1)
    return slide(latents.diff(dim=-1).square(), long, short) + slide(latents.diff(dim=-2).square(), short, long)


def _notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": white_noise_level(shape[1])}


SCORE = ScoreInfo(
    name="s_dc",
    function=s_dc,
    symbol="S_DC",
    higher_is_better=True,
    range=(0.0, 1.0),
    inputs="latent",
    per="sample",
    source="1 - Eq. (36) of Spectral Collapse, Appendix B.3",
    notes=_notes,
)
