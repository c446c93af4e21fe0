"""Scores of how normal latents are: moments, S_G, KL, Shapiro and Wilk's test."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal
from torch.distributions import kl_divergence as between

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import kl_divergence, moments, s_g, shapiro_wilk, white_noise_kl
from tests.each import each

from .case import Case

CASES = {
    "moments": Case("moments", moments, constant="undefined"),
    "s_g": Case("S_G", s_g, per_sample=False, fewest=2),
    "kl_divergence": Case("KL", kl_divergence, per_sample=False, fewest=2),
    "shapiro_wilk": Case("Shapiro-Wilk", shapiro_wilk),
}


def test_moments_agree_with_scipy(generator: torch.Generator) -> None:
    latents = torch.randn(5, 3, 8, 8, generator=generator).exp()
    result = moments(latents)
    values = latents.flatten(1).double().numpy()
    np.testing.assert_allclose(result.skewness, stats.skew(values, axis=1), rtol=1e-10)
    np.testing.assert_allclose(result.kurtosis, stats.kurtosis(values, axis=1), rtol=1e-10)


@each("shape", [(4, 16, 16), (3, 32, 24)])
def test_moments_of_white_noise_scatter_about_zero(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    count, values = 2000, int(np.prod(shape))
    result = moments(torch.randn(count, *shape, generator=generator))
    for found, variance in ((result.skewness, 6 / values), (result.kurtosis, 24 / values)):
        assert abs(found.mean().item()) < 4 * (variance / count) ** 0.5 + 6 / values  # the excess has a bias of -6 / d
        # A variance of `count` draws, of a law with somewhat longer tails than the normal one: standard error 4 %.
        assert found.var().item() == pytest.approx(variance, rel=0.15)


def test_known_laws_and_constants(generator: torch.Generator) -> None:
    exponential = torch.empty(50, 4, 32, 32).exponential_(generator=generator)
    result = moments(exponential)
    # Skewness 2 and excess 6, with standard errors 0.01 and 0.1 over 200 000 values.
    assert result.skewness.mean().item() == pytest.approx(2, abs=0.1)
    assert result.kurtosis.mean().item() == pytest.approx(6, abs=0.6)
    signs = torch.tensor([-1.0, 1.0]).repeat(8).reshape(1, 1, 4, 4)
    assert moments(signs).skewness.item() == 0
    assert moments(signs).kurtosis.item() == -2
    latents = torch.randn(3, 1, 8, 8, generator=generator)
    latents[1] = 0.3
    for field in moments(latents):
        assert field.isnan().tolist() == [False, True, False]


def test_s_g_rejects_white_noise_at_the_nominal_rate(generator: torch.Generator) -> None:
    draws = 500
    results = [s_g(torch.randn(20, 2, 4, 4, generator=generator)) for _ in range(draws)]
    rejected = sum(result.pvalue < 0.05 for result in results)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], draws, 0.05)
    assert low <= rejected <= high
    # Not only at 0.05: the p-value is uniform.
    assert stats.kstest([result.pvalue for result in results], "uniform").pvalue > 1e-3
    # The docstring's rule of thumb, the mean of Kolmogorov's distribution; at N = 20 within a few per cent.
    assert np.mean([1 - result.score for result in results]) == pytest.approx(0.87 / 20**0.5, rel=0.06)


def test_s_g_is_eq_33(generator: torch.Generator) -> None:
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


def test_kl_agrees_with_torch_distributions(generator: torch.Generator) -> None:
    latents = 0.3 + 0.7 * torch.randn(12, 3, 4, 5, generator=generator, dtype=torch.float64)
    fitted = Normal(latents.mean(0), latents.std(0))
    expected = between(fitted, Normal(torch.zeros(()).double(), 1.0)).mean()
    assert kl_divergence(latents) == pytest.approx(expected.item(), rel=1e-12)


@each("count", [3, 100])
@each("shape", [(4, 32, 32), (3, 40, 24)])
def test_kl_of_white_noise_has_its_expected_value(
    count: int, shape: tuple[int, int, int], generator: torch.Generator
) -> None:
    draws = torch.tensor([kl_divergence(torch.randn(count, *shape, generator=generator)) for _ in range(10)])
    error = draws.std().item() / 10**0.5
    assert draws.mean().item() == pytest.approx(white_noise_kl(count), abs=5 * error)
    assert error < 0.02 * white_noise_kl(count)  # or the test would pass anything


def test_mean_and_variance_cost_what_they_must_and_the_fit_one_over_n(generator: torch.Generator) -> None:
    latents = 0.5 + 0.6 * torch.randn(4000, 1, 8, 8, generator=generator)
    expected = (0.5**2 + 0.6**2 - 1) / 2 - math.log(0.6)
    assert kl_divergence(latents) == pytest.approx(expected, abs=0.01)
    assert white_noise_kl(10_000) == pytest.approx(1e-4, rel=1e-3)
    latents[:, 0, 3, 4] = 0
    assert kl_divergence(latents) == math.inf


# The last shape holds more values than one test takes.
@each("shape", [(1, 5, 5), (4, 16, 16), (3, 48, 48)])
def test_shapiro_wilk_rejects_white_noise_at_the_nominal_rate(
    shape: tuple[int, int, int], generator: torch.Generator
) -> None:
    result = shapiro_wilk(0.3 + 2 * torch.randn(600, *shape, generator=generator))
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 600, 0.05)
    assert low <= result.rejected.sum().item() <= high
    assert stats.kstest(result.pvalue.numpy(), "uniform").pvalue > 1e-3


def test_shapiro_wilk_agrees_with_one_test_after_another(generator: torch.Generator) -> None:
    latents = torch.randn(5, 3, 8, 8, generator=generator).exp()
    result = shapiro_wilk(latents)
    for index, latent in enumerate(latents):
        expected = stats.shapiro(latent.double().numpy())
        assert result.statistic[index].item() == pytest.approx(expected.statistic, rel=1e-12)
        assert result.pvalue[index].item() == pytest.approx(expected.pvalue, rel=1e-12)


def test_large_latents_are_tested_on_distinct_values(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = torch.randn(2, 3, 10, 10, generator=generator)
    monkeypatch.setattr(sys.modules[shapiro_wilk.__module__], "LIMIT", 299)
    subset = shapiro_wilk(latents).statistic
    latent = latents[0].flatten()
    # All values but one: W must be one of the 300 that leave one out.
    possible = [stats.shapiro(torch.cat([latent[:i], latent[i + 1 :]]).double().numpy())[0] for i in range(300)]
    assert min(abs(w - subset[0].item()) for w in possible) < 1e-12


def test_other_laws_are_rejected_at_the_level_that_is_asked_for(generator: torch.Generator) -> None:
    uniform = torch.rand(20, 3, 16, 16, generator=generator)
    assert shapiro_wilk(uniform).rejected.mean() == 1
    constant = shapiro_wilk(torch.full((2, 3, 16, 16), 0.3))
    assert constant.rejected.tolist() == [1, 1]
    assert constant.pvalue.tolist() == [0, 0]
    latents = torch.randn(200, 1, 8, 8, generator=generator)
    for level in (0.01, 0.5):
        result = shapiro_wilk(latents, level)
        assert torch.equal(result.rejected, (result.pvalue <= level).double())
    with pytest.raises(InvalidParameterError, match="3 values"):
        shapiro_wilk(torch.zeros(1, 2, 1, 1))
