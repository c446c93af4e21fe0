"""Inception features of images, resized and computed as clean-fid does."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.later import nn, torch
from spectral_collapse.metrics.sets import check_sets
from spectral_collapse.metrics.weights import Found, find, package

BATCH = 32
"""Images of 299 x 299 that go through the network together."""


def features(
    score: str,
    images: torch.Tensor,
    references: torch.Tensor,
    weights: str | Path | None,
    smallest: int = 2,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, 2048) and (M, 2048), float64, of two sets of images (.., 1 or 3, H, W) in [-1, 1].

    The images are rounded to 8 bits, as if stored, then resized to 299 x 299 by clean-fid, bicubic with a filter that
    widens as the image shrinks (Parmar et al. 2022). The two sets may differ in size; a single channel counts as three
    equal ones. The last sets are cached, so that several scores of the same sets cost one pass. weights: see
    `weights.find`.

    Raises MissingWeightsError, CheckpointError (not clean-fid's network), InvalidParameterError (range,
    channels), DataError (fewer than `smallest` images), NotFiniteError.
    """
    images, references = check_sets(score, images, references, smallest)
    if images.shape[1] not in (1, 3):
        raise InvalidParameterError(f"{score} takes images of 1 or 3 channels, got {images.shape[1]}")
    found = find("inception", weights)
    return _features(_Pixels.of(images), found), _features(_Pixels.of(references), found)


@dataclass(frozen=True)
class _Pixels:
    """8-bit images (N, H, W, 3), equal if their pixels are: the key of the memory."""

    digest: str
    device: torch.device
    values: np.ndarray = field(compare=False)

    @classmethod
    def of(cls, images: torch.Tensor) -> _Pixels:
        values = ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        pixels = np.ascontiguousarray(values.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy())
        return cls(hashlib.sha256(repr(pixels.shape).encode() + pixels.data).hexdigest(), images.device, pixels)


@functools.lru_cache(maxsize=4)
@torch.no_grad()
def _features(pixels: _Pixels, found: Found) -> torch.Tensor:
    resize, network = package("cleanfid.resize").build_resizer("clean"), _network(found).to(pixels.device)
    parts = []
    for start in range(0, len(pixels.values), BATCH):
        # clean-fid resizes by Pillow, which knows single images only
        resized = np.stack([resize(image) for image in pixels.values[start : start + BATCH]])
        parts.append(network(torch.from_numpy(resized).permute(0, 3, 1, 2).to(pixels.device)))
    return torch.cat(parts).double()


@functools.lru_cache(maxsize=1)
def _network(found: Found) -> nn.Module:
    torchscript = package("cleanfid.inception_torchscript")
    try:
        return torchscript.InceptionV3W(str(found.path.parent), download=False, resize_inside=False)
    except (RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{str(found.path)!r} is not the TorchScript network that clean-fid uses") from error
