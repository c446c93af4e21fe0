"""The project's exceptions: each message is one sentence that says what was given and what to do."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import math
import re
import reprlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


LONGEST = 500
"""Characters of a message."""


class SpectralCollapseError(Exception):
    """Base of the errors that a user can fix; the command line prints them without a traceback.

    Whatever a message quotes, it is one line of at most `LONGEST` characters.
    """

    def __str__(self) -> str:
        return _short(super().__str__(), LONGEST)


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


class _Values(reprlib.Repr):
    """Values as messages show them: a few items of many, and of tensors and arrays their shape alone."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 60

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 200:  # Python refuses to write very long ones
            return f"a whole number of about {int(x.bit_length() * math.log10(2)) + 1} digits"
        return repr(x)

    def repr_instance(self, x: object, level: int) -> str:
        kind, article = type(x).__name__, {"Tensor": "a tensor", "ndarray": "an array"}
        with contextlib.suppress(Exception):
            if hasattr(x, "dtype") and hasattr(x, "__len__") and not isinstance(x, str | bytes):
                return f"{article.get(kind, f'a {kind}')} of shape {tuple(x.shape)}"
        return f"a {kind}" if kind in article else super().repr_instance(x, level)


_VALUES = _Values()


def described(value: object) -> str:
    """A value as a message shows it: a line of at most 100 characters, and never the numbers of a tensor."""
    return _short(_VALUES.repr(value), 100)


def shown(value: object) -> str:
    """A name or path that a message quotes, cut in the middle where it is absurdly long."""
    return _short(repr(str(value)), 150)


def listed(items: Iterable[object], most: int = 10) -> str:
    """The first few of many items, and how many more there are."""
    items = list(items)
    more = [f"{len(items) - most} more"] if len(items) > most else []
    return ", ".join([*map(str, items[:most]), *more])


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of what a library says, cut between words, or the name of its error where it says nothing."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= most else f"{line[:most].rpartition(' ')[0] or line[:most]}..."


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory does not suffice: torch has no type of its own for the CPU's."""
    return isinstance(error, MemoryError) or any(f"{word} memory" in str(error) for word in ("allocate", "out of"))


def _short(text: str, most: int) -> str:
    """The text in one line, without its middle where it is too long."""
    text = " ".join(text.splitlines())
    return text if len(text) <= most else f"{text[: most // 2 - 3]}...{text[-most // 2 :]}"


def unknown(kind: str, given: object, known: Iterable[object]) -> InvalidParameterError:
    """The error for a name that does not exist, with those that do: of very many the nearest and the first."""
    names = list(map(str, known))
    if sum(map(len, names)) > 300:
        near = difflib.get_close_matches(str(given)[:100], names) if isinstance(given, str) else []
        names = [*near, *(name for name in names if name not in near)]
    room = sum(length <= 350 for length in itertools.accumulate(len(name) + 2 for name in names))
    given = shown(given) if isinstance(given, str) else described(given)
    return InvalidParameterError(f"unknown {kind} {given}; known are: {listed(names, room)}")


def problems(error: ValidationError, known: Iterable[str] = ()) -> str:
    """What pydantic found wrong, a clause for each of the first few: what was given, and what is allowed.

    known: the keys that there are, for the answer to one that there is not.
    """
    every = _joined(error.errors(include_url=False))
    inside = {problem["loc"][:-1] for problem in every}  # what is too short for want of its wrong items
    lacking = [_place(problem) for problem in every if problem["type"] == "missing"]
    found = [
        problem
        for problem in every
        if problem["type"] != "missing" and not (problem["type"] == "too_short" and problem["loc"] in inside)
    ]
    clauses = [f"it lacks {listed(lacking)}"] if lacking else []
    clauses += [_clause(problem, known) for problem in found[:3]]
    if len(found) > 3:
        clauses.append(f"{len(found) - 3} more are wrong")
    return "; ".join(clauses)


def _joined(every: list[ErrorDetails]) -> list[ErrorDetails]:
    """Of a value that is none of several kinds, for which pydantic has a problem each, one that names them all."""
    found: list[ErrorDetails] = []
    kind = re.compile(r"(is-instance|lax-or-strict)\[")
    several = {one["loc"][:-1] for one in every if one["loc"] and kind.match(str(one["loc"][-1]))}
    for problem in every:
        place = problem["loc"][:-1]
        if place not in several:
            found.append(problem)
        elif all(one["loc"] != place for one in found):
            kinds = [_kind(str(one["loc"][-1])) for one in every if one["loc"][:-1] == place]
            found.append({**problem, "type": "kinds", "loc": place, "msg": f"must be {' or '.join(kinds)}"})
    return found


def _kind(name: str) -> str:
    """What pydantic calls a kind of values, in plain words."""
    known = re.fullmatch(r"is-instance\[(\w+)\]", name)
    return f"a {known[1]}" if known else "a path" if "Path" in name else {"str": "a text"}.get(name, name)


def _clause(problem: ErrorDetails, known: Iterable[str]) -> str:
    place, given = _place(problem), described(problem["input"])
    if problem["type"] == "extra_forbidden":
        return str(unknown("key", place, known))
    if problem["type"] == "value_error":  # raised by a check of our own
        return f"{place}: {problem['ctx']['error']}" if place else str(problem["ctx"]["error"])
    if problem["type"] == "tuple_type" and isinstance(problem["input"], str | float | int):
        return f"{place} must be a list, such as [{given}]; {given} was given"
    allowed = re.sub(r"^\w+ should ", "must ", problem["msg"])
    return f"{place or 'it'} {allowed}; {given} was given"


def _place(problem: ErrorDetails) -> str:
    return ".".join(map(str, problem["loc"]))
