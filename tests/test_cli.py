from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import pandas as pd
import pytest

from spectral_collapse import __version__, cli, datasets, results, studies, training
from spectral_collapse.charts import training as charts
from spectral_collapse.errors import CheckpointError
from spectral_collapse.studies import training as networks
from tests.test_results import strangers


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


def test_data_list_tells_real_from_rendered(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_DATA", str(tmp_path))
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    assert cli.main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == set(datasets.DATASETS)
    assert "real, " in lines["photos_x8"]
    assert "rendered; 'spectral-collapse data fetch bbbc021'" in lines["bbbc021_x8"]


def test_data_list_goes_on_past_a_folder_it_cannot_use(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    (tmp_path / "downloads" / "edges2shoes").mkdir(parents=True)
    (tmp_path / "downloads" / "bbbc021").mkdir()
    (tmp_path / "downloads" / "bbbc021" / "manifest.csv").write_bytes(b"\x00\xff")
    assert cli.main(["data", "list"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert set(lines) == set(datasets.DATASETS)
    assert "real, " in lines["photos_x8"]
    assert re.search(r"cannot be used: .*has no images.*'spectral-collapse data fetch edges2sh", lines["edges2shoes"])
    assert "cannot be read as a table" in lines["bbbc021_x16"]


def test_a_reader_that_goes_away_is_no_error() -> None:
    """As `data list | head -0`."""
    command = [sys.executable, "-m", "spectral_collapse.cli", "data", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.close()
        errors = running.stderr.read()
    assert running.returncode == 0
    assert "BrokenPipe" not in errors


def test_another_broken_pipe_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: object, **options: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(studies, "run", run)
    with pytest.raises(BrokenPipeError):
        cli.main(["study", "pareto"])


def test_an_unknown_name_is_one_line_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "fetch", "mnist"]) == 2
    message = one_line(capsys)
    assert all(name in message for name in ("mnist", "bbbc021", "edges2shoes"))
    assert cli.main(["data", "fetch", "bbbc021", "--first", "0"]) == 2
    assert "at least 1" in one_line(capsys)


def test_train_passes_its_options_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = create_autospec(training.train, return_value=tmp_path)
    monkeypatch.setattr(training, "train", train)
    command = ["train", "photos", "--profile", "paper", "--resume", "--steps", "7", "--source", "real"]
    command += ["--root", "there"]
    assert cli.main([*command, "--name", "mine", "--output", "here"]) == 0
    train.assert_called_once_with(
        "photos",
        resume=True,
        steps=7,
        source="real",
        root=Path("there"),
        name="mine",
        output=Path("here"),
        profile="paper",
    )
    assert str(tmp_path) in capsys.readouterr().out


def test_study_training_prints_a_row_per_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attrs = {"study": "training", "parameters": '{"dataset": "photos_x8", "profile": "smoke"}'}
    run = create_autospec(networks.run, return_value=SimpleNamespace(attrs=attrs))
    monkeypatch.setattr(networks, "run", run)
    monkeypatch.setattr(charts, "recipes", lambda _: pd.DataFrame({"Steps": ["7"]}, index=["mine"]))
    monkeypatch.setattr(charts, "table", lambda _: pd.DataFrame({"S_DC": ["0.5"]}, index=["mine"]))
    assert cli.main(["study", "training", "--checkpoints", "photos", "mine", "--profile", "smoke"]) == 0
    run.assert_called_once_with("photos_x8", "smoke", ["photos", "mine"], "auto", None)
    out = capsys.readouterr().out
    assert out.startswith("mine\nSteps      7\nS_DC     0.5")
    assert "training-photos_x8-smoke-" in out


def test_study_pareto_says_where_the_result_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attrs = {"study": "pareto", "parameters": '{"dataset": "photos_x16", "profile": "smoke"}'}
    run = create_autospec(studies.run, return_value=SimpleNamespace(attrs=attrs))
    monkeypatch.setattr(studies, "run", run)
    command = ["study", "pareto", "--dataset", "photos_x16", "--profile", "smoke", "--seeds", "2", "--source", "real"]
    assert cli.main([*command, "--checkpoint", "mine"]) == 0
    given = {"dataset": "photos_x16", "profile": "smoke", "seeds": 2, "checkpoint": "mine", "source": "real"}
    run.assert_called_once_with("pareto", **given, root=None)
    assert "pareto-photos_x16-smoke-" in capsys.readouterr().out


def test_results_list(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xarray as xr

    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    assert cli.main(["results", "list"]) == 0
    assert "nothing is stored" in capsys.readouterr().out
    attrs = results.provenance(study="pareto", parameters='{"dataset":"photos_x8"}', data_source="real", seconds=12.0)
    results.save(xr.Dataset({"a": ("x", [1.0])}, {"x": [0]}, attrs))
    assert cli.main(["results", "list"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("pareto-photos_x8-")
    assert "real images" in line
    (tmp_path / "results" / "a-damaged-one.nc").write_bytes(b"hello")
    assert cli.main(["results", "list"]) == 0
    damaged, still = capsys.readouterr().out.splitlines()
    assert "a-damaged-one.nc' is damaged" in damaged
    assert still == line
    kinds = strangers(tmp_path / "results")
    assert cli.main(["results", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == 2 + sum(kinds.values())
    assert line in listed


def test_what_the_user_can_mend_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: object, **options: object) -> None:
        raise CheckpointError("the checkpoint is empty; train it again")

    monkeypatch.setattr(studies, "run", run)
    assert cli.main(["study", "pareto"]) == 2
    assert one_line(capsys) == "spectral-collapse: the checkpoint is empty; train it again\n"


def test_an_interrupt_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "run", run)
    assert cli.main(["study", "pareto"]) == 130
    assert "interrupted" in one_line(capsys)


def test_study_training_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    attrs = {"study": "training", "parameters": '{"dataset": "photos_x8", "profile": "quick"}'}
    run = create_autospec(networks.run, return_value=SimpleNamespace(attrs=attrs))
    monkeypatch.setattr(networks, "run", run)
    for name in ("recipes", "table"):
        monkeypatch.setattr(charts, name, lambda _: pd.DataFrame())
    assert cli.main(["study", "training"]) == 0
    run.assert_called_once_with("photos_x8", "quick", None, "auto", None)
