"""Archives, checked to their last byte and unpacked as a whole or not at all, nowhere but in their folder."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tqdm.auto import tqdm

from spectral_collapse.datasets.files import leaves
from spectral_collapse.errors import DownloadError, shown

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
TEMPORARY = ".unpacking-"
"""What the name of a folder begins with in which an archive is unpacked; a killed run leaves it."""

_CHUNK = 1 << 20
_MOST_RATIO = 50
"""An archive may grow this many times: images shrink to a half at best, tables to a twentieth."""
_SMALL = 64 << 20
"""Bytes that any archive may unpack to, whatever the ratio."""
_COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""The first bytes of a compressed file, whatever its name, and what opens it."""


def extract(archive: Path, folder: Path, reserved: Collection[str], progress: bool) -> list[str]:
    """Unpack an archive into a folder; files that are there are replaced, other files stay.

    All of it is unpacked into a temporary folder and checked before anything is moved into place.

    Args:
        archive: a ZIP or tar file, the tar plain or compressed by gzip, bzip2 or xz.
        folder: where to; on the file system of the temporary folder, which is made in it.
        reserved: names at the top of `folder` that no member may have.
        progress: whether to show progress bars.

    Returns:
        What there is now: the files at the top of the archive and all its folders with files in them, below `folder`.

    Raises:
        DownloadError: a damaged archive; one that would grow beyond `_MOST_RATIO` or the free space; a member that
            lies outside the folder, has a reserved name, or is a link or device. Nothing is unpacked then.
        OSError: the files cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=TEMPORARY) as temporary:
        inner = Path(temporary)
        with _damage_named(archive):
            members = _from_zip(archive, inner) if archive.suffix == ".zip" else _from_tar(archive, inner, progress)
            for _ in tqdm(members, desc=f"unpacking {archive.name}", unit=" files", disable=not progress):
                pass
        taken = {name.casefold() for name in reserved}
        for entry in inner.iterdir():
            if entry.name.casefold() in taken:
                raise _refusal(archive, f"its member {entry.name!r} would replace a file of the download itself")
        files = [path.relative_to(inner) for path in inner.rglob("*") if path.is_file()]
        if not files:
            raise _refusal(archive, "it holds no files")
        for entry in inner.iterdir():
            destination = folder / entry.name
            if entry.is_dir() and destination.is_dir():
                shutil.copytree(entry, destination, dirs_exist_ok=True, copy_function=os.replace)
            else:
                os.replace(entry, destination)
    if hasattr(os, "sync"):
        os.sync()  # thousands of new files at once: who is told that they are there must find them after a power cut
    return sorted({(path.parent if path.parent.name else path).as_posix() for path in files})


def check_space(folder: Path, needed: int) -> None:
    """Raises DownloadError where fewer than `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"{needed / 2**30:.1f} GiB are needed in {shown(folder)} and {free / 2**30:.1f} GiB are free; make room or "
            f"name another folder"
        )


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the decoders raise whatever damaged bytes lead them to
        if isinstance(error, DownloadError) or (isinstance(error, OSError) and error.errno is not None):
            raise  # a refusal, or a disk that cannot be written
        reason = str(error) or type(error).__name__
        raise DownloadError(
            f"{shown(archive)} is truncated or damaged ({reason}); delete it and fetch it again"
        ) from error


def _from_zip(archive: Path, folder: Path) -> Iterator[None]:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        for member in members:
            # zipfile would quietly put such members elsewhere and write a link's target as a file
            _check_name(archive, member.filename)
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(archive, f"its member {member.filename!r} is neither a file nor a folder")
        total = sum(member.file_size for member in members)
        if total > _most(archive):
            raise _bomb(archive)
        check_space(folder, total)
        for member in members:
            opened.extract(member, folder)  # reads no more than `file_size` bytes, and checks the CRC
            yield


def _from_tar(archive: Path, folder: Path, progress: bool) -> Iterator[None]:
    check_space(folder, _tar_size(archive, progress))
    with _decompressed(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
        for member in opened:
            _check_name(archive, member.name)
            if not member.isdir() and (not member.isreg() or member.issparse()):
                raise _refusal(archive, f"its member {member.name!r} is neither a plain file nor a folder")
            opened.extract(member, folder, filter="data")
            yield
        stream.seek(opened.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")  # tarfile takes a cut between two members for the end


def _tar_size(archive: Path, progress: bool) -> int:
    """The bytes of a tar file, decompressed. Reads all of it, so that the checksum at its end is compared, which
    tarfile never gets to, and so that a bomb is known before anything is written."""
    most = _most(archive)
    bar = tqdm(desc=f"checking {archive.name}", unit="B", unit_scale=True, unit_divisor=1024, disable=not progress)
    with bar, _decompressed(archive) as stream:
        while chunk := stream.read(_CHUNK):
            bar.update(len(chunk))
            if stream.tell() > most:
                raise _bomb(archive)
        return stream.tell()


@contextmanager
def _decompressed(archive: Path) -> Iterator[BinaryIO]:
    with archive.open("rb") as file:
        start = file.read(max(map(len, _COMPRESSIONS)))
        file.seek(0)
        opener = next((each for magic, each in _COMPRESSIONS.items() if start.startswith(magic)), None)
        if opener is None:
            yield file
        else:
            with opener(file) as stream:
                yield stream


def _most(archive: Path) -> int:
    return max(_SMALL, _MOST_RATIO * archive.stat().st_size)


def _bomb(archive: Path) -> DownloadError:
    return _refusal(
        archive,
        f"it would grow beyond {_most(archive) / 2**20:.0f} MiB, more than {_MOST_RATIO} times its size; if you trust "
        "it, unpack it by hand",
    )


def _check_name(archive: Path, name: str) -> None:
    if leaves(name):
        raise _refusal(archive, f"its member {shown(name)} lies outside its folder")


def _refusal(archive: Path, why: str) -> DownloadError:
    return DownloadError(f"{shown(archive)} was not unpacked: {why}")
