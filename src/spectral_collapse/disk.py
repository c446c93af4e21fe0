"""Files and folders that are there whole or not at all, also after a kill or a crash of the machine.

OSError passes, but from `save`.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from spectral_collapse.errors import DataError, shown

try:
    import fcntl
except ImportError:  # no such locks on this system: leftovers cannot be told from files being written, and stay
    fcntl = None

_ATTEMPTS = 3
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""What a file system answers that knows no fsync."""
NEW, OLD, GONE = "new", "old", "gone"


def read(file: Path, most: int) -> bytes:
    """The content of a file. Raises OSError for a pipe, a device or a folder, and for more than `most` bytes."""
    if not file.is_file():
        raise FileNotFoundError(errno.ENOENT, "it is no file", str(file))
    with open(file, "rb") as stream:
        if os.fstat(stream.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it has more than {most} bytes", str(file))
        return stream.read()


def write(target: Path, content: bytes | memoryview) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    The temporary file has a name of its own, lies in the same folder and is removed on any error; what a killed
    process left of an earlier attempt to write the same file is removed, too.
    """
    for attempt in range(_ATTEMPTS):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _write(target, content)
        except FileNotFoundError:  # a run of the same study has just finished and cleared the folder
            if attempt == _ATTEMPTS - 1:
                raise


def save(target: Path, content: bytes | memoryview) -> None:
    """`write`, with one sentence where the file cannot be written. Raises DataError."""
    try:
        write(target, content)
    except OSError as error:
        kept = "; the earlier file is untouched" if target.exists() else ""
        raise DataError(f"could not write {shown(target)}: {error.strerror or error}{kept}") from error


def _write(target: Path, content: bytes | memoryview) -> None:
    tidy(target.parent.glob(f".{glob.escape(target.name)}-*.tmp"))
    temporary = target.with_name(f".{target.name}-{uuid.uuid4().hex}.tmp")
    try:
        with _named(target), open(temporary, "xb") as file:
            lock(file)
            file.write(content)
            file.flush()
            sync(file.fileno())
            os.replace(temporary, target)  # in here, so that the lock is held until the file has its name
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _named(target: Path) -> Iterator[None]:
    """Has an OSError name the file that the caller asked for: a full disk's names none, others a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error


def check_writable(folder: Path) -> None:
    """Raises OSError, with the name of the folder, where nothing can be written into it or, if it is not there yet,
    into the nearest folder above it that is. Leaves nothing behind."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)
    with _named(folder), tempfile.TemporaryFile(dir=there):
        pass


def tidy(found: Iterable[Path]) -> None:
    """Removes those of some files that a killed process left of `write`. What is being written is locked, and stays."""
    for temporary in found:
        if not re.fullmatch(r"\..+-[0-9a-f]{32}\.tmp", temporary.name) or not temporary.is_file():
            continue
        with contextlib.suppress(OSError), open(temporary, "rb") as file:
            if lock(file):
                temporary.unlink(missing_ok=True)


def lock(file: BinaryIO) -> bool:
    """Locks a file until it is closed or the process ends; False where another process has it, or nothing can."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return False
    return True


def replace(temporary: Path, target: Path) -> None:
    """Rename a file over another one on the same file system, for good: the folder's entry is on the disk too."""
    os.replace(temporary, target)
    sync_folder(target.parent)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` when the block ends.

    Before that, and where the block or the exchange fails, `folder` is as it was. What a kill leaves, hidden
    folders beside it, `recover` puts right. For folders that one process writes at a time.
    """
    recover(folder.parent, glob.escape(folder.name))
    new, old = _beside(folder, NEW), _beside(folder, OLD)
    new.mkdir(parents=True)
    try:
        yield new
        for file in new.iterdir():
            with open(file, "rb") as stream:
                sync(stream.fileno())
        sync_folder(new)
        if os.path.lexists(folder):
            os.replace(folder, old)
        try:
            os.replace(new, folder)
        except BaseException:
            if os.path.lexists(old):
                os.replace(old, folder)
            raise
        sync_folder(folder.parent)
        _remove(old)
    finally:
        _remove(new)


def recover(parent: Path, pattern: str) -> None:
    """Puts right what a kill left of `replacing` or `discard`, for the folders in `parent` whose names match a pattern.

    Each is there if it was, and nothing else.
    """
    for old in list(parent.glob(f".{pattern}.{OLD}")):
        folder = old.with_name(old.stem.removeprefix("."))
        if not os.path.lexists(folder):
            os.replace(old, folder)
    for suffix in (NEW, OLD, GONE):
        for left in list(parent.glob(f".{pattern}.{suffix}")):
            _remove(left)


def discard(folder: Path) -> None:
    """Removes a folder, or a file; a kill never leaves a part of it under its name."""
    gone = _beside(folder, GONE)
    _remove(gone)
    os.replace(folder, gone)
    _remove(gone)


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
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(f".{folder.name}.{suffix}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
