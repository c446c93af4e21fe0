"""The project's exceptions: each message is one sentence that says what was given and what to do."""

from __future__ import annotations

from collections.abc import Iterable


class SpectralCollapseError(Exception):
    """Base of the errors that a user can mend; the command line prints them without a traceback."""


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
    return InvalidParameterError(f"unknown {kind} {given!r}; known are: {', '.join(map(str, known))}")
