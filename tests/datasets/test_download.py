"""Downloads and archives that are as they should be; those that are not are in test_bad_inputs.py too."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from spectral_collapse.datasets import download
from spectral_collapse.datasets.download import Archive, fetch
from spectral_collapse.errors import DownloadError
from tests.each import each

from .server import Server, tarred, zipped

CONTENT = bytes(range(256)) * 40_000  # 10 MB: more than a chunk, so that a break falls inside


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def contents(folder: Path) -> list[str]:
    """What there is beside the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != download._LOCK)


def test_downloads_checks_and_is_content_with_what_is_there(server: Server, tmp_path: Path) -> None:
    archive = server.offer("images.bin", CONTENT, sha256=sha256(CONTENT), size=len(CONTENT))
    [path] = fetch([archive], tmp_path / "new", progress=False)
    assert path.read_bytes() == CONTENT
    fetch([archive], tmp_path / "new", progress=False)
    assert len(server.ranges) == 1
    assert contents(tmp_path / "new") == ["images.bin"]


def test_goes_on_in_a_later_call(server: Server, tmp_path: Path) -> None:
    archive = server.offer("images.bin", CONTENT, sha256=sha256(CONTENT))
    server.break_after = [5_000_000] + [0] * download._ATTEMPTS
    with pytest.raises(DownloadError, match="it broke"):
        fetch([archive], tmp_path, progress=False)
    kept = (tmp_path / "images.bin.part").stat().st_size
    assert kept == 5_000_000  # every byte that arrived
    [path] = fetch([archive], tmp_path, progress=False)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={kept}-"
    assert contents(tmp_path) == ["images.bin"]


def test_what_is_there_is_checked_and_needs_no_more_bytes(server: Server, tmp_path: Path) -> None:
    archive = server.offer("images.bin", CONTENT, sha256=sha256(CONTENT), size=len(CONTENT))
    (tmp_path / "images.bin.part").write_bytes(CONTENT)
    [path] = fetch([archive], tmp_path, progress=False)
    assert path.read_bytes() == CONTENT
    asked = [*server.ranges]
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(DownloadError, match="has 10239999 bytes where 10240000 belong"):
        fetch([archive], tmp_path, progress=False)
    (tmp_path / "images.bin").write_bytes(CONTENT)
    fetch([archive], tmp_path, progress=False)
    assert server.ranges == asked


def test_a_wrong_hash_a_wrong_size_and_a_full_disk_leave_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = server.offer("images.bin", CONTENT, sha256=sha256(b"something else"))
    with pytest.raises(DownloadError, match="does not have the sha256"):
        fetch([archive], tmp_path, progress=False)
    assert contents(tmp_path) == []
    archive = server.offer("images.bin", CONTENT, size=len(CONTENT) + 1)
    with pytest.raises(DownloadError, match=r"has 10240000 bytes where 10240001 are expected"):
        fetch([archive], tmp_path, progress=False)
    assert contents(tmp_path) == []
    archive = server.offer("images.bin", CONTENT)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(DownloadError, match=r"GiB are needed in .* make room"):
        fetch([archive], tmp_path, progress=False)
    assert contents(tmp_path) == []


def test_an_unpublished_hash_is_written_down_and_binds(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = server.offer("images.bin", CONTENT)
    [path] = fetch([archive], tmp_path)
    assert sha256(CONTENT) in "".join(capsys.readouterr())
    assert (tmp_path / "images.bin.sha256").read_text() == f"{sha256(CONTENT)}  images.bin\n"
    path.write_bytes(b"other bytes")
    with pytest.raises(DownloadError, match="delete it to have it downloaded again"):
        fetch([archive], tmp_path, progress=False)
    path.unlink()
    archive = server.offer("images.bin", b"published anew")
    with pytest.raises(DownloadError, match=r"of the first download .* delete '.*images\.bin\.sha256' to accept"):
        fetch([archive], tmp_path, progress=False)
    (tmp_path / "images.bin.sha256").unlink()
    fetch([archive], tmp_path, progress=False)
    assert path.read_bytes() == b"published anew"


def test_offline_says_in_one_sentence_what_to_do(server: Server, tmp_path: Path) -> None:
    archive = server.offer("images.zip", b"")
    server.stop()
    with pytest.raises(DownloadError) as caught:
        fetch([archive], tmp_path, progress=False)
    message = str(caught.value)
    assert "no connection" in message
    assert all(part in message for part in (archive.url, str(tmp_path / "images.zip"), "SPECTRAL_COLLAPSE_DATA"))


def test_a_refusal_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="404"):
        fetch([Archive(f"{server.address}/gone.zip", "gone.zip")], tmp_path, progress=False)
    assert len(server.ranges) == 1


@each(
    ("name", "pack"),
    [
        ("plate.zip", zipped),
        ("plate.tar", tarred),
        ("plate.tar.gz", lambda members: tarred(members, mode="w:gz")),
        ("plate.tar.xz", lambda members: tarred(members, mode="w:xz")),
        ("plate.tar.bz2", lambda members: tarred(members, mode="w:bz2")),
    ],
)
def test_unpacks_once_and_remembers(
    server: Server, tmp_path: Path, name: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    members = {"Week1/a.tif": b"a" * 5000, "Week1/deep/b.tif": b"b"}
    server.forget()
    archive = server.offer(name, pack(members))
    [path] = fetch([archive], tmp_path, progress=False)
    assert {name: (tmp_path / name).read_bytes() for name in members} == members
    path.unlink()  # 30 GB of archives need not stay
    (tmp_path / "Week1" / "a.tif").write_bytes(b"touched")
    fetch([archive], tmp_path, progress=False)
    assert len(server.ranges) == 1
    assert (tmp_path / "Week1" / "a.tif").read_bytes() == b"touched"


def test_two_archives_may_share_a_folder(server: Server, tmp_path: Path) -> None:
    first, second = (server.offer(f"{name}.zip", zipped({f"Week1/{name}.tif": b"x"})) for name in "ab")
    fetch([first, second], tmp_path, progress=False)
    assert contents(tmp_path / "Week1") == ["a.tif", "b.tif"]
