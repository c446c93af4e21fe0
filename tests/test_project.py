"""The project's own files agree with each other."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from spectral_collapse import paths

ROOT = Path(__file__).parents[1]
NOTEBOOKS = paths.pages()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAKEFILE = (ROOT / "Makefile").read_text()


def pinned(file: str = "constraints.txt") -> dict[str, str]:
    """Name -> version of every line of a file of constraints."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    found = {}
    for line in lines:
        name, version = line.split("==")  # nothing but exact versions
        found[canonicalize_name(name)] = version
    return found


def direct() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in (*PROJECT["dependencies"], *(text for extra in extras for text in extra))]


def test_every_direct_dependency_is_pinned_within_its_bounds_and_the_oldest_versions_are_the_lower_bounds() -> None:
    pins, oldest = pinned(), pinned("constraints-oldest.txt")
    for requirement in direct():
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(pins[name]), name
        [lowest] = [Version(one.version) for one in requirement.specifier if one.operator == ">="]
        assert Version(oldest[name]) == lowest, name
    assert pins["torch"] == "2.13.0"  # no local tag: the CPU build is taken where one is at hand
    assert pins["torchvision"] == "0.28.0"
    assert pins["jupyter-book"].startswith("1.")
    assert "entry-points" not in PROJECT  # installing it adds nothing to other programs


def test_conda_users_get_the_same_set_as_make_installs() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    [python] = [entry for entry in environment["dependencies"] if str(entry).startswith("python=")]
    assert Requirement(f"python>={python.split('=')[1]}").specifier.contains("3.11")
    [by_pip] = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    [constraints] = re.findall(r"^\$\(READY\): \S+ (\S+)$", MAKEFILE, re.MULTILINE)
    [install] = re.findall(r"pip install .* --editable '(\S+)'", MAKEFILE)
    assert by_pip == [f"-c {constraints}", f"-e {install}"]
    assert set(re.findall(r"\w+", install)) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_stored_without_outputs_and_take_literal_parameters(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    [parameters] = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    names: dict[str, object] = {}
    exec("".join(parameters["source"]), {"__builtins__": {}}, names)  # literals need no builtins
    assert names
    said = [name for name in names if re.search(rf"^{name} = .*  # \w", "".join(parameters["source"]), re.MULTILINE)]
    assert {*names} - {*said} <= {"methods", "second"}  # of several lines; papermill lists the others with their words


def test_a_downloaded_notebook_needs_no_file_of_the_checkout() -> None:
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text())["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        files = re.findall(r"""["'](?:\.{1,2}/|data/|book/|notebooks/|src/)|\b(?:open|Path)\(|\btests\b""", code)
        assert not files, path.name


def test_the_book_has_every_notebook() -> None:
    contents = (ROOT / "_toc.yml").read_text()
    assert NOTEBOOKS
    names = [path.relative_to(ROOT).with_suffix("") for path in NOTEBOOKS]
    assert all(f" {str(name).removeprefix('book/')}\n" in contents for name in names)


CHECKPOINTS = sorted((ROOT / "data" / "checkpoints").glob("*/card.json"))


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.parent.name)
def test_what_ships_was_trained_by_the_recipe_of_its_name(path: Path) -> None:
    from spectral_collapse.training import recipes
    from spectral_collapse.training.relay import listed

    trained = json.loads(path.read_text())["recipe"]
    trained["autoencoder"] = trained["autoencoder"] or ""  # None in the autoencoder's older card
    found = recipes.get(trained["name"], trained.get("profile", "quick"))
    if found.profile == "gpu":  # the time decided how many steps were made
        assert path.parent == listed([found.name], "gpu")[0].output
        found = found.replace(steps=trained["steps"])
    else:
        assert (path.parent.name, found.profile) == (found.name, "quick")
    recipe = found.model_dump(mode="json")
    if recipe["precision"] == "auto":  # the card has what that was on the machine
        recipe["precision"] = trained["precision"]
    assert {key: recipe[key] for key in trained} == trained
    later = set(recipe) - set(trained)  # fields that there were not yet, at what was done without them
    usual = {name: recipes.Recipe.model_fields[name].default for name in later}
    assert {name: recipe[name] for name in later} == usual or path.parent.name == "autoencoder"


def test_weights_are_of_the_size_that_is_allowed() -> None:
    weights = list((ROOT / "data" / "checkpoints").rglob("*.safetensors"))
    assert CHECKPOINTS
    assert sum(file.stat().st_size for file in weights) <= 45e6


def test_the_readmes_commands_exist_and_are_understood() -> None:
    readme = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(
        re.findall(r"\bmake ([a-z-]+)\b", "\n".join(re.findall(r"`[^`]+`|^    .*|^make.*", readme, re.MULTILINE)))
    )
    assert {"book", "results", "release-check", "test", "lint", "bench", "clean"} <= named
    assert named <= targets
    for notebook in re.findall(r"notebooks/(\w+\.ipynb)", readme):
        assert (ROOT / "notebooks" / notebook).is_file()
    from spectral_collapse.cli import _parser

    readme = (ROOT / "README.md").read_text() + (ROOT / "book" / "guides" / "commands.md").read_text()
    commands = re.findall(r"^(?:    )?spectral-collapse ([^#\n|]+)", readme, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        _parser(command.split()).parse_args(command.split())


def test_the_version_is_the_same_everywhere() -> None:
    from spectral_collapse import __version__

    changes = (ROOT / "CHANGELOG.md").read_text()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changes, re.MULTILINE)[0] == __version__


MODULES = re.findall(r"automodule:: (\S+)", (ROOT / "book" / "reference.md").read_text(encoding="utf-8"))
PUBLIC = {
    "processes": ["VariancePreserving", "VarianceExploding", "FlowMatching"],
    "denoisers": ["Prediction", "NetworkDenoiser", "GaussianDenoiser"],
    "inversion": ["METHODS", "create", "Inversion", "InversionMethod", "OVG"],
    "sampling": ["sample"],
    "translation": ["translate"],
    "metrics": ["SCORES", "ScoreInfo", "evaluate", "s_hf", "s_lf", "s_dc", "s_g"],
    "datasets": ["DATASETS", "load", "fetch"],
    "networks": ["Model", "load_model", "model_from_pipeline"],
    "training": ["train"],
    "studies": ["STUDIES", "run"],
    "studies.study": ["Study"],
    "results": ["load", "save"],
}
"""The names that notebooks and readers rely on."""


def names(module: ModuleType) -> list[str]:
    """What `automodule` shows of a module: what it lists in `__all__`, else what it defines."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return list(getattr(module, "__all__", [name for name in own if not name.startswith("_")]))


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    path = f"spectral_collapse.{module}"
    assert path in MODULES
    assert set(PUBLIC[module]) <= set(names(import_module(path)))


@pytest.mark.parametrize("path", MODULES)
def test_every_name_in_the_reference_says_what_it_is(path: str) -> None:
    module = import_module(path)
    assert inspect.getdoc(module)
    for name in names(module):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
            assert not value.__doc__.startswith(f"{name}("), f"{name}: a dataclass without a docstring of its own"
