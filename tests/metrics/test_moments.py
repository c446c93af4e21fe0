from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from spectral_collapse.metrics import moments
from tests.each import each

from .case import Case

CASES = {"moments": Case("moments", moments, constant="undefined")}


def test_agrees_with_scipy(generator: torch.Generator) -> None:
    latents = torch.randn(5, 3, 8, 8, generator=generator).exp()
    result = moments(latents)
    values = latents.flatten(1).double().numpy()
    np.testing.assert_allclose(result.skewness, stats.skew(values, axis=1), rtol=1e-10)
    np.testing.assert_allclose(result.kurtosis, stats.kurtosis(values, axis=1), rtol=1e-10)


@each("shape", [(4, 16, 16), (3, 32, 24)])
def test_white_noise_scatters_about_zero(shape: tuple[int, int, int], generator: torch.Generator) -> None:
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


def test_scale_and_mean_do_not_matter_and_the_sign_turns(generator: torch.Generator) -> None:
    latents = torch.randn(4, 3, 8, 8, generator=generator, dtype=torch.float64).exp()
    original, turned = moments(latents), moments(3 - 0.1 * latents)
    torch.testing.assert_close(turned.skewness, -original.skewness)
    torch.testing.assert_close(turned.kurtosis, original.kurtosis)
