from __future__ import annotations

import piq
import pytest
import torch

from spectral_collapse.metrics.ms_ssim import WEIGHTS, ms_ssim, scales
from spectral_collapse.metrics.ssim import ssim

from .case import Case

CASES = {
    "ms_ssim": Case(
        "MS-SSIM",
        lambda x: ms_ssim(x, x.flip(-1)),
        images=True,
        compare=ms_ssim,
        identity=1.0,
        symmetric=True,
        least=11,
    )
}


def noisy_pair(side: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(2, 3, side, side + 3, generator=generator, dtype=torch.float64)
    return x, (x + 0.3 * torch.randn(x.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)


@pytest.mark.parametrize("side", [161, 176])
def test_five_scales_agree_with_piq(side: int, generator: torch.Generator) -> None:
    x, y = noisy_pair(side, generator)
    expected = piq.multi_scale_ssim(x, y, data_range=1.0, reduction="none")
    # piq's own weights are single precision.
    torch.testing.assert_close(ms_ssim(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("side", "count"), [(160, 4), (81, 4), (64, 3), (41, 3), (32, 2)])
def test_fewer_scales_share_the_weight(side: int, count: int, generator: torch.Generator) -> None:
    assert scales(side, side + 3) == count
    x, y = noisy_pair(side, generator)
    weights = torch.tensor(WEIGHTS[:count], dtype=torch.float64)  # divided by their sum by piq
    expected = piq.multi_scale_ssim(x, y, data_range=1.0, reduction="none", scale_weights=weights)
    torch.testing.assert_close(ms_ssim(2 * x - 1, 2 * y - 1), expected, rtol=0, atol=1e-10)


def test_one_scale_is_ssim(generator: torch.Generator) -> None:
    x, y = (2 * z[:, :1] - 1 for z in noisy_pair(16, generator))
    torch.testing.assert_close(ms_ssim(x, y), ssim(x, y).clamp_min(0))


def test_an_inverted_image_scores_zero(generator: torch.Generator) -> None:
    x, _ = noisy_pair(64, generator)
    assert ms_ssim(2 * x - 1, 1 - 2 * x).tolist() == [0, 0]
