"""What a user can get wrong at the command line and in papermill, and the sentence that each gets.

Further ones are in tests/test_bad_inputs_api.py (arguments of methods, processes and scores), in
tests/datasets/test_bad_inputs.py (images, tables, archives) and in tests/networks/test_checkpoints.py (checkpoints).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spectral_collapse import cli, studies
from spectral_collapse.errors import SpectralCollapseError
from spectral_collapse.studies.notebook import parameters

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, some files that are no good, and this folder as the current one."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("hello")
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


COMMANDS: dict[str, str] = {
    "data fetch mnist": "unknown data set to download 'mnist'; known are: bbbc021, edges2shoes",
    "data fetch bbbc021 --first 0": "first must be a whole number of at least 1; 0 was given",
    "train nothing": "unknown recipe 'nothing'; known are: autoencoder, ",
    "train photos --profile smoke --steps 0": "steps must be greater than or equal to 1; 0 was given",
    "train textures --profile smoke --root missing": "root names 'missing', which is not a folder; name one or",
    "train photos --profile smoke --output file": "is a file; name a folder for the checkpoint",
    "train photos --profile smoke --output loop/x": "loop",
    "train photos --profile smoke": "no checkpoint 'autoencoder'; shipped are: none",
    "study gaussian --dataset mnist": "unknown data set 'mnist'; known are: bbbc021_x8, ",
    "study gaussian --profile smoke --no-progress --workers 0": "the number of processes must be an integer of at",
    "study gaussian --num-steps two": "num_steps must be a valid integer; 'two' was given",
    'study pareto --methods {"ovg"': "is no JSON object",
    'study pareto --methods {"renoise":{"speed":2}}': "unknown parameter of method 'renoise': 'speed'; known are: ",
    "study pareto --eta-hf much": "eta_hf.0 must be a valid number; 'much' was given",
    "study pareto --checkpoint empty": "the folder 'empty' has no config.json, so there is no network in it",
    "study pareto --checkpoint ~nobody-of-this-name/x": "there is no such home folder; write the folder in full",
    "study pareto --size 50": "size must be a multiple of 32; 50 was given",
    "study pareto --root missing": "root names 'missing', which is not a folder; name one or",
    "study pareto --dataset photos_x8 --source rendered": "'photos_x8' has real images only: use source='real' or",
}

REFUSED: dict[str, str] = {
    "": "the following arguments are required: COMMAND",
    "study nothing": "invalid choice: 'nothing'",
    "study gaussian --wings 2": "unrecognized arguments: --wings 2",
    "study gaussian --workers two": "argument --workers: invalid int value: 'two'",
    "data fetch bbbc021 --first some": "argument --first: invalid int value: 'some'",
}
"""What argparse says, below its line of usage."""

INJECTED: list[tuple[str, dict[str, Any], str]] = [
    ("pareto", {"sedes": 3}, "unknown notebook parameter 'sedes'; known are: profile, "),
    ("gaussianity", {"datasets": ["mnist"]}, "unknown data set 'mnist'; known are: "),
    ("gaussianity", {"datasets": []}, "datasets must name at least one data set, each of them once; [] was given"),
    ("gaussianity", {"datasets": ["photos_x8"] * 2}, "datasets must name at least one data set, each of them once"),
    ("gaussianity", {"methods": ["nothing"]}, "methods: unknown method 'nothing'; known are: standard, "),
    ("scores", {"profile": None}, "profile must be 'smoke', 'quick' or 'paper'; None was given"),
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_answers_in_one_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    [said] = err.splitlines()
    assert said.startswith("spectral-collapse: ")
    assert COMMANDS[line] in said
    assert len(said) < 530
    assert "after validation" not in said  # what pydantic adds of a list whose items are wrong


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_no_command_gets_one_line_that_names_its_help(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    [said] = capsys.readouterr().err.splitlines()
    assert REFUSED[line] in said
    assert said.endswith("--help' says what there is")


@pytest.mark.parametrize(("notebook", "given", "sentence"), INJECTED, ids=str)
def test_a_parameter_of_papermill_gets_one_sentence(notebook: str, given: dict[str, Any], sentence: str) -> None:
    """As in papermill: the defaults, the injected cell, then the code that asks for the study."""
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text())["cells"]
    [defaults] = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    injected = "# Parameters\n" + "".join(f"{name} = {value!r}\n" for name, value in given.items())
    variables: dict[str, Any] = {}
    exec(defaults + "\n" + injected, variables)
    study = studies.STUDIES[notebook]
    run = study.each if "datasets" in variables else study.run
    with pytest.raises(SpectralCollapseError, match=re.escape(sentence)):
        run(**parameters(study, variables, [injected]))


@pytest.mark.processes
def test_papermill_shows_the_sentence_and_no_traceback_of_ours(tmp_path: Path) -> None:
    out = tmp_path / "out.ipynb"
    given = [str(NOTEBOOKS / "gaussian.ipynb"), str(out), "-p", "profile", "large"]
    ran = subprocess.run([sys.executable, "-m", "papermill", *given], capture_output=True, text=True)
    assert ran.returncode != 0
    sentence = "InvalidParameterError: profile must be 'smoke', 'quick' or 'paper'; 'large' was given"
    cells = json.loads(out.read_text())["cells"]
    [error] = [output for cell in cells for output in cell.get("outputs", []) if output["output_type"] == "error"]
    assert error["traceback"] == [sentence]
    assert sentence in ran.stderr
    assert "spectral_collapse/" not in ran.stderr
