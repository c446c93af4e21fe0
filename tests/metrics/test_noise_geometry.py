from __future__ import annotations

import math

import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import nearest_noise, triangle

from .case import Case

CASES = {
    "triangle": Case(
        "triangle",
        lambda x: triangle(x, x.flip(-1), x.roll(3, -1)),
        compare=lambda x, y: triangle(x, y, x.roll(3, -1)),
        constant="undefined",
    ),
    "nearest_noise": Case(
        "nearest noise",
        lambda x: nearest_noise(x, x.flip(-1)),
        per_sample=False,
        compare=nearest_noise,
        identity=1.0,
        fewest=2,
    ),
}


def test_a_right_triangle_and_corners_of_other_shapes(generator: torch.Generator) -> None:
    noises = torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    images, latents = noises.clone(), noises.clone()
    images[:, 0, 0, 0] += 3
    latents[:, 1, 2, 3] += 4
    result = triangle(noises, images, latents)
    for angle, expected in zip(
        result[:3], (90, math.degrees(math.atan(4 / 3)), math.degrees(math.atan(3 / 4))), strict=True
    ):
        assert angle.tolist() == pytest.approx([expected] * 2)
    for side, expected in zip(result[3:], (3, 5, 4), strict=True):
        assert side.tolist() == pytest.approx([expected] * 2)
    noises = torch.zeros(3, 1, 4, 4)
    with pytest.raises(InvalidParameterError, match=r"same shape, got noises \(3, 1, 4, 4\)"):
        triangle(noises, noises, noises[:2])


def test_angles_are_those_between_vectors(generator: torch.Generator) -> None:
    corners = torch.randn(3, 6, 3, 8, 8, generator=generator, dtype=torch.float64).cumsum(0)
    result = triangle(*corners)
    for at, (a, b) in enumerate(((1, 2), (0, 2), (0, 1))):
        left, right = ((corners[other] - corners[at]).flatten(1) for other in (a, b))
        expected = torch.nn.functional.cosine_similarity(left, right).acos().rad2deg()
        torch.testing.assert_close(result[at], expected)
    torch.testing.assert_close(sum(result[:3]), torch.full((6,), 180.0, dtype=torch.float64))


def test_flat_and_degenerate_triangles(generator: torch.Generator) -> None:
    noises, images = torch.randn(2, 4, 3, 8, 8, generator=generator, dtype=torch.float64)
    between = triangle(noises, images, (noises + images) / 2)
    # Half-angles are exact where acos is not; what is left is the rounding of the lengths, 1e-16 under a square root.
    assert between.angle_at_latent.tolist() == pytest.approx([180] * 4, abs=1e-5)
    assert between.angle_at_image.tolist() == pytest.approx([0] * 4, abs=1e-5)
    perfect = triangle(noises, images, noises)
    assert perfect.angle_at_image.tolist() == [0] * 4
    assert perfect.noise_to_latent.tolist() == [0] * 4
    assert perfect.angle_at_noise.isnan().all()
    assert perfect.angle_at_latent.isnan().all()


def test_nearest_agrees_with_cdist(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    noises = torch.randn(40, 2, 3, 3, generator=generator, dtype=torch.float64)
    images = 0.5 * noises + torch.randn(40, 2, 3, 3, generator=generator, dtype=torch.float64)
    images[::2] *= 2  # or both directions would fare alike
    monkeypatch.setattr("spectral_collapse.metrics.blocks.BLOCK", 40 * 5)
    distances = torch.cdist(noises.flatten(1), images.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")
    own = torch.arange(40)
    result = nearest_noise(noises, images)
    assert result.noise_of_image == (distances.argmin(0) == own).double().mean().item()
    assert result.image_of_noise == (distances.argmin(1) == own).double().mean().item()
    assert result.noise_of_image != result.image_of_noise
    assert nearest_noise(images, noises) == (result.image_of_noise, result.noise_of_image)


def test_a_bright_image_attracts_nothing_and_unrelated_sets_meet_by_chance(generator: torch.Generator) -> None:
    # Images far out find their own noise, but the one image at the centre is nearest to every noise.
    noises = torch.randn(10, 1, 8, 8, generator=generator)
    images = 10 * noises
    images[3] = 0
    result = nearest_noise(noises, images)
    assert result.image_of_noise == 0.1
    assert result.noise_of_image >= 0.9
    found = [nearest_noise(*torch.randn(2, 10, 1, 4, 4, generator=generator)).noise_of_image for _ in range(300)]
    # One in ten; 3000 draws, of which those of one set are not independent.
    assert sum(found) / 300 == pytest.approx(0.1, abs=0.03)
