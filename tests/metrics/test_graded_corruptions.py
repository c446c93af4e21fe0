from __future__ import annotations

import math

import pytest
import torch

from spectral_collapse.metrics import corruptions
from spectral_collapse.metrics.corruptions import GRADES, IMAGES, LATENTS
from tests.each import each

from ..metrics.images import textures, wave


def test_a_blur_multiplies_each_wave_by_the_gaussians_transfer_function() -> None:
    size, sigma = 64, 1.5
    for cycles in (1, 5, 20):
        image = wave(size, cycles)
        expected = math.exp(-2 * (math.pi * sigma * cycles / size) ** 2) * image
        # float32's FFT of numbers up to 1
        torch.testing.assert_close(corruptions.gaussian_blur(image, sigma), expected, rtol=0, atol=1e-6)


@each("name", IMAGES)
def test_damaged_images_are_images_and_always_the_same(name: str, generator: torch.Generator) -> None:
    images = textures(3, generator)
    untouched = IMAGES[name](images, GRADES[0])
    assert torch.equal(untouched, images)
    last = torch.zeros(())
    for grade in GRADES[1:]:
        damaged = IMAGES[name](images, grade)
        assert damaged.shape == images.shape
        assert damaged.abs().max() <= 1
        assert torch.equal(damaged, IMAGES[name](images, grade))
        error = (damaged - images).square().mean()
        assert error > 0.999 * last  # a shift may reach the distance at which pixels no longer agree at all
        last = error


@each("octaves", [1, 3])
def test_blocks_keep_their_means_and_nothing_else(octaves: int, generator: torch.Generator) -> None:
    images, side = textures(2, generator), 2**octaves
    blocks = IMAGES["blocks"](images, octaves / 4).unflatten(-1, (-1, side)).unflatten(-3, (-1, side))
    torch.testing.assert_close(blocks.amax((-3, -1)), blocks.amin((-3, -1)))
    means = images.unflatten(-1, (-1, side)).unflatten(-3, (-1, side)).mean((-3, -1))
    torch.testing.assert_close(blocks[..., 0, :, 0], means)


def test_a_shift_is_undone_by_the_opposite_one(generator: torch.Generator) -> None:
    images = textures(2, generator, size=32)
    assert torch.equal(IMAGES["shift"](images, 1.0).roll(-4, -1), images)


def test_a_smooth_field_replaces_variance_and_smoothing_takes_it(generator: torch.Generator) -> None:
    latents = torch.randn(64, 4, 32, 32, generator=generator)
    field = corruptions.smooth_field(latents.shape)
    torch.testing.assert_close(field.square().mean((1, 2, 3)), torch.ones(64))
    # White noise and field are independent: over 64 latents the cross term has a standard deviation of 0.002.
    assert float(LATENTS["smooth field"](latents, 1.0).square().mean()) == pytest.approx(1, abs=0.02)
    # A Gaussian of sigma = 1 px keeps the share 1 / (4 pi sigma^2) of white noise's variance, up to aliasing at pixels.
    kept = float(LATENTS["smoothing"](latents, 1.0).square().mean())
    assert kept == pytest.approx(1 / (4 * math.pi), rel=0.03)
    assert float(LATENTS["scaling"](latents, 1.0).square().mean()) == pytest.approx(0.25, abs=0.01)
