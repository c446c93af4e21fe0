from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import signal
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import disk, paths, statistics
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.store import results
from spectral_collapse.store.parts import Parts, parts_of, read_arrays
from tests import fresh
from tests.each import each

pytestmark = pytest.mark.usefixtures("home")

LONG = "x" * 5000
PARAMETERS = {"dataset": "photos_x8", "profile": "quick", "seeds": 3, "eta": [0.0, 1e-4]}


def make(value: float = 1.0, **changed: object) -> xr.Dataset:
    attrs = results.provenance(
        study="pareto", parameters=results.canonical({**PARAMETERS, **changed}), origin="made up", seconds=0.5
    )
    scores = np.full((2, 3), value)
    scores[0, 1] = np.nan
    return xr.Dataset(
        {
            "s_hf": (("point", "sample"), scores, {"long_name": "S_HF", "units": "1"}),
            "image": (("point", "row"), np.arange(8, dtype=np.uint8).reshape(2, 4)),
        },
        {"point": ["standard", "TABA 0.04"], "stochastic": ("point", [False, True]), "sample": ["a", "b", "ç"]},
        attrs,
    )


def leftovers() -> list[str]:
    return [path.name for path in paths.results().rglob("*.tmp")]


def test_what_is_saved_is_what_is_loaded() -> None:
    dataset = make()
    file = results.save(dataset)
    assert file.name.startswith("pareto-photos_x8-quick-")
    assert file.parent == paths.results()
    for loaded in (results.get("pareto", PARAMETERS), results.load("pareto", dataset="photos_x8", profile="quick")):
        xr.testing.assert_identical(loaded, dataset)
        assert loaded["image"].dtype == np.uint8
    assert leftovers() == []


def test_every_parameter_is_in_the_key_and_their_order_is_not() -> None:
    known = results.key("pareto", PARAMETERS)
    assert results.key("pareto", dict(reversed(PARAMETERS.items()))) == known
    others = [results.key("pareto", {**PARAMETERS, name: None}) for name in PARAMETERS]
    others += [results.key("other", PARAMETERS), results.key("pareto", {**PARAMETERS, "new": 1})]
    assert len({known, *others}) == len(others) + 1
    with pytest.raises(ValueError, match="JSON"):
        results.key("pareto", {"eta": float("nan")})


def test_load_takes_the_newest_of_those_that_fit() -> None:
    old, new = make(1.0, code="old"), make(2.0, code="new")
    old.attrs["created"], new.attrs["created"] = "2024-01-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"
    results.save(new)
    results.save(old)
    assert float(results.load("pareto", dataset="photos_x8")["s_hf"][1, 0]) == 2.0
    assert float(results.load("pareto", code="old")["s_hf"][1, 0]) == 1.0


@each("parameters", [{}, {"b": [1, 2]}, {"dataset": "photos_x8"}, {"profile": "quick"}])
def test_whatever_is_stored_can_be_loaded(parameters: dict[str, object]) -> None:
    attrs = {"study": "mine", "parameters": results.canonical(parameters)}
    results.save(xr.Dataset({"a": ("x", [1.0])}, attrs=attrs))
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()}
    assert results.load("mine", **given).attrs["parameters"] == attrs["parameters"]
    with pytest.raises(DataError, match="stored are: mine-"):
        results.load("mine", other=1)


def test_a_damaged_result_and_one_of_a_longer_name_do_not_stand_for_a_good_one() -> None:
    results.save(xr.Dataset(attrs={"study": "mine-too", "parameters": "{}"}))
    with pytest.raises(DataError, match=r"no stored result of 'mine'; stored are: mine-too-[0-9a-f]{8}$"):
        results.load("mine")
    results.save(make(code="good"))
    results.save(make(code="bad")).write_bytes(b"hello")
    assert json.loads(results.load("pareto").attrs["parameters"])["code"] == "good"


def test_a_missing_result_says_what_exists_and_how_to_make_it() -> None:
    with pytest.raises(DataError, match=r"stored are: nothing; spectral_collapse.studies.run\('pareto'\) makes it"):
        results.load("pareto")
    stored = results.save(make())
    with pytest.raises(DataError, match=rf"{stored.stem}.*run\('pareto', dataset='bbbc021_x8', seeds=3\)"):
        results.load("pareto", dataset="bbbc021_x8", seeds=3)
    with pytest.raises(DataError, match="no stored result of 'pareto' with seeds=4"):
        results.load("pareto", seeds=4)
    assert results.get("pareto", {**PARAMETERS, "seeds": 4}) is None


def test_a_damaged_result_is_named() -> None:
    """Wherever the damage is: tests/store/test_packing.py."""
    file = results.save(make())
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=rf"{file.name}' is damaged; delete it and run the study again"):
        results.load("pareto", dataset="photos_x8")


def test_parts_are_kept_whole_and_apart_and_cleared(tmp_path: Path) -> None:
    parts = parts_of("pareto", results.key("pareto", PARAMETERS))
    assert parts.get("point00") is None
    arrays = {"s_hf": np.arange(3.0), "image": np.zeros((2, 2), np.uint8), "seconds": np.float64(0.25)}
    parts.put("point00", arrays)
    stored = parts_of("pareto", results.key("pareto", PARAMETERS)).get("point00")
    assert stored.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(stored[name], values)
    parts.clear()
    assert parts.get("point00") is None
    parts.put("point01", arrays)  # another run, still busy, after this one cleared the folder
    assert parts.get("point01") is not None
    parts = Parts(tmp_path)
    names = "taba, seed 0", "taba*, seed 0", "taba  seed 0", "\udc80"
    for number, name in enumerate(names):
        parts.put(name, {"x": np.array(number)})
    assert [int(parts.get(name)["x"]) for name in names] == [0, 1, 2, 3]


def test_a_damaged_part_counts_as_missing_wherever_the_damage_is_and_so_does_anything_with_a_right_digest() -> None:
    parts = parts_of("pareto", "0" * 64)
    parts.put("point00", {"s_hf": np.arange(6.0), "seconds": np.float64(0.25)})
    (file,) = parts.folder.iterdir()
    content = file.read_bytes()
    mutated = [content[:length] for length in range(0, len(content), 7)]
    for place in range(len(content)):
        for mask in (1, 128):
            mutated.append(content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :])
    for damaged in mutated:
        file.write_bytes(damaged)
        assert parts.get("point00") is None
    parts = parts_of("pareto", "1" * 64)
    parts.put("one", {"a": np.arange(3.0)})
    (file,) = parts.folder.iterdir()
    whole = file.read_bytes()[:-32]
    objects, array = io.BytesIO(), io.BytesIO()
    np.savez(objects, a=np.array([{}], object))
    np.save(array, np.ones(3))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.npy", b"junk")
    inside = [stream.getvalue() for stream in (objects, array, archive)]
    for content in (b"", b"junk", b"PK", *inside, whole[:-30], whole[30:]):
        file.write_bytes(content + hashlib.sha256(content).digest())
        assert parts.get("one") is None


def _leave(command: str) -> None:
    """Runs Python code in another process, which kills itself in it."""
    code = f"import os, signal\nfrom pathlib import Path\nfrom spectral_collapse import disk, results\n{command}"
    died = fresh.run(code, Path.cwd(), os.environ)
    assert died.returncode == -signal.SIGKILL, died.stderr


@pytest.mark.processes
def test_what_a_killed_writer_left_is_removed_by_the_next_run_and_a_living_one_is_left_alone() -> None:
    target = results.path("pareto", PARAMETERS)
    kill = "os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    write = f"disk.write(Path({str(target)!r}), b'half')"
    _leave(f"{kill}\n{write}")
    assert len(leftovers()) == 1
    mine = target.with_name(f".{target.name}-{'0' * 32}.tmp")
    foreign = paths.results() / ".notes.tmp"
    foreign.write_text("not ours")
    with open(mine, "xb") as file:
        assert disk.lock(file)
        results.save(make())  # the same file again
        assert sorted(leftovers()) == sorted([mine.name, foreign.name])
    results.save(make())
    assert leftovers() == [foreign.name]


def test_a_renaming_is_on_the_disk_before_the_write_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    sync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def replaced(*names: Path) -> None:
        done.append("renamed")
        replace(*names)

    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not say what a descriptor is of")
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    file = results.save(make())
    assert done[0].endswith(".tmp")
    assert done[1:] == ["renamed", str(file.parent)]


def test_a_folder_that_cannot_be_synchronised_keeps_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(descriptor: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", none)
    results.save(make(3.0))
    assert float(results.get("pareto", PARAMETERS)["s_hf"][1, 0]) == 3.0


def test_a_renamed_result_is_not_taken_for_another() -> None:
    stored = results.save(make(seeds=1))
    stored.rename(results.path("pareto", PARAMETERS))
    with pytest.raises(DataError, match="holds another result than its name says; move it away and run the study"):
        results.get("pareto", PARAMETERS)


def strangers(folder: Path) -> dict[str, int]:
    """Things that are no results, named as if they were, in a folder; how many of them `describe` says what of."""
    folder.mkdir(parents=True, exist_ok=True)
    bare = make()
    for name, attrs in {
        "pareto-bare.nc": {},
        "pareto-text.nc": {**bare.attrs, "seconds": "long"},
        "pareto-escape.nc": {**bare.attrs, "data_source": "\x1b[31mreal", "seconds": 1.0},
        "pareto-list.nc": {**bare.attrs, "created": [1, 2], "data_source": "real"},
        "pareto-parameters.nc": {**bare.attrs, "parameters": "[1", "data_source": "real"},
    }.items():
        bare.drop_attrs().assign_attrs(attrs).to_netcdf(folder / name, engine="h5netcdf")
    (folder / "pareto-link.nc").symlink_to("nowhere")
    (folder / "pareto-loop.nc").symlink_to("pareto-loop.nc")
    (folder / "pareto-folder.nc").mkdir()
    (folder / "pareto-hello.nc").write_bytes(b"hello")
    (folder / "pareto-empty.nc").touch()
    (folder / "pareto-new\nline.nc").write_bytes(b"hello")
    (folder / os.fsdecode(b"pareto-\xff.nc")).write_bytes(b"hello")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pareto-pipe.nc")
    return {"is no result of a study": 4, "is no file": 3 + hasattr(os, "mkfifo"), "is damaged": 4, "real images": 1}


def test_every_thing_in_the_store_gets_one_line() -> None:
    kinds = strangers(paths.results())
    results.save(make().assign_attrs(data_source="real"))
    lines = [results.describe(file) for file in results.stored()]
    assert all(line.isprintable() for line in lines)
    assert {kind: sum(kind in line for line in lines) for kind in kinds} == kinds | {"real images": 2}
    # and nothing of it hides a result, or stands for one
    assert results.load("pareto", profile="quick").sizes["sample"] == 3
    with pytest.raises(DataError, match="no stored result of 'paret'"):
        results.load("paret")


def test_a_result_is_read_while_its_writer_still_has_it_locked_and_says_where_it_is_from() -> None:
    file = results.save(make())
    with open(file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        attrs = results.read(file).attrs
    assert {"study", "parameters", "versions", "git_revision", "created", "seconds"} <= attrs.keys()
    assert json.loads(attrs["versions"])["xarray"] == xr.__version__


@each(
    "wrong",
    [
        {"schema": [1, 2]},
        {"schema": "1"},
        {"schema": 1.5},
        {"study": [1, 2]},
        {"study": 5},
        {"parameters": [1, 2]},
        {"parameters": "[" * 50_000},
        {"parameters": '["dataset"]'},
        {"parameters": "{"},
        {"created": [1.0, 2.0]},
        {"seconds": "long"},
        {"title": 3},
    ],
)
def test_attrs_of_a_wrong_type_are_one_sentence_and_hide_no_other_result(wrong: dict[str, object]) -> None:
    good = make()
    results.save(good)
    attrs = make(code="bad").attrs | {"schema": results.SCHEMA} | wrong
    bad = paths.results() / "pareto-photos_x8-quick-00000000.nc"
    bad.write_bytes(results.encode(good.drop_attrs().assign_attrs(attrs)))
    xr.testing.assert_identical(results.load("pareto"), good)
    with pytest.raises(DataError, match=r"(is of schema|is no result of a study: ).*; delete it and"):
        results.result(bad)
    results.describe(bad)
    if "schema" not in wrong:
        with pytest.raises(InvalidParameterError, match="the attrs of a result: "):
            results.save(good.assign_attrs(wrong))


@each("name", ["../../evil", "/evil", "a/b", "a\\b", ".hidden", "", "a\0b", "a\n", "x" * 300, "c:e"])
def test_a_result_is_written_into_its_store_and_nowhere_else(name: str, home: Path) -> None:
    for attrs in ({"study": name}, {"parameters": results.canonical({"dataset": f"x{name}/"})}):
        before = sorted(home.rglob("*"))
        for keep in (results.save, results.ship):
            with pytest.raises(InvalidParameterError, match="must be short and without separators"):
                keep(make().assign_attrs(attrs))
        assert sorted(home.rglob("*")) == before
    with pytest.raises(InvalidParameterError):
        parts_of(name, "0" * 64)


def test_what_is_no_result_is_not_saved() -> None:
    for given in (None, 5, [], "text", xr.Dataset({"a": 1}), xr.Dataset(attrs={"study": "pareto"})):
        with pytest.raises(InvalidParameterError, match=r"a result (must be|needs)"):
            results.save(given)


def test_what_can_be_no_name_and_no_parameter_is_refused() -> None:
    for wrong in (
        *({"study": name} for name in (None, 5, [])),
        {"study": "pareto", "key": 5},
        *({"study": "a", "foo": foo} for foo in (float("nan"), object(), {1}, np.ones(2), b"a", 10**5000, {(1,): 2})),
    ):
        for stored in (False, True):
            results.save(make()) if stored else [file.unlink() for file in results.stored()]
            with pytest.raises(InvalidParameterError, match=r"must be (a text|what JSON knows)"):
                results.load(**wrong)


def test_long_names_and_many_results_are_told_in_short() -> None:
    for number in range(6):
        results.save(make(code=str(number)))
    for given in ({"study": LONG}, {"study": "pareto", "key": LONG}, {"study": "pareto", LONG: LONG}):
        with pytest.raises(DataError, match=r"no stored result of .*, 2 more"):
            results.load(**given)


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def test_fresh_goes_by_when_a_result_says_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    file = results.save(make())
    monkeypatch.setattr(results, "_saved", {})  # as in another run
    for created, since, expected in (
        (now - 50, now - 100, True),
        (now - 150, now - 100, False),
        (now + 1000, now - 100, False),  # of a machine whose clock is ahead
    ):
        file.write_bytes(results.encode(make().assign_attrs(created=moment(created), schema=results.SCHEMA)))
        monkeypatch.setenv(results.FRESH, str(since))
        for written in (0, now, now + 1e6):  # a copy, a backup, a file server of another opinion
            os.utime(file, (written, written))
            assert (results.get("pareto", PARAMETERS) is not None) is expected
    for created in ("yesterday", "", "9" * 400):
        file.write_bytes(results.encode(make().assign_attrs(created=created, schema=results.SCHEMA)))
        assert results.get("pareto", PARAMETERS) is None
    file.write_bytes(b"hello")  # and is then computed anew
    assert results.get("pareto", PARAMETERS) is None


def test_what_this_run_has_saved_is_fresh_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(results.FRESH, str(time.time() + 1000))
    assert results.get("pareto", PARAMETERS) is None
    results.save(make())
    assert results.get("pareto", PARAMETERS) is not None
    monkeypatch.setenv(results.FRESH, str(time.time() + 2000))  # another run
    assert results.get("pareto", PARAMETERS) is None


def test_a_time_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    file = results.save(make())
    for since in ("nan", "inf", "-inf", "1e400", "yesterday", "1_0_", "x" * 5000, "0x10"):
        monkeypatch.setenv(results.FRESH, since)
        for ask in (lambda: results.get("pareto", PARAMETERS), lambda: read_arrays(file)):
            with pytest.raises(InvalidParameterError, match=r"must be a time in seconds since 1970; .* was given"):
                ask()


def test_parts_are_fresh_by_when_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    now, parts = time.time(), parts_of("pareto", "0" * 64)
    monkeypatch.setenv(results.FRESH, str(now - 100))
    parts.put("one", {"a": np.arange(3.0)})
    (file,) = parts.folder.iterdir()
    for used in (0, now, now + 1e6):  # by whoever has used it since
        os.utime(file, (used, used))
        assert list(parts.get("one")) == ["a"]
    for written, expected in ((now - 150, False), (now + 1000, False), (now - 50, True)):
        with monkeypatch.context() as clock:
            clock.setattr(time, "time", lambda written=written: written)
            parts.put("one", {"a": np.arange(3.0)})
        assert (parts.get("one") is not None) is expected


def test_a_pipe_and_a_device_in_place_of_a_result_are_named() -> None:
    target = results.path("pareto", PARAMETERS)
    target.parent.mkdir(parents=True)
    for make_one in (lambda: os.mkfifo(target), lambda: target.symlink_to("/dev/zero"), target.mkdir):
        make_one()
        with pytest.raises(DataError, match="is damaged"):
            results.get("pareto", PARAMETERS)
        assert read_arrays(target) is None
        target.rmdir() if target.is_dir() else target.unlink()


@each("name", ["x" * 300, "/".join(["y" * 200] * 25)])
def test_a_data_folder_that_is_too_long_is_named(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path / name))
    for ask in (results.stored, lambda: results.load("pareto"), lambda: results.save(make())):
        with pytest.raises(InvalidParameterError, match=r"SPECTRAL_COLLAPSE_HOME is .* too long for a path"):
            ask()


def test_windows_of_fixed_pictures_are_strata_and_those_of_others_groups() -> None:
    """The four pictures of textures are fixed; photographs are drawn anew."""
    for dataset, kind in (("textures_x8", "stratum"), ("photos_x8", "group")):
        made = make(dataset=dataset).assign_coords(sample_group=("sample", ["x", "x", "y"]))
        results.save(made)
        found = results.load("pareto", dataset=dataset)
        assert [name for name in found.coords if name.startswith("sample_")] == [f"sample_{kind}"]
        drawn = len(set(statistics.groups_of(found)))
        assert (statistics.pictures_of(found), drawn) == (2, 3 if kind == "stratum" else 2)
        assert f"sample_{kind}" in results.result(results.ship(found)).coords  # and once more, as it was read
