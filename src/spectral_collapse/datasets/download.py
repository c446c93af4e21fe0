"""Downloads that go on after a break, are checked, and are recorded only once they are known to be whole.

pooch hashes, filelock keeps two runs apart, `unpack` leaves archives to zipfile and tarfile. The transfer is our own:
pooch's begins anew after a break, replaces a file that has another hash, and leaves files of its own when it is killed.
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

_TIMEOUT = (10, 60)
"""Seconds to connect and to wait for the next bytes."""
_ATTEMPTS = 4
"""Fruitless attempts in a row before a download is given up; one that brought bytes does not count."""
_PAUSE = 1.0
"""Seconds before the second attempt; doubled each time."""
_LOCK = ".fetch.lock"


@dataclass(frozen=True)
class Archive:
    """One file of a data set at its official address; size in bytes.

    sha256: None if nobody published it; later downloads must then match the first one that proved whole.
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
    """An archive in a folder, and what `fetch` keeps beside it."""

    def __init__(self, folder: Path, archive: Archive) -> None:
        self.folder, self.archive = folder, archive
        self.target, self.marker = folder / archive.filename, folder / f".{archive.filename}.unpacked"
        # The hash as sha256sum writes it, what has arrived so far, and the version of the file that this is of.
        self.record, self.part, self.tag = (self.target.with_name(archive.filename + end) for end in _ENDS)
        self.names = {path.name for path in (self.target, self.marker, self.record, self.part, self.tag)}


_ENDS = (".sha256", ".part", ".part.tag")


def fetch(archives: Iterable[Archive], folder: str | Path, unpack: bool = True, progress: bool = True) -> list[Path]:
    """Download archives into a folder and unpack them there; what is there already stays.

    A broken download leaves a `.part` file, from which the next call goes on where the server says which version of the
    file it sends. Size and sha256 are checked; a hash that nobody published is written to `<filename>.sha256` when the
    archive has proved whole, and every later download must match it. An archive that was unpacked once may be deleted:
    a marker beside it says what was unpacked, and as long as that is there, nothing is fetched. What a killed run left
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
            for place in places:
                _fetch_one(place, {_LOCK}.union(*(other.names for other in places)), unpack, progress)
    except filelock.Timeout as error:
        raise DownloadError(f"another download is at work in {shown(folder)}; wait for it") from error
    except OSError as error:
        raise DownloadError(f"could not write to {shown(folder)}: {error.strerror or error}") from error
    return [place.target for place in places]


def is_unfinished(archive: Path) -> bool:
    """Whether `fetch` has not unpacked an archive, since it broke off or found the archive damaged."""
    return (archive.parent / _LOCK).exists() and not (archive.parent / f".{archive.name}.unpacked").exists()


def only_rests(folder: Path, archives: Iterable[Archive]) -> bool:
    """Whether a folder holds nothing but what `fetch` left before it had unpacked any of the archives."""
    places = [_Place(folder, archive) for archive in archives]
    own = {_LOCK}.union(*(place.names for place in places))
    own -= {place.target.name for place in places if place.marker.exists()}
    names = [path.name for path in folder.iterdir()] if (folder / _LOCK).exists() else [""]
    return all(name in own or name.startswith(TEMPORARY) or name.endswith(".tmp") for name in names)


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
    target, expected = place.target, place.archive.sha256
    if expected is None and place.record.is_file():
        found = re.match(rb"[0-9a-f]{64}(?![0-9a-f])", place.record.read_bytes())
        if not found:
            raise DownloadError(f"{shown(place.record)} does not begin with a sha256; delete it")
        expected = found[0].decode()
    unpack = unpack and target.name.endswith(SUFFIXES)
    if unpack and _is_unpacked(place, expected):
        return
    if not target.is_file():
        _download(place, expected, progress)
    elif place.archive.size not in (None, size := _size(target)):
        raise DownloadError(
            f"{shown(target)} has {size} bytes where {place.archive.size} belong; delete it to have it downloaded again"
        )
    elif expected is not None and pooch.file_hash(str(target)) != expected:
        raise DownloadError(
            f"{shown(target)} does not have the sha256 {expected}; delete it to have it downloaded again"
        )
    digest = expected or pooch.file_hash(str(target))
    entries = extract(target, place.folder, reserved, progress) if unpack else []
    if expected is None:  # not before it is unpacked: a damaged archive must not bind the next download
        disk.write(place.record, f"{digest}  {target.name}\n".encode())
        if progress:
            tqdm.write(f"{target.name}: sha256 {digest}, written to {place.record}")
    if unpack:
        disk.write(place.marker, json.dumps({"sha256": digest, "entries": entries}).encode())


def _is_unpacked(place: _Place, sha256: str | None) -> bool:
    """Whether the marker tells of this archive, and of files and folders that are still there and not empty."""
    try:
        marker = json.loads(place.marker.read_bytes())
        entries = [place.folder / entry for entry in marker["entries"]]
        there = all(entry.is_file() or (entry.is_dir() and any(entry.iterdir())) for entry in entries)
        return there and marker["sha256"] == sha256
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # no marker, or a damaged one
        return False


def _download(place: _Place, sha256: str | None, progress: bool) -> None:
    url, target = place.archive.url, shown(place.target)
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
                raise DownloadError(
                    f"could not download {url} ({'no answer in time' if late else 'no connection or it broke'}); "
                    f"download it by hand to {target}, or name the folder that has the data by SPECTRAL_COLLAPSE_DATA"
                ) from error
            time.sleep(_PAUSE * 2 ** max(0, fruitless - 1))
    if sha256 is not None and pooch.file_hash(str(place.part)) != sha256:
        place.part.unlink()
        place.tag.unlink(missing_ok=True)
        first = "" if place.archive.sha256 else " of the first download"
        cure = f"delete {shown(place.record)} to accept the file as it is now" if first else "it has changed there"
        raise DownloadError(
            f"what arrived from {url} does not have the sha256 {sha256}{first} and was thrown away; try again, and if "
            f"it stays so, {cure}"
        )
    disk.replace(place.part, place.target)
    place.tag.unlink(missing_ok=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _tag(place: _Place) -> str | None:
    """The tag of the part that is there, if it can be sent to a server."""
    text = place.tag.read_bytes().decode("latin-1") if place.tag.is_file() else ""
    return text if re.fullmatch(r"[!-~][ -~]*", text) else None


def _attempt(place: _Place, progress: bool) -> None:
    """One answer of the server, received as far as it comes."""
    url, size, by_hand = place.archive.url, place.archive.size, f"download it by hand to {shown(place.target)}"
    have, tag = _size(place.part), _tag(place)
    headers = {"Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={have}-"} if have else {}
    headers |= {"If-Range": tag} if have and tag else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        status, told = response.status_code, response.headers
        range_ = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", told.get("Content-Range", "").strip())
        start, total = (each and int(each) for each in range_.groups()) if range_ else (None, None)
        if status == 416 and have:  # the part is as long as the file, or belongs to another one
            if have in (size, total):
                return
            place.part.unlink()
            raise requests.ConnectionError("the part already there does not fit the file")
        if status not in (200, 206):
            raise DownloadError(f"{url} answered {status} {response.reason}; if the data set has moved, {by_hand}")
        if status == 206 and start != have:
            place.part.unlink()
            raise DownloadError(
                f"{url} sent bytes from {'an unknown place' if start is None else start} where those from {have} were "
                "asked for, and the part was thrown away; fetch it again"
            )
        if status == 200:
            have, length = 0, told.get("Content-Length")
            if length is not None and not re.fullmatch(r"\d{1,18}", length):
                raise DownloadError(f"{url} gives {shown(length)} as its length, which is no number; try again later")
            total = length and int(length)
            kind = told.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind == "text/html" and not place.target.suffix.startswith(".htm"):
                raise DownloadError(
                    f"{url} answered with a web page instead of the file; log in to your network, or {by_hand}"
                )
            encoding = told.get("Content-Encoding", "identity").strip().lower()
            # of a .gz file some servers say that gzip is its encoding; its bytes are then the file's own
            if encoding != "identity" and place.target.suffix not in (".gz", ".tgz"):
                raise DownloadError(
                    f"{url} was sent in the encoding {shown(encoding)}, which was not asked for; {by_hand}"
                )
        total = size if total is None else total
        if size not in (None, total):
            raise DownloadError(f"{url} has {total} bytes where {size} are expected: it has changed at its source")
        check_space(place.folder, (total or 0) - have)
        if not have:
            place.part.unlink(missing_ok=True)  # before the tag of the new one is written: a kill must not pair the two
            place.tag.unlink(missing_ok=True)
            etag = told.get("ETag", "")
            if tag := etag if etag and not etag.startswith("W/") else told.get("Last-Modified"):
                place.tag.write_bytes(tag.encode("latin-1", "replace"))
        form = {"unit": "B", "unit_scale": True, "unit_divisor": 1024, "disable": not progress}
        with tqdm(total=total, initial=have, desc=place.target.name, **form) as bar, place.part.open("ab") as file:
            while chunk := response.raw.read1(1 << 20):  # what has arrived, so that a break costs nothing
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            disk.sync(file.fileno())
    if total is not None and _size(place.part) != total:
        raise requests.ConnectionError(f"the connection ended after {_size(place.part)} of {total} bytes")
