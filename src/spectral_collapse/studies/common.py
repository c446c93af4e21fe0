"""What several studies need: a choice of images, their pictures and spectra, the check of a network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from spectral_collapse.datasets import DomainDataset
from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.later import torch
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.processes import Level
from spectral_collapse.statistics import pictures_of

PIXELS = ("row", "col", "rgb")
"""The last dimensions of a stored picture."""

Variable = tuple[str | tuple[str, ...], Any, dict[str, str]]
"""Dimensions, values and attributes, as xarray takes them."""


def variable(
    dims: str | tuple[str, ...], values: object, long_name: str, units: str = "1", bits: int | None = None
) -> Variable:
    """A variable of a result. bits: how many significant bits a page needs, for large ones.

    As many bits are kept in included results (`results.ship`).
    """
    return dims, values, {"long_name": long_name, "units": units} | ({"significant_bits": bits} if bits else {})


def frequencies(values: object, dim: str = "frequency") -> Variable:
    """The coordinate of a spectrum's rings."""
    return variable(dim, values, "spatial frequency", "cycles per pixel")


def spread(available: int, wanted: int) -> list[int]:
    """`wanted` indices spread evenly over `available`, the same every time."""
    return [int(index) for index in np.arange(wanted) * available // wanted]


def spread_over(clusters: Sequence[str], wanted: int) -> list[int]:
    """`wanted` indices of images from as many clusters as possible, the first ones all of different ones.

    If there are enough clusters, these are the first images of clusters spread evenly, in the order in which they
    appear; else the first images of all clusters, then their second ones, and so on.
    """
    members: dict[str, list[int]] = {}
    for index, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(index)
    if len(members) >= wanted:
        return [list(members.values())[number][0] for number in spread(len(members), wanted)]
    turns = itertools.zip_longest(*members.values())
    return [index for turn in turns for index in turn if index is not None][:wanted]


def real_targets(train: DomainDataset, count: int) -> torch.Tensor:
    """At most `count` images (N, 3, H, W) that training shows as targets."""
    targets = [index for index in range(len(train)) if train.is_target(index)]
    chosen = spread(len(targets), min(count, len(targets)))
    return torch.stack([train.images.target(targets[i]) for i in chosen])


def training_source_indices(train: DomainDataset, count: int) -> list[int]:
    """At most `count` of the images that training shows as sources, spread evenly."""
    sources = [index for index in range(len(train)) if not train.is_target(index)]
    return [sources[i] for i in spread(len(sources), min(count, len(sources)))]


def training_sources(train: DomainDataset, count: int) -> torch.Tensor:
    """The images (N, 3, H, W) of `training_source_indices`."""
    return torch.stack([train.images.source(index) for index in training_source_indices(train, count)])


def pictures(images: torch.Tensor) -> np.ndarray:
    """Images in [-1, 1], N x 3 x H x W, as N x H x W x 3 bytes."""
    scaled = (images.detach().cpu().clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def norms(latents: torch.Tensor) -> np.ndarray:
    """||x|| / sqrt(d) of each latent, (N,): 1 for white noise, with a standard deviation of 1 / sqrt(2 d)."""
    return latents.double().square().mean((1, 2, 3)).sqrt().cpu().numpy()


def spectra(series: Mapping[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Radial spectra of several batches of N images: frequencies (F,) and power (series, N, F).

    The ring of the mean is left out: it has no place on a logarithmic axis.
    """
    found = [radial_spectrum(images) for images in series.values()]
    return found[0][0][1:].numpy(), np.stack([power[:, 1:].numpy() for _, power in found])


def images(study: xr.Dataset) -> str:
    """'16 real test images from 13 pictures': how many images a result has, of which kind, how many independent."""
    count, independent = study.sizes["sample"], pictures_of(study)
    pictures = "" if independent == count else f" from {independent} picture{'s' * (independent > 1)}"
    return f"{count} {study.attrs['data_source']} test images{pictures}"


class CountedProducts:
    """A denoiser whose vector-Jacobian products are counted in `seen`, for a single batch."""

    def __init__(self, denoiser: Denoiser) -> None:
        self.denoiser, self.process, self.seen = denoiser, denoiser.process, []

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        return self.denoiser(self._watched(x), level, label)

    def embed(self, label: torch.Tensor) -> torch.Tensor:
        """As the denoiser's own."""
        return self.denoiser.embed(label)

    def conditioned(self, x: torch.Tensor, level: Level, embedding: torch.Tensor) -> Prediction:
        """As the denoiser's own; products with the Jacobian of the embedding count."""
        return self.denoiser.conditioned(x, level, self._watched(embedding))

    def _watched(self, x: torch.Tensor) -> torch.Tensor:
        """x itself; its gradient is computed once per vector-Jacobian product."""
        x = x.view_as(x)
        if x.requires_grad:
            x.register_hook(lambda gradient: self.seen.append(None))
        return x
