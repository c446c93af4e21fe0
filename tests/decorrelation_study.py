"""A result of the study of decorrelation on made-up latents, whose answers are known."""

from __future__ import annotations

import pytest
import torch
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.studies import decorrelation
from spectral_collapse.studies.decorrelation import DecorrelationParameters
from spectral_collapse.studies.latents import CLOSED, WHITE
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import thumbnails

METHODS = ("standard", "taba", "ovg", "noise_floor", "white_norm")
"""Stand for latents that are low-passed; white; low-passed at the norm of white noise and shuffled; of rank 3; and
low-passed at that norm."""


def made_up(request: Request, name: str) -> torch.Tensor:
    """Latents by the name of a series."""
    shape = request.encoded.shape
    white, *more = (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    smooth = metrics.low_pass(more[0], 0.5)
    scaled = smooth / smooth.square().mean((1, 2, 3), keepdim=True).sqrt()
    match name:
        case "standard":
            return smooth
        case "ovg":  # each latent in an order of its own: the same values, nothing left of their arrangement
            order = torch.argsort(torch.rand(len(scaled), scaled[0].numel()), 1)
            return scaled.flatten(1).gather(1, order).view(shape)
        case "noise_floor":
            weights = torch.linalg.qr(more[0].flatten(1)[:, :3]).Q
            return (weights @ more[1].flatten(1)[:3]).view(shape) * len(weights) ** 0.5
        case "white_norm":
            return scaled
    assert name in (WHITE, CLOSED, "taba")
    return more[1] if name == "taba" else white


def made_study(images: int = 16) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
        patch.setattr(decorrelation.latents, "latents", made_up)
        checked = DecorrelationParameters.checked(
            profile="smoke", images=images, methods=METHODS, checkpoint=thumbnails()
        )
        request, study = Request(checked), decorrelation.STUDY
        parts = {name: job() | {"seconds": torch.zeros(()).numpy()} for name, job in study.jobs(request).items()}
        result = study.combine(request, parts).assign_coords(sample_group=("sample", request.images.clusters))
    result.attrs |= {"title": "Made up", "data_source": "real", "origin": "drawn by a test"}
    return result
