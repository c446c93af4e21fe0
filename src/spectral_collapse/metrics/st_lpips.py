"""Shift-tolerant LPIPS: a distance of two images in the features of a network that small shifts hardly change."""

from __future__ import annotations

import functools
import math
from typing import Literal, get_args

from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.later import nn, torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_images, check_pair, pieces
from spectral_collapse.metrics.weights import package

Network = Literal["alex", "vgg"]
_SMALLEST = 32
"""Side of the smallest image in pixels whose deepest features have more than one place."""
_BATCH = 32


@torch.no_grad()
def st_lpips(images: torch.Tensor, references: torch.Tensor, network: Network = "alex") -> torch.Tensor:
    """Shift-tolerant LPIPS per sample, (N,) float64, of images (N, 1 or 3, H, W) in [-1, 1] to their references.

    Ghildyal and Liu, 'Shift-tolerant Perceptual Similarity Metric', ECCV 2022, with the weights that the package
    stlpips_pytorch holds; AlexNet or VGG-16 with blurred pooling. It is not LPIPS, and its values cannot be compared
    with those of LPIPS. A single channel counts as three equal ones. An image against itself gives 0.

    Raises MissingWeightsError (the package is not installed), InvalidParameterError (range, shapes, channels, network,
    too small), DataError (no images), NotFiniteError.
    """
    model = _model(network)
    images, references = check_pair("ST-LPIPS", images, references, "references")
    _check_size(images)
    model = model.to(images.device)
    distances = [model(x.float(), y.float()).flatten() for x, y in pieces(_rgb(images), _rgb(references))]
    return torch.cat(distances).double()


def st_lpips_vgg(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Shift-tolerant LPIPS with VGG-16; see `st_lpips`."""
    return st_lpips(images, references, "vgg")


@torch.no_grad()
def st_lpips_features(images: torch.Tensor, network: Network = "alex") -> torch.Tensor:
    """Features (N, D), float64, of images (N, 1 or 3, H, W) in [-1, 1], for distances of sets.

    Mean and standard deviation over the positions of each channel of the five layers that shift-tolerant LPIPS
    compares: D is 2304 with AlexNet, 2944 with VGG-16. Raises as `st_lpips` does.
    """
    model = _model(network)
    images = check_images("features of ST-LPIPS", images)
    _check_size(images)
    model = model.to(images.device)
    found = []
    for batch in _rgb(images).split(_BATCH):
        layers = model.net(model.scaling_layer(batch.float()))
        statistics = [layer.mean((2, 3)) for layer in layers] + [layer.std((2, 3)) for layer in layers]
        found.append(torch.cat(statistics, 1).double())
    return torch.cat(found)


def _check_size(images: torch.Tensor) -> None:
    channels, height, width = images.shape[1:]
    if channels not in (1, 3):
        raise InvalidParameterError(f"ST-LPIPS takes images of 1 or 3 channels; {channels} were given")
    if min(height, width) < _SMALLEST:
        raise InvalidParameterError(
            f"ST-LPIPS needs images of at least {_SMALLEST} x {_SMALLEST} pixels; {height} x {width} was given"
        )


def _rgb(images: torch.Tensor) -> torch.Tensor:
    return images.expand(-1, 3, -1, -1)


@functools.lru_cache(maxsize=2)
def _model(network: Network) -> nn.Module:
    if network not in get_args(Network):
        raise unknown("network of ST-LPIPS", network, get_args(Network))
    stlpips = package("stlpips_pytorch.stlpips")
    return stlpips.LPIPS(net=network, variant="shift_tolerant", verbose=False).requires_grad_(False).eval()


SCORES = tuple(
    ScoreInfo(
        name=function.__name__,
        function=function,
        symbol=f"ST-LPIPS ({title})",
        higher_is_better=False,
        range=(0.0, math.inf),
        inputs="image and reference",
        per="sample",
        source="Ghildyal and Liu 2022, weights of stlpips_pytorch",
    )
    for function, title in ((st_lpips, "AlexNet"), (st_lpips_vgg, "VGG-16"))
)
