"""Records of networks that do not ship, on a network of random weights that a training might have left."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import paths, recording, results
from spectral_collapse.errors import CheckpointError, DataError
from spectral_collapse.findings import networks as findings
from spectral_collapse.studies import benchmark
from spectral_collapse.training.history import FILE
from tests.benchmark_study import made

METHODS = ("standard", "taba", "ovg", "ovg+taba")


def result(study: str, **given: object) -> xr.Dataset:
    shifts = {name: {"hf_excess": -0.5} if name == "standard" else {} for name in METHODS}
    parameters = {"dataset": "bbbc021_x8", "profile": "quick", **given}
    return made(shifts).assign_attrs(title="Cells", study=study, parameters=results.canonical(parameters))


@pytest.fixture
def trained(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a training leaves, and studies that compute nothing."""
    folder = paths.runs() / "cells-again" / "model"
    folder.mkdir(parents=True)
    for name in ("config.json", "card.json"):
        (folder / name).write_text(json.dumps({"family": "bbbc021"}))
    (folder / FILE).write_bytes(b"curves")
    asked = {}

    def run(study: object, **given: object) -> xr.Dataset:
        asked[study.name] = given
        return result(study.name)

    monkeypatch.setattr(type(benchmark.STUDY), "run", run)
    monkeypatch.setattr(recording, "asked", asked, raising=False)
    return folder


def test_a_record_has_the_card_the_curves_and_both_results(trained: Path) -> None:
    folder = recording.record(trained, "bbbc021_x8", profile="quick")
    assert folder == paths.records() / "cells-again"
    assert json.loads((folder / "card.json").read_text()) == {"family": "bbbc021"}
    assert (folder / FILE).read_bytes() == b"curves"
    asked = recording.asked
    assert asked["networks"]["checkpoints"] == [str(trained)]
    assert asked["benchmark"]["checkpoint"] == str(trained)
    assert asked["benchmark"]["profile"] == asked["networks"]["profile"] == "quick"
    for study in ("benchmark", "networks"):
        ((name, found),) = recording.recorded(study).items()
        assert name == "cells-again"
        assert found.attrs["title"] == "Cells, cells-again"
        np.testing.assert_allclose(found["s_dc"], result(study)["s_dc"], rtol=2e-6)  # rounded as what ships
    assert not paths.shipped().exists()


def test_a_record_replaces_the_one_before_and_a_failure_leaves_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recording.record(trained, "bbbc021_x8")
    (folder / "benchmark-old-quick-00000000.nc.xz").write_bytes(b"old")
    recording.record(trained, "bbbc021_x8")
    assert len(list(folder.glob("*.nc.xz"))) == 2
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}

    def broken(study: object, **given: object) -> xr.Dataset:
        raise DataError("no images")

    monkeypatch.setattr(type(benchmark.STUDY), "run", broken)
    with pytest.raises(DataError):
        recording.record(trained, "bbbc021_x8")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == kept


def test_what_no_training_made_is_refused(trained: Path) -> None:
    (trained / FILE).unlink()
    with pytest.raises(CheckpointError, match=r"has no training.nc; name the checkpoint of a training"):
        recording.record(trained, "bbbc021_x8")


def test_nothing_is_recorded_where_nothing_was(trained: Path) -> None:
    assert recording.recorded("benchmark") == {}
    assert findings.again({}).empty


def test_the_other_training_stands_below_the_one_that_ships(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(type(benchmark.STUDY), "stored", lambda _, **given: asked.append(given) or result("benchmark"))
    table = findings.again({"cells-again": result("benchmark")})
    assert asked == [{"dataset": "bbbc021_x8", "profile": "quick"}]
    assert [name for _, name in table.index] == ["bbbc021", "cells-again"]
    # log energies: 0.5 - 0.5 for the standard inversion, 0.5 for the others, 1 for the targets; noise of 0.05
    for column, expected in (("standard", -1.0), ("TABA", -0.5), ("OVG", -0.5), ("OVG + TABA", -0.5)):
        shown = table[column].iloc[1]
        assert float(shown.split()[0]) == pytest.approx(np.exp(expected), abs=0.03)
    monkeypatch.setattr(type(benchmark.STUDY), "stored", lambda _, **given: None)
    assert findings.again({"cells-again": result("benchmark")}).empty
