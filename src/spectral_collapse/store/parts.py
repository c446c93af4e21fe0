"""Arrays that are finished while their study is under way, and the bytes that they are kept as."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import filelock
import numpy as np
from filelock import SoftFileLease

from spectral_collapse import disk, paths
from spectral_collapse.checks import check_text, described
from spectral_collapse.errors import DataError, InvalidParameterError, shown
from spectral_collapse.store.results import check_dict, file_name, since

_LEASE_SECONDS = 60.0
"""A run that has not been heard of for so long has lost its right to compute a part."""
_DIGEST = hashlib.sha256().digest_size
_WRITTEN = "written, in seconds since 1970"
"""What an .npz has beside the arrays of a part or of the cache."""


class Parts:
    """Finished parts of a study that is under way, a file each, so that it can go on after any break.

    A file is an .npz with its SHA-256 behind it, so that a damaged one is noticed and computed again.
    Names may hold any characters.

    Runs of the same study at once may share the folder: each part appears whole or not at all, and
    both would write the same arrays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = paths.expanded(folder, "folder")

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a part, or None when it is missing or damaged and has to be computed."""
        return read_arrays(self._file(name))

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store the arrays of a finished part. Raises DataError when they cannot be written."""
        disk.save(self._file(name), encode_arrays(arrays))

    def lease(self, name: str) -> SoftFileLease | None:
        """The right to compute a part, or None while another run has it; it ends with `release` or with its process.

        Raises DataError where the folder cannot be written.
        """
        file = self._file(name).with_suffix(".lease")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lease = SoftFileLease(file, lease_duration=_LEASE_SECONDS, thread_local=False)
            lease.acquire(blocking=False)
        except filelock.Timeout:
            return None
        except OSError as error:
            raise DataError(f"could not write {shown(file)}: {error.strerror or error}") from error
        return lease

    def clear(self) -> None:
        """Remove all parts; call it when the whole result is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other studies may be under way
            self.folder.parent.rmdir()

    def _file(self, name: str) -> Path:
        check_text("name", name)
        readable = re.sub(r"[^A-Za-z0-9.+-]+", "-", name)  # the same for 'taba, seed 0' and 'taba*, seed 0'
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
        return self.folder / f"{readable}-{digest[:8]}.npz"


def _is_plain(values: object) -> bool:
    """Whether values are an array of numbers or texts, or can become one."""
    try:
        return np.asarray(values).dtype.kind in "biufcSU"
    except Exception:  # tensors of a GPU, ragged lists, and whatever else has a way to become an array
        return False


def encode_arrays(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """Arrays, and the time, as the bytes of an .npz with its SHA-256 behind it. Raises InvalidParameterError."""
    check_dict("arrays", arrays)
    for name, array in arrays.items():
        if not _is_plain(array):
            raise InvalidParameterError(f"{name!r} must be an array of numbers or texts; {described(array)} was given")
    payload = io.BytesIO()
    np.savez_compressed(payload, **arrays, **{_WRITTEN: np.float64(time.time())})
    payload.write(hashlib.sha256(payload.getbuffer()).digest())
    return payload.getbuffer()


def read_arrays(file: Path) -> dict[str, np.ndarray] | None:
    """What `encode_arrays` wrote into a file, or None where it is missing, damaged, or written before `FRESH`."""
    moment, file = since(), paths.expanded(file, "file")
    try:
        content = disk.read(file, sys.maxsize)
        payload, digest = content[:-_DIGEST], content[-_DIGEST:]
        # ahead of zipfile, which may drop an array of a damaged archive without a word
        if hashlib.sha256(payload).digest() != digest:
            return None
        with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
            arrays = {array: stored[array] for array in stored.files}
        written = float(arrays.pop(_WRITTEN))
    except Exception:  # a right digest says nothing about what is in it
        return None
    whole = all(isinstance(array, np.ndarray) for array in arrays.values())
    return arrays if whole and (moment is None or moment <= written <= time.time()) else None


def parts_of(study: str, key: str) -> Parts:
    """The parts of the study run with this key, in a folder beside the results."""
    check_text("study", study)
    check_text("key", key)
    return Parts(paths.results() / "parts" / file_name(f"{study}-{key[:16]}"))
