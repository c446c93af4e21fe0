"""S_G: whether the squared norms of latents are those of white Gaussian noise."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

from scipy import stats

from spectral_collapse.checks import check_batch, check_count, described
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_latents


class SG(NamedTuple):
    """score: S_G = 1 - statistic; statistic: the Kolmogorov-Smirnov distance; pvalue: of its test."""

    score: float
    statistic: float
    pvalue: float


def s_g(latents: torch.Tensor) -> SG:
    """Gaussianity of a set of latents (N, C, H, W), Eq. (31)-(33) of 'Spectral Collapse'.

    Kolmogorov-Smirnov distance between the N squared norms and chi-square with d = C H W degrees of
    freedom. It belongs to the set, not to a sample, and depends on N: N white latents score about
    1 - 0.87 / sqrt(N), so compare sets of equal size. The norms are summed in float64: the law's
    standard deviation is only sqrt(2 / d) of its mean.

    Raises DataError (fewer than two latents), InvalidParameterError (not a batch), NotFiniteError.
    """
    latents = check_latents("S_G", latents)
    count, dimension = len(latents), latents[0].numel()
    if count < 2:
        raise DataError("S_G is a score of a set and got 1 latent; give at least 2, better 100")
    return chi_square_test(latents.flatten(1).double().square().sum(1), dimension)


def chi_square_test(energies: torch.Tensor, freedom: int) -> SG:
    """S_G of energies (N,): Kolmogorov-Smirnov test against chi-square with this many degrees of freedom."""
    check_batch(energies, "S_G: energies", "N")
    check_count("S_G: freedom", freedom, 1)
    if not len(energies) or energies.isnan().any():
        raise InvalidParameterError(f"S_G: energies must be numbers, one at least; {described(energies)} was given")
    test = stats.kstest(energies.cpu().numpy(), stats.chi2(freedom).cdf)
    return SG(1 - float(test.statistic), float(test.statistic), float(test.pvalue))


def _notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": 1 - _kolmogorov_mean(shape[0])}


@functools.cache
def _kolmogorov_mean(count: int) -> float:
    """The mean of the Kolmogorov-Smirnov statistic of `count` samples of the very law.

    Exact under 16, in a second; beyond, to 0.3 %, the limit law's sqrt(pi / 2) log 2 / sqrt(n) with Vrbik's
    correction (2018).
    """
    if count < 16:
        return float(stats.kstwo.mean(count))
    return math.sqrt(math.pi / 2 / count) * math.log(2) - 1 / (6 * count)


SCORE = ScoreInfo(
    name="s_g",
    function=s_g,
    symbol="S_G",
    higher_is_better=True,
    range=(0.0, 1.0),
    inputs="latent",
    per="set",
    source="Spectral Collapse, Appendix B.2, Eq. (31)-(33)",
    field="score",
    notes=_notes,
)
