"""What is in a result: a table of its variables, from which a study's `combine` makes the Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from spectral_collapse.studies import common

if TYPE_CHECKING:
    from spectral_collapse.executors import Arrays
    from spectral_collapse.studies.parameters import ImageParameters
    from spectral_collapse.studies.request import Request


class Row(NamedTuple):
    """A variable: its dimensions in one text, 'series sample', and what `common.variable` takes beside them."""

    dims: str
    long_name: str
    units: str = "1"
    bits: int | None = None


class Layout(dict[str, Row]):
    """The variables of a result, in order."""

    def __init__(self, **rows: tuple[str | int, ...]) -> None:
        super().__init__({name: Row(*row) for name, row in rows.items()})

    def stacked(self, dims: str, parts: Sequence[Arrays] | Sequence[Sequence[Arrays]]) -> Arrays:
        """The variables whose dimensions begin with these, of those that the parts hold: a list of parts for one
        dimension, a list of lists for two."""

        def of(name: str, nested: Arrays | Sequence[Arrays]) -> np.ndarray:
            return nested[name] if isinstance(nested, Mapping) else np.stack([of(name, one) for one in nested])

        first = parts[0]
        while not isinstance(first, Mapping):
            first = first[0]
        wanted = dims.split()
        return {
            name: of(name, parts)
            for name, row in self.items()
            if row.dims.split()[: len(wanted)] == wanted and name in first
        }

    def dataset(
        self, arrays: Arrays, coords: Mapping[str, object], attrs: Mapping[str, object] | None = None
    ) -> xr.Dataset:
        """The result, by the array of each variable; `arrays` may hold more."""
        return xr.Dataset(
            {name: common.variable(tuple(row.dims.split()), arrays[name], *row[1:]) for name, row in self.items()},
            coords,
            attrs,
        )


def sides(request: Request[ImageParameters]) -> Arrays:
    """Pictures of both domains, `source_image` and `target_image`, of the images that are shown."""
    shown = request.shown
    return {f"{name}_image": common.pictures(side[shown]) for name, side in request.pair._asdict().items()}
