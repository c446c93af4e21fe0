"""Refuses networks that cannot be built, in one sentence and before they take memory."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from spectral_collapse import memory
from spectral_collapse.checks import check_counts, check_number, check_widths
from spectral_collapse.errors import InvalidParameterError, described, first_line

P = ParamSpec("P")
N = TypeVar("N", bound=torch.nn.Module)
_FIXED = ("size", "channels", "num_labels")
"""What the images say, and no architecture."""


def sketched(builder: Callable[P, N]) -> Callable[P, N]:
    """A builder of networks that first checks its arguments and builds the network without weights.

    Lists are taken as tuples. Raises InvalidParameterError for what cannot be built or does not fit into memory.
    """
    parameters = inspect.signature(builder).parameters

    @functools.wraps(builder)
    def build(*arguments: P.args, **named: P.kwargs) -> N:
        given = inspect.signature(builder).bind(*arguments, **named).arguments
        settled = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        shape = {name: value for name, value in settled.items() if name not in _FIXED}
        kind = "autoencoder" if "autoencoder" in builder.__name__ else "network"
        what = f"the {kind} {builder.__name__!r} with {described(shape)}"
        for name, value in settled.items():
            _check(name, value, parameters[name].default)
        try:
            # weights that take neither memory nor draws, and torch's remarks on empty ones
            with torch.device("meta"), torch.random.fork_rng(devices=[]), warnings.catch_warnings(action="ignore"):
                sketch = builder(**settled)
        except Exception as error:  # diffusers checks little: widths that it cannot use fail where they are used first
            raise InvalidParameterError(f"{what} cannot be built: {first_line(error)}") from error
        weights = [weight.numel() for weight in sketch.parameters()]
        if not all(weights):
            raise InvalidParameterError(
                f"{what} cannot be built: a layer would have no weights; widths must be above 0"
            )
        memory.check(4 * sum(weights), what, "make it smaller")
        return builder(**settled)

    return build


def _check(name: str, value: object, default: object) -> None:
    """Raises InvalidParameterError unless an argument is of the kind of its default."""
    if isinstance(default, tuple):
        check_widths(name, value)
    elif isinstance(default, float):
        check_number(name, value, 0, 1)
    elif value is not None or default is not None:
        check_counts(1 if name in _FIXED else 0, **{name: value})
