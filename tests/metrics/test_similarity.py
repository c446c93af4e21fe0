"""Scores of two images that compare them pixel by pixel or window by window."""

from __future__ import annotations

import math

import numpy as np
import piq
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import psnr
from spectral_collapse.metrics.haarpsi import haarpsi
from spectral_collapse.metrics.hf_ratio import hf_ratio
from spectral_collapse.metrics.ms_ssim import WEIGHTS, ms_ssim, scales
from spectral_collapse.metrics.ssim import ssim
from tests.each import each

from .case import Case
from .images import textures, wave

CASES = {
    "psnr": Case("PSNR", lambda x: psnr(x, x.flip(-1)), images=True, compare=psnr, identity=math.inf, symmetric=True),
    "hf_ratio": Case(
        "HF ratio", lambda x: hf_ratio(x, 0.5 * x.flip(-1)), images=True, compare=hf_ratio, identity=0.0, least=1
    ),
}
CASES |= {
    score.__name__: Case(
        label,
        lambda x, score=score: score(x, x.flip(-1)),
        images=True,
        compare=score,
        identity=1.0,
        symmetric=True,
        least=least,
    )
    for score, label, least in ((ssim, "SSIM", 11), (ms_ssim, "MS-SSIM", 11), (haarpsi, "HaarPSI", 16))
}


def test_psnr_agrees_with_scikit_image(generator: torch.Generator) -> None:
    x, y = textures(4, generator), textures(4, generator)
    expected = [peak_signal_noise_ratio(b, a, data_range=2) for a, b in zip(x.numpy(), y.numpy(), strict=True)]
    assert psnr(x, y).tolist() == pytest.approx(expected, abs=1e-4)  # scikit-image sums in float32


def test_psnr_has_its_closed_forms() -> None:
    black = -torch.ones(1, 3, 8, 8)
    assert psnr(black, -black).item() == 0
    assert psnr(black, black + 0.02).item() == pytest.approx(40, abs=1e-4)  # an error of a hundredth of the range


@each("shape", [(3, 32, 32), (1, 11, 25), (3, 40, 33)])
def test_ssim_agrees_with_scikit_image(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    x = torch.rand(4, *shape, generator=generator, dtype=torch.float64)
    y = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(a, b, data_range=1.0, channel_axis=0, **options)
        for a, b in zip(x.numpy(), y.numpy(), strict=True)
    ]
    np.testing.assert_allclose(ssim(2 * x - 1, 2 * y - 1), expected, atol=1e-10)
    # float32 carries 6e-8, divided by at least C2 = 9e-4.
    np.testing.assert_allclose(ssim((2 * x - 1).float(), (2 * y - 1).float()), expected, atol=1e-4)


def test_flat_and_inverted_images_have_their_closed_forms(generator: torch.Generator) -> None:
    dark, light = torch.full((1, 1, 16, 16), -0.6), torch.full((1, 1, 16, 16), 0.2)  # 0.2 and 0.6 on 0..1
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(dark, light).item() == pytest.approx(expected, abs=1e-4)
    x = textures(2, generator, slope=0.0)
    assert (ssim(x, -x) < -0.8).all()


def noisy_pair(side: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(2, 3, side, side + 3, generator=generator, dtype=torch.float64)
    return x, (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)


def test_five_scales_agree_with_piq(generator: torch.Generator) -> None:
    x, y = noisy_pair(161, generator)
    expected = piq.multi_scale_ssim(x, y, data_range=1.0, reduction="none")
    # piq's own weights are single precision.
    torch.testing.assert_close(ms_ssim(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-6)


@each(("side", "count"), [(160, 4), (81, 4), (64, 3), (41, 3), (32, 2)])
def test_fewer_scales_share_the_weight(side: int, count: int, generator: torch.Generator) -> None:
    assert scales(side, side + 3) == count
    x, y = noisy_pair(side, generator)
    weights = torch.tensor(WEIGHTS[:count], dtype=torch.float64)  # divided by their sum by piq
    expected = piq.multi_scale_ssim(x, y, data_range=1.0, reduction="none", scale_weights=weights)
    torch.testing.assert_close(ms_ssim(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-10)


def test_one_scale_is_ssim_and_an_inverted_image_scores_zero(generator: torch.Generator) -> None:
    x, y = (2 * z[:, :1] - 1 for z in noisy_pair(16, generator))
    torch.testing.assert_close(ms_ssim(x, y), ssim(x, y).clamp_min(0))
    x, _ = noisy_pair(64, generator)
    assert ms_ssim(2 * x - 1, 1 - 2 * x).tolist() == [0, 0]


@each("shape", [(3, 32, 32), (1, 16, 40), (3, 33, 47)])
def test_haarpsi_agrees_with_piq(shape: tuple[int, int, int], generator: torch.Generator) -> None:
    x = torch.rand(4, *shape, generator=generator, dtype=torch.float64)
    y = (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
    expected = piq.haarpsi(x, y, data_range=1.0, reduction="none")
    torch.testing.assert_close(haarpsi(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-10)


def test_haarpsi_refuses_four_channels() -> None:
    with pytest.raises(InvalidParameterError, match="channels"):
        haarpsi(*[torch.zeros(1, 4, 32, 32)] * 2)


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
