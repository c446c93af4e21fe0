from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from spectral_collapse.errors import DataError
from spectral_collapse.metrics import kl_divergence, map_pca, pca, white_noise_rank
from tests.each import each

from .case import Case

CASES = {
    "pca": Case("PCA", pca, per_sample=False, fewest=2, constant=DataError),
    "map_pca": Case("PCA", map_pca, constant="undefined"),
}


def explained_by_marchenko_pastur(ratio: float, share_of_components: np.ndarray) -> np.ndarray:
    """Share of the variance in the leading components of white noise, `ratio` <= 1 of smaller to larger dimension."""
    low, high = (1 - ratio**0.5) ** 2, (1 + ratio**0.5) ** 2
    # Substituting x = middle + half cos(angle) takes the square roots at both ends away.
    angle = np.linspace(0, np.pi, 20001)
    x = (low + high) / 2 + (high - low) / 2 * np.cos(angle)
    weight = ((high - low) / 2 * np.sin(angle)) ** 2 / (2 * np.pi * ratio * x)
    count, variance = (np.concatenate([[0], np.cumsum((y[1:] + y[:-1]) / 2)]) for y in (weight, weight * x))
    return np.interp(share_of_components, count / count[-1], variance / variance[-1])


@each("count", [7, 100])
def test_agrees_with_singular_values(count: int, generator: torch.Generator) -> None:
    latents = 5 + torch.randn(count, 3, 4, 5, generator=generator) * torch.linspace(0.1, 2, 5)
    rows = latents.double().flatten(1).numpy()
    expected = np.linalg.svd(rows - rows.mean(0), compute_uv=False)[: min(count - 1, 60)] ** 2 / (count - 1)
    result = pca(latents)
    # Products of float64 numbers about 5 ** 2 lose 1e-16 x 60 of the largest variance.
    np.testing.assert_allclose(result.variances, expected, atol=1e-12)
    shares = expected / expected.sum()
    np.testing.assert_allclose(result.cumulative, shares.cumsum(), atol=1e-12)
    assert result.effective_rank.item() == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-10)
    needed = int(result.components_95)
    assert shares[: needed - 1].sum() < 0.95 <= shares[:needed].sum()


@each("count", [20, 100])
def test_blocks_only_bound_the_memory(count: int, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(count, 3, 4, 5, generator=generator)
    whole, divergence = pca(latents).variances, kl_divergence(latents)
    for module in ("pca", "blocks"):
        monkeypatch.setattr(sys.modules[f"spectral_collapse.metrics.{module}"], "BLOCK", 7 * count)
    torch.testing.assert_close(pca(latents).variances, whole, rtol=0, atol=1e-12)
    assert kl_divergence(latents) == pytest.approx(divergence, rel=1e-12)


@each(("count", "shape"), [(200, (1, 20, 20)), (150, (4, 32, 32)), (500, (3, 8, 8))])
def test_white_noise_follows_marchenko_pastur(
    count: int, shape: tuple[int, int, int], generator: torch.Generator
) -> None:
    result = pca(torch.randn(count, *shape, generator=generator))
    smaller, larger = sorted((count - 1, int(np.prod(shape))))
    assert len(result.variances) == smaller
    fraction = np.arange(1, smaller + 1) / smaller
    # Sums of eigenvalues hardly scatter; what is left is the limit's error, of the order 1 / m, m >= 149.
    expected = explained_by_marchenko_pastur(smaller / larger, fraction)
    np.testing.assert_allclose(result.cumulative, expected, atol=1 / smaller)
    assert result.components_95.item() == pytest.approx(smaller * np.interp(0.95, expected, fraction), abs=2)
    assert result.effective_rank.item() == pytest.approx(white_noise_rank(count, int(np.prod(shape))), rel=1 / smaller)


def test_a_map_is_a_set_of_its_rows(generator: torch.Generator) -> None:
    latents = torch.randn(3, 2, 6, 9, generator=generator) + 3
    maps = map_pca(latents)
    for index, latent in enumerate(latents):
        rows = pca(latent.reshape(12, 1, 1, 9))
        torch.testing.assert_close(maps.cumulative[index], rows.cumulative)
        torch.testing.assert_close(maps.effective_rank[index], rows.effective_rank)
        torch.testing.assert_close(maps.components_95[index], rows.components_95)


@each("rank", [1, 4, 9])
def test_equal_variances_count_the_dimensions(rank: int, generator: torch.Generator) -> None:
    # Orthonormal scores without a mean, times orthonormal patterns: all variances that are not 0 are equal.
    scores = torch.randn(20, rank, generator=generator, dtype=torch.float64)
    scores = torch.linalg.qr(scores - scores.mean(0)).Q
    patterns = torch.linalg.qr(torch.randn(48, rank, generator=generator, dtype=torch.float64)).Q
    result = pca((scores @ patterns.T).reshape(20, 3, 4, 4))
    assert result.effective_rank.item() == pytest.approx(rank, rel=1e-6)
    assert result.components_95.item() == rank


def test_constant_maps_have_no_components_and_neither_scale_nor_mean_matters(generator: torch.Generator) -> None:
    latents = torch.randn(3, 1, 8, 8, generator=generator)
    latents[1] = 0.3
    ranks = map_pca(latents).effective_rank
    assert ranks.isnan().tolist() == [False, True, False]
    with pytest.raises(DataError, match="no variance"):
        pca(latents[:1].expand(4, -1, -1, -1))
    latents = torch.randn(30, 3, 8, 8, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(pca(0.1 * latents + latents[:1] * 7).cumulative, pca(latents).cumulative)
