from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import paths, results
from spectral_collapse.errors import DataError, InvalidParameterError

PARAMETERS = {"dataset": "photos_x8", "profile": "quick", "seeds": 3, "eta": [0.0, 1e-4]}


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))


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


def test_nan_may_not_enter_a_key() -> None:
    with pytest.raises(ValueError, match="JSON"):
        results.key("pareto", {"eta": float("nan")})


def test_load_takes_the_newest_of_those_that_fit() -> None:
    old, new = make(1.0, code="old"), make(2.0, code="new")
    old.attrs["created"], new.attrs["created"] = "2024-01-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"
    results.save(new)
    results.save(old)
    assert float(results.load("pareto", dataset="photos_x8")["s_hf"][1, 0]) == 2.0
    assert float(results.load("pareto", code="old")["s_hf"][1, 0]) == 1.0


@pytest.mark.parametrize("parameters", [{}, {"b": [1, 2]}, {"dataset": "photos_x8"}, {"profile": "quick"}])
def test_whatever_is_stored_can_be_loaded(parameters: dict[str, object]) -> None:
    attrs = {"study": "mine", "parameters": results.canonical(parameters)}
    results.save(xr.Dataset({"a": ("x", [1.0])}, attrs=attrs))
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()}
    assert results.load("mine", **given).attrs["parameters"] == attrs["parameters"]
    with pytest.raises(DataError, match="stored are: mine-"):
        results.load("mine", other=1)


def test_another_study_of_a_longer_name_is_not_taken() -> None:
    results.save(xr.Dataset(attrs={"study": "mine-too", "parameters": "{}"}))
    with pytest.raises(DataError, match=r"no stored result of 'mine'; stored are: mine-too-[0-9a-f]{8}$"):
        results.load("mine")


def test_a_damaged_result_does_not_hide_a_good_one() -> None:
    results.save(make(code="good"))
    results.save(make(code="bad")).write_bytes(b"hello")
    assert json.loads(results.load("pareto").attrs["parameters"])["code"] == "good"


def test_a_missing_result_says_what_exists_and_how_to_make_it() -> None:
    with pytest.raises(DataError, match=r"stored are: nothing; spectral_collapse.studies.pareto.run\(\) makes it"):
        results.load("pareto")
    stored = results.save(make())
    with pytest.raises(DataError, match=rf"{stored.stem}.*run\(dataset='bbbc021_x8', seeds=3\)"):
        results.load("pareto", dataset="bbbc021_x8", seeds=3)
    with pytest.raises(DataError, match="no stored result of 'pareto' with seeds=4"):
        results.load("pareto", seeds=4)
    assert results.get("pareto", {**PARAMETERS, "seeds": 4}) is None


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "flipped"])
def test_a_damaged_result_is_named(damage: str) -> None:
    file = results.save(make())
    content = file.read_bytes()
    if damage == "flipped":  # inside a compressed array, where only the checksum can tell
        dataset = make()
        dataset["noise"] = ("long", np.random.default_rng(0).normal(size=20_000))
        content = results.save(dataset).read_bytes()
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
    file.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"hello"}.get(damage, content))
    with pytest.raises(DataError, match=rf"{file.name}' is damaged; delete it and run the study again"):
        results.load("pareto", dataset="photos_x8")


def test_a_result_without_its_attrs_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="missing: parameters"):
        results.save(make().assign_attrs(parameters=None).drop_attrs().assign_attrs(study="pareto"))


@pytest.mark.parametrize(
    ("failing", "error", "expected"),
    [
        ("fsync", OSError(28, "No space left on device"), DataError),
        ("replace", OSError(28, "No space left on device"), DataError),
        ("fsync", KeyboardInterrupt(), KeyboardInterrupt),
        ("replace", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_full_disk_or_an_interrupt_leaves_the_old_result(
    monkeypatch: pytest.MonkeyPatch, failing: str, error: BaseException, expected: type[BaseException]
) -> None:
    results.save(make(1.0))

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(os, failing, fail)
        with pytest.raises(expected) as caught:
            results.save(make(2.0))
    if expected is DataError:
        assert "No space left on device; the earlier result is untouched" in str(caught.value)
    assert float(results.get("pareto", PARAMETERS)["s_hf"][1, 0]) == 1.0
    assert leftovers() == []


def test_a_really_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    results.save(make(1.0))

    def full(file: Path, mode: str) -> object:
        file.symlink_to("/dev/full")
        return file.open(mode.replace("x", "w"))

    with monkeypatch.context() as broken:
        broken.setattr(results, "open", full, raising=False)
        with pytest.raises(DataError, match="No space left on device"):
            results.save(make(2.0))
    assert float(results.get("pareto", PARAMETERS)["s_hf"][1, 0]) == 1.0
    assert leftovers() == []


def test_parts_are_kept_whole_and_cleared() -> None:
    parts = results.parts("pareto", results.key("pareto", PARAMETERS))
    assert parts.get("point00") is None
    arrays = {"s_hf": np.arange(3.0), "image": np.zeros((2, 2), np.uint8), "seconds": np.float64(0.25)}
    parts.put("point00", arrays)
    stored = results.parts("pareto", results.key("pareto", PARAMETERS)).get("point00")
    assert stored.keys() == arrays.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(stored[name], values)
    parts.clear()
    assert parts.get("point00") is None
    parts.put("point01", arrays)  # another run, still busy, after this one cleared the folder
    assert parts.get("point01") is not None


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
def test_a_damaged_part_counts_as_missing(damage: str) -> None:
    parts = results.parts("pareto", "0" * 64)
    parts.put("point00", {"s_hf": np.random.default_rng(0).normal(size=1000)})
    (file,) = parts.folder.iterdir()
    content = file.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
    file.write_bytes({"truncated": content[:middle], "empty": b"", "flipped": flipped}[damage])
    assert parts.get("point00") is None


def test_code_hash_follows_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert results.code_hash(["sampling", "inversion"]) == results.code_hash(["inversion", "sampling"])
    assert results.code_hash(["sampling"]) != results.code_hash(["sampling", "inversion"])
    with pytest.raises(InvalidParameterError, match=r"no module spectral_collapse\.nowhere"):
        results.code_hash(["nowhere"])
    package = tmp_path / "spectral_collapse_probe"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("X = 1\n")
    import spectral_collapse

    monkeypatch.setattr(spectral_collapse, "__path__", [str(tmp_path)])
    before = results.code_hash(["spectral_collapse_probe"])
    (package / "inner.py").write_bytes(b"X = 1\r\n")
    assert results.code_hash(["spectral_collapse_probe"]) == before
    (package / "inner.py").write_text("X = 2\n")
    assert results.code_hash(["spectral_collapse_probe"]) != before


def test_provenance_is_complete() -> None:
    attrs = make().attrs
    assert {"study", "parameters", "versions", "git_revision", "created", "seconds"} <= attrs.keys()
    assert json.loads(attrs["versions"])["xarray"] == xr.__version__
