from __future__ import annotations

import sys

import pytest
import torch
from scipy import stats

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import shapiro_wilk
from tests.each import each

from .case import Case

CASES = {"shapiro_wilk": Case("Shapiro-Wilk", shapiro_wilk)}


# The last shape holds more values than one test takes.
@each("shape", [(1, 5, 5), (4, 16, 16), (3, 48, 48)])
def test_white_noise_is_rejected_at_the_nominal_rate(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    result = shapiro_wilk(0.3 + 2 * torch.randn(600, *shape, generator=generator))
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 600, 0.05)
    assert low <= result.rejected.sum().item() <= high
    assert stats.kstest(result.pvalue.numpy(), "uniform").pvalue > 1e-3


def test_agrees_with_one_test_after_another(generator: torch.Generator) -> None:
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
