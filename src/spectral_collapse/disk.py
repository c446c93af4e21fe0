"""Files that are there whole or not at all, also after a crash of the machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write(target: Path, content: bytes) -> None:
    """Write a small file so that at every moment the old one or the new one is there.

    For folders in which one process writes: the temporary file, `.<name>.tmp`, has one name, so that what a killed
    run left of it is overwritten by the next.
    """
    temporary = target.with_name(f".{target.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        sync(file.fileno())
    replace(temporary, target)


def replace(temporary: Path, target: Path) -> None:
    """Rename a file over another one on the same file system, for good: the folder's entry is on the disk too."""
    os.replace(temporary, target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Have the entries of a folder written to the disk, so that no rename in it is lost with the power."""
    if os.name == "nt":  # where folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """fsync, where the file system knows it: some mounted ones refuse it."""
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
