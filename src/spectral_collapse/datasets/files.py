"""Shared code of data sets that are read from files: stable splits, fingerprints, leaving out corrupt files."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PureWindowsPath
from typing import TypeVar

from tqdm.auto import tqdm

from spectral_collapse.errors import DataError, shown

Item = TypeVar("Item")


def fingerprint(parts: Iterable[str]) -> str:
    """16 hex digits that change when any of the parts does."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def file_size(path: Path) -> int:
    """Bytes. Raises DataError for a file that is not there."""
    try:
        return path.stat().st_size
    except (OSError, ValueError) as error:
        raise DataError(
            f"{shown(path)} does not exist, or is a link to nothing; remove what names it, or skip it "
            "(skip_corrupt=True)"
        ) from error


def images_in(folder: Path, pattern: str = "*") -> list[Path]:
    """The JPEG and PNG files that match in a folder, by name, including broken links, so that errors can name them.

    Hidden files are left out, as are folders, pipes and devices, whatever they are called.
    """
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
        and not path.name.startswith(".")
        and (path.is_file() or not path.exists())
    )


def leaves(name: str) -> bool:
    """Whether a relative path, written as on Unix or on Windows, would lead out of its folder."""
    path = PureWindowsPath(name)
    return bool(path.anchor) or ".." in path.parts


def inside(table: Path, name: str) -> str:
    """A relative path in a table, written as on Unix or on Windows, as on Unix. Raises DataError where it `leaves`."""
    if leaves(name):
        raise DataError(f"{shown(table)} names {shown(name)}, which lies outside its folder; fix or remove the line")
    return PureWindowsPath(name).as_posix()


def held_out(name: str, share: float) -> bool:
    """Whether a name falls to the test split, which gets about that share of all names.

    The choice depends on the name alone: it is the same on every machine and whatever other files
    there are.
    """
    return int(fingerprint([name]), 16) < share * 16**16


def usable(
    items: Sequence[Item], read: Callable[[Item], object], what: str, where: str, skip_corrupt: bool
) -> list[Item]:
    """The items of a split; with `skip_corrupt` only those that `read` accepts.

    A warning then says how many raised a DataError. what: the items in the plural; where: what they are of. Both are
    for messages. Shows a progress bar when more than 500 are read. Raises DataError if none is left.
    """
    kept, refused = [], []
    for item in tqdm(items, desc=f"checking {what}", disable=not skip_corrupt or len(items) <= 500, leave=False):
        try:
            if skip_corrupt:
                read(item)
            kept.append(item)
        except DataError as error:
            refused.append(str(error))
    if refused:
        warnings.warn(
            f"{len(refused)} of {len(items)} {what} are left out, the first because: {refused[0]}", stacklevel=2
        )
    if not kept:
        raise DataError(f"no {what} are left for this split of {where}; add some, or remove the folder")
    return kept


def files_fingerprint(settings: str, paths: Iterable[Path]) -> str:
    """The fingerprint of image files, by their names and sizes. Raises DataError for a broken link."""
    return fingerprint([settings, *(f"{path.name}:{file_size(path)}" for path in paths)])
