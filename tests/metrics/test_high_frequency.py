from __future__ import annotations

import numpy as np
import pytest
import torch

from spectral_collapse.metrics import high_frequency_deficit
from tests.each import each

from .case import Case
from .images import wave

CASES = {"high_frequency_deficit": Case("high-frequency deficit", high_frequency_deficit, least=4)}


def high(shape: tuple[int, ...]) -> np.ndarray:
    return np.hypot(np.fft.fftfreq(shape[-2])[:, None], np.fft.fftfreq(shape[-1])) > 0.25 + 1e-9


@each("shape", [(3, 16, 16), (1, 33, 33), (4, 24, 40)])
def test_is_the_mean_power_above_half_the_nyquist_frequency(
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


def test_the_cutoff_itself_is_low() -> None:
    assert high_frequency_deficit(wave(32, 8)).item() == pytest.approx(1, abs=1e-12)
    assert high_frequency_deficit(wave(32, 9)).item() < 0.5
