"""Results of studies of latents on made-up latents."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType, SimpleNamespace

import pytest
import torch
import xarray as xr

from spectral_collapse.studies import latents

CLUSTERS = 8


def white(count: int = 64, shape: tuple[int, int, int] = (3, 16, 16), seed: int = 1) -> torch.Tensor:
    return torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed))


def low_pass(maps: torch.Tensor, cutoff: float = 0.15, left: float = 0.0) -> torch.Tensor:
    """Maps of which frequencies above the cutoff (cycles per pixel) keep the amplitude `left`."""
    axis = torch.fft.fftfreq(maps.shape[-1])
    kept = torch.where(torch.hypot(axis[:, None], axis) < cutoff, 1.0, left)
    return torch.fft.ifft2(torch.fft.fft2(maps) * kept).real


def made(module: ModuleType, series: Mapping[str, torch.Tensor], title: str = "Made up") -> xr.Dataset:
    """What a study of latents makes of these series; white noise is added. Every eighth latent shares a picture."""
    series = {latents.WHITE: white(len(next(iter(series.values()))), seed=0)} | dict(series)
    first = series[latents.WHITE]
    groups = [f"picture {number % CLUSTERS}" for number in range(len(first))]
    images = SimpleNamespace(names=[f"image {number}" for number in range(len(first))], clusters=groups)
    parameters = module.STUDY.parameters.checked(profile="smoke")
    request = SimpleNamespace(images=images, encoded=first, parameters=parameters)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(latents, "series", lambda request: list(series))
        patched.setattr(latents, "latents", lambda request, name: series[name])
        result = module.combine(request, {name: module.measured(request, name) for name in series})
    result.attrs |= {"title": title, "data_source": "real", "origin": "drawn"}
    return result.assign_coords(
        sample_group=("sample", groups),
        **{dim: range(size) for dim, size in result.sizes.items() if dim not in result.coords},
    )
