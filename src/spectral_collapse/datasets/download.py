"""Downloads that go on after a break, are checked, and are recorded only once they are known to be whole.

pooch, requests and the standard library have no download that goes on where an earlier one broke off, so that part is
written here; pooch hashes, filelock keeps two runs apart, and `unpack` leaves the archives to zipfile and tarfile.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import filelock
import pooch
import requests
import urllib3
from tqdm.auto import tqdm

from spectral_collapse import disk, paths
from spectral_collapse.datasets.unpack import SUFFIXES, TEMPORARY, check_space, extract
from spectral_collapse.errors import DownloadError, shown

_CHUNK = 1 << 20
_TIMEOUT = (10, 60)
"""Seconds to connect and to wait for the next bytes."""
_ATTEMPTS = 4
"""Fruitless attempts in a row before a download is given up; one that brought bytes does not count."""
_PAUSE = 1.0
"""Seconds before the second attempt; doubled each time."""
_LOCK = ".fetch.lock"


@dataclass(frozen=True)
class Archive:
    """One file of a data set at its official address.

    sha256 is None where nobody published it: the first download that proves whole then writes it down, and later ones
    are held to it. size is in bytes.
    """

    url: str
    filename: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Download:
    """The archives of a data set.

    folder: where below a root (`data/downloads`, say) they are unpacked; "" for the root itself, where the archives
    have the data set's folder at their top.
    """

    archives: tuple[Archive, ...]
    folder: str = ""


class _Place:
    """An archive in a folder, and the files that `fetch` keeps beside it."""

    def __init__(self, folder: Path, archive: Archive) -> None:
        self.folder, self.archive = folder, archive
        self.target = folder / archive.filename
        self.record = folder / f"{archive.filename}.sha256"
        """The hash, as sha256sum writes it, of an archive that nobody published one of."""
        self.marker = folder / f".{archive.filename}.unpacked"
        """The hash of the archive that was unpacked, and what has been there since."""
        self.part = folder / f"{archive.filename}.part"
        """What has arrived so far."""
        self.tag = folder / f"{archive.filename}.part.tag"
        """The server's ETag, or date, of the file that the part is of: keeps two versions from being joined."""

    @property
    def names(self) -> set[str]:
        return {path.name for path in (self.target, self.record, self.marker, self.part, self.tag)}


def fetch(archives: Iterable[Archive], folder: str | Path, unpack: bool = True, progress: bool = True) -> list[Path]:
    """Download archives into a folder and unpack them there; what is there already stays.

    A broken download leaves a `.part` file, from which the next call goes on where the server says which version of
    the file it sends. Size and sha256 are checked; a hash that nobody published is written to `<filename>.sha256` when
    the archive has proved whole, and binds every later download. An archive that was unpacked once may be deleted: a
    marker beside it says what was unpacked, and as long as that is there, nothing is fetched. What a killed run left
    behind is removed.

    Args:
        archives: what to download; .zip and .tar files (also .gz, .bz2, .xz) are unpacked, others stay as they are.
        folder: where to; it is made if need be.
        unpack: whether to unpack.
        progress: whether to show progress bars and to print the hashes written down.

    Returns:
        The path of each archive, in order.

    Raises:
        InvalidParameterError: `folder` is no path.
        DownloadError: no connection, a server's refusal, a wrong size or hash, too little disk space, a damaged
            archive, one that would grow without measure, a member that would leave the folder or replace a file of
            the download (nothing is unpacked then), or another run at work in the folder.
    """
    folder = paths.expanded(folder, "folder")
    places = [_Place(folder, archive) for archive in archives]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / _LOCK, timeout=0):
            _sweep(folder, places)
            reserved = {_LOCK}.union(*(place.names for place in places))
            for place in places:
                _fetch_one(place, reserved, unpack, progress)
    except filelock.Timeout as error:
        raise DownloadError(f"another download is at work in {shown(folder)}; wait for it") from error
    except OSError as error:
        raise DownloadError(f"could not write to {shown(folder)}: {error.strerror or error}") from error
    return [place.target for place in places]


def _sweep(folder: Path, places: list[_Place]) -> None:
    """Remove what killed runs left; the caller has the folder's lock, so that no other run needs it."""
    for left in folder.glob(f"{TEMPORARY}*"):
        shutil.rmtree(left, ignore_errors=True)
    disk.tidy(folder.glob(".*.tmp"))
    for place in places:
        if place.target.is_file():
            place.part.unlink(missing_ok=True)
        if not place.part.is_file():
            place.tag.unlink(missing_ok=True)


def _fetch_one(place: _Place, reserved: set[str], unpack: bool, progress: bool) -> None:
    archive, target = place.archive, place.target
    expected = archive.sha256 or _recorded(place.record)
    unpack = unpack and target.name.endswith(SUFFIXES)
    if unpack and _is_unpacked(place, expected):
        return
    if target.is_file():
        _check_existing(place, expected)
    else:
        _download(place, expected, progress)
    digest = expected or pooch.file_hash(str(target))
    entries = extract(target, place.folder, reserved, progress) if unpack else []
    if expected is None:  # not before it is unpacked: a damaged archive must not bind the next download
        disk.write(place.record, f"{digest}  {archive.filename}\n".encode())
        if progress:
            tqdm.write(f"{archive.filename}: sha256 {digest}, written to {place.record}")
    if unpack:
        disk.write(place.marker, json.dumps({"sha256": digest, "entries": entries}).encode())


def _recorded(record: Path) -> str | None:
    """The hash in a `sha256sum` file, if there is one."""
    if not record.is_file():
        return None
    found = re.match(rb"[0-9a-f]{64}(?![0-9a-f])", record.read_bytes())
    if not found:
        raise DownloadError(f"{shown(record)} does not begin with a sha256; delete it")
    return found[0].decode()


def _is_unpacked(place: _Place, sha256: str | None) -> bool:
    """Whether the marker tells of this archive, and of files and folders that are still there and not empty."""
    try:
        marker = json.loads(place.marker.read_bytes())
        entries = [place.folder / entry for entry in marker["entries"]]
        there = all(entry.is_file() or (entry.is_dir() and any(entry.iterdir())) for entry in entries)
        return there and marker["sha256"] == sha256
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # no marker, or a damaged one
        return False


def _check_existing(place: _Place, sha256: str | None) -> None:
    found, size = place.target.stat().st_size, place.archive.size
    if size is not None and found != size:
        raise DownloadError(
            f"{shown(place.target)} has {found} bytes where {size} belong; delete it to have it downloaded again"
        )
    if sha256 is not None and pooch.file_hash(str(place.target)) != sha256:
        raise DownloadError(
            f"{shown(place.target)} does not have the sha256 {sha256}; delete it to have it downloaded again"
        )


def _download(place: _Place, sha256: str | None, progress: bool) -> None:
    if sha256 is None and _tag(place) is None:
        place.part.unlink(missing_ok=True)  # nothing would tell if it were of another version of the file
    fruitless = 0
    while True:
        before = _size(place.part)
        try:
            _attempt(place, progress)
            break
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            fruitless = 0 if _size(place.part) > before else fruitless + 1
            if fruitless == _ATTEMPTS:
                late = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
                reason = "no answer in time" if late else "no connection or it broke"
                raise DownloadError(
                    f"could not download {place.archive.url} ({reason}); download it by hand to "
                    f"{shown(place.target)}, or name the folder that has the data by SPECTRAL_COLLAPSE_DATA"
                ) from error
            time.sleep(_PAUSE * 2 ** max(0, fruitless - 1))
    if sha256 is not None and pooch.file_hash(str(place.part)) != sha256:
        place.part.unlink()
        place.tag.unlink(missing_ok=True)
        raise DownloadError(_other_hash(place, sha256))
    disk.replace(place.part, place.target)
    place.tag.unlink(missing_ok=True)


def _other_hash(place: _Place, sha256: str) -> str:
    arrived = f"what arrived from {place.archive.url} does not have the sha256 {sha256}"
    if place.archive.sha256:
        return f"{arrived} and was thrown away; try again, and if it stays so, the file has changed at its source"
    return (
        f"{arrived} of the first download and was thrown away; try again, and if it stays so, delete "
        f"{shown(place.record)} to accept the file as it is now"
    )


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _tag(place: _Place) -> str | None:
    """The tag of the part that is there, if it can be sent to a server."""
    if not place.tag.is_file():
        return None
    text = place.tag.read_bytes().decode("latin-1")
    return text if re.fullmatch(r"[!-~][ -~]*", text) else None


def _attempt(place: _Place, progress: bool) -> None:
    """One answer of the server, received as far as it comes."""
    have = _size(place.part)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag := _tag(place):
            headers["If-Range"] = tag
    url = place.archive.url
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416 and have:  # the part is as long as the file, or belongs to another one
            if have in (place.archive.size, _content_range(response)[1]):
                return
            place.part.unlink()
            raise requests.ConnectionError("the part already there does not fit the file")
        if response.status_code not in (200, 206):
            raise DownloadError(
                f"{url} answered {response.status_code} {response.reason}; if the data set has moved, download it by "
                f"hand to {shown(place.target)}"
            )
        if response.status_code == 206:
            start, total = _content_range(response)
            if start != have:
                place.part.unlink()
                raise DownloadError(
                    f"{url} sent bytes from {'an unknown place' if start is None else start} where those from {have} "
                    "were asked for, and the part was thrown away; fetch it again"
                )
        else:
            have, total = 0, _content_length(response)
            _check_kind(place, response)
        _receive(place, response, have, place.archive.size if total is None else total, progress)


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """The first byte of an answer and the length of the whole file, None where it does not say."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", response.headers.get("Content-Range", "").strip())
    start, total = found.groups() if found else (None, None)
    return start and int(start), total and int(total)


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length")
    if length is not None and not re.fullmatch(r"\d{1,18}", length):
        raise DownloadError(f"{response.url} gives {shown(length)} as its length, which is no number; try again later")
    return length and int(length)


def _check_kind(place: _Place, response: requests.Response) -> None:
    """A login page of the network, or bytes that the server packed on its way, are not the file."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not place.target.suffix.startswith(".htm"):
        raise DownloadError(
            f"{place.archive.url} answered with a web page instead of the file; log in to your network, or download "
            f"it by hand to {shown(place.target)}"
        )
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    # of a .gz file some servers say that gzip is its encoding; its bytes are then the file's own
    if encoding != "identity" and place.target.suffix not in (".gz", ".tgz"):
        raise DownloadError(
            f"{place.archive.url} was sent in the encoding {shown(encoding)}, which was not asked for; download it "
            f"by hand to {shown(place.target)}"
        )


def _receive(place: _Place, response: requests.Response, have: int, total: int | None, progress: bool) -> None:
    archive = place.archive
    if archive.size is not None and total != archive.size:
        raise DownloadError(
            f"{archive.url} has {total} bytes where {archive.size} are expected: it has changed at its source"
        )
    check_space(place.folder, (total or 0) - have)
    if not have:
        place.part.unlink(missing_ok=True)  # before the tag of the new one is written: a kill must not pair the two
        place.tag.unlink(missing_ok=True)
        etag = response.headers.get("ETag", "")
        tag = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
        if tag:
            place.tag.write_bytes(tag.encode("latin-1", "replace"))
    bar = tqdm(
        total=total,
        initial=have,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        desc=archive.filename,
        disable=not progress,
    )
    with bar, place.part.open("ab") as file:
        while chunk := response.raw.read1(_CHUNK):  # what has arrived, so that a break costs nothing
            file.write(chunk)
            bar.update(len(chunk))
        file.flush()
        disk.sync(file.fileno())
    if total is not None and _size(place.part) != total:
        raise requests.ConnectionError(f"the connection ended after {_size(place.part)} of {total} bytes")
