from __future__ import annotations

import math

import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.spectra import radial_spectrum, slope


def test_white_noise_has_power_one_at_every_frequency(generator: torch.Generator) -> None:
    images = torch.randn(400, 4, 16, 16, generator=generator)
    frequency, power = radial_spectrum(images)
    torch.testing.assert_close(frequency, torch.arange(1, 9, dtype=torch.float64) / 16)
    # the innermost ring has 8 coefficients, 4 of them independent with 2 degrees of freedom each, in 4 channels:
    # the mean over 400 images has the standard error sqrt(2 / (400 * 4 * 8)) = 0.0125; five of them
    torch.testing.assert_close(power.mean(0), torch.ones(8, dtype=torch.float64), atol=0.0625, rtol=0)


@pytest.mark.parametrize("cycles", [1, 5, 16])
def test_a_wave_has_all_its_power_in_its_own_ring(cycles: int) -> None:
    wave = torch.cos(2 * math.pi * cycles * torch.arange(32) / 32).expand(32, 32)
    power = radial_spectrum(wave[None, None]).power[0]
    assert int(power.argmax()) == cycles - 1
    assert float(power.sum() / power.max()) == pytest.approx(1, abs=1e-6)


def test_a_constant_adds_nothing(generator: torch.Generator) -> None:
    images = torch.randn(2, 3, 8, 8, generator=generator)
    torch.testing.assert_close(radial_spectrum(images).power, radial_spectrum(images + 5).power, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("exponent", [-3.0, -2.0, 0.0])
def test_slope_finds_the_exponent_of_a_power_law(exponent: float) -> None:
    axis = torch.fft.fftfreq(64, dtype=torch.float64) * 64
    ring = torch.hypot(axis[:, None], axis[None, :]).round().clamp_min(1)
    # coefficients of exactly this power, constant within a ring, so that the fit is exact
    image = torch.fft.ifft2(ring ** (exponent / 2), norm="ortho").real
    assert slope(radial_spectrum(image[None, None])).item() == pytest.approx(exponent, abs=1e-9)


@pytest.mark.parametrize("shape", [(1, 3, 8, 16), (1, 3, 2, 2)])
def test_shapes_without_rings_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameterError, match="square images"):
        radial_spectrum(torch.zeros(shape))
