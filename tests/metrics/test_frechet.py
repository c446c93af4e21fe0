from __future__ import annotations

import numpy as np
import pytest
import torch
from cleanfid import fid as clean

from spectral_collapse.metrics.frechet import fid, frechet_distance, kernel_distance, kid

from .case import Case
from .images import textures
from .made_weights import made_weights

CASES = {
    score.__name__: Case(
        score.__name__,
        lambda x, score=score: score(x, 0.5 * x.flip(-1), made_weights("inception")),
        per_sample=False,
        images=True,
        compare=lambda x, y, score=score: score(x, y, made_weights("inception")),
        matched=False,
        fewest=3 if score is kid else 2,
        # Rounded to 8 bits a pixel may fall to either side: 1/255 of the range in a few pixels.
        tolerance=1e-3,
    )
    for score in (fid, kid)
}


def gaussian(count: int, generator: torch.Generator, dims: int = 8, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(count, dims, generator=generator, dtype=torch.float64)


def with_moments(count: int, mean: float, deviations: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Samples whose empirical mean and covariance are these, to the last digits."""
    raw = gaussian(count, generator, len(deviations))
    white, _ = torch.linalg.qr(raw - raw.mean(0))
    return white * (count - 1) ** 0.5 * deviations + mean


@pytest.mark.parametrize("count", [12, 200])
def test_closed_form_of_commuting_covariances(count: int, generator: torch.Generator) -> None:
    a, b = torch.linspace(0.5, 2, 8, dtype=torch.float64), torch.linspace(3, 1, 8, dtype=torch.float64)
    x, y = with_moments(count, 0.0, a, generator), with_moments(count + 5, 0.5, b, generator)
    expected = 8 * 0.5**2 + (a - b).square().sum()
    torch.testing.assert_close(frechet_distance(x, y), expected, rtol=1e-9, atol=0)


def test_agrees_with_clean_fid_where_covariances_have_full_rank(generator: torch.Generator) -> None:
    mix = gaussian(8, generator)
    x, y = gaussian(100, generator) @ mix, gaussian(60, generator, scale=0.7) + 0.3
    moments = [part for z in (x.numpy(), y.numpy()) for part in (z.mean(0), np.cov(z, rowvar=False))]
    expected = clean.frechet_distance(*moments)
    assert frechet_distance(x, y).item() == pytest.approx(expected, rel=1e-6)


def test_low_rank_does_not_matter(generator: torch.Generator) -> None:
    """Fewer samples than dimensions, as FID always has under 2048 images: dimensions without variance add nothing."""
    x, y = gaussian(10, generator, 4), gaussian(12, generator, 4)
    expected = frechet_distance(x, y)
    rotation, _ = torch.linalg.qr(gaussian(64, generator, 64))
    wide = [torch.nn.functional.pad(z, (0, 60)) @ rotation for z in (x, y)]
    torch.testing.assert_close(frechet_distance(*wide), expected, rtol=1e-9, atol=0)


def test_kernel_distance_agrees_with_clean_fid(generator: torch.Generator) -> None:
    x, y = gaussian(40, generator), gaussian(40, generator, scale=1.3)
    # With sets of equal size under 1000 each of clean-fid's random subsets is the whole set.
    expected = clean.kernel_distance(x.numpy(), y.numpy(), num_subsets=2)
    assert kernel_distance(x, y)[0].item() == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_is_the_mean_over_subsets(generator: torch.Generator) -> None:
    x, y = gaussian(30, generator), gaussian(50, generator, scale=1.3)
    np.random.seed(0)
    subsets = [clean.kernel_distance(x.numpy(), y.numpy(), num_subsets=1, max_subset_size=10) for _ in range(400)]
    value, _ = kernel_distance(x, y)
    assert abs(np.mean(subsets) - value.item()) < 4 * np.std(subsets) / 20


@pytest.mark.parametrize(("shift", "excess"), [(1.0, 1.0), (0.0, 2**0.5)])
def test_the_standard_error_is_the_spread_over_samples(shift: float, excess: float, generator: torch.Generator) -> None:
    """For sets that do not differ the linear part vanishes, and the jackknife is too large by root 2."""
    pairs = [(gaussian(150, generator), gaussian(100, generator) + shift) for _ in range(200)]
    values, errors = torch.stack([torch.stack(kernel_distance(x, y)) for x, y in pairs]).T
    # The spread of 200 values is known to 5 %, and less well for the heavy tails of a cubic kernel.
    assert errors.square().mean().sqrt().item() == pytest.approx(excess * values.std().item(), rel=0.15)
    expected = kernel_distance(gaussian(2000, generator), gaussian(2000, generator) + shift)[0]
    assert abs(values.mean() - expected) < 4 * values.std() / 200**0.5 + 0.03 * expected


def test_two_sets_that_do_not_differ_score_by_chance(generator: torch.Generator) -> None:
    folder, images = made_weights("inception"), textures(48, generator, size=32)
    small, large = (fid(images[:n], images[24 : 24 + n], folder) for n in (8, 24))
    assert (small.n_images, small.n_references) == (8, 8)
    assert small.score > large.score  # the bias of small sets, which `chance` shows too
    assert small.score == pytest.approx(small.chance, rel=0.3)
    assert large.score == pytest.approx(large.chance, rel=0.3)
    unbiased = kid(images[:24], images[24:], folder)
    assert abs(unbiased.score) < 4 * unbiased.standard_error


def test_different_sets_are_told_apart(generator: torch.Generator) -> None:
    folder, images = made_weights("inception"), textures(24, generator, size=32)
    shifted = (images + 0.4).clamp(-1, 1)
    frechet, kernel = fid(images[:12], shifted[12:], folder), kid(images[:12], shifted[12:], folder)
    assert frechet.score > 1.5 * frechet.chance
    assert kernel.score > 4 * kernel.standard_error
    assert fid(images, images, folder).score == pytest.approx(0, abs=1e-6)
