from __future__ import annotations

import math

import numpy as np
import pytest
import pywt
import torch

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.metrics import HFReference, hf_excess, hf_reference, s_hf, spectral_slope
from tests.each import each

from .case import Case
from .images import textures

CASES = {
    "s_hf": Case("S_HF", lambda x: s_hf(x, HFReference(12.0, "sym3", -3.0, 1, (3, 32, 32))), images=True, least=None)
}


@pytest.fixture
def real(generator: torch.Generator) -> torch.Tensor:
    return textures(20, generator)


def test_energies_are_eq_38_and_39(real: torch.Tensor) -> None:
    reference = hf_reference(real)
    logs = []
    for image in real.double().numpy():
        energy = 0.0
        for channel in (image + 1) * 127.5:
            _, details = pywt.dwt2(channel, reference.wavelet)  # pywt's border is 'symmetric' unless told otherwise
            energy += sum(float((band**2).sum()) for band in details)
        logs.append(math.log(energy))
    mean = np.mean(logs)
    assert reference.mean_log_energy == pytest.approx(mean, abs=1e-6)
    expected = 1 - np.clip(np.abs(np.array(logs) - mean) / mean, 0, 1)
    np.testing.assert_allclose(s_hf(real, reference), expected, atol=1e-6)


@each(("slope", "wavelet"), [(-0.5, "sym2"), (-2.5, "sym3"), (-3.5, "sym4"), (-4.5, "sym5")])
def test_wavelet_follows_the_slope(slope: float, wavelet: str, generator: torch.Generator) -> None:
    reference = hf_reference(textures(20, generator, slope=slope))
    assert reference.slope == pytest.approx(slope, abs=0.3)
    assert reference.wavelet == wavelet
    assert (reference.count, reference.shape) == (20, (3, 64, 64))


def test_real_images_score_near_one_and_constant_ones_zero(real: torch.Tensor) -> None:
    scores = s_hf(real, real)
    assert torch.equal(scores, s_hf(real, hf_reference(real)))
    assert scores.mean() > 0.95
    # Against itself alone an image has exactly the mean log-energy.
    assert s_hf(real[:1], real[:1]).item() == 1
    levels = torch.tensor([-1.0, 0.3, 1.0]).reshape(3, 1, 1, 1)
    assert s_hf(levels.expand(-1, 3, 64, 64), real).tolist() == [0, 0, 0]
    # Half the contrast divides the energy by 4, whatever the image: S_HF = 1 - log 4 / mu.
    reference = hf_reference(real[:1])
    expected = 1 - math.log(4) / reference.mean_log_energy
    assert s_hf(real[:1] / 2, reference).item() == pytest.approx(expected, abs=1e-6)
    assert s_hf(real[:1] / 2 + 0.3, reference).item() == pytest.approx(expected, abs=1e-6)


def test_a_reference_needs_high_frequencies_and_belongs_to_a_size(real: torch.Tensor) -> None:
    with pytest.raises(DataError, match="constant"):
        hf_reference(torch.zeros(3, 3, 32, 32))
    with pytest.raises(DataError, match="constant"):
        hf_reference(torch.cat([real, torch.zeros_like(real[:1])]))
    with pytest.raises(InvalidParameterError, match="same size"):
        s_hf(real[..., :32, :32], hf_reference(real))
    with_empty = torch.cat([real, torch.full_like(real[:, :1], 0.2)], dim=1)
    assert spectral_slope(with_empty) == pytest.approx(spectral_slope(real), abs=1e-12)


def test_the_excess_is_the_score_with_a_sign(generator: torch.Generator) -> None:
    images = 0.5 * textures(4, generator)
    reference = hf_reference(images)
    for factor in (0.5, 2.0):
        # amplitudes times f are energies times f squared
        found = hf_excess(factor * images, reference)
        torch.testing.assert_close(found - hf_excess(images, reference), torch.full_like(found, 2 * math.log(factor)))
        torch.testing.assert_close(s_hf(factor * images, reference), 1 - found.abs() / reference.mean_log_energy)
    assert hf_excess(images, reference).mean() == pytest.approx(0, abs=1e-9)
