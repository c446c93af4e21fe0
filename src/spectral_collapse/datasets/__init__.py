"""Every data set behind one call, `load`."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Literal

from spectral_collapse import paths
from spectral_collapse.datasets import bbbc021, edges2shoes, photos
from spectral_collapse.datasets.base import (
    NULL,
    SOURCE,
    TARGET,
    DatasetInfo,
    DataSource,
    DomainDataset,
    DomainImages,
    Pair,
    Split,
    Unpaired,
)
from spectral_collapse.errors import DataError, InvalidParameterError, unknown

__all__ = [
    "DATASETS",
    "NULL",
    "SOURCE",
    "TARGET",
    "DataSource",
    "DatasetInfo",
    "DomainDataset",
    "DomainImages",
    "Pair",
    "Unpaired",
    "info",
    "load",
]

DATASETS: dict[str, DatasetInfo] = {
    entry.name: entry for entry in (*photos.DATASETS, *bbbc021.DATASETS, *edges2shoes.DATASETS)
}

_announced: set[str] = set()


def info(name: str) -> DatasetInfo:
    """The registered facts about a data set. Raises InvalidParameterError for an unknown name."""
    if name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name]


def load(
    name: str,
    split: Split = "test",
    size: int = 64,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
    skip_corrupt: bool = False,
) -> DomainDataset:
    """One split of a data set, unpaired for training and paired for testing.

    Args:
        name: a key of `DATASETS`, such as 'photos_x8', 'bbbc021_x16' or 'edges2shoes'.
        split: 'train' gives `Unpaired(image, label)` items, 'test' gives `Pair(source, target)`.
        size: height and width in pixels; a multiple of 32, at least 32.
        source: 'real' images, the 'rendered' twin, or 'auto': real where they are found and else
            the twin, with a warning, once.
        root: a folder with the data; otherwise `SPECTRAL_COLLAPSE_DATA`, then data/downloads.
        skip_corrupt: leave out files that cannot be read, with a warning that counts them; without
            it such a file raises an error that names it.

    Returns:
        A torch data set of float32 images in [-1, 1], 3 x size x size; its `kind` and `origin` say
        what the images are.

    Raises:
        InvalidParameterError: unknown name, split or source, or a size that cannot be had.
        DataError: source='real' where there are no images, or images that cannot be read.
    """
    entry = info(name)
    if split not in ("train", "test"):
        raise unknown("split", split, ("train", "test"))
    if source not in ("auto", "real", "rendered"):
        raise unknown("source", source, ("auto", "real", "rendered"))
    if isinstance(size, bool) or not isinstance(size, int) or size < 32 or size % 32:
        raise InvalidParameterError(f"size must be a multiple of 32, at least 32; {size!r} was given")
    roots = data_roots(root)
    images = entry.open_real(roots, split, size, skip_corrupt) if source != "rendered" else None
    if images is None:
        images = _twin(entry, split, size, source, roots)
    return DomainDataset(entry, split, size, images)


def data_roots(root: str | Path | None = None) -> list[Path]:
    """The folders in which real data is looked for, in order.

    Raises DataError when a folder that was named does not exist: a mistyped path must not turn into
    rendered images.
    """
    named = root if root is not None else os.environ.get("SPECTRAL_COLLAPSE_DATA")
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            origin = "root" if root is not None else "SPECTRAL_COLLAPSE_DATA"
            raise DataError(f"{origin} names {str(folder)!r}, which is not a folder; name one or leave it unset")
        return [folder] if root is not None else [folder, paths.downloads()]
    return [paths.downloads()]


def _twin(entry: DatasetInfo, split: Split, size: int, source: str, roots: list[Path]) -> DomainImages:
    looked = " and ".join(f"{str(folder)!r}" for folder in roots)
    if source == "real":
        raise DataError(
            f"no real images of {entry.name!r} were found in {looked}; run 'spectral-collapse data fetch "
            f"{entry.family}', or name their folder with root= or SPECTRAL_COLLAPSE_DATA"
        )
    if entry.render is None:
        raise InvalidParameterError(f"{entry.name!r} has real images only, always at hand: use source='real' or 'auto'")
    if source == "auto" and entry.family not in _announced:
        _announced.add(entry.family)
        warnings.warn(
            f"{entry.name!r}: no real images in {looked}, so these are RENDERED ones; "
            f"'spectral-collapse data fetch {entry.family}' gets the real ones",
            stacklevel=3,
        )
    return entry.render(split, size)
