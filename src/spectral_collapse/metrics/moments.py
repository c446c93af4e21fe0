"""Skewness and excess kurtosis of a latent's values."""

from __future__ import annotations

import math
from typing import NamedTuple

from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_latents, pieces


class Moments(NamedTuple):
    """skewness: of the values, 0 for a normal law; kurtosis: the excess over a normal law's 3. float64 (N,)."""

    skewness: torch.Tensor
    kurtosis: torch.Tensor


def moments(latents: torch.Tensor) -> Moments:
    """Skewness m3 / m2^1.5 and excess kurtosis m4 / m2^2 - 3 per sample of latents (N, C, H, W), over all C H W values.

    Central moments without a correction for bias; white noise of d values scatters about 0 with
    variances 6 / d and 24 / d. A constant latent has neither: NaN.

    Raises InvalidParameterError (not a batch), DataError (empty), NotFiniteError.
    """
    latents = check_latents("moments", latents)
    parts = []
    for (piece,) in pieces(latents):
        # Without its first value a constant latent is 0 to the last bit.
        values = piece.flatten(1).double() - piece.flatten(1)[:, :1].double()
        values = values - values.mean(1, keepdim=True)
        parts.append(torch.stack([values.pow(order).mean(1) for order in (2, 3, 4)]))
    second, third, fourth = torch.cat(parts, 1)
    return Moments(third / second**1.5, fourth / second.square() - 3)


SCORES = (
    ScoreInfo(
        name="skewness",
        function=moments,
        symbol="Skewness",
        higher_is_better=None,
        range=(-math.inf, math.inf),
        inputs="latent",
        per="sample",
        source="third standardised moment",
        target=0.0,
        field="skewness",
    ),
    ScoreInfo(
        name="kurtosis",
        function=moments,
        symbol="Excess kurtosis",
        higher_is_better=None,
        range=(-2.0, math.inf),
        inputs="latent",
        per="sample",
        source="fourth standardised moment - 3",
        target=0.0,
        field="kurtosis",
    ),
)
