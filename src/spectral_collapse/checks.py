"""Checks of what a caller passes in: numbers, flags, names, generators, images. One sentence each."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Collection, Iterable

import numpy as np
import torch

from spectral_collapse.errors import InvalidParameterError, NotFiniteError, unknown

LARGEST = torch.finfo(torch.float32).max
"""The largest number that a parameter may be: images are in single precision, and what they meet must fit."""

LARGEST_COUNT = torch.iinfo(torch.int64).max
"""The largest whole number that torch takes."""

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


def described(value: object) -> str:
    """A value as a message shows it: never longer than a line, and never the numbers of a tensor."""
    if isinstance(value, torch.Tensor | np.ndarray):
        kind = "a tensor" if isinstance(value, torch.Tensor) else "an array"
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, int) and value.bit_length() > 200:  # Python refuses to write very long ones
        return f"a whole number of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    return " ".join(_REPR.repr(value).split())  # what a class says of its objects may have lines


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
    if value is not None and not isinstance(value, torch.Generator):
        raise InvalidParameterError(
            f"generator must be a torch.Generator, such as torch.Generator().manual_seed(0), or None; "
            f"{described(value)} was given"
        )


def check_callback(value: object) -> None:
    """Raises InvalidParameterError unless value can be called, or is None."""
    if value is not None and not callable(value):
        raise InvalidParameterError(f"callback must be a function of a Step, or None; {described(value)} was given")


def is_batch(x: object) -> bool:
    """Whether x is a dense floating-point tensor of four dimensions."""
    return isinstance(x, torch.Tensor) and x.ndim == 4 and x.is_floating_point() and x.layout is torch.strided


def check_images(x: torch.Tensor, what: str) -> None:
    """Raises unless x is a finite floating-point tensor N x C x H x W with N >= 1."""
    if not is_batch(x) or x.numel() == 0:
        given = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
        raise InvalidParameterError(f"{what} must be a floating-point tensor N x C x H x W; {given} was given")
    check_finite(x, f"{what}: NaN or infinity was given")


def check_finite(x: torch.Tensor, message: str) -> None:
    """Raises NotFiniteError with `message` and the samples concerned where x is not finite."""
    # The sum of a finite tensor is finite unless it overflows, which the slower look then rules out.
    if not torch.isfinite(x.sum()):
        bad = (~torch.isfinite(x).flatten(1).all(1)).nonzero().flatten().tolist()
        if bad:
            raise NotFiniteError(f"{message} (samples {bad} of the batch)")


def check_device(device: str | torch.device) -> torch.device:
    """A device that tensors can be on; 'auto' is the accelerator that torch finds, else the CPU.

    Raises InvalidParameterError for one that is not here.
    """
    if isinstance(device, str) and device == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return torch.device("cpu") if found is None else found
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (TypeError, RuntimeError, AssertionError, NotImplementedError) as error:
        raise InvalidParameterError(
            f"the device {described(device)} is not here ({str(error).splitlines()[0][:100]}); 'cpu' always is"
        ) from error
    if found.type == "meta":
        raise InvalidParameterError("the device 'meta' holds no weights; 'cpu' is always there")
    return found
