from __future__ import annotations

import pytest
import torch

from spectral_collapse.inversion import ReNoise, create
from spectral_collapse.inversion.renoise import pair_loss, patch_loss
from spectral_collapse.processes import VariancePreserving
from tests.gaussian import draw, flat

PLAIN = {"lambda_pair": 0.0, "lambda_patch": 0.0}


def test_the_residual_falls_and_the_fixed_point_is_reached() -> None:
    """On Gaussian data an iteration contracts by 1 - s / s', 0.8 or less in each of the 50 steps; 0.8^60 = 2e-6."""
    denoiser, x = flat(VariancePreserving(), 1e-3), draw(1e-3)
    runs = [ReNoise(iterations=n, **PLAIN).invert(denoiser, x, 0) for n in (1, 2, 4, 8, 16)]
    residuals = torch.stack([run.diagnostics["residual"].amax() for run in runs])
    assert (residuals[1:] < 0.8 * residuals[:-1]).all(), residuals
    exact = create("fixed_point", tolerance=1e-13).invert(denoiser, x, 0).latent
    many = ReNoise(iterations=60, **PLAIN).invert(denoiser, x, 0)
    torch.testing.assert_close(many.latent, exact, rtol=1e-4, atol=1e-4)


def test_averaging_lies_between_the_iterates() -> None:
    """One step, two iterations: the step is linear in the noise, so the averaged state is the mean of both."""
    denoiser, x = flat(VariancePreserving(), 1e-3), draw(1e-3)
    first, second, mean = (
        ReNoise(iterations=n, averaged=m, **PLAIN).invert(denoiser, x, 0, 1).latent for n, m in ((1, 1), (2, 1), (2, 2))
    )
    torch.testing.assert_close(mean, (first + second) / 2)
    assert not torch.allclose(first, second)


def test_each_loss_falls_where_its_weight_is_on(generator: torch.Generator) -> None:
    smooth = torch.nn.functional.avg_pool2d(torch.randn(3, 4, 20, 20, generator=generator), 5, 1)
    reference = torch.randn(3, 4, 16, 16, generator=generator)

    def losses(method: ReNoise) -> tuple[torch.Tensor, torch.Tensor]:
        found = method._regularised(smooth, reference if method.lambda_patch else None)
        return pair_loss(found), patch_loss(found, reference)

    before = losses(ReNoise(**PLAIN))
    pair = losses(ReNoise(lambda_patch=0.0))
    patch = losses(ReNoise(lambda_pair=0.0))
    assert (pair[0] < before[0]).all()
    assert (patch[1] < before[1]).all()


def test_pair_loss_of_white_noise_is_its_sampling_error(generator: torch.Generator) -> None:
    """A mean of M independent products of neighbours has variance 1 / M; two directions, every channel and level."""
    noise = torch.randn(400, 3, 16, 16, generator=generator, dtype=torch.float64)
    expected = 2 * 3 * (1 / 256 + (1 / 16) / 64)  # halving averages four pixels: variance 1/4, products 1/16
    assert pair_loss(noise).mean().item() == pytest.approx(expected, rel=0.1)


def test_patch_loss_is_twice_the_gaussian_divergence(generator: torch.Generator) -> None:
    reference = torch.randn(2, 1, 4, 4, generator=generator, dtype=torch.float64)
    # of 1e-6 that is added to the variances alone, a sum over the one patch is left
    assert patch_loss(reference, reference).abs().max() < 1e-5
    found = patch_loss(2 * reference + 1, reference)
    mean, variance = reference.flatten(1).mean(1), reference.flatten(1).var(1)
    expected = torch.log(variance / (4 * variance)) + (4 * variance + (1 + mean) ** 2) / variance - 1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_regularisation_is_random_only_through_the_patch_loss() -> None:
    assert ReNoise().stochastic
    assert not ReNoise(lambda_patch=0.0).stochastic
