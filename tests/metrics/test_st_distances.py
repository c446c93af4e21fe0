from __future__ import annotations

import pytest
import torch

from spectral_collapse.metrics.frechet import frechet_distance, kernel_distance
from spectral_collapse.metrics.st_distances import st_frechet, st_kernel
from spectral_collapse.metrics.st_lpips import st_lpips_features

from .case import Case
from .images import textures

CASES = {
    score.__name__: Case(
        "ST-LPIPS",
        lambda x, score=score: score(x, 0.5 * x.flip(-1)),
        per_sample=False,
        images=True,
        compare=score,
        matched=False,
        least=32,
        fewest=3 if score is st_kernel else 2,
        tolerance=1e-3,  # differences of sums of some thousand products in single precision
    )
    for score in (st_frechet, st_kernel)
}


def test_they_are_the_distances_of_the_features(generator: torch.Generator) -> None:
    x, y = textures(6, generator, size=32), textures(5, generator, slope=-1.0, size=32)
    first, second = st_lpips_features(x), st_lpips_features(y)
    found = st_frechet(x, y)
    assert found.score == pytest.approx(float(frechet_distance(first, second)))
    assert (found.n_images, found.n_references) == (6, 5)
    assert found.score > 2 * found.chance
    distance, error = kernel_distance(first, second)
    assert st_kernel(x, y)[:2] == pytest.approx((float(distance), float(error)))
    assert distance > 4 * error


def test_they_grow_with_damage_and_chance_is_what_no_difference_gives(generator: torch.Generator) -> None:
    x, y = textures(48, generator, size=32).split(24)
    noise = torch.randn(y.shape, generator=generator)
    damaged = [(y + size * noise).clamp(-1, 1) for size in (0.0, 0.1, 0.3)]
    for score in (st_frechet, st_kernel):
        values = [score(x, one).score for one in damaged]
        assert values == sorted(values)
    same = st_frechet(x, y)
    # the mean of eight divisions of the same images; one division scatters by some percent
    assert same.score == pytest.approx(same.chance, rel=0.2)
    kernel = st_kernel(x, y)
    assert abs(kernel.score) < 4 * kernel.standard_error
