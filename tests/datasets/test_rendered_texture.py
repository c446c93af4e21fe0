"""Rendered twins are as rough as the real images that they stand in for, at 64 px.

The numbers were measured once on 600 real training images each, drawn at random: crops of BBBC021 with all
pixels measured, and photographs of UT-Zappos50K. They are means over images: `LOG_ENERGY` as in S_HF (natural
logarithm on 0..255), `OCTAVES` from `radial_spectrum` of images in [-1, 1]. Two halves of the real images differ
by 0.03 in the one and by 4 % in the other.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch

from spectral_collapse import datasets
from spectral_collapse.metrics.radial_spectrum import radial_spectrum
from spectral_collapse.metrics.s_hf import HFReference, hf_excess

IMAGES = 120


class Real(NamedTuple):
    """wavelet: what S_HF takes for the real images; log_energy: of all channels together, then of each;
    octaves: mean power in (1/32, 1/16], (1/16, 1/8], (1/8, 1/4] and (1/4, 1/2] cycles per pixel."""

    wavelet: str
    log_energy: tuple[float, float, float, float]
    octaves: tuple[float, float, float, float]


REAL = {
    "bbbc021_x8": Real("sym4", (11.224, 9.893, 10.501, 9.479), (3.264, 0.2527, 0.02062, 0.00209)),
    "edges2shoes": Real("sym3", (14.527, 13.332, 13.456, 13.446), (12.16, 1.422, 0.1775, 0.01939)),
}


@pytest.fixture(scope="module", params=list(REAL))
def rendered(request: pytest.FixtureRequest) -> tuple[torch.Tensor, Real]:
    images = datasets.load(request.param, "train", 64, "rendered").images
    return torch.stack([images.target(i) for i in range(IMAGES)]), REAL[request.param]


def test_the_finest_details_have_the_usual_energy(rendered: tuple[torch.Tensor, Real]) -> None:
    """Within 0.3 in the logarithm, all channels together and each alone (standard error: about 0.07)."""
    images, real = rendered
    parts = [images, *images.split(1, dim=1)]
    for part, usual in zip(parts, real.log_energy, strict=True):
        reference = HFReference(usual, real.wavelet, 0.0, 600, tuple(part.shape[1:]))
        assert hf_excess(part, reference).mean().item() == pytest.approx(0, abs=0.3)


def test_no_octave_has_half_as_much_power_again_or_less(rendered: tuple[torch.Tensor, Real]) -> None:
    images, real = rendered
    frequency, power = radial_spectrum(images)
    for low, usual in zip((1 / 32, 1 / 16, 1 / 8, 1 / 4), real.octaves, strict=True):
        octave = (frequency > low) & (frequency <= 2 * low)
        assert 1 / 1.5 < power[:, octave].mean().item() / usual < 1.5
