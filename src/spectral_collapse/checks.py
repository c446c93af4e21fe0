"""Checks of what a caller passes in: numbers, flags, names, generators, images. One sentence each."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import UnionType

import numpy as np

from spectral_collapse import memory
from spectral_collapse.errors import InvalidParameterError, NotFiniteError, described, first_line, listed, unknown
from spectral_collapse.later import torch

LARGEST = float(np.finfo(np.float32).max)
"""The largest number that a parameter may be: images are in single precision, and what they meet must fit."""

LARGEST_COUNT = 2**63 - 1
"""The largest whole number that torch takes."""


def check_number(
    name: str, value: object, low: float = -math.inf, high: float = math.inf, exclude: Collection[float] = ()
) -> float:
    """The number as a float, once it is known to lie from low to high, without the ends in `exclude`.

    numpy's numbers are numbers; tensors, even of one element, are not. A bound of infinity stands for `LARGEST`.

    Raises InvalidParameterError, for what is not a number, for NaN and for infinity too.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InvalidParameterError(f"{name} must be a number; {described(value)} was given")
    if math.isfinite(low) and math.isfinite(high):
        if low in exclude:
            allowed = f"above {low:g} and {'below' if high in exclude else 'at most'} {high:g}"
        else:
            allowed = f"from {low:g} to {'below ' if high in exclude else ''}{high:g}"
    elif math.isfinite(low):
        allowed = f"{'above' if low in exclude else 'at least'} {low:g} and finite"
    else:
        allowed = "finite"
    if not low <= value <= high or value in exclude or value in (math.inf, -math.inf):
        raise InvalidParameterError(f"{name} must be {allowed}; {described(value)} was given")
    if not -LARGEST <= value <= LARGEST:
        raise InvalidParameterError(
            f"{name} must be {allowed}, and at most {LARGEST:.2g} in size, which single precision holds; "
            f"{described(value)} was given"
        )
    if isinstance(value, int) and abs(value) > LARGEST_COUNT:
        raise InvalidParameterError(f"{name} must be written as a float beyond 64 bits; {described(value)} was given")
    return float(value)


def check_count(name: str, value: object, low: int, high: int = LARGEST_COUNT) -> int:
    """The whole number as an int, once it is known to lie from low to high. Raises InvalidParameterError."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        allowed = f"from {low} to {high}" if high < LARGEST_COUNT or (whole and value > high) else f"of at least {low}"
        raise InvalidParameterError(f"{name} must be a whole number {allowed}; {described(value)} was given")
    return int(value)


def check_counts(low: int, **values: object) -> None:
    """`check_count` of several numbers of an architecture, from low to 8192, beyond any network."""
    for name, value in values.items():
        check_count(name, value, low, 8192)


def check_widths(name: str, values: object, step: int = 1) -> None:
    """Raises InvalidParameterError unless these are numbers of channels, multiples of step."""
    if not isinstance(values, tuple | list) or not values:
        raise InvalidParameterError(f"{name} must be a list of whole numbers; {described(values)} was given")
    for value in values:
        check_counts(1, **{f"each of {name}": value})
        if value % step:
            raise InvalidParameterError(f"{name} must be multiples of {step}; {described(values)} was given")


def check_numbers(name: str, values: object, count: int) -> None:
    """Raises InvalidParameterError unless values are a list of so many numbers, or None."""
    if values is not None:
        if not isinstance(values, Sequence) or isinstance(values, str | bytes) or len(values) != count:
            raise InvalidParameterError(f"{name} must be a list of {count} numbers; {described(values)} was given")
        for value in values:
            check_number(f"each of {name}", value)


def check_is(name: str, value: object, kinds: type | tuple[type, ...] | UnionType, allowed: str) -> None:
    """Raises InvalidParameterError, with what is allowed, unless value is of one of these kinds."""
    if not isinstance(value, kinds):
        raise InvalidParameterError(f"{name} must be {allowed}; {described(value)} was given")


def check_text(name: str, value: object) -> None:
    """Raises InvalidParameterError unless value is a text."""
    check_is(name, value, str, "a text")


def check_function(name: str, value: object) -> None:
    """Raises InvalidParameterError unless value can be called; classes, which make something, are no functions."""
    if not callable(value) or isinstance(value, type):
        raise InvalidParameterError(f"{name} must be a function; {described(value)} was given")


def check_flag(name: str, value: object) -> None:
    """Raises InvalidParameterError unless value is True or False."""
    if not isinstance(value, bool):
        raise InvalidParameterError(f"{name} must be True or False; {described(value)} was given")


def check_name(kind: str, value: object, known: Iterable[str]) -> None:
    """Raises InvalidParameterError, with the known names, unless value is one of them."""
    known = list(known)
    if not isinstance(value, str):
        raise InvalidParameterError(f"{kind} must be a name, one of {', '.join(known)}; {described(value)} was given")
    if value not in known:
        raise unknown(kind, value, known)


def check_generator(value: object) -> None:
    """Raises InvalidParameterError unless value is a torch.Generator or None."""
    if value is not None:
        check_is("generator", value, torch.Generator, "a torch.Generator, such as torch.Generator().manual_seed(0)")


def check_callback(value: object) -> None:
    """Raises InvalidParameterError unless value can be called, or is None."""
    if value is not None:
        check_function("callback", value)


def check_batch(x: object, what: str, shape: str = "N x C x H x W") -> None:
    """Raises InvalidParameterError unless x is a dense floating-point tensor of this many dimensions, with any values.

    Views of few values that stand for more than fit into memory, as of `Tensor.expand`, are refused too.
    """
    if isinstance(x, torch.Tensor) and not x.is_nested:
        empty = x.is_meta or hasattr(x, "fake_mode")  # torch's own tensors of a shape alone
        kind = "no values" if empty else x.dtype if x.layout is torch.strided else x.layout
        # torch has further precisions, of 8 bits, that it does not compute with
        if kind in (torch.float16, torch.bfloat16, torch.float32, torch.float64) and x.ndim == len(shape.split(" x ")):
            needed = x.numel() * max(x.element_size(), 4)
            if needed > 2 * x.untyped_storage().nbytes():  # else it is in memory
                memory.check(needed, f"{what} of shape {tuple(x.shape)}", "give fewer or smaller ones", x.device)
            return
        given = f"{kind} of shape {tuple(x.shape)}"
    else:
        given = described(x)
    raise InvalidParameterError(f"{what} must be a floating-point tensor {shape}; {given} was given")


def check_images(x: torch.Tensor, what: str) -> None:
    """Raises unless x is a finite batch, as of `check_batch`, with N >= 1."""
    check_batch(x, what)
    if x.numel() == 0:
        raise InvalidParameterError(f"{what} must not be empty; {described(x)} was given")
    check_finite(x, f"{what}: NaN or infinity was given")


def check_finite(x: torch.Tensor, message: str) -> None:
    """Raises NotFiniteError with `message` and the samples concerned where x is not finite."""
    # The sum of a finite tensor is finite unless it overflows, which the slower look then rules out.
    if not torch.isfinite(x.sum()):
        bad = (~torch.isfinite(x).flatten(1).all(1)).nonzero().flatten().tolist()
        if bad:
            raise NotFiniteError(f"{message} (samples [{listed(bad)}] of the batch)")


FEW = 1000
"""Values of a batch up to which nothing is said of the range that they seem to be in."""

Span = tuple[float, float]
"""The smallest and the largest value of a batch."""


def warn_of_unit_range(what: str, spans: Mapping[str, Span], stacklevel: int = 3) -> None:
    """Warns, once, of batches of images that look as if they were in [0, 1] where [-1, 1] is meant.

    A batch does whose smallest value is from 0 to 0.05 and whose largest is from 0.5 to 1: black and white in [0, 1],
    but medium grey and white in [-1, 1]. Beside another batch that goes below -0.5 the smallest may be
    anything from 0, if the largest is 0.5 above it. Bright images alone, all of whose values are well above 0, are
    taken for what they are.
    """
    unit = [name for name, (low, high) in spans.items() if 0 <= low <= 0.05 and 0.5 <= high <= 1]
    other = min(spans, key=lambda name: spans[name][0], default="")
    against = ""
    if other and spans[other][0] < -0.5:
        unit += [name for name, (low, high) in spans.items() if 0.05 < low <= high - 0.5]
        against = f", while {other} go down to {spans[other][0]:.2g}"
    if unit:
        warnings.warn(
            f"{what}: {' and '.join(unit)} have no value below 0{against}; images lie in [-1, 1] here: "
            "give 2 * x - 1 for images x in [0, 1]",
            stacklevel=stacklevel,
        )


def check_device(device: str | torch.device) -> torch.device:
    """A device that tensors can be on; 'auto' is the accelerator that torch finds, else the CPU.

    Raises InvalidParameterError for one that is not here.
    """
    if isinstance(device, str) and device == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return torch.device("cpu") if found is None else found
    if isinstance(device, bool) or not isinstance(device, str | int | torch.device):
        raise InvalidParameterError(f"device must be a name, such as 'cpu' or 'cuda:1'; {described(device)} was given")
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (TypeError, ValueError, OverflowError, RuntimeError, AssertionError) as error:
        raise InvalidParameterError(
            f"the device {described(device)} is not here ({first_line(error, 100)}); 'cpu' always is"
        ) from error
    if found.type == "meta":
        raise InvalidParameterError("the device 'meta' holds no weights; 'cpu' is always there")
    return found
