from __future__ import annotations

import numpy as np
import pytest
import torch

from spectral_collapse.denoisers import CovarianceDenoiser, covariance_denoiser
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.processes import Process, VariancePreserving
from tests.each import each
from tests.gaussian import PROCESSES


@each("process", PROCESSES)
def test_the_covariance_denoiser_is_the_conditional_mean(process: Process, generator: torch.Generator) -> None:
    options = {"dtype": torch.float64, "generator": generator}
    directions = torch.linalg.qr(torch.randn(24, 5, **options)).Q
    variances, rest, mean = torch.rand(5, **options) * 3, 0.01, torch.randn(2, 3, 4, **options)
    covariance = rest * torch.eye(24) + directions @ torch.diag(variances - rest) @ directions.T
    denoiser = CovarianceDenoiser(process, mean, directions, variances, rest)
    x = torch.randn(3, 2, 3, 4, **options)
    for level in process.levels(4):
        noise, clean = denoiser(x, level, torch.zeros(3, dtype=torch.long))
        torch.testing.assert_close(level.alpha * clean + level.sigma * noise, x, rtol=0, atol=1e-10)
        # E[x0 | x] of a Gaussian, by solving the full system
        total = level.alpha**2 * covariance + level.sigma**2 * torch.eye(24)
        residual = (x - level.alpha * mean).flatten(1)
        expected = mean.flatten() + level.alpha * torch.linalg.solve(total, residual.T).T @ covariance
        torch.testing.assert_close(clean.flatten(1), expected, rtol=0, atol=1e-8)


def test_the_covariance_is_found_in_data_that_has_it(generator: torch.Generator) -> None:
    options = {"dtype": torch.float64, "generator": generator}
    scale = torch.tensor([3.0] * 4 + [0.01] * 12)  # 4 strong directions and 12 below the entry noise, 0.00085
    basis = torch.linalg.qr(torch.randn(16, 16, **options)).Q
    encoded = ((torch.randn(600, 16, **options) * scale) @ basis.T).view(600, 1, 4, 4) + 5
    found = covariance_denoiser(VariancePreserving(), encoded)
    assert found.empty_share == 12 / 16
    # variances from 200 images: a relative standard error of 0.1 each; four of them
    np.testing.assert_allclose(found.variances[:4], 9, rtol=0.4)
    np.testing.assert_allclose(found.variances[4:], 1e-4, rtol=0.4)


def test_few_images_leave_the_directions_beyond_them_their_mean_variance(generator: torch.Generator) -> None:
    encoded = 0.3 * torch.randn(30, 4, 16, 16, generator=generator)
    found = covariance_denoiser(VariancePreserving(), encoded)
    assert found.directions.shape == (1024, 19)
    # 10 held-out images in 1005 directions
    assert found.rest == pytest.approx(0.09, rel=0.1)


def test_held_out_images_share_nothing_with_those_that_are_fitted(generator: torch.Generator) -> None:
    pictures = 0.3 * torch.randn(30, 4, 4, 4, generator=generator)
    windows = pictures.repeat_interleave(4, 0)  # four to a picture, and all alike
    groups = [str(number) for number in range(30) for _ in range(4)]
    found = covariance_denoiser(VariancePreserving(), windows, groups)
    alone = covariance_denoiser(VariancePreserving(), pictures)
    # as much as ten independent pictures say; fitted to them, the directions would have 64 / 29 times the variance
    torch.testing.assert_close(found.variances[:19], alone.variances[:19], rtol=1e-6, atol=0)
    assert float(found.variances[:19].mean()) == pytest.approx(0.09, rel=0.15)
    with pytest.raises(DataError, match="images of 3 groups at least, to hold a third out; got 2"):
        covariance_denoiser(VariancePreserving(), windows, groups[:4] * 15 + groups[4:8] * 15)


def test_what_is_no_covariance_or_image_is_refused() -> None:
    process, images = VariancePreserving(), torch.randn(6, 1, 4, 4)
    for encoded in (images.long(), images > 0, images.to(torch.complex64), images[0], images[:0], None):
        with pytest.raises(InvalidParameterError, match=r"encoded must (be a floating-point tensor|not be empty)"):
            covariance_denoiser(process, encoded)
    with pytest.raises(InvalidParameterError, match="the group of each of the 6 images"):
        covariance_denoiser(process, images, ["a", "b", "c"])
    good = {"mean": torch.zeros(1, 2, 2), "directions": torch.eye(4)[:, :2], "variances": torch.ones(2), "rest": 0.1}
    CovarianceDenoiser(process, **good)
    for name, wrong in (
        ("mean", torch.zeros(1, 2, 3)),
        ("directions", torch.eye(4)),
        ("variances", -torch.ones(2)),
        ("variances", torch.full((2,), torch.inf)),
        ("rest", -1.0),
        ("mean", None),
    ):
        with pytest.raises(InvalidParameterError):
            CovarianceDenoiser(process, **good | {name: wrong})
