"""Scores of images, for the battery."""

from __future__ import annotations

import math

import torch

from spectral_collapse import metrics
from spectral_collapse.metrics.haarpsi import haarpsi
from spectral_collapse.metrics.lpips_distance import SMALLEST, lpips_alex, lpips_squeeze, lpips_vgg
from spectral_collapse.metrics.ms_ssim import ms_ssim
from spectral_collapse.metrics.plain_error import PlainError, plain_error
from spectral_collapse.metrics.ssim import ssim

from .case import Case
from .made_weights import made_weights


def _half_plain(images: torch.Tensor) -> PlainError:
    """Against references that are plain on the left and striped on the right."""
    columns = torch.arange(images.shape[-1], device=images.device)
    stripes = (columns % 2 - 0.5).to(images.dtype)
    return plain_error(images, torch.where(columns < len(columns) // 2, images / 1000, stripes))


CASES: dict[str, Case] = {
    "s_hf": Case(
        "S_HF",
        lambda x: metrics.s_hf(x, metrics.HFReference(12.0, "sym3", -3.0, 1, (3, 32, 32))),
        images=True,
        least=None,
    ),
    "s_lf": Case(
        "S_LF",
        lambda x: metrics.s_lf(x, x.flip(-1), cutoff=0.25),
        images=True,
        compare=lambda x, y: metrics.s_lf(x, y, cutoff=0.25),
        identity=1.0,
        symmetric=True,
        least=11,
    ),
    "s_lf edges": Case(
        "S_LF",
        lambda x: metrics.s_lf(x, x.flip(-1), cutoff=0.25, structure="edges"),
        images=True,
        compare=lambda x, y: metrics.s_lf(x, y, cutoff=0.25, structure="edges"),
        identity=1.0,
        symmetric=True,
        least=11,
    ),
    "psnr": Case(
        "PSNR",
        lambda x: metrics.psnr(x, x.flip(-1)),
        images=True,
        compare=metrics.psnr,
        identity=math.inf,
        symmetric=True,
    ),
    "ssim": Case(
        "SSIM",
        lambda x: ssim(x, x.flip(-1)),
        images=True,
        compare=ssim,
        identity=1.0,
        symmetric=True,
        least=11,
    ),
    "ms_ssim": Case(
        "MS-SSIM",
        lambda x: ms_ssim(x, x.flip(-1)),
        images=True,
        compare=ms_ssim,
        identity=1.0,
        symmetric=True,
        least=11,
    ),
    "haarpsi": Case(
        "HaarPSI",
        lambda x: haarpsi(x, x.flip(-1)),
        images=True,
        compare=haarpsi,
        identity=1.0,
        symmetric=True,
        least=16,
    ),
    "plain_error": Case("plain error", _half_plain, images=True, compare=plain_error, least=2),
    **{
        f"lpips_{network}": Case(
            "LPIPS",
            lambda x, score=score, network=network: score(x, x.flip(-1), made_weights(network)),
            images=True,
            compare=lambda x, y, score=score, network=network: score(x, y, made_weights(network)),
            identity=0.0,
            symmetric=True,
            least=SMALLEST[network],
        )
        for network, score in (("alex", lpips_alex), ("vgg", lpips_vgg), ("squeeze", lpips_squeeze))
    },
}
