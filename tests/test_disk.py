from __future__ import annotations

import os
from pathlib import Path

import pytest
import xarray as xr

from spectral_collapse import disk
from spectral_collapse.errors import DataError
from spectral_collapse.store import results
from spectral_collapse.store.parts import Parts
from spectral_collapse.training.history import History
from tests.each import each


def _tree(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text("latin-1") for file in folder.rglob("*") if file.is_file()}


def _filled(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_text(text)
    return folder


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = _filled(tmp_path / "deep" / "folder", "old")
    (folder / "more").write_text("old")
    with disk.replacing(folder) as new:
        (new / "file").write_text("new")
        assert _tree(folder) == {"file": "old", "more": "old"}
    assert _tree(tmp_path) == {"deep/folder/file": "new"}
    with disk.replacing(tmp_path / "new" / "folder") as new:
        (new / "file").write_text("first")
    assert _tree(tmp_path / "new") == {"folder/file": "first"}


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    folder = _filled(tmp_path / "folder", "old")

    def interrupted() -> None:
        with disk.replacing(folder) as new:
            (new / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _tree(tmp_path) == {"folder/file": "old"}


@pytest.mark.parametrize("failing", [1, 2])
def test_an_exchange_that_fails_is_undone(tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, replace, calls = _filled(tmp_path / "folder", "old"), os.replace, []

    def fail(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="Input/output error"), disk.replacing(folder) as new:
        (new / "file").write_text("new")
    assert _tree(tmp_path) == {"folder/file": "old"}


def test_what_a_kill_left_is_put_right(tmp_path: Path) -> None:
    _filled(tmp_path / ".folder.old", "old")  # between the two renames
    _filled(tmp_path / ".folder.new", "new")
    _filled(tmp_path / ".other.new", "of another")
    disk.recover(tmp_path, "folder")
    assert _tree(tmp_path) == {"folder/file": "old", ".other.new/file": "of another"}
    _filled(tmp_path / ".folder.old", "older")  # after both
    _filled(tmp_path / ".folder.gone", "removed in part")
    disk.recover(tmp_path, "folder")
    assert _tree(tmp_path) == {"folder/file": "old", ".other.new/file": "of another"}


def test_a_file_or_a_link_in_the_way_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    kept = _filled(tmp_path / "kept", "kept")
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(kept)
    for name in ("file", "link"):
        with disk.replacing(tmp_path / name) as new:
            (new / "a").write_text("new")
    disk.discard(tmp_path / "file")
    assert _tree(tmp_path) == {"kept/file": "kept", "link/a": "new"}


def test_what_a_kill_left_of_several_folders_is_put_right(tmp_path: Path) -> None:
    for name in (".step-1.new", ".step-1.old", ".step-2.gone", ".other.new", "step-3"):
        (tmp_path / name).mkdir()
    disk.recover(tmp_path, "step-*")
    assert {folder.name for folder in tmp_path.iterdir()} == {"step-1", "step-3", ".other.new"}


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    """A full disk's names none, and that of a temporary file would tell a user nothing."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        disk.write(tmp_path / "folder", b"x")
    assert caught.value.filename == str(tmp_path / "folder")
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space left") as full, disk._named(tmp_path / "a"):
            os.write(os.open("/dev/full", os.O_WRONLY), b"x")
        assert full.value.filename == str(tmp_path / "a")


@each("failing", ["fsync", "replace"])
@each("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_is_one_sentence_and_it_and_an_interrupt_leave_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    result = xr.Dataset(attrs={"study": "mine", "parameters": "{}"})
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    results.save(result)
    before, history = _tree(tmp_path), History()
    history.losses = [1.0]
    monkeypatch.setattr(os, failing, fail)
    for save, name, kept in (
        (lambda: results.save(result.assign_attrs(seconds=1.0)), r"mine-\w+\.nc", "; the earlier file is untouched"),
        (lambda: Parts(tmp_path).put("part", {}), r"part-\w+\.npz", ""),
        (lambda: history.save(tmp_path, {}), r"training\.nc", ""),
    ):
        sentence = rf"^could not write '.*/{name}': No space left on device{kept}$"
        known = (DataError, sentence) if isinstance(error, OSError) else (KeyboardInterrupt, None)
        with pytest.raises(known[0], match=known[1]):
            save()
    assert _tree(tmp_path) == before


def test_what_can_be_written_is_told_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    disk.check_writable(tmp_path / "new" / "deep")
    for place in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(NotADirectoryError) as caught:
            disk.check_writable(place)
        assert caught.value.filename == str(place)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
