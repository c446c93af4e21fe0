from __future__ import annotations

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from spectral_collapse.metrics import psnr

from .case import Case
from .images import textures

CASES = {
    "psnr": Case("PSNR", lambda x: psnr(x, x.flip(-1)), images=True, compare=psnr, identity=math.inf, symmetric=True)
}


def test_agrees_with_scikit_image(generator: torch.Generator) -> None:
    x, y = textures(4, generator), textures(4, generator)
    expected = [peak_signal_noise_ratio(b, a, data_range=2) for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    assert psnr(x, y).tolist() == pytest.approx(expected, abs=1e-4)  # scikit-image sums in float32


def test_closed_forms() -> None:
    black = -torch.ones(1, 3, 8, 8)
    assert psnr(black, -black).item() == 0
    assert psnr(black, black + 0.02).item() == pytest.approx(40, abs=1e-4)  # an error of a hundredth of the range
