"""What CONTRIBUTING.md and the book's guides show runs as it stands, in an empty folder; what they name is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fresh

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GUIDES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "book" / "guides").glob("*.md"))}
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def blocks(texts: dict[str, str]) -> dict[str, str]:
    """The Python in each text, by its title, of several pieces with their number."""
    found = {
        title: re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for title, text in texts.items()
    }
    return {
        f"{title} {number}" if len(several) > 1 else title: block
        for title, several in found.items()
        for number, block in enumerate(several, 1)
    }


BLOCKS = blocks(SECTIONS)
TOLD = {"commands", "own", "index"}
"""Guides that say where things are, and have no code of their own."""
COMMANDS = re.findall(r"^```console\n(.*?)^```", GUIDES["diagnose"], re.MULTILINE | re.DOTALL)
MODELS = blocks({"diagnose": GUIDES["diagnose"]})
EXAMPLES = BLOCKS | blocks({title: text for title, text in GUIDES.items() if title != "diagnose"})


def test_there_is_an_example_of_each_kind_and_the_commands_that_are_named_are_there() -> None:
    assert list(BLOCKS) == ["A new method", "A new score", "A new data set", "A new study"]
    assert TEXT.count("```python") == len(BLOCKS)
    assert list(EXAMPLES) == [*BLOCKS, "model", "two-models"]
    assert all("assert " in block for block in EXAMPLES.values())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"test", "lint", "book"} <= set(re.findall(r"\bmake ([a-z-]+)\b", TEXT)) <= targets


def test_a_guide_of_the_book_has_code_that_is_tested() -> None:
    """The examples above, included by their headings, not copied."""
    assert set(GUIDES) == {*TOLD, "diagnose", "model", "two-models", "data", "method", "score", "study"}
    for name in set(GUIDES) - {*TOLD, "diagnose", "model", "two-models"}:
        begin, *end = re.findall(r':(?:start-after|end-before): "## (.+)"', GUIDES[name])
        titles = list(SECTIONS)
        assert begin in BLOCKS
        assert end == titles[titles.index(begin) + 1 :][:1]


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_runs_in_an_empty_folder(title: str, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "SPECTRAL_COLLAPSE_DATA"}
    ran = fresh.run(EXAMPLES[title], folder, environment | {"SPECTRAL_COLLAPSE_HOME": str(tmp_path / "home")})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


@pytest.mark.parametrize(("model", "commands"), [*zip(MODELS.values(), COMMANDS, strict=True)], ids=MODELS)
def test_the_commands_of_the_guide_run_in_an_empty_folder(model: str, commands: str, tmp_path: Path) -> None:
    called = [shlex.split(line)[1:] for line in commands.splitlines()]
    run = f"{model}\nfrom spectral_collapse import cli\n" + "".join(
        f"assert cli.main({[*one, '--device', 'cpu']}) == 0\n" for one in called
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    ran = fresh.run(run, folder, os.environ | {"SPECTRAL_COLLAPSE_HOME": str(tmp_path / "home")})
    assert ran.returncode == 0, ran.stderr
    assert "The latents" in ran.stdout or "These images" in ran.stdout
    report, outputs = (one[one.index("--output") + 1] for one in called[:2])
    assert (folder / f"{report}.html").stat().st_size > 9e5  # the scripts that draw it
    assert list((folder / outputs).rglob("*.png"))


def test_the_places_that_are_named_are_there() -> None:
    for path in re.findall(r"`([\w/]+/[\w./]*)`", TEXT):
        place = path.rpartition("/")[0] if "NAME" in path else path
        assert any((folder / place).exists() for folder in (ROOT, ROOT / "src" / "spectral_collapse")), path


def test_examples_are_written_as_the_rest(tmp_path: Path) -> None:
    for number, code in enumerate((EXAMPLES | MODELS).values()):
        (tmp_path / f"example_{number}.py").write_text(code, encoding="utf-8")
    settings = ["--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run([sys.executable, "-m", "ruff", *command, *settings], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
