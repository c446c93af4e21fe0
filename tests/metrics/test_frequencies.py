"""The radial spectrum, the high-frequency deficit and the autocorrelation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import high_frequency_deficit, radial_spectrum, spectral_slope
from spectral_collapse.metrics.autocorrelation import autocorrelation
from spectral_collapse.metrics.radial_spectrum import band_energy, band_power
from tests.each import each

from .case import Case
from .images import textures, wave

CASES = {
    "radial_spectrum": Case("radial spectrum", lambda x: radial_spectrum(x)[1]),
    "high_frequency_deficit": Case("high-frequency deficit", high_frequency_deficit, least=4),
}


@each("shape", [(32, 32), (33, 33), (24, 40), (40, 24)])
def test_white_noise_has_its_variance_at_every_frequency(shape: tuple[int, int], generator: torch.Generator) -> None:
    frequencies, power = radial_spectrum(2 * torch.randn(200, 3, *shape, generator=generator))
    assert frequencies[0] == 0
    assert frequencies[-1] == pytest.approx(0.5, abs=0.5 / min(shape))
    assert power.shape == (200, min(shape) // 2 + 1)
    # Ring 0 is one real coefficient in 600 channels, variance of its square 2: standard error 4 sqrt(2 / 600).
    torch.testing.assert_close(power.mean(0), torch.full_like(power[0], 4.0), rtol=0, atol=5 * 4 * (2 / 600) ** 0.5)


@each("size", [32, 33])
@each("cycles", [1, 5, 16])
def test_rings_average_the_whole_plane(size: int, cycles: int) -> None:
    # The mean over a ring of all coefficients, by the full FFT; a wave has its power in one ring only.
    image = wave(size, cycles)
    _, power = radial_spectrum(image)
    full = torch.fft.fft2(image, norm="ortho").abs().square()[0, 0]
    axis = torch.fft.fftfreq(size, dtype=torch.float64) * size
    ring = torch.hypot(axis[:, None], axis).round() == cycles
    assert power[0, cycles] == pytest.approx(full[ring].mean().item(), rel=1e-9)
    assert power[0].sum() == pytest.approx(power[0, cycles].item(), rel=1e-9)


def test_power_is_averaged_over_channels(generator: torch.Generator) -> None:
    images = torch.randn(2, 3, 16, 16, generator=generator)
    _, power = radial_spectrum(images)
    parts = torch.stack([radial_spectrum(images[:, c : c + 1])[1] for c in range(3)])
    torch.testing.assert_close(power, parts.mean(0))


@each("slope", [-1.0, -2.0, -3.5])
def test_slope_of_a_power_law(slope: float, generator: torch.Generator) -> None:
    # The first rings are wide on the log scale and hold few coefficients: a bias of up to 0.1, and noise
    # of about 1 / sqrt(8 x 90) per log power there, which the fit over two octaves turns into 0.02.
    assert spectral_slope(textures(30, generator, slope=slope)) == pytest.approx(slope, abs=0.15)


def test_slope_does_not_depend_on_scale_or_mean_and_needs_three_rings(generator: torch.Generator) -> None:
    images = textures(4, generator)
    assert spectral_slope(0.1 * images + 0.5) == pytest.approx(spectral_slope(images), abs=1e-5)
    with pytest.raises(InvalidParameterError, match="too small"):
        spectral_slope(torch.rand(2, 3, 4, 4))
    assert spectral_slope(torch.rand(2, 3, 8, 8)) < 5
    # A step has its power at odd multiples of its base frequency only.
    step = torch.ones(1, 1, 32, 32)
    step[..., 16:] = -1
    assert -100 < spectral_slope(step) < 100


@each("size", [16, 24, 32, 48, 64, 256])
def test_a_wave_is_in_the_band_of_its_frequency(size: int) -> None:
    """At the edges, 1/8 and 1/4, where the mean radius of a ring lies now below its number and now above it, too."""
    for frequency, band in ((1 / size, 0), (3 / 32, 0), (1 / 8, 1), (7 / 32, 1), (1 / 4, 2), (1 / 2, 2)):
        if (frequency * size) % 1 == 0:
            power = band_power(wave(size, round(frequency * size)) + 3)  # the mean is in no band
            assert power[0, band] > 0.1
            others = power[0, [index for index in range(3) if index != band]]
            torch.testing.assert_close(others, torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)


@each("shape", [(16, 16), (15, 12)])
def test_the_energy_of_a_band_of_white_noise_is_chi_square(shape: tuple[int, int]) -> None:
    noise = torch.randn(2000, 3, *shape, generator=torch.Generator().manual_seed(0))
    energy, freedom = band_energy(noise)
    assert int(freedom.sum()) == 3 * shape[0] * shape[1]
    assert int(freedom[0]) == 3
    torch.testing.assert_close(energy.sum(1), noise.double().square().sum((1, 2, 3)))  # Parseval
    for values, count in zip(energy.T.numpy(), freedom.tolist(), strict=True):
        # the variance tells real from complex bookkeeping: it would be off by a factor of 2
        assert values.var() == pytest.approx(2 * count, rel=0.2)
        assert stats.kstest(values, stats.chi2(count).cdf).pvalue > 1e-3


def test_a_wave_has_its_energy_in_its_band_alone_and_small_latents_have_none() -> None:
    place = torch.arange(16.0)
    waves = torch.stack([torch.cos(2 * torch.pi * k * place / 16).expand(1, 16, 16) for k in (0, 1, 2, 4, 8)])
    diagonal = ((-1) ** (place[:, None] + place)).expand(1, 1, 16, 16)  # 0.5 in both directions: a corner
    energy = band_energy(torch.cat([waves, diagonal])).energy
    assert (energy > 1e-9).int().argmax(1).tolist() == [0, 1, 2, 3, 3, 4]
    assert ((energy > 1e-9).sum(1) == 1).all()
    with pytest.raises(InvalidParameterError, match="latents must be 8 x 8 at least, got 4 x 8"):
        band_energy(torch.zeros(1, 1, 4, 8))


def high(shape: tuple[int, ...]) -> np.ndarray:
    return np.hypot(np.fft.fftfreq(shape[-2])[:, None], np.fft.fftfreq(shape[-1])) > 0.25 + 1e-9


@each("shape", [(3, 16, 16), (1, 33, 33), (4, 24, 40)])
def test_the_deficit_is_of_the_mean_power_above_half_the_nyquist_frequency(
    shape: tuple[int, int, int], generator: torch.Generator
) -> None:
    latents = torch.randn(4, *shape, generator=generator) + 3
    power = np.abs(np.fft.fft2(latents.double().numpy(), norm="ortho")) ** 2
    expected = 1 - power[..., high(shape)].mean((1, 2))
    np.testing.assert_allclose(high_frequency_deficit(latents), expected, atol=1e-10)


@each("shape", [(3, 16, 16), (1, 33, 33), (4, 24, 40)])
@each("variance", [1.0, 0.5, 1.5])
def test_white_noise_lacks_what_its_variance_lacks(
    shape: tuple[int, int, int], variance: float, generator: torch.Generator
) -> None:
    deficits = high_frequency_deficit(variance**0.5 * torch.randn(400, *shape, generator=generator))
    spread = variance * (2 / (shape[0] * high(shape).sum())) ** 0.5  # of one latent, as the docstring says
    assert deficits.mean().item() == pytest.approx(1 - variance, abs=4 * spread / 20)
    assert deficits.std().item() == pytest.approx(spread, rel=0.2)


def test_the_deficits_cutoff_itself_is_low() -> None:
    assert high_frequency_deficit(wave(32, 8)).item() == pytest.approx(1, abs=1e-12)
    assert high_frequency_deficit(wave(32, 9)).item() < 0.5


def test_every_pair_counts_once_in_the_ring_of_its_distance(generator: torch.Generator) -> None:
    latents = torch.randn(2, 3, 5, 6, generator=generator, dtype=torch.float64) + 0.5
    sums, counts = np.zeros((2, 6)), np.zeros(6)
    places = list(itertools.product(range(5), range(6)))
    for (i, j), (k, m) in itertools.combinations(places, 2):
        ring = min(round(math.hypot(i - k, j - m)), 5)
        sums[:, ring] += (latents[:, :, i, j] * latents[:, :, k, m]).mean(1).numpy()
        counts[ring] += 1
    expected = sums[:, 1:3] / counts[1:3] / latents.square().mean((1, 2, 3)).numpy()[:, None]
    np.testing.assert_allclose(autocorrelation(latents), expected, rtol=1e-10)


def test_a_moving_average_correlates_its_neighbours_and_no_others(generator: torch.Generator) -> None:
    white = torch.randn(32, 4, 65, 64, generator=generator)
    latents = white[:, :, 1:] + white[:, :, :-1]
    ring = autocorrelation(latents).mean(0)
    # of the 8 places around one, with distances 1 and 1.41, the two above and below share half of the variance
    assert float(ring[0]) == pytest.approx(2 / 8 * 0.5, abs=0.004)
    assert float(ring[1:].abs().max()) < 0.004


def test_an_offset_counts_at_every_distance_and_too_small_latents_are_refused() -> None:
    torch.testing.assert_close(autocorrelation(torch.full((1, 1, 8, 8), 0.3)), torch.ones(1, 4, dtype=torch.float64))
    with pytest.raises(InvalidParameterError, match="autocorrelation: latents 1 x 8 are too small"):
        autocorrelation(torch.ones(1, 1, 1, 8))
