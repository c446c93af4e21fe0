"""The results that studies have handed over in this process: the lines of a page's footer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.statistics import pictures_of
from spectral_collapse.store import results
from spectral_collapse.store.shipping import State

How = Literal["computed here", "loaded"]


@dataclass(frozen=True)
class Entry:
    """A result that was handed over: its attrs, its numbers of images and of pictures, and whether it is included.

    The pictures are independent; the images were taken from them. Both numbers are 0 without images. outlines: whether
    its S_LF compares the outlines of drawings, as results from before that of silhouettes do.
    """

    study: str
    key: str
    attrs: dict[str, Any]
    images: int
    pictures: int
    how: How
    state: State
    outlines: bool = False


USED: dict[str, Entry] = {}
"""By key, in the order of the first use; a result that was computed here stays so."""


def note(result: xr.Dataset, how: How, state: State) -> None:
    """Puts a result on the list."""
    study = result.attrs["study"]
    key = results.key(study, results.parameters(result.attrs))
    images, pictures = (result.sizes["sample"], pictures_of(result)) if "sample" in result.dims else (0, 0)
    info = datasets.DATASETS.get(results.parameters(result.attrs).get("dataset", ""))
    drawings = "s_lf" in result and info is not None and info.structure == "silhouette"
    outlines = drawings and result.attrs.get("structure") != "silhouette"
    USED.setdefault(key, Entry(study, key, dict(result.attrs), images, pictures, how, state, outlines))
