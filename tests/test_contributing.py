"""What CONTRIBUTING.md shows runs as it stands, in an empty folder, and what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = {
    title: block
    for title, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
}


def test_there_is_an_example_of_each_kind() -> None:
    assert list(BLOCKS) == ["A new method", "A new score", "A new data set", "A new study"]
    assert TEXT.count("```python") == len(BLOCKS)
    assert all("assert " in block for block in BLOCKS.values())


@pytest.mark.parametrize("title", BLOCKS)
def test_an_example_runs_in_an_empty_folder(title: str, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    paths = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    home = {"SPECTRAL_COLLAPSE_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    (tmp_path / "example.py").write_text(BLOCKS[title], encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "SPECTRAL_COLLAPSE_DATA"}
    ran = subprocess.run(
        [sys.executable, "../example.py"], cwd=folder, env=environment | home, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/]+/[\w./]*)`", TEXT))))
def test_the_places_that_are_named_are_there(path: str) -> None:
    known = (ROOT, ROOT / "src" / "spectral_collapse")
    place = path.rpartition("/")[0] if "NAME" in path else path
    assert any((folder / place).exists() for folder in known)


def test_the_commands_that_are_named_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"test", "lint", "book"} <= set(re.findall(r"\bmake ([a-z-]+)\b", TEXT)) <= targets


@pytest.mark.parametrize("title", BLOCKS)
def test_examples_are_written_as_the_rest(title: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(BLOCKS[title], encoding="utf-8")
    settings = ["--config", str(ROOT / "pyproject.toml"), str(tmp_path / "example.py")]
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run([sys.executable, "-m", "ruff", *command, *settings], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
