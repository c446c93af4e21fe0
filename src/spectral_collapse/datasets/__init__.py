"""Every data set behind one call, `load`. A file here with a list `DATASETS` adds its data sets by itself."""

from __future__ import annotations

import os
import warnings
from os.path import isdir
from pathlib import Path
from typing import Literal, get_args

from spectral_collapse import discovery, paths
from spectral_collapse.checks import check_count, check_flag, check_name
from spectral_collapse.datasets.base import (
    NULL,
    SOURCE,
    TARGET,
    DatasetInfo,
    DataSource,
    DomainDataset,
    DomainImages,
    Pair,
    Shown,
    Split,
    Unpaired,
    ValidationImages,
)
from spectral_collapse.datasets.download import fetch as fetch_archives
from spectral_collapse.errors import DataError, InvalidParameterError, shown, unknown

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
    "companions",
    "fetch",
    "info",
    "load",
]

DATASETS: dict[str, DatasetInfo] = {
    entry.name: entry for module in discovery.modules(__name__) for entry in getattr(module, "DATASETS", ())
}
"""Every data set by name: what the files of this package list in their `DATASETS`; add your own here to use it in the
studies."""

_VARIABLE = "SPECTRAL_COLLAPSE_DATA"
"""Environment variable that names a folder with real images."""

_announced: set[str] = set()


def info(name: str | DatasetInfo) -> DatasetInfo:
    """The registered facts about a data set; a `DatasetInfo` is returned as it is. Raises InvalidParameterError."""
    if isinstance(name, DatasetInfo):
        return name
    if not isinstance(name, str) or name not in DATASETS:
        raise unknown("data set", name, DATASETS)
    return DATASETS[name]


def companions(name: str | DatasetInfo) -> list[str]:
    """The data sets of other families that studies show beside this one. Raises InvalidParameterError."""
    family = info(name).family
    return [one.name for one in DATASETS.values() if one.companion and one.family != family]


def load(
    name: str | DatasetInfo,
    split: Shown = "test",
    size: int = 64,
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
    skip_corrupt: bool = False,
) -> DomainDataset:
    """One split of a data set, unpaired for training and paired for testing.

    Args:
        name: a key of `DATASETS`, such as 'photos_x8', 'bbbc021_x16' or 'edges2shoes', or what `folders.pair` gives.
        split: 'train' gives `Unpaired(image, label)` items, 'test' gives `Pair(source, target)`, and 'validation', on
            which settings are chosen, pairs of those training images that training shows as targets.
        size: height and width in pixels; a multiple of 32, at least 32.
        source: 'real' images, the 'rendered' twin, or 'auto': real where they are found and else
            the twin, with a warning, once.
        root: a folder with the data; otherwise `SPECTRAL_COLLAPSE_DATA`, then data/downloads.
        skip_corrupt: leave out files that cannot be read, with a warning that counts them; without
            it such a file raises an error that names it.

    Returns:
        A torch data set of float32 images in [-1, 1], 3 x size x size; its `kind` and `origin` say
        what the images are. Files of 8 bits are taken as they are, of 16 bits and floats by their range
        (`images.read_rgb`).

    Raises:
        InvalidParameterError: unknown name, split or source, a size that is not available, or a root that is no path.
        DataError: source='real' where there are no images, or images that cannot be read.
    """
    entry = info(name)
    check_name("split", split, get_args(Shown))
    check_name("source", source, ("auto", "real", "rendered"))
    check_flag("skip_corrupt", skip_corrupt)
    if check_count("size", size, 32) % 32:
        raise InvalidParameterError(f"size must be a multiple of 32, at least 32; {size!r} was given")
    roots = data_roots(root)
    opened: Split = "test" if split == "test" else "train"
    images = open_real(entry, roots, opened, size, skip_corrupt) if source != "rendered" else None
    if images is None:
        images = _twin(entry, opened, size, source, roots)
    return DomainDataset(entry, split, size, ValidationImages(images) if split == "validation" else images)


def data_roots(root: str | Path | None = None) -> list[Path]:
    """The folders in which real data is looked for, in order.

    Raises DataError when a folder that was named does not exist: a mistyped path must not turn into
    rendered images. Raises InvalidParameterError for a root that is no path.
    """
    origin, named = ("root", root) if root is not None else (_VARIABLE, os.environ.get(_VARIABLE))
    if named is None or (isinstance(named, str) and not named):
        return [paths.downloads()]
    folder = paths.expanded(named, origin)
    if not isdir(folder):
        raise DataError(f"{origin} names {shown(folder)}, which is not a folder; name one or leave it unset")
    return [folder] if root is not None else [folder, paths.downloads()]


def open_real(
    entry: DatasetInfo, roots: list[Path], split: Split, size: int, skip_corrupt: bool = False
) -> DomainImages | None:
    """The real images of a split in the first folder that has any, or None. Raises DataError for images that are
    there and cannot be used."""
    try:
        return entry.open_real(roots, split, size, skip_corrupt)
    except OSError as error:  # no permission, say, or a disk that fails
        where = f" ({shown(error.filename)})" if error.filename else ""
        raise DataError(f"the images of {entry.name!r} cannot be read: {error.strerror or error}{where}") from error


def fetch(name: str, root: str | Path | None = None, first: int | None = None, progress: bool = True) -> Path:
    """Download the real images of a data set from their official address, so that `load` finds them.

    Args:
        name: the family of a data set that has a download, such as 'bbbc021'.
        root: the folder under which they are put, for `load(root=)` or SPECTRAL_COLLAPSE_DATA; by default
            data/downloads, where `load` looks by itself.
        first: download only so many archives, from the first on.
        progress: whether to show progress bars.

    Returns:
        The folder of the data set, below the root.

    Raises:
        InvalidParameterError: an unknown name, or `first` below 1.
        DownloadError: as `download.fetch` does.
    """
    downloads = {entry.family: entry.download for entry in DATASETS.values() if entry.download}
    if not isinstance(name, str) or name not in downloads:
        raise unknown("data set to download", name, downloads)
    if first is not None:
        check_count("first", first, 1)
    check_flag("progress", progress)
    folder = paths.downloads() if root is None else paths.expanded(root, "root")
    fetch_archives(downloads[name].archives[:first], folder / downloads[name].folder, progress=progress)
    return folder / name


def _twin(entry: DatasetInfo, split: Split, size: int, source: str, roots: list[Path]) -> DomainImages:
    looked = " and ".join(map(shown, roots))
    if source == "rendered" and entry.render is None:
        raise InvalidParameterError(f"{entry.name!r} has real images only: use source='real' or 'auto'")
    if source == "real" or entry.render is None:
        ways = [*filter(None, [entry.remedy]), "name their folder with root= or SPECTRAL_COLLAPSE_DATA"]
        raise DataError(f"no real images of {entry.name!r} were found in {looked}; {', or '.join(ways)}")
    if source == "auto" and entry.family not in _announced:
        _announced.add(entry.family)
        warnings.warn(
            f"{entry.name!r}: no real images in {looked}, so these are RENDERED ones"
            f"{'; ' if entry.remedy else ''}{entry.remedy}",
            stacklevel=3,
        )
    return entry.render(split, size)
