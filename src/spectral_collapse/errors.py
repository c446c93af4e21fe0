"""The project's exceptions: each message is one sentence that says what was given and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class SpectralCollapseError(Exception):
    """Base of the errors that a user can fix; the command line prints them without a traceback."""


class InvalidParameterError(SpectralCollapseError, ValueError):
    """A parameter has an unknown name, a wrong type or a value outside its range."""


class DataError(SpectralCollapseError, RuntimeError):
    """Images are missing, corrupt or too few."""


class DownloadError(SpectralCollapseError, RuntimeError):
    """A download failed, or what arrived is not what was asked for."""


class CheckpointError(SpectralCollapseError, RuntimeError):
    """A checkpoint is missing, incomplete or belongs to another network."""


class NotFiniteError(SpectralCollapseError, ArithmeticError):
    """NaN or infinity appeared in a computation."""


def unknown(kind: str, given: object, known: Iterable[object]) -> InvalidParameterError:
    """The error for a name that does not exist, with those that do."""
    given = shown(given) if isinstance(given, str) else repr(given)
    return InvalidParameterError(f"unknown {kind} {given}; known are: {', '.join(map(str, known))}")


def shown(value: object) -> str:
    """A name or path that a message quotes, cut in the middle where it is absurdly long."""
    text = repr(str(value))
    return text if len(text) <= 300 else f"{text[:140]}...{text[-140:]}"


def problems(error: ValidationError, known: Iterable[str] = ()) -> str:
    """What pydantic found wrong, a clause for each: what was given, and what is allowed.

    known: the keys that there are, for the answer to one that there is not.
    """
    found, lacking = [], []
    listed = error.errors(include_url=False)
    inside = {problem["loc"][:-1] for problem in listed}  # what is too short for want of its wrong items
    for problem in listed:
        if problem["type"] == "too_short" and problem["loc"] in inside:
            continue
        place = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            lacking.append(place)
        elif problem["type"] == "extra_forbidden":
            found.append(f"unknown key {place!r}; known are: {', '.join(known)}")
        elif problem["type"] == "value_error":  # raised by a check of our own
            found.append(f"{place}: {problem['ctx']['error']}" if place else str(problem["ctx"]["error"]))
        else:
            allowed = re.sub(r"^\w+ should ", "must ", problem["msg"])
            found.append(f"{place or 'it'} {allowed}; {repr(problem['input'])[:100]} was given")
    return "; ".join([*([f"it lacks {', '.join(lacking)}"] if lacking else []), *found])
