"""A table of numbers as pages show it: texts, what they sort by, and what is said of single cells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from spectral_collapse.statistics import Interval, text


class Cell(NamedTuple):
    """text: as shown; value: what it sorts by; mark: 'best', 'second' or ''; note: what a reader must know of it."""

    text: str
    value: float | str = np.nan
    mark: str = ""
    note: str = ""


Cells = pd.DataFrame
"""A row per line and a `Cell` in every place."""


@dataclass(frozen=True)
class Page:
    """HTML, as a notebook shows it."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def label(name: str) -> Cell:
    """A name, which sorts by itself."""
    return Cell(name, name)


def number(found: Interval | float, digits: int, mark: str = "", note: str = "") -> Cell:
    """A number, with its interval where there is one."""
    if not isinstance(found, Interval):
        return Cell("-" if np.isnan(found) else f"{found:.{digits}f}", found, mark, note)
    bare = np.isnan(found.low) and not np.isnan(found.mean)
    return Cell(f"{found.mean:.{digits}f}" if bare else text(found, digits), float(found.mean), mark, note)


def row(values: Mapping[str, Cell | str | tuple]) -> dict[str, Cell]:
    """A row by its columns: texts as `label`, numbers as arguments of `number`."""
    return {
        column: value if isinstance(value, Cell) else label(value) if isinstance(value, str) else number(*value)
        for column, value in values.items()
    }


def cells_of(table: pd.DataFrame) -> Cells:
    """A table of texts or numbers as cells, its index first; a text sorts by the number that it begins with."""
    unnamed = table.columns.name or "Name"
    bare = table.rename_axis(index=[name or unnamed for name in table.index.names], columns=None).reset_index()
    return bare.map(lambda value: Cell(str(value), _sorted_by(str(value))))


def _sorted_by(shown: str) -> float | str:
    found = re.match(r"(?:< )?([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)(?![\w-])", shown)
    if found:
        return float(found[1].replace(",", ""))
    return np.nan if shown in ("", "-") else shown
