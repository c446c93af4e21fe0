from __future__ import annotations

import math

import torch

from spectral_collapse.metrics.hf_ratio import hf_ratio

from .case import Case
from .images import textures, wave

CASES = {
    "hf_ratio": Case(
        "HF ratio", lambda x: hf_ratio(x, 0.5 * x.flip(-1)), images=True, compare=hf_ratio, identity=0.0, least=1
    )
}


def test_contrast_changes_the_energy_by_its_square(generator: torch.Generator) -> None:
    x = textures(3, generator)
    for contrast in (0.1, 0.5):
        expected = torch.full((3,), 2 * math.log(contrast), dtype=torch.float64)
        # single precision of the pixels on 0..255
        torch.testing.assert_close(hf_ratio(contrast * x, x), expected, rtol=1e-4, atol=0)
        torch.testing.assert_close(hf_ratio(x, contrast * x), -expected, rtol=1e-4, atol=0)


def test_only_fine_detail_counts_and_colour_does_not() -> None:
    fine, coarse = 0.2 * wave(64, 28).expand(1, 3, -1, -1), 0.5 * wave(64, 2).expand(1, 3, -1, -1)
    assert abs(hf_ratio(fine + coarse, fine).item()) < 0.02  # the fine wavelet passes 1 % of the slow wave at most
    assert hf_ratio(coarse, fine).item() < -5
    torch.testing.assert_close(hf_ratio(fine + 0.3, fine).item(), 0.0, rtol=0, atol=1e-5)


def test_no_detail_is_infinitely_less_and_none_in_both_is_equal(generator: torch.Generator) -> None:
    flat, x = torch.zeros(1, 3, 32, 32), textures(1, generator, size=32)
    assert hf_ratio(flat, x).item() == -math.inf
    assert hf_ratio(x, flat).item() == math.inf
    assert hf_ratio(flat, flat + 0.5).item() == 0
