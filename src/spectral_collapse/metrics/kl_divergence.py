"""Kullback-Leibler divergence of latents from N(0, I), element by element."""

from __future__ import annotations

import math

from scipy.special import digamma

from spectral_collapse.checks import check_count
from spectral_collapse.errors import DataError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.blocks import element_blocks
from spectral_collapse.metrics.ranges import check_latents


def kl_divergence(latents: torch.Tensor) -> float:
    """KL(N(m, s^2) || N(0, 1)) in nats, m and s^2 fitted over the latents (N, C, H, W), mean over the C H W elements.

    As in TABA, each element has its own Gaussian over samples, so that a pattern which all latents share is seen;
    correlation between elements is not. TABA's code fits the reference to sampled noise as well, takes KL(noise ||
    latent) and adds 1e-6 to the standard deviations; here the reference is N(0, 1) itself and an element that never
    varies gives infinity. The fit alone costs `white_noise_kl(N)`, 1 / N for large N: report it beside the score, and
    compare sets of equal N.

    Raises DataError (fewer than two latents), InvalidParameterError (not a batch), NotFiniteError.
    """
    latents = check_latents("KL", latents)
    if len(latents) < 2:
        raise DataError("KL is fitted over a set and got 1 latent; give at least 2, better 100")
    total = 0.0
    for (block,) in element_blocks(latents):
        variance, mean = torch.var_mean(block, dim=0)
        total += float((mean.square() + variance - 1 - variance.log()).sum())
    return total / 2 / latents[0].numel()


def white_noise_kl(count: int) -> float:
    """The expected `kl_divergence` of `count` (at least 2) white latents of any shape, exactly."""
    freedom = (check_count("count", count, 2) - 1) / 2
    # E m^2 = 1 / N, E s^2 = 1, and E log s^2 is that of chi-square with N - 1 degrees of freedom over N - 1.
    return (1 / count - float(digamma(freedom)) + math.log(freedom)) / 2


def _notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": white_noise_kl(shape[0])}


SCORE = ScoreInfo(
    name="kl_divergence",
    function=kl_divergence,
    symbol="KL to N(0, I)",
    higher_is_better=False,
    range=(0.0, math.inf),
    inputs="latent",
    per="set",
    source="There and Back Again, analysis of latents",
    units="nat per element",
    notes=_notes,
)
