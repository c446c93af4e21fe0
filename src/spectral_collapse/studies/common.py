"""What several studies need: a choice of images, their pictures and spectra, the check of a network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from spectral_collapse.datasets import DatasetInfo, DomainDataset
from spectral_collapse.errors import CheckpointError, DataError
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.weights import find
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.studies.front import Interval

PIXELS = ("row", "col", "rgb")
"""The last dimensions of a stored picture."""


def spread(available: int, wanted: int) -> list[int]:
    """`wanted` indices spread evenly over `available`, the same every time."""
    return [int(index) for index in np.arange(wanted) * available // wanted]


def real_targets(train: DomainDataset, count: int) -> torch.Tensor:
    """At most `count` images (N, 3, H, W) that training shows as targets."""
    targets = [index for index in range(len(train)) if train.is_target(index)]
    chosen = spread(len(targets), min(count, len(targets)))
    return torch.stack([train.images.target(targets[i]) for i in chosen])


def training_sources(train: DomainDataset, count: int) -> torch.Tensor:
    """At most `count` images (N, 3, H, W) that training shows as sources."""
    sources = [index for index in range(len(train)) if not train.is_target(index)]
    chosen = spread(len(sources), min(count, len(sources)))
    return torch.stack([train.images.source(sources[i]) for i in chosen])


def pictures(images: torch.Tensor) -> np.ndarray:
    """Images in [-1, 1], N x 3 x H x W, as N x H x W x 3 bytes."""
    scaled = (images.detach().cpu().clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def norms(latents: torch.Tensor) -> np.ndarray:
    """||x|| / sqrt(d) of each latent, (N,): 1 for white noise, with a standard deviation of 1 / sqrt(2 d)."""
    return latents.double().square().mean((1, 2, 3)).sqrt().cpu().numpy()


def check_model(model: Model, info: DatasetInfo, size: int) -> None:
    """Raises CheckpointError unless the network is made for this family of data sets and this image size."""
    for name, needed in (("family", info.family), ("image_size", size)):
        if model.card[name] != needed:
            raise CheckpointError(
                f"the checkpoint is for {name} {model.card[name]!r}, but {info.name!r} at this profile needs "
                f"{needed!r}; name another checkpoint"
            )


def spectra(series: Mapping[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Radial spectra of several batches of N images: frequencies (F,) and power (series, N, F).

    The ring of the mean is left out: it has no place on a logarithmic axis.
    """
    found = [radial_spectrum(images) for images in series.values()]
    return found[0][0][1:].numpy(), np.stack([power[:, 1:].numpy() for _, power in found])


def checksum(weights: str) -> str:
    """The checksum of pretrained weights, or '' where there are none: a value appears with its weights."""
    try:
        return find(weights).sha256
    except DataError:
        return ""


def text(interval: Interval, digits: int = 3) -> str:
    """'mean [low, high]', or '-' where nothing was measured."""
    if np.isnan(interval.mean):
        return "-"
    return f"{interval.mean:.{digits}f} [{interval.low:.{digits}f}, {interval.high:.{digits}f}]"
