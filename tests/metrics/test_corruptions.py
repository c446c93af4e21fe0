"""Every score against graded corruptions, of images and of latents: a stronger one never looks better."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from spectral_collapse import metrics
from spectral_collapse.metrics import hf_reference, low_pass, psnr, s_hf, s_lf
from spectral_collapse.metrics.haarpsi import haarpsi
from spectral_collapse.metrics.lpips_distance import lpips_squeeze
from spectral_collapse.metrics.ms_ssim import ms_ssim
from spectral_collapse.metrics.plain_error import plain_error
from spectral_collapse.metrics.sliced_wasserstein import sliced_wasserstein
from spectral_collapse.metrics.ssim import ssim
from tests.each import each

from .images import textures, towards_smooth
from .made_weights import made_weights

CORRUPTIONS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "blur": lambda x, grade: low_pass(x, 0.8 - 0.7 * grade).clamp(-1, 1),
    "noise": lambda x, grade: (x + grade * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(
        -1, 1
    ),
    "shift": lambda x, grade: x.roll(int(8 * grade), -1),
    "contrast": lambda x, grade: (1 - grade) * x,
}
GRADES = (0.125, 0.25, 0.5, 0.75)

# As errors: larger is worse.
SCORES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "psnr": lambda x, y: -psnr(x, y),
    "ssim": lambda x, y: 1 - ssim(x, y),
    "ms_ssim": lambda x, y: 1 - ms_ssim(x, y),
    "haarpsi": lambda x, y: 1 - haarpsi(x, y),
    "s_lf": lambda x, y: 1 - s_lf(x, y, cutoff=0.25),
    "s_hf": lambda x, y: 1 - s_hf(x, hf_reference(y)),
    "lpips_squeeze": lambda x, y: lpips_squeeze(x, y, made_weights("squeeze")),
    "plain_error": lambda x, y: plain_error(x, 0.99 * y).plain,
    "sliced_wasserstein": lambda x, y: torch.tensor([sliced_wasserstein(x, y).score]),
}
# What a score is made not to see: a set's statistics do not move with its images, the reference of S_HF
# neither, and S_LF's low-pass filter takes away what blur does.
BLIND = {("s_hf", "shift"), ("sliced_wasserstein", "shift"), ("s_lf", "blur")}


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return textures(6, torch.Generator().manual_seed(0), slope=-2.5, size=64) * 0.8


@each("corruption", CORRUPTIONS)
@each("score", SCORES)
def test_a_stronger_corruption_is_a_larger_error(score: str, corruption: str, images: torch.Tensor) -> None:
    errors = [SCORES[score](CORRUPTIONS[corruption](images, grade), images).mean() for grade in GRADES]
    rises = torch.stack(errors).diff()
    if (score, corruption) in BLIND:
        assert max(errors) < 0.1
    else:
        assert (rises > 0).all(), errors


# As errors of latents, each with the collapse that it is made to see.
OF_LATENTS: list[tuple[str, str, Callable[[torch.Tensor], float | torch.Tensor]]] = [
    ("high_frequency_deficit", "smoother", lambda x: metrics.high_frequency_deficit(x).mean()),
    ("high_frequency_deficit", "filtered", lambda x: metrics.high_frequency_deficit(x).mean()),
    ("patch_correlation", "smoother", metrics.patch_correlation),
    ("s_dc", "smoother", lambda x: -metrics.s_dc(x).mean()),
    ("effective_rank", "smoother", lambda x: -metrics.pca(x).effective_rank),
    ("components_95", "smoother", lambda x: -metrics.pca(x).components_95),
    ("map_effective_rank", "smoother", lambda x: -metrics.map_pca(x).effective_rank.mean()),
    ("shapiro_wilk", "smoother", lambda x: -metrics.shapiro_wilk(x).statistic.mean()),
    ("kl_divergence", "filtered", metrics.kl_divergence),
    ("s_g", "fainter", lambda x: -metrics.s_g(x).score),
]


@pytest.fixture(scope="module")
def collapses() -> dict[str, list[torch.Tensor]]:
    """White noise that becomes smooth at equal variance, loses its upper bands, or loses a few per cent above one."""
    smoother = towards_smooth(60, torch.Generator().manual_seed(0))
    noise, high = smoother[0], smoother[0] - low_pass(smoother[0], 0.5)
    return {
        "smoother": smoother,
        "filtered": [low_pass(noise, cutoff) for cutoff in (1.0, 0.8, 0.6, 0.4)],
        "fainter": [noise - share * high for share in (0.0, 0.01, 0.02, 0.03, 0.04)],
    }


@each(("name", "kind", "error"), OF_LATENTS)
def test_a_stronger_collapse_is_a_larger_error(
    name: str, kind: str, error: Callable, collapses: dict[str, list[torch.Tensor]]
) -> None:
    found = [float(error(latents)) for latents in collapses[kind]]
    assert found == sorted(set(found)), name
