"""What a page, or any process, has asked studies for: the lines of a page's footer, and the list of what ships.

Every `Study.run` and `Study.stored` that hands over a result notes it here. While `asked_by` lasts, they hand over
nothing: whoever reads the pages learns of the call, and gets `Nothing` in place of a result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import xarray as xr

from spectral_collapse.store import results
from spectral_collapse.store.shipping import State

if TYPE_CHECKING:
    from spectral_collapse.studies.request import Request
    from spectral_collapse.studies.study import Study

How = Literal["computed here", "loaded"]
Asked = Callable[["Study", "Request", bool], Any]
"""The study, its request, and whether only a stored result would do -> what is handed over in place of a result."""


@dataclass(frozen=True)
class Entry:
    """A result that was handed over: its attrs, the numbers of its images and of the independent pictures that these
    were taken from (0 without images), and whether it ships."""

    study: str
    key: str
    attrs: dict[str, Any]
    images: int
    pictures: int
    how: How
    state: State


USED: dict[str, Entry] = {}
"""By key, in the order of the first use; a result that was computed here stays so."""

_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


def note(result: xr.Dataset, how: How, state: State) -> None:
    """Puts a result on the list."""
    study = result.attrs["study"]
    key = results.key(study, results.parameters(result.attrs))
    images, pictures = (
        len(set(result[name].values)) if name in result.coords else 0 for name in ("sample", "sample_group")
    )
    USED.setdefault(key, Entry(study, key, dict(result.attrs), images, pictures, how, state))


@contextlib.contextmanager
def asked_by(answer: Asked) -> Iterator[None]:
    """Meanwhile `answer` gets what studies are asked for, and they compute nothing."""
    token = _asked.set(answer)
    try:
        yield
    finally:
        _asked.reset(token)


def asker() -> Asked | None:
    """Who takes the calls of studies at this moment."""
    return _asked.get()


class NothingError(Exception):
    """Something wants to know what is in a result that was not computed."""


class Nothing:
    """Stands for a result: it can be handed on, and nothing else."""

    def _refuse(self, *arguments: Any, **named: Any) -> NoReturn:
        raise NothingError

    __getattr__ = __getitem__ = __iter__ = __len__ = __contains__ = __call__ = __bool__ = __format__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __float__ = __int__ = __index__ = __array__ = _refuse
