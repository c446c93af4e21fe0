"""Arrays that cost time and can be computed again: kept under data/cache, within a limit, least recently used go first.

Several processes may share the folder: every entry appears whole or not at all, under a name that says what it
holds. Nothing depends on an entry being there.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spectral_collapse import disk, paths
from spectral_collapse.store.parts import encode_arrays, read_arrays

LIMIT = 4 * 2**30
"""Bytes; SPECTRAL_COLLAPSE_CACHE_GB sets another limit, 0 keeps nothing."""


class Cache:
    """Arrays by key, in a folder of `paths.cache()`.

    Where the folder cannot be written (a full or read-only disk), computing goes on without it, and one warning
    says so.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._warned = False

    @property
    def folder(self) -> Path:
        return paths.cache() / self._name

    def get(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of a key, or None where there are none, or damaged ones."""
        file = self._file(key)
        arrays = read_arrays(file)
        if arrays is not None:
            with contextlib.suppress(OSError):
                # used just now; when it was written still tells whether it counts (`results.counts`)
                os.utime(file, ns=(time.time_ns(), file.stat().st_mtime_ns))
        return arrays

    def put(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps arrays, and removes what was not used for longest while the folder is above the limit."""
        limit = _limit()
        payload = encode_arrays(arrays)
        if len(payload) > limit:
            return
        try:
            disk.write(self._file(key), payload)
            self._make_room(limit)
        except OSError as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"the cache {str(self.folder)!r} cannot be written ({error.strerror or error}), so what is needed "
                    "again is computed again; make room there",
                    stacklevel=3,
                )

    def _make_room(self, limit: int) -> None:
        entries = []
        for file in self.folder.glob("*.npz"):
            with contextlib.suppress(OSError):  # another process has just removed it
                state = file.stat()
                entries.append((max(state.st_atime_ns, state.st_mtime_ns), state.st_size, file))
        room = limit
        for _, size, file in sorted(entries, reverse=True):
            room -= size
            if room < 0:
                file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.npz"


def _limit() -> int:
    named = os.environ.get("SPECTRAL_COLLAPSE_CACHE_GB")
    try:
        return LIMIT if named is None else int(float(named) * 2**30)
    except (ValueError, OverflowError):
        warnings.warn(
            f"SPECTRAL_COLLAPSE_CACHE_GB must be a number of gigabytes; {named!r} was given, so the limit is 4",
            stacklevel=4,
        )
        return LIMIT
