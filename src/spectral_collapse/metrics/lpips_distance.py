"""LPIPS, the distance of two images in the features of a classification network."""

from __future__ import annotations

import functools
import math
import warnings
from pathlib import Path
from typing import Literal, get_args

from spectral_collapse.checks import check_name
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.later import nn, torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_pair, pieces
from spectral_collapse.metrics.weights import Found, find, package

Network = Literal["alex", "vgg", "squeeze"]

SMALLEST = {"alex": 31, "vgg": 16, "squeeze": 17}
"""Side of the smallest image in pixels whose deepest features are one pixel at least."""


def lpips_alex(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> torch.Tensor:
    """LPIPS with AlexNet, the usual choice for evaluation; see `lpips`."""
    return lpips(images, references, "alex", weights)


def lpips_vgg(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> torch.Tensor:
    """LPIPS with VGG-16, the usual choice as a loss; see `lpips`."""
    return lpips(images, references, "vgg", weights)


def lpips_squeeze(images: torch.Tensor, references: torch.Tensor, weights: str | Path | None = None) -> torch.Tensor:
    """LPIPS with SqueezeNet 1.1, whose weights are the smallest download; see `lpips`."""
    return lpips(images, references, "squeeze", weights)


@torch.no_grad()
def lpips(
    images: torch.Tensor, references: torch.Tensor, network: Network, weights: str | Path | None = None
) -> torch.Tensor:
    """LPIPS per sample, (N,) float64, of images (N, 1 or 3, H, W) in [-1, 1] to their references.

    The `lpips` package with its linear layers v0.1, on torchvision's ImageNet features; a single
    channel counts as three equal ones. weights: a folder with torchvision's file, the whole network's
    or the features' part of it; see `weights.find` for the other places. An image against itself gives 0.

    Raises MissingWeightsError (no features' weights), CheckpointError (weights of another network),
    InvalidParameterError (range, shapes, channels, network, too small), DataError (no images), NotFiniteError.
    """
    check_name("network of LPIPS", network, get_args(Network))
    images, references = check_pair("LPIPS", images, references, "references")
    channels, height, width = images.shape[1:]
    if channels not in (1, 3):
        raise InvalidParameterError(f"LPIPS takes images of 1 or 3 channels, got {channels}")
    smallest = SMALLEST[network]
    if min(height, width) < smallest:
        raise InvalidParameterError(
            f"LPIPS ({network}) needs images of at least {smallest} x {smallest} pixels, got {height} x {width}"
        )
    model = _model(network, find(network, weights)).to(images.device)
    distances = [model(x.float(), y.float()).flatten() for x, y in pieces(images, references)]
    return torch.cat(distances).double()


@functools.lru_cache(maxsize=3)
def _model(network: Network, found: Found) -> nn.Module:
    theirs = package("lpips")
    with torch.device("meta"), warnings.catch_warnings():  # no time, memory or random numbers for values replaced below
        warnings.simplefilter("ignore")  # the package calls torchvision in a way that has aged
        model = theirs.LPIPS(net=network, pretrained=False, pnet_rand=True, verbose=False)
    heads = Path(theirs.__file__).parent / "weights" / "v0.1" / f"{network}.pth"
    model.load_state_dict(torch.load(heads, map_location="cpu", weights_only=True), strict=False, assign=True)
    try:
        state = torch.load(found.path, map_location="cpu", weights_only=True)
        # 'slice3.5.weight' there is 'features.5.weight' in torchvision's network
        features = {key: state[f"features.{key.partition('.')[2]}"] for key in model.net.state_dict()}
        model.net.load_state_dict(features, assign=True)
    except Exception as error:  # unpickling raises whatever the file's bytes lead to
        raise CheckpointError(
            f"{str(found.path)!r} does not hold torchvision's features for LPIPS ({network})"
        ) from error
    return model.requires_grad_(False)


SCORES = tuple(
    ScoreInfo(
        name=f"lpips_{network}",
        function=function,
        symbol=f"LPIPS ({title})",
        higher_is_better=False,
        range=(0.0, math.inf),
        inputs="image and reference",
        per="sample",
        source="Zhang et al. 2018, Eq. (1), weights v0.1",
        weights=network,
    )
    for network, function, title in (
        ("alex", lpips_alex, "AlexNet"),
        ("vgg", lpips_vgg, "VGG-16"),
        ("squeeze", lpips_squeeze, "SqueezeNet"),
    )
)
