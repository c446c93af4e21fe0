"""Downloads that go on after a break, are checked, and unpack nowhere but in their folder."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch
import requests
from tqdm.auto import tqdm

from spectral_collapse.errors import DownloadError

_CHUNK = 1 << 20
_TIMEOUT = (10, 60)
"""Seconds to connect and to wait for the next bytes."""
_ATTEMPTS = 4
"""Fruitless attempts in a row before a download is given up; one that brought bytes does not count."""
_PAUSE = 1.0
"""Seconds before the second attempt; doubled each time."""


@dataclass(frozen=True)
class Archive:
    """One file of a data set at its official address.

    sha256 is None where nobody published it: the first download then writes it down, and later ones
    are held to it. size is in bytes.
    """

    url: str
    filename: str
    sha256: str | None = None
    size: int | None = None


def fetch(archives: Iterable[Archive], folder: str | Path, unpack: bool = True, progress: bool = True) -> list[Path]:
    """Download archives into a folder and unpack them there; what is there already stays.

    A broken download leaves a `.part` file and goes on from it. Size and sha256 are checked; a hash
    that nobody published is written to `<filename>.sha256` and binds every later download. An archive
    that was unpacked once may be deleted: a marker beside it says that its files are there.

    Args:
        archives: what to download; .zip, .tar, .tar.gz and .tgz are unpacked, other files stay as they are.
        folder: where to; it is made if need be.
        unpack: whether to unpack.
        progress: whether to show progress bars and to print the hashes written down.

    Returns:
        The path of each archive, in order.

    Raises:
        DownloadError: no connection, a server's refusal, a wrong size or hash, too little disk space,
            a damaged archive, or a member that would leave the folder (nothing is unpacked then).
    """
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_fetch_one(archive, folder, unpack, progress) for archive in archives]
    except OSError as error:
        raise DownloadError(f"could not write to {str(folder)!r}: {error.strerror or error}") from error


def _fetch_one(archive: Archive, folder: Path, unpack: bool, progress: bool) -> Path:
    target = folder / archive.filename
    record = folder / f"{archive.filename}.sha256"
    marker = folder / f".{archive.filename}.unpacked"
    expected = archive.sha256 or _recorded(record)
    wanted = unpack and _is_archive(target)
    if wanted and marker.is_file() and marker.read_text().strip() == expected:
        return target

    if target.is_file():
        _check_existing(target, archive.size, expected)
    else:
        _download(archive, target, expected, progress)
    if expected is None:
        expected = pooch.file_hash(str(target))
        record.write_text(f"{expected}  {archive.filename}\n")
        if progress:
            tqdm.write(f"{archive.filename}: sha256 {expected}, written to {record}")
    if wanted:
        _unpack(target, folder, progress)
        marker.write_text(f"{expected}\n")
    return target


def _recorded(record: Path) -> str | None:
    """The hash in a `sha256sum` file, if there is one."""
    return record.read_text().split()[0] if record.is_file() and record.stat().st_size else None


def _check_existing(target: Path, size: int | None, sha256: str | None) -> None:
    found = target.stat().st_size
    if size is not None and found != size:
        raise DownloadError(
            f"{str(target)!r} has {found} bytes where {size} belong; delete it to have it downloaded again"
        )
    if sha256 is not None and pooch.file_hash(str(target)) != sha256:
        raise DownloadError(f"{str(target)!r} does not have the sha256 {sha256}; delete it to have it downloaded again")


def _download(archive: Archive, target: Path, sha256: str | None, progress: bool) -> None:
    pooch.get_logger().setLevel(logging.WARNING)  # its notes name its own arguments, not ours
    try:
        pooch.retrieve(
            archive.url,
            known_hash=f"sha256:{sha256}" if sha256 else None,
            fname=archive.filename,
            path=target.parent,
            downloader=_ResumingDownloader(archive, target, progress),
        )
    except ValueError as error:  # pooch's way to say that the hash is another one
        raise DownloadError(
            f"what arrived from {archive.url} does not have the sha256 {sha256} and was thrown away; try again, "
            f"and if it stays so, the file has changed at its source"
        ) from error


class _ResumingDownloader:
    """Downloads to a `.part` file beside the target, going on where an earlier attempt stopped.

    Called by pooch, which then checks the hash and renames. A tag beside the part (the server's ETag,
    or the date of the file) keeps two versions of a file from being joined to one.
    """

    def __init__(self, archive: Archive, target: Path, progress: bool) -> None:
        self.archive, self.target, self.progress = archive, target, progress
        self.part = target.with_name(target.name + ".part")
        self.tag = target.with_name(target.name + ".part.tag")

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        fruitless = 0
        while True:
            before = self._have()
            try:
                self._attempt(url)
                break
            except requests.RequestException as error:
                fruitless = 0 if self._have() > before else fruitless + 1
                if fruitless == _ATTEMPTS:
                    reason = "no answer in time" if isinstance(error, requests.Timeout) else "no connection or it broke"
                    raise DownloadError(
                        f"could not download {url} ({reason}); download it by hand to {str(self.target)!r}, "
                        f"or name the folder that has the data by SPECTRAL_COLLAPSE_DATA"
                    ) from error
                time.sleep(_PAUSE * 2 ** max(0, fruitless - 1))
        os.replace(self.part, output_file)
        self.tag.unlink(missing_ok=True)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _attempt(self, url: str) -> None:
        have = self._have()
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self.tag.is_file():
                headers["If-Range"] = self.tag.read_text()
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code == 416:  # the part is as long as the file, or belongs to another one
                if have == self.archive.size:
                    return
                self.part.unlink()
                raise requests.ConnectionError("the part already there does not fit the file")
            if response.status_code not in (200, 206):
                raise DownloadError(
                    f"{url} answered {response.status_code} {response.reason}; if the data set has moved, download "
                    f"it by hand to {str(self.target)!r}"
                )
            if response.status_code == 200:
                have = 0
            self._receive(response, have)

    def _receive(self, response: requests.Response, have: int) -> None:
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else self.archive.size
        if self.archive.size is not None and total != self.archive.size:
            raise DownloadError(
                f"{self.archive.url} has {total} bytes where {self.archive.size} are expected: it has changed at its "
                f"source"
            )
        _check_space(self.target.parent, (total or 0) - have)
        etag = response.headers.get("ETag", "")
        tag = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
        if tag:
            self.tag.write_text(tag)
        bar = tqdm(
            total=total,
            initial=have,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            desc=self.archive.filename,
            disable=not self.progress,
        )
        with bar, self.part.open("ab" if have else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
        if total is not None and self._have() != total:
            raise requests.ConnectionError(f"the connection ended after {self._have()} of {total} bytes")


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(
            f"{needed / 2**30:.1f} GiB are needed in {str(folder)!r} and {free / 2**30:.1f} GiB are free; make room or "
            f"name another folder"
        )


def _is_archive(path: Path) -> bool:
    return path.name.endswith((".zip", ".tar", ".tar.gz", ".tgz"))


def _unpack(archive: Path, folder: Path, progress: bool) -> None:
    """Unpack into a temporary folder and, when all of it is there, move that into place."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as temporary:
        inner = Path(temporary)
        extract = _extract_zip if archive.suffix == ".zip" else _extract_tar
        with _damage_named(archive):
            title = f"unpacking {archive.name}"
            for _ in tqdm(extract(archive, inner), desc=title, unit=" files", disable=not progress):
                pass
        for entry in inner.iterdir():
            destination = folder / entry.name
            if not entry.is_symlink() and entry.is_dir() and destination.is_dir():
                shutil.copytree(entry, destination, symlinks=True, dirs_exist_ok=True, copy_function=os.replace)
            else:
                os.replace(entry, destination)


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        if isinstance(error, DownloadError):
            raise
        raise DownloadError(
            f"{str(archive)!r} is truncated or damaged ({error}); delete it and fetch it again"
        ) from error


def _extract_zip(archive: Path, folder: Path) -> Iterator[None]:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        for member in members:
            # zipfile would quietly put such members elsewhere and write a link's target as a file
            _check_name(archive, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(archive, member.filename, "is neither a file nor a folder")
        _check_space(folder, sum(member.file_size for member in members))
        for member in members:
            opened.extract(member, folder)
            yield


def _extract_tar(archive: Path, folder: Path) -> Iterator[None]:
    links: set[PurePosixPath] = set()
    with tarfile.open(archive) as opened:
        for member in opened:
            _check_name(archive, member.name)
            path = PurePosixPath(member.name)
            if links.intersection(path.parents):
                raise _refusal(archive, member.name, "lies behind a link")
            try:
                # refuses devices and links that lead out of the folder
                tarfile.data_filter(member, str(folder))
            except tarfile.FilterError as error:
                raise _refusal(archive, member.name, "is a device, or a link that leads outside its folder") from error
            if member.issym():
                links.add(path)
            _check_space(folder, member.size)
            opened.extract(member, folder, filter="data")
            yield
        opened.fileobj.seek(opened.offset)
        if opened.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("its end is missing")  # tarfile takes a cut between two members for the end


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
        raise _refusal(archive, name, "lies outside its folder")


def _refusal(archive: Path, member: str, why: str) -> DownloadError:
    return DownloadError(f"{str(archive)!r} was not unpacked: its member {member!r} {why}")
