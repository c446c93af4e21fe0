from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as between

from spectral_collapse.metrics import kl_divergence, white_noise_kl
from tests.each import each

from .case import Case

CASES = {"kl_divergence": Case("KL", kl_divergence, per_sample=False, fewest=2)}


def test_agrees_with_torch_distributions(generator: torch.Generator) -> None:
    latents = 0.3 + 0.7 * torch.randn(12, 3, 4, 5, generator=generator, dtype=torch.float64)
    fitted = Normal(latents.mean(0), latents.std(0))
    expected = between(fitted, Normal(torch.zeros(()).double(), 1.0)).mean()
    assert kl_divergence(latents) == pytest.approx(expected.item(), rel=1e-12)


@each("count", [3, 100])
@each("shape", [(4, 32, 32), (3, 40, 24)])
def test_white_noise_has_its_expected_value(
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
