"""Every score against graded corruptions, of images and of latents: a stronger one never looks better."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.metrics import corruptions, hf_reference, low_pass, psnr, s_hf, s_lf
from spectral_collapse.metrics.haarpsi import haarpsi
from spectral_collapse.metrics.lpips_distance import lpips_squeeze
from spectral_collapse.metrics.ms_ssim import ms_ssim
from spectral_collapse.metrics.plain_error import plain_error
from spectral_collapse.metrics.sliced_wasserstein import sliced_wasserstein
from spectral_collapse.metrics.ssim import ssim
from tests.each import each

from .images import textures, towards_smooth, wave
from .made_weights import made_weights

CORRUPTIONS = {name: corruptions.IMAGES[name] for name in ("blur", "noise", "shift", "contrast")}
GRADES = (0.125, 0.25, 0.5, 0.75)

# As errors: larger is worse.
SCORES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "psnr": lambda x, y: -psnr(x, y),
    "ssim": lambda x, y: 1 - ssim(x, y),
    "ms_ssim": lambda x, y: 1 - ms_ssim(x, y),
    "haarpsi": lambda x, y: 1 - haarpsi(x, y),
    "s_lf": lambda x, y: 1 - s_lf(x, y, cutoff=0.25),
    "s_hf": lambda x, y: 1 - s_hf(x, hf_reference(y)),
    "lpips_squeeze": lambda x, y: lpips_squeeze(x, y, made_weights("squeeze")),
    "plain_error": lambda x, y: plain_error(x, 0.99 * y).plain,
    "sliced_wasserstein": lambda x, y: torch.tensor([sliced_wasserstein(x, y).score]),
}
# What a score is made not to see: a set's statistics do not move with its images, the reference of S_HF
# neither, and S_LF's low-pass filter takes away what blur does.
BLIND = {("s_hf", "shift"), ("sliced_wasserstein", "shift"), ("s_lf", "blur")}


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return textures(6, torch.Generator().manual_seed(0), slope=-2.5, size=64) * 0.8


@each("corruption", CORRUPTIONS)
@each("score", SCORES)
def test_a_stronger_corruption_is_a_larger_error(score: str, corruption: str, images: torch.Tensor) -> None:
    errors = [SCORES[score](CORRUPTIONS[corruption](images, grade), images).mean() for grade in GRADES]
    rises = torch.stack(errors).diff()
    if (score, corruption) in BLIND:
        assert max(errors) < 0.1
    else:
        assert (rises > 0).all(), errors


# As errors of latents, each with the collapse that it is made to see.
OF_LATENTS: list[tuple[str, str, Callable[[torch.Tensor], float | torch.Tensor]]] = [
    ("high_frequency_deficit", "smoother", lambda x: metrics.high_frequency_deficit(x).mean()),
    ("high_frequency_deficit", "filtered", lambda x: metrics.high_frequency_deficit(x).mean()),
    ("patch_correlation", "smoother", metrics.patch_correlation),
    ("s_dc", "smoother", lambda x: -metrics.s_dc(x).mean()),
    ("effective_rank", "smoother", lambda x: -metrics.pca(x).effective_rank),
    ("components_95", "smoother", lambda x: -metrics.pca(x).components_95),
    ("map_effective_rank", "smoother", lambda x: -metrics.map_pca(x).effective_rank.mean()),
    ("shapiro_wilk", "smoother", lambda x: -metrics.shapiro_wilk(x).statistic.mean()),
    ("kl_divergence", "filtered", metrics.kl_divergence),
    ("s_g", "fainter", lambda x: -metrics.s_g(x).score),
]


@pytest.fixture(scope="module")
def collapses() -> dict[str, list[torch.Tensor]]:
    """White noise that becomes smooth at equal variance, loses its upper bands, or loses a few per cent above one."""
    smoother = towards_smooth(60, torch.Generator().manual_seed(0))
    noise, high = smoother[0], smoother[0] - low_pass(smoother[0], 0.5)
    return {
        "smoother": smoother,
        "filtered": [low_pass(noise, cutoff) for cutoff in (1.0, 0.8, 0.6, 0.4)],
        "fainter": [noise - share * high for share in (0.0, 0.01, 0.02, 0.03, 0.04)],
    }


@each(("name", "kind", "error"), OF_LATENTS)
def test_a_stronger_collapse_is_a_larger_error(
    name: str, kind: str, error: Callable, collapses: dict[str, list[torch.Tensor]]
) -> None:
    found = [float(error(latents)) for latents in collapses[kind]]
    assert found == sorted(set(found)), name


def test_a_blur_multiplies_each_wave_by_the_gaussians_transfer_function() -> None:
    size, sigma = 64, 1.5
    for cycles in (1, 5, 20):
        image = wave(size, cycles)
        expected = math.exp(-2 * (math.pi * sigma * cycles / size) ** 2) * image
        # float32's FFT of numbers up to 1
        torch.testing.assert_close(corruptions.gaussian_blur(image, sigma), expected, rtol=0, atol=1e-6)


@each("name", corruptions.IMAGES)
def test_damaged_images_are_images_and_always_the_same(name: str, generator: torch.Generator) -> None:
    images = textures(3, generator)
    untouched = corruptions.IMAGES[name](images, corruptions.GRADES[0])
    assert torch.equal(untouched, images)
    last = torch.zeros(())
    for grade in corruptions.GRADES[1:]:
        damaged = corruptions.IMAGES[name](images, grade)
        assert damaged.shape == images.shape
        assert damaged.abs().max() <= 1
        assert torch.equal(damaged, corruptions.IMAGES[name](images, grade))
        error = (damaged - images).square().mean()
        assert error > 0.999 * last  # a shift may reach the distance at which pixels no longer agree at all
        last = error


@each("octaves", [1, 3])
def test_blocks_keep_their_means_and_nothing_else(octaves: int, generator: torch.Generator) -> None:
    images, side = textures(2, generator), 2**octaves
    blocks = corruptions.IMAGES["blocks"](images, octaves / 4).unflatten(-1, (-1, side)).unflatten(-3, (-1, side))
    torch.testing.assert_close(blocks.amax((-3, -1)), blocks.amin((-3, -1)))
    means = images.unflatten(-1, (-1, side)).unflatten(-3, (-1, side)).mean((-3, -1))
    torch.testing.assert_close(blocks[..., 0, :, 0], means)


def test_a_shift_is_undone_by_the_opposite_one(generator: torch.Generator) -> None:
    images = textures(2, generator, size=32)
    assert torch.equal(corruptions.IMAGES["shift"](images, 1.0).roll(-4, -1), images)


def test_a_smooth_field_replaces_variance_and_smoothing_takes_it(generator: torch.Generator) -> None:
    latents = torch.randn(64, 4, 32, 32, generator=generator)
    field = corruptions.smooth_field(latents.shape)
    torch.testing.assert_close(field.square().mean((1, 2, 3)), torch.ones(64))
    # White noise and field are independent: over 64 latents the cross term has a standard deviation of 0.002.
    assert float(corruptions.LATENTS["smooth field"](latents, 1.0).square().mean()) == pytest.approx(1, abs=0.02)
    # A Gaussian of sigma = 1 px keeps the share 1 / (4 pi sigma^2) of white noise's variance, up to aliasing at pixels.
    kept = float(corruptions.LATENTS["smoothing"](latents, 1.0).square().mean())
    assert kept == pytest.approx(1 / (4 * math.pi), rel=0.03)
    assert float(corruptions.LATENTS["scaling"](latents, 1.0).square().mean()) == pytest.approx(0.25, abs=0.01)
