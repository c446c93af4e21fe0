from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock, create_autospec

import pytest
import xarray as xr

from spectral_collapse import __version__, cli, datasets, results, training
from spectral_collapse.errors import CheckpointError
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.parameters import describe
from spectral_collapse.studies.study import Study


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
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = replace(datasets.info("photos_x8"), name="mine_x8", title="Mine", open_real=lambda *given: None)
    monkeypatch.setitem(datasets.DATASETS, "mine_x8", mine)
    assert cli.main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == set(datasets.DATASETS)
    assert lines["mine_x8"].endswith("Mine: no images")
    assert "real, " in lines["photos_x8"]
    assert "rendered; 'spectral-collapse data fetch bbbc021'" in lines["bbbc021_x8"]


def test_data_list_goes_on_past_a_folder_it_cannot_use(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "downloads" / "edges2shoes").mkdir(parents=True)
    (home / "downloads" / "bbbc021").mkdir()
    (home / "downloads" / "bbbc021" / "manifest.csv").write_bytes(b"\x00\xff")
    assert cli.main(["data", "list"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert set(lines) == set(datasets.DATASETS)
    assert "real, " in lines["photos_x8"]
    assert re.search(r"cannot be used: .*has no images.*'spectral-collapse data fetch edges2sh", lines["edges2shoes"])
    assert "cannot be read as a table" in lines["bbbc021_x16"]


@pytest.mark.processes
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """As `results list | head -0`."""
    command = [sys.executable, "-m", "spectral_collapse.cli", "results", "list"]
    home = os.environ | {"SPECTRAL_COLLAPSE_HOME": str(tmp_path)}
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.close()
        errors = running.stderr.read()
    assert running.returncode == 0
    assert "BrokenPipe" not in errors


@pytest.mark.processes
def test_an_output_that_is_full_or_closed_is_no_traceback(tmp_path: Path) -> None:
    """As `results list > /dev/full` and `results list >&-`."""
    command = [sys.executable, "-m", "spectral_collapse.cli", "results", "list"]
    home = os.environ | {"SPECTRAL_COLLAPSE_HOME": str(tmp_path)}
    with open("/dev/full", "w") as full:
        found = subprocess.run(command, env=home, stdout=full, stderr=subprocess.PIPE, text=True)
    assert found.returncode == 2
    assert found.stderr == "spectral-collapse: the output is lost: No space left on device\n"
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    found = subprocess.run(closed, env=home, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")


def test_an_interrupt_is_one_line_whatever_becomes_of_it(capsys: pytest.CaptureFixture[str], run: Mock) -> None:
    """Imports and clusters that are interrupted raise errors of their own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # who started this may have it ignored

    def interrupted(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise AssertionError("Status.init") from None

    run.side_effect = interrupted
    assert cli.main(["study", "collapse"]) == 130
    assert one_line(capsys) == "spectral-collapse: interrupted; what was finished is kept\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_what_the_user_or_the_machine_can_mend_is_one_line(capsys: pytest.CaptureFixture[str], run: Mock) -> None:
    less = "fewer images at a time, or smaller ones, need less"
    for error, code, said in (
        (OSError(36, "File name too long", "x" * 999), 2, "spectral-collapse: File name too long: 'xxx"),
        (MemoryError(), 2, less),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, less),
        (RuntimeError("CUDA out of memory"), 2, less),
        (CheckpointError("the checkpoint is empty; train it"), 2, "spectral-collapse: the checkpoint is empty; t"),
        (KeyboardInterrupt, 130, "interrupted"),
    ):
        run.side_effect = error
        assert cli.main(["study", "collapse"]) == code
        assert said in one_line(capsys)
    run.side_effect = BrokenPipeError  # another than that of the output
    with pytest.raises(BrokenPipeError):
        cli.main(["study", "collapse"])


def test_train_passes_its_options_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = create_autospec(training.train, return_value=tmp_path)
    monkeypatch.setattr(training, "train", train)
    command = ["train", "photos", "--profile", "paper", "--resume", "--steps", "7", "--source", "real"]
    command += ["--root", "there", "--device", "cpu", "--minutes", "2.5"]
    assert cli.main([*command, "--name", "mine", "--output", "here"]) == 0
    folders = {"root": Path("there"), "name": "mine", "output": Path("here")}
    given = {"profile": "paper", "resume": True, "steps": 7, "source": "real", "device": "cpu", "minutes": 2.5}
    train.assert_called_once_with("photos", **given, **folders)
    assert str(tmp_path) in capsys.readouterr().out


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """In place of a study's run: what it was asked for."""
    attrs = {"study": "collapse", "parameters": '{"dataset": "photos_x16", "profile": "smoke"}'}
    run = create_autospec(Study.run, return_value=SimpleNamespace(attrs=attrs))
    monkeypatch.setattr(Study, "run", run)
    return run


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_an_option_for_each_parameter(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["study", "--help"])
    listed = " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        cli.main(["study", name, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert STUDIES[name].question in listed
    assert STUDIES[name].question in said
    for field, text in describe(STUDIES[name].parameters).items():
        assert f"--{field.replace('_', '-')} VALUE" in said
        assert " ".join(text.split()) in said


def test_a_study_gets_what_was_typed_and_says_where_the_result_is(
    capsys: pytest.CaptureFixture[str], run: Mock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = ["study", "own_method", "--dataset", "photos_x16", "--profile", "smoke", "--num-steps", "7"]
    command += ["--guidance", "1.5", "--methods", "standard", "bdia", "--root", "1"]
    assert cli.main([*command, "--workers", "2", "--no-progress"]) == 0
    given = {"dataset": "photos_x16", "profile": "smoke", "num_steps": 7, "guidance": 1.5, "root": "1"}
    run.assert_called_once_with(STUDIES["own_method"], "processes:2", False, methods=["standard", "bdia"], **given)
    assert "stored as" not in capsys.readouterr().out  # nothing was stored, as with a network without a hash
    monkeypatch.setattr("spectral_collapse.results.where", lambda *_: [tmp_path])
    assert cli.main(command) == 0
    assert f"stored as {tmp_path}" in capsys.readouterr().out
    assert cli.main(["study", "collapse", "--scheduler", "tcp://somewhere:8786"]) == 0
    run.assert_called_with(STUDIES["collapse"], "tcp://somewhere:8786", True)


def test_methods_may_have_parameters_of_their_own(capsys: pytest.CaptureFixture[str], run: Mock) -> None:
    assert cli.main(["study", "pareto", "--methods", '{"renoise": {"renoise_steps": 2}}', "--eta-lf", "0", "1e-4"]) == 0
    run.assert_called_once_with(
        STUDIES["pareto"], "auto", True, methods={"renoise": {"renoise_steps": 2}}, eta_lf=[0, 1e-4]
    )


def test_a_score_needs_something_to_compare_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["score", str(tmp_path)]) == 2
    assert "give --source, --target or both" in one_line(capsys)
    assert cli.main(["score", str(tmp_path / "none")]) == 2
    assert "does not exist" in one_line(capsys)


def test_a_warning_is_one_line_without_a_place_in_the_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(cli, "main", lambda: 0)
    with pytest.raises(SystemExit):
        cli.command()
    said = warnings.formatwarning("all images are dark", UserWarning, "cli.py", 333, "found = translate(")
    assert said == "spectral-collapse: all images are dark\n"
    assert "FutureWarning: old" in warnings.formatwarning("old", FutureWarning, "a.py", 1)


def test_a_terminal_is_told_what_takes_the_first_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert cli.main(["translate", "nothing", "nowhere", "--output", "out"]) == 2
    assert capsys.readouterr().err.startswith("spectral-collapse: loading the model\n")


@pytest.mark.processes
def test_help_imports_nothing_heavy_and_leaves_the_environment_as_it_is() -> None:
    heavy = {"torch", "diffusers", "numpy", "pandas", "xarray", "altair", "pydantic", "skimage", "requests", "loky"}
    code = "before = dict(os.environ); from spectral_collapse import cli; assert dict(os.environ) == before"
    check = f"import atexit, os, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); {code}"
    check += "; cli.main(sys.argv[1:])"
    for command in (["--help"], ["study", "--help"]):
        found = subprocess.run([sys.executable, "-c", check, *command], capture_output=True, text=True, check=True)
        assert "spectral_collapse.studies" in found.stderr.split()
        assert not heavy & set(found.stderr.split())


def test_results_list(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    assert cli.main(["results", "list"]) == 0
    assert "nothing is stored" in capsys.readouterr().out
    attrs = results.provenance(study="pareto", parameters='{"dataset":"photos_x8"}', data_source="real", seconds=12.0)
    results.save(xr.Dataset({"a": ("x", [1.0])}, {"x": [0]}, attrs))
    assert cli.main(["results", "list"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("pareto-photos_x8-")
    assert "real images" in line
    (home / "results" / "a-damaged-one.nc").write_bytes(b"hello")
    assert cli.main(["results", "list"]) == 0
    damaged, still = capsys.readouterr().out.splitlines()
    assert "a-damaged-one.nc' is damaged" in damaged
    assert still == line
