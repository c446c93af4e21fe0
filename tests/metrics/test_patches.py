"""What patches of latents tell: S_DC and the correlation of their elements."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import patch_correlation, s_dc, s_dc_mask, white_noise_correlation, white_noise_level
from spectral_collapse.metrics.s_dc import DRAWS, threshold
from tests.each import each

from .case import Case

CASES = {
    "s_dc": Case("S_DC", s_dc, least=5),
    "patch_correlation": Case("patch correlation", patch_correlation, per_sample=False, least=8, fewest=3),
}

CALIBRATION_ERROR = np.sqrt(0.05 * 0.95 / DRAWS)


def roughness_cdf(limit: float, patch: int) -> float:
    """P(rho <= limit) in white noise, exactly (Imhof, 1961).

    Eq. (34) is a quadratic form in the grid's Laplacian, whose eigenvalues are known in closed form.
    """
    axis = 2 - 2 * np.cos(np.pi * np.arange(patch) / patch)
    weights = (axis[:, None] + axis).ravel()[1:] / (2 * patch * (patch - 1))

    def integrand(u: float) -> float:
        angle = 0.5 * np.arctan(weights * u).sum() - 0.5 * limit * u
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** 0.25))

    return 0.5 - integrate.quad(integrand, 0, np.inf, limit=500)[0] / np.pi


@each("patch", [3, 5])
def test_threshold_is_the_quantile_of_the_exact_law(patch: int) -> None:
    # Four standard errors of the Monte Carlo; the seed is fixed.
    assert roughness_cdf(threshold(patch, 0.05), patch) == pytest.approx(0.05, abs=4 * CALIBRATION_ERROR)


@each(("channels", "nominal"), [(1, 0.95), (3, 0.99275), (4, 0.98598)])
@each("shape", [(16, 16), (24, 32)])
def test_white_noise_scores_its_nominal_level(
    channels: int, nominal: float, shape: tuple[int, int], generator: torch.Generator
) -> None:
    assert white_noise_level(channels) == pytest.approx(nominal, abs=1e-5)
    scores = s_dc(torch.randn(500, channels, *shape, generator=generator))
    # Patches overlap, latents do not: the spread over latents is the honest standard error. A channel
    # adds at most (channels * P(exactly one short)) <= 1 times the threshold's own error.
    error = np.hypot(scores.std().item() / len(scores) ** 0.5, CALIBRATION_ERROR)
    assert scores.mean().item() == pytest.approx(nominal, abs=4 * error)
    assert error < 2e-3  # or the test would pass anything


def test_roughness_is_eq_34(generator: torch.Generator) -> None:
    latent = torch.randn(7, 9, generator=generator)
    flags = torch.zeros(3, 5, dtype=torch.bool)
    for i in range(3):
        for j in range(5):
            window = latent[i : i + 5, j : j + 5]
            pairs = [(window[a, b] - window[a + 1, b]) ** 2 for a in range(4) for b in range(5)]
            pairs += [(window[a, b] - window[a, b + 1]) ** 2 for a in range(5) for b in range(4)]
            flags[i, j] = sum(pairs) / 40 <= threshold(5, 0.4)
    assert 0 < flags.sum() < 15
    assert torch.equal(s_dc_mask(latent[None, None], fpr=0.4)[0], flags)


def test_a_smooth_square_is_flagged_where_enough_channels_have_it(generator: torch.Generator) -> None:
    latents = torch.randn(1, 4, 32, 32, generator=generator)
    one, two = latents.clone(), latents.clone()
    one[:, :1, 8:20, 8:20] = 0.3
    two[:, :2, 8:20, 8:20] = 0.3
    inside = (slice(None), slice(8, 16), slice(8, 16))  # windows wholly in the square, by their first pixel
    assert s_dc_mask(two)[inside].all()
    # One channel is not half of four; each of the other three then has its chance of 5 %.
    assert s_dc_mask(one)[inside].double().mean() < 0.5
    assert s_dc_mask(one, fraction=0.25)[inside].all()
    outside = s_dc_mask(two)
    outside[:, 4:20, 4:20] = False
    reference = s_dc_mask(latents)
    reference[:, 4:20, 4:20] = False
    assert torch.equal(outside, reference)


def test_score_falls_with_correlation_and_needs_room_for_a_patch(generator: torch.Generator) -> None:
    noise = torch.randn(16, 4, 32, 32, generator=generator)
    scores = []
    for mix in (0.0, 0.2, 0.4, 0.6, 0.8):
        mixed = noise + mix * (noise.roll(1, -1) + noise.roll(1, -2))
        scores.append(s_dc(mixed / mixed.std()).mean().item())
    assert all(a > b for a, b in pairwise(scores))
    assert s_dc(torch.zeros(1, 4, 8, 8)).item() == 0
    with pytest.raises(InvalidParameterError, match="does not fit"):
        s_dc(torch.zeros(1, 4, 8, 8), patch=9)


def test_agrees_with_numpy_patch_by_patch(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(30, 2, 14, 9, generator=generator)
    latents[:, 1, :, 1:] += latents[:, 0, :, :-1]
    found = []
    for i in range(0, 12, 4):
        for j in range(0, 8, 4):
            r = np.corrcoef(latents[:, :, i : i + 4, j : j + 4].reshape(30, -1).double().numpy().T)
            found.append(np.sort(np.abs(r[np.triu_indices(32, 1)]))[-5:].mean())
    expected = pytest.approx(np.mean(found), rel=1e-10)
    assert patch_correlation(latents, patch=4, top=5) == expected
    monkeypatch.setattr(sys.modules[patch_correlation.__module__], "VALUES", 1)
    assert patch_correlation(latents, patch=4, top=5) == expected


@each(("count", "channels"), [(20, 1), (100, 3), (400, 4)])
def test_white_noise_level_follows_from_the_law_of_r(count: int, channels: int) -> None:
    # Under the null r^2 is Beta(1/2, (n - 2) / 2), pairs are independent two by two, and the k-th largest
    # of m values lies about the quantile 1 - k / (m + 1). More than two pairs are not quite independent.
    elements = channels * 64
    pairs = elements * (elements - 1) // 2
    quantiles = 1 - np.arange(1, 21) / (pairs + 1)
    expected = np.sqrt(stats.beta(0.5, (count - 2) / 2).ppf(quantiles)).mean()
    assert white_noise_correlation(count, channels) == pytest.approx(expected, rel=0.01)
    assert white_noise_correlation(1000, 4) == pytest.approx(0.116, abs=0.0005)  # as its docstring says


def test_what_varies_together_counts_whatever_its_scale_mean_and_sign(generator: torch.Generator) -> None:
    one = torch.randn(20, 1, 1, 1, generator=generator)
    assert patch_correlation(one.expand(-1, 3, 8, 8)) == pytest.approx(1, abs=1e-12)
    assert patch_correlation(torch.randn(1, 3, 8, 8, generator=generator).expand(20, -1, -1, -1)) == 0
    latents = torch.randn(20, 3, 16, 16, generator=generator, dtype=torch.float64)
    factors, shifts = torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64)
    assert patch_correlation(latents * factors + shifts) == pytest.approx(patch_correlation(latents), rel=1e-9)


def test_bad_parameters_are_named() -> None:
    wrong = [({"patch": 0}, "patch"), ({"patch": 2.5}, "patch"), ({"patch": 9}, "fit"), ({"top": True}, "top")]
    for options, named in (*wrong, ({"patch": 2, "top": 200}, "120 pairs")):
        with pytest.raises(InvalidParameterError, match=named):
            patch_correlation(torch.zeros(5, 4, 8, 8), **options)
