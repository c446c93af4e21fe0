"""Networks by name, as recipes ask for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from diffusers import ModelMixin

from spectral_collapse.checks import check_name
from spectral_collapse.denoisers import size_multiple
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.autoencoder import Autoencoder, patched_autoencoder, small_autoencoder
from spectral_collapse.networks.dit import gained_dit, paper_dit, small_dit
from spectral_collapse.networks.patched import patched_unet
from spectral_collapse.networks.spectral import spectral_unet
from spectral_collapse.networks.unet import paper_unet, small_unet

NETWORKS = {
    builder.__name__: builder
    for builder in (patched_unet, spectral_unet, small_unet, paper_unet, gained_dit, small_dit, paper_dit)
}
AUTOENCODERS = {builder.__name__: builder for builder in (patched_autoencoder, small_autoencoder)}


def create(name: str, size: int, channels: int, num_labels: int, **architecture: Any) -> ModelMixin:
    """A denoising network with random weights for inputs of channels x size x size.

    architecture: further arguments of the builder `NETWORKS[name]`, such as widths; lists are taken as
    tuples. Raises InvalidParameterError for an unknown network or argument, for what cannot be built or does
    not fit into memory, and for a size that the network cannot take.
    """
    given = {"size": size, "channels": channels, "num_labels": num_labels}
    network = _build("network", NETWORKS, name, given, architecture)
    step = size_multiple(network)
    if size % step or size < step:
        raise InvalidParameterError(
            f"the network {name!r} takes inputs whose height and width are multiples of {step}; {size} was given"
        )
    return network


def create_autoencoder(name: str, **architecture: Any) -> Autoencoder:
    """An autoencoder with random weights; `create` for the builders in `AUTOENCODERS`."""
    return _build("autoencoder", AUTOENCODERS, name, {}, architecture)


def _build(
    kind: str,
    builders: Mapping[str, Callable[..., ModelMixin]],
    name: str,
    given: Mapping[str, int],
    architecture: Mapping[str, Any],
) -> ModelMixin:
    """What a builder of this name makes."""
    check_name(kind, name, builders)
    known = [key for key in inspect.signature(builders[name]).parameters if key not in given]
    for key in architecture:
        if key not in known:
            raise InvalidParameterError(
                f"unknown argument {key!r} of the {kind} {name!r}; known are: {', '.join(known) or 'none'}"
            )
    return builders[name](**given, **architecture)
