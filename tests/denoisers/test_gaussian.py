from __future__ import annotations

import pytest
import torch

from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.processes import Level, VariancePreserving


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


def test_gaussian_denoiser_refuses_what_it_cannot_do() -> None:
    process = VariancePreserving()
    with pytest.raises(InvalidParameterError, match="one shape"):
        GaussianDenoiser(process, {0: torch.ones(4, 4), 1: torch.ones(8, 8)})
    asymmetric = torch.ones(4, 4)
    asymmetric[0, 1] = 2
    with pytest.raises(InvalidParameterError, match="symmetric"):
        GaussianDenoiser(process, {0: asymmetric})
    with pytest.raises(InvalidParameterError, match="no spectrum"):
        GaussianDenoiser(process, {0: torch.ones(4, 4)}, {1: torch.zeros(1)})
    denoiser = GaussianDenoiser(process, {0: torch.ones(4, 4)})
    with pytest.raises(InvalidParameterError, match="no spectrum for the domain labels"):
        denoiser(torch.zeros(1, 1, 4, 4), process.levels(5)[0], torch.tensor([1]))
    with pytest.raises(InvalidParameterError, match="images of"):
        denoiser(torch.zeros(1, 1, 8, 8), process.levels(5)[0], torch.tensor([0]))
