from __future__ import annotations

import pytest
import torch

from spectral_collapse.denoisers import GaussianDenoiser, gaussian_denoiser
from spectral_collapse.errors import InvalidParameterError, NotFiniteError
from spectral_collapse.processes import Level, VariancePreserving
from tests.each import each


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
