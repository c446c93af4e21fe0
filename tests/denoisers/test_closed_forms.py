"""Denoisers in closed form, and those that are made of others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectral_collapse.denoisers import (
    CovarianceDenoiser,
    FromClean,
    GaussianDenoiser,
    Prediction,
    TrueBelow,
    covariance_denoiser,
    gaussian_denoiser,
)
from spectral_collapse.errors import DataError, InvalidParameterError, NotFiniteError
from spectral_collapse.inversion import Standard
from spectral_collapse.processes import Level, Process, VariancePreserving
from tests.each import each
from tests.gaussian import PROCESSES, draw, flat


def test_gaussian_denoiser_is_the_conditional_mean() -> None:
    """E[x0 | x] of jointly Gaussian x0 and x by the covariance matrices themselves."""
    size, level = 4, Level(0.8, 0.6, 0)
    spectrum = torch.rand(size, size, dtype=torch.float64)
    spectrum = spectrum + torch.roll(spectrum.flip(0, 1), (1, 1), (0, 1))
    mean = torch.randn(1, size, size, dtype=torch.float64)
    basis = torch.fft.fft2(torch.eye(size**2, dtype=torch.complex128).reshape(-1, size, size), norm="ortho")
    basis = basis.reshape(size**2, -1)
    covariance = (basis @ torch.diag(spectrum.flatten()).to(basis) @ basis.conj().T).real
    x = torch.randn(1, 1, size, size, dtype=torch.float64)
    total = level.alpha**2 * covariance + level.sigma**2 * torch.eye(size**2)
    residual = (x - level.alpha * mean).flatten()
    expected = mean.flatten() + level.alpha * covariance @ torch.linalg.solve(total, residual)
    got = GaussianDenoiser(VariancePreserving(), {5: spectrum}, {5: mean})(x, level, torch.tensor([5]))
    torch.testing.assert_close(got.clean.flatten(), expected)
    torch.testing.assert_close(level.alpha * got.clean + level.sigma * got.noise, x)


@each("shape", [(), (8,), (8, 8), (1, 1), (3, 1, 1), (3, 8, 8)])
def test_a_mean_of_any_shape_that_broadcasts_is_the_mean(shape: tuple[int, ...]) -> None:
    process = VariancePreserving()
    level, label = process.levels(5)[2], torch.zeros(3, dtype=torch.long)
    mean = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    found = GaussianDenoiser(process, {0: torch.ones(8, 8)}, {0: mean})(x, level, label)
    centred = GaussianDenoiser(process, {0: torch.ones(8, 8)})(x - level.alpha * mean, level, label)
    torch.testing.assert_close(found.noise, centred.noise)
    torch.testing.assert_close(found.clean, centred.clean + mean)


def test_gaussian_denoiser_refuses_what_it_cannot_do() -> None:
    process, flat, asymmetric = VariancePreserving(), torch.ones(4, 4), torch.ones(4, 4)
    asymmetric[0, 1] = 2
    label, level = torch.tensor([0]), process.levels(5)[0]
    for call, sentence in (
        (lambda: GaussianDenoiser(process, {0: flat, 1: torch.ones(8, 8)}), "one shape"),
        (lambda: GaussianDenoiser(process, {0: asymmetric}), "symmetric"),
        (lambda: GaussianDenoiser(process, {0: flat}, {1: torch.zeros(1)}), "no spectrum"),
        (lambda: GaussianDenoiser(process, {0: flat}, {0: torch.zeros(5, 4)}), r"broadcast to C x 4 x 4; \(5, 4\) was"),
        (
            lambda: GaussianDenoiser(process, {0: flat})(flat[None, None], level, label + 1),
            "no spectrum for the domain",
        ),
        (lambda: GaussianDenoiser(process, {0: flat})(torch.zeros(1, 1, 8, 8), level, label), "images of"),
    ):
        with pytest.raises(InvalidParameterError, match=sentence):
            call()


def test_what_is_no_spectrum_mean_process_or_image_is_refused() -> None:
    process, flat = VariancePreserving(), torch.ones(4, 4)
    for spectra in (
        None,
        "flat",
        {},
        {0: None},
        {0: [[1.0]]},
        {0: flat * torch.inf},
        {0: flat * torch.nan},
        {0: flat[:0]},
        {0: flat.to(torch.complex64)},
        {0: flat[None]},
        {0: flat.to_sparse()},
        {"a": flat},
    ):
        with pytest.raises(InvalidParameterError):
            GaussianDenoiser(process, spectra)
    for mean in (torch.tensor(torch.nan), torch.zeros((), dtype=torch.complex64), None, "0"):
        with pytest.raises(InvalidParameterError, match="mean of label 0"):
            GaussianDenoiser(process, {0: flat}, {0: mean})
    with pytest.raises(InvalidParameterError, match="process must be"):
        GaussianDenoiser(None, {0: flat})
    for encoded in (None, torch.ones(2, 1, 4, 4, dtype=torch.int64), torch.ones(1, 4, 4), torch.ones(0, 1, 4, 4)):
        with pytest.raises(InvalidParameterError, match=r"encoded must (be a floating-point tensor|not be empty)"):
            gaussian_denoiser(process, encoded, 0)
    with pytest.raises(NotFiniteError):
        gaussian_denoiser(process, torch.full((2, 1, 4, 4), torch.nan), 0)


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


def test_truth_ends_at_the_same_level_however_fine_the_steps() -> None:
    process, asked = VariancePreserving(), []

    def denoiser(x: torch.Tensor, level: object, label: torch.Tensor) -> Prediction:
        asked.append(level.time)
        return Prediction(x, x)

    denoiser.process = process
    end = process.levels(50)[2]
    for num_steps in (50, 200):
        asked.clear()
        x = torch.zeros(1, 1, 8, 8)
        walk = TrueBelow(denoiser, Prediction(x, x), end.ratio)
        Standard().invert(walk, x, 0, num_steps)
        assert min(asked) == end.time == 21


def test_the_noise_that_a_clean_image_leaves_is_the_optimal_one_where_the_clean_image_is() -> None:
    process = VariancePreserving()
    optimal, x, label = flat(process, 0.3), draw(1.0), torch.zeros(8, dtype=torch.long)
    for level in process.levels(5):
        torch.testing.assert_close(FromClean(optimal)(x, level, label), optimal(x, level, label))
