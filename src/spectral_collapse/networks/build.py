"""Networks by name, as recipes ask for them."""

from __future__ import annotations

import inspect
from typing import Any

from spectral_collapse.compat import ensure_torchvision
from spectral_collapse.denoisers import granularity
from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.networks.dit import paper_dit, small_dit
from spectral_collapse.networks.unet import paper_unet, small_unet

ensure_torchvision()
from diffusers import ModelMixin  # noqa: E402

NETWORKS = {builder.__name__: builder for builder in (small_unet, paper_unet, small_dit, paper_dit)}


def create(name: str, size: int, channels: int, num_labels: int, **architecture: Any) -> ModelMixin:
    """A denoising network with random weights for inputs of channels x size x size.

    architecture: further arguments of the builder `NETWORKS[name]`, such as widths; lists are taken as
    tuples. Raises InvalidParameterError for an unknown network or argument, and for a size that the
    network cannot take.
    """
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    known = list(inspect.signature(NETWORKS[name]).parameters)[3:]
    for key in architecture:
        if key not in known:
            raise InvalidParameterError(
                f"unknown argument {key!r} of the network {name!r}; known are: {', '.join(known) or 'none'}"
            )
    settled = {key: tuple(value) if isinstance(value, list) else value for key, value in architecture.items()}
    try:
        network = NETWORKS[name](size, channels, num_labels, **settled)
    except (ValueError, TypeError) as error:  # of widths that the groups of a normalisation don't divide, say
        raise InvalidParameterError(f"the network {name!r} cannot be built with {settled}: {error}") from error
    step = granularity(network)
    if size % step or size < step:
        raise InvalidParameterError(
            f"the network {name!r} takes inputs whose height and width are multiples of {step}; {size} was given"
        )
    return network
