"""Archives, checked to their last byte and unpacked as a whole or not at all, nowhere but in their folder."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

from tqdm.auto import tqdm

from spectral_collapse.datasets.files import leaves
from spectral_collapse.errors import DownloadError, shown

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
TEMPORARY = ".unpacking-"
"""How the name of the folder begins in which an archive is unpacked; a killed run leaves that folder."""
_MOST_RATIO = 50
"""An archive may grow this many times: images shrink to a half at best, tables to a twentieth."""
_SMALL = 64 << 20
"""Bytes that any archive may unpack to, whatever the ratio."""


def extract(archive: Path, folder: Path, reserved: Collection[str], progress: bool) -> list[str]:
    """Unpack a ZIP or tar file into a folder; files that are there are replaced, other files stay.

    All of it is unpacked into a temporary folder inside and checked before anything is moved into place. No member may
    have one of the `reserved` names at the top of the folder.

    Returns:
        What there is now: the files at the top of the archive and all its folders with files in them, below `folder`.

    Raises:
        DownloadError: a damaged archive; one that would grow beyond `_MOST_RATIO` or the free space; a member that
            lies outside the folder, has a reserved name, or is a link or device. Nothing is unpacked then.
        OSError: the files cannot be written.
    """
    taken = {name.casefold() for name in reserved}
    with tempfile.TemporaryDirectory(dir=folder, prefix=TEMPORARY) as temporary:
        inner = Path(temporary)
        try:
            members = _from_zip(archive, inner) if archive.suffix == ".zip" else _from_tar(archive, inner, progress)
            for _ in tqdm(members, desc=f"unpacking {archive.name}", unit=" files", disable=not progress):
                pass
        except Exception as error:  # the decoders raise whatever damaged bytes lead them to
            if isinstance(error, DownloadError) or (isinstance(error, OSError) and error.errno is not None):
                raise  # a refusal, or a disk that cannot be written
            reason = (str(error) or type(error).__name__).partition("\n")[0]
            raise DownloadError(
                f"{shown(archive)} is truncated or damaged ({reason}); delete it and fetch it again"
            ) from error
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


def _from_zip(archive: Path, folder: Path) -> Iterator[None]:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        for member in members:  # zipfile would quietly put such ones elsewhere and write a link's target as a file
            plain = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
            _check_member(archive, member.filename, plain)
        _check_growth(archive, folder, sum(member.file_size for member in members))
        for member in members:
            opened.extract(member, folder)  # reads no more than `file_size` bytes, and checks the CRC
            yield


def _from_tar(archive: Path, folder: Path, progress: bool) -> Iterator[None]:
    with tarfile.open(archive) as opened:
        stream = opened.fileobj
        stream.seek(0)
        bar = tqdm(desc=f"checking {archive.name}", unit="B", unit_scale=True, unit_divisor=1024, disable=not progress)
        with bar:  # to the checksum at the end, which tarfile never gets to, and before anything is written
            while chunk := stream.read(1 << 20):
                bar.update(len(chunk))
                _check_growth(archive, folder, stream.tell())
        for member in opened:
            _check_member(archive, member.name, member.isdir() or (member.isreg() and not member.issparse()))
            opened.extract(member, folder, filter="data")
            yield
        stream.seek(opened.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")  # tarfile takes a cut between two members for the end


def _check_growth(archive: Path, folder: Path, total: int) -> None:
    most = max(_SMALL, _MOST_RATIO * archive.stat().st_size)
    if total > most:
        raise _refusal(
            archive,
            f"it would grow beyond {most / 2**20:.0f} MiB, more than {_MOST_RATIO} times its size; if you trust it, "
            "unpack it by hand",
        )
    check_space(folder, total)


def _check_member(archive: Path, name: str, plain: bool) -> None:
    if leaves(name):
        raise _refusal(archive, f"its member {shown(name)} lies outside its folder")
    if not plain:
        raise _refusal(archive, f"its member {shown(name)} is neither a plain file nor a folder")


def _refusal(archive: Path, why: str) -> DownloadError:
    return DownloadError(f"{shown(archive)} was not unpacked: {why}")
