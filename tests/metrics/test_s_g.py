from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from spectral_collapse.metrics import s_g
from tests.each import each

from .case import Case

CASES = {"s_g": Case("S_G", s_g, per_sample=False, fewest=2)}


def test_white_noise_is_rejected_at_the_nominal_rate(generator: torch.Generator) -> None:
    draws = 500
    results = [s_g(torch.randn(20, 2, 4, 4, generator=generator)) for _ in range(draws)]
    rejected = sum(result.pvalue < 0.05 for result in results)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], draws, 0.05)
    assert low <= rejected <= high
    # Not only at 0.05: the p-value is uniform.
    assert stats.kstest([result.pvalue for result in results], "uniform").pvalue > 1e-3
    # The docstring's rule of thumb, the mean of Kolmogorov's distribution; at N = 20 within a few per cent.
    assert np.mean([1 - result.score for result in results]) == pytest.approx(0.87 / 20**0.5, rel=0.06)


def test_score_is_eq_33(generator: torch.Generator) -> None:
    latents = 0.97 * torch.randn(30, 4, 8, 8, generator=generator)
    norms = np.sort([np.sum(latent.double().numpy() ** 2) for latent in latents])
    theory = stats.chi2(256).cdf(norms)
    distance = max((np.arange(1, 31) / 30 - theory).max(), (theory - np.arange(30) / 30).max())
    result = s_g(latents)
    assert result.statistic == pytest.approx(distance, abs=1e-12)
    assert result.score == 1 - result.statistic


@each("scale", [0.9, 1.1])
def test_a_wrong_variance_is_found(scale: float, generator: torch.Generator) -> None:
    # The norms' law is 2 / sqrt(2 d) = 4 % wide at d = 1024, and moves by 20 %.
    result = s_g(scale * torch.randn(50, 4, 16, 16, generator=generator))
    assert result.score < 0.05
    assert result.pvalue < 1e-6
