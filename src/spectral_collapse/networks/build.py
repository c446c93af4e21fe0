"""Networks by name, as recipes ask for them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import ModelMixin

from spectral_collapse import memory
from spectral_collapse.checks import check_count, check_name
from spectral_collapse.denoisers import size_multiple
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.autoencoder import Autoencoder, patched_autoencoder, small_autoencoder
from spectral_collapse.networks.dit import gained_dit, paper_dit, small_dit
from spectral_collapse.networks.patched import patched_unet
from spectral_collapse.networks.unet import paper_unet, small_unet

NETWORKS = {
    builder.__name__: builder for builder in (patched_unet, small_unet, paper_unet, gained_dit, small_dit, paper_dit)
}
AUTOENCODERS = {builder.__name__: builder for builder in (patched_autoencoder, small_autoencoder)}
_LARGEST = 8192
"""Of the numbers in an architecture, widths and depths: beyond any network, and still built in seconds."""


def create(name: str, size: int, channels: int, num_labels: int, **architecture: Any) -> ModelMixin:
    """A denoising network with random weights for inputs of channels x size x size.

    architecture: further arguments of the builder `NETWORKS[name]`, such as widths; lists are taken as
    tuples. Raises InvalidParameterError for an unknown network or argument, for what cannot be built or does
    not fit into memory, and for a size that the network cannot take.
    """
    given = {"size": size, "channels": channels, "num_labels": num_labels}
    for what, number in given.items():
        check_count(what, number, 1)
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
    """What a builder makes, once it is known that it can be made and fits into memory."""
    check_name(kind, name, builders)
    known = [key for key in inspect.signature(builders[name]).parameters if key not in given]
    for key in architecture:
        if key not in known:
            raise InvalidParameterError(
                f"unknown argument {key!r} of the {kind} {name!r}; known are: {', '.join(known) or 'none'}"
            )
    settled = {key: tuple(value) if isinstance(value, list) else value for key, value in architecture.items()}
    cannot = f"the {kind} {name!r} cannot be built with {settled}"
    for value in settled.values():
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, int | float) and not 0 <= number <= _LARGEST for number in numbers):
            raise InvalidParameterError(f"{cannot}: its numbers must lie from 0 to {_LARGEST}")
    try:
        # weights that take neither memory nor draws, and torch's remarks on empty ones
        with torch.device("meta"), torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
            sketch = builders[name](**given, **settled)
    except Exception as error:  # diffusers checks little: widths that it cannot use fail wherever they are used first
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InvalidParameterError(f"{cannot}: {reason[0]}") from error
    weights = [weight.numel() for weight in sketch.parameters()]
    if not all(weights):
        raise InvalidParameterError(f"{cannot}: a layer would have no weights; widths must be at least 1")
    memory.check(4 * sum(weights), f"the {kind} {name!r} with {settled}", "make it smaller")
    return builders[name](**given, **settled)
