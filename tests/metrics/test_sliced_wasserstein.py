from __future__ import annotations

import pytest
import torch
from scipy.stats import wasserstein_distance

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.metrics import low_pass
from spectral_collapse.metrics.sliced_wasserstein import enlarge, laplacian_pyramid, sliced_wasserstein, wasserstein
from tests.each import each

from .case import Case
from .images import textures

CASES = {
    "sliced_wasserstein": Case(
        "sliced Wasserstein",
        lambda x: sliced_wasserstein(x, 0.5 * x.flip(-1)),
        per_sample=False,
        images=True,
        compare=sliced_wasserstein,
        matched=False,
        least=16,
        fewest=2,
        constant=DataError,
    )
}


@each(("first", "second"), [(7, 7), (5, 9), (1, 12)])
def test_one_projection_agrees_with_scipy(first: int, second: int, generator: torch.Generator) -> None:
    values = torch.randn(first + second, 4, 3, generator=generator, dtype=torch.float64)
    values[0] = values[-1]  # ties between the parts
    choices = torch.arange(first + second) < first
    choices = torch.stack((choices, choices.roll(2)))
    found = wasserstein(values, choices)
    for row, choice in zip(found, choices, strict=True):
        x, y = values[choice].flatten(0, 1), values[~choice].flatten(0, 1)
        expected = [wasserstein_distance(x[:, k], y[:, k]) for k in range(3)]
        assert row.tolist() == pytest.approx(expected, abs=1e-12)


@each("size", [(64, 64), (37, 50)])
def test_the_pyramid_gives_the_image_back(size: tuple[int, int], generator: torch.Generator) -> None:
    images = torch.rand(2, 3, *size, generator=generator)
    *bands, total = laplacian_pyramid(images, 2)
    for band in reversed(bands):
        total = band + enlarge(total, band.shape[-2:])
    torch.testing.assert_close(total, images, rtol=0, atol=1e-5)


def test_the_pyramid_splits_by_frequency(generator: torch.Generator) -> None:
    flat = torch.full((1, 1, 32, 32), 0.3)
    details, rest = laplacian_pyramid(flat, 2)
    torch.testing.assert_close(details, torch.zeros_like(flat), rtol=0, atol=1e-6)
    torch.testing.assert_close(rest, torch.full((1, 1, 16, 16), 0.3))


def test_sets_alike_differ_by_nothing_whatever_their_order_and_number(generator: torch.Generator) -> None:
    images = textures(6, generator, size=40)
    found = sliced_wasserstein(images, images.flip(0))
    assert found.levels == pytest.approx((0, 0), abs=1e-15)  # steps of 1 / n that cancel
    assert found.sides == (40, 20)
    # Empirical distributions are the same: nothing in the distance depends on equal sizes.
    x, y = textures(5, generator, size=32), textures(4, generator, size=32)
    once, twice = sliced_wasserstein(x, y), sliced_wasserstein(torch.cat((x, x)), y)
    assert twice.levels == pytest.approx(once.levels, rel=1e-4)
    images = textures(3, generator, size=32)
    with pytest.raises(InvalidParameterError, match="the same channels, height and width"):
        sliced_wasserstein(images, images[..., :-1])
    with pytest.raises(DataError, match="no contrast at all"):
        sliced_wasserstein(images, torch.zeros_like(images))


def test_lost_detail_shows_at_the_finest_level(generator: torch.Generator) -> None:
    x = textures(12, generator, slope=-2.0)
    found = sliced_wasserstein(low_pass(x, 0.4).clamp(-1, 1), x)  # at 64 px; the next level ends at 0.5
    assert found.levels[0] > 10 * found.levels[1]
    assert found.levels[0] > 3 * found.chance


def test_chance_is_the_value_of_equal_sets_and_falls_with_their_size(generator: torch.Generator) -> None:
    x = textures(40, generator, size=24)
    small, large = sliced_wasserstein(x[:4], x[4:8]), sliced_wasserstein(x[:20], x[20:])
    assert large.chance < 0.7 * small.chance
    assert large.score == pytest.approx(large.chance, rel=0.5)
