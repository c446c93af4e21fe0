"""Folders that are there whole or not at all, also after a kill or a crash of the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spectral_collapse import disk

_SUFFIXES = NEW, OLD, GONE = "new", "old", "gone"


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` when the block ends.

    Before that, and where the block or the exchange fails, `folder` is as it was. What a kill leaves, hidden
    folders beside it, `recover` puts right. For folders that one process writes at a time. OSError passes.
    """
    recover(folder)
    new, old = _beside(folder, NEW), _beside(folder, OLD)
    new.mkdir(parents=True)
    try:
        yield new
        for file in new.iterdir():
            _sync_file(file)
        disk.sync_folder(new)
        if os.path.lexists(folder):
            os.replace(folder, old)
        try:
            os.replace(new, folder)
        except BaseException:
            if os.path.lexists(old):
                os.replace(old, folder)
            raise
        disk.sync_folder(folder.parent)
        _remove(old)
    finally:
        _remove(new)


def recover(folder: Path) -> None:
    """Puts right what a kill left of `replacing` or `discard`: the folder is there if it was, and nothing else."""
    old = _beside(folder, OLD)
    if os.path.lexists(old) and not os.path.lexists(folder):
        os.replace(old, folder)
    for suffix in _SUFFIXES:
        _remove(_beside(folder, suffix))


def discard(folder: Path) -> None:
    """Removes a folder, or a file; a kill never leaves a part of it under its name."""
    gone = _beside(folder, GONE)
    _remove(gone)
    os.replace(folder, gone)
    _remove(gone)


def hidden(parent: Path, pattern: str) -> set[Path]:
    """The folders in `parent` of which a kill may have left something for `recover`, by a pattern of their names."""
    return {
        path.with_name(path.stem.removeprefix("."))
        for suffix in _SUFFIXES
        for path in parent.glob(f".{pattern}.{suffix}")
    }


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name}.{suffix}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync_file(file: Path) -> None:
    with open(file, "rb") as stream:
        disk.sync(stream.fileno())
