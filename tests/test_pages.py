"""What pages ask of their studies, what of it ships, and how it comes to ship."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from spectral_collapse import cli, inversion, pages, paths
from spectral_collapse.errors import DataError
from spectral_collapse.store import results, shipping
from spectral_collapse.store.identity import identity
from spectral_collapse.studies import ledger
from tests.studies.test_study import STUDY, ran

LISTED = [("a", 2.0), ("a", 3.0), ("b", 4.0), ("b", 2.0), ("c", 2.0), ("c", 6.0)]
"""Page, and a parameter of a result that it shows: four results on three pages."""


@pytest.fixture
def book(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A book of the pages of `LISTED`, and what leaves pages of these names alone in it."""

    def only(names: str) -> None:
        given = {"log": str(home / "log")}
        pages_of = [(page, STUDY, given | {"base": base}) for page, base in LISTED if page in names]
        monkeypatch.setattr(pages, "asked", lambda profile: [(*one, w | {"profile": profile}) for *one, w in pages_of])

    only("abc")
    return only


def bases(needs: list[pages.Need]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for need in needs:
        found[need.pages] = found.get(need.pages, 0) + 1
    return found


def test_every_result_of_every_page_is_listed_and_nothing_is_computed(home: Path, book: Callable[[str], None]) -> None:
    needs = pages.needed("quick")
    assert bases(needs) == {("a", "b", "c"): 1, ("a",): 1, ("b",): 1, ("c",): 1}
    assert {need.state.kind for need in needs} == {"missing"}
    assert ran(home / "log") == []
    assert results.stored() == []
    assert ledger.USED == {}
    smoke = pages.needed("smoke")
    assert {need.name for need in smoke}.isdisjoint(need.name for need in needs)


def test_update_computes_what_is_missing_and_removes_what_no_page_shows(
    home: Path, book: Callable[[str], None]
) -> None:
    book("b")
    made, failed = pages.update("quick", "here", False)
    assert (len(made), failed) == (2, [])
    jobs = len(ran(home / "log"))
    book("abc")
    made, failed = pages.update("quick", "here", False)
    assert (len(made), failed) == (2, [])
    assert len(ran(home / "log")) == jobs + 2 * 4
    needs = pages.needed("quick")
    assert {need.state.kind for need in needs} == {"stored"}
    assert {need.state.file for need in needs} == set(results.shipped())
    assert pages.problems(needs) == []
    assert pages.update("quick", "here", False) == ([], [])
    assert len(ran(home / "log")) == jobs + 2 * 4
    book("a")
    assert [name.partition("  ")[2] for name in pages.problems(pages.needed("quick"))] == ["is shown by no page"] * 2
    pages.update("quick", "here", False)
    assert len(results.shipped()) == 2
    book("b")
    pages.update("smoke", "here", False)
    assert len(results.shipped()) == 4  # those of another profile stay


def test_update_goes_on_past_a_study_that_fails_and_replaces_a_damaged_file(
    home: Path, book: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spectral_collapse.studies.study import Study

    run = Study.run

    def fails(study: Study, *where: object, **given: object) -> object:
        if given["base"] == 3.0:
            raise DataError("no images")
        return run(study, *where, **given)

    with monkeypatch.context() as broken:
        broken.setattr(Study, "run", fails)
        made, [sentence] = pages.update("quick", "here", False)
    assert len(made) == 3
    assert sentence.endswith(": no images")
    damaged = results.shipped()[0]
    damaged.write_bytes(b"hello")
    [problem] = [text for text in pages.problems(pages.needed("quick")) if "damaged" in text]
    assert damaged.name in problem
    made, failed = pages.update("quick", "here", False)
    assert (len(made), failed) == (2, [])
    assert pages.problems(pages.needed("quick")) == []


def test_too_much_is_a_problem(home: Path, book: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    book("a")
    pages.update("quick", "here", False)
    monkeypatch.setattr(pages, "LIMIT", 100)
    [problem] = pages.problems(pages.needed("quick"))
    assert problem.endswith("MB ship, and 0 MB may")


def test_without_a_checkout_there_are_no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "pages", lambda: [])
    with pytest.raises(DataError, match="there are no notebooks here"):
        pages.needed("quick")


def test_the_command_line_lists_checks_and_updates(
    home: Path, book: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke = ["--profile", "smoke"]  # whose jobs are not worth processes
    assert cli.main(["results", "status", *smoke]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("missing: it does not ship" in line for line in lines)
    assert last == "0 of 4 results that the pages show at smoke ship; 0.0 MB ship"
    assert cli.main(["results", "status", "--check", *smoke]) == 2
    assert "4 problems with what ships, which 'make results' solves: powers-smoke-" in capsys.readouterr().err
    monkeypatch.delenv(results.FRESH, raising=False)
    assert cli.main(["results", "update", "--no-progress", *smoke]) == 0
    assert "4 results were made to ship" in capsys.readouterr().out
    assert cli.main(["results", "status", "--check", *smoke]) == 0
    jobs = len(ran(home / "log"))
    monkeypatch.setenv(results.FRESH, "0")  # put back after the test; the option sets it
    assert cli.main(["results", "update", "--no-progress", "--fresh", *smoke]) == 0
    assert len(ran(home / "log")) == 2 * jobs
    assert float(os.environ[results.FRESH]) > 0


def page(folder: Path, name: str, *cells: tuple[str, str]) -> Path:
    """A notebook of cells with a tag each."""
    made = [nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}) for source, tag in cells]
    file = folder / f"{name}.ipynb"
    file.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)))
    return file


METHOD = """\
from dataclasses import dataclass
from spectral_collapse import inversion
from spectral_collapse.inversion import InversionMethod

@dataclass(frozen=True)
class Mine(InversionMethod):
    size: float = 2.0

    def step(self, run, x):
        return [self.size * one for one in x]

inversion.METHODS["mine"] = Mine
"""


@pytest.mark.processes
def test_a_method_of_a_page_is_known_while_its_results_are_looked_up_and_is_that_of_its_kernel(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "import json\nfrom spectral_collapse.store.identity import identity\nprint(json.dumps(identity(Mine())))"
    done = subprocess.run([sys.executable, "-c", METHOD + said], check=True, capture_output=True, text=True)
    monkeypatch.setattr(paths, "pages", lambda: [page(home, "a", (METHOD, "method"), ("1 / 0", "later"))])
    with pages.methods_of("b"):
        assert "mine" not in inversion.METHODS
    with pages.methods_of("a"):
        assert identity(inversion.METHODS["mine"]()) == json.loads(done.stdout)
    assert "mine" not in inversion.METHODS


def test_pages_say_what_they_show() -> None:
    """The parameters of a page's first cell count, those of its study alone, and smoke takes fewer data sets."""
    asked = {profile: pages.asked(profile) for profile in ("quick", "smoke")}
    quick = [given for page, study, given in asked["quick"] if page == "pca"]
    assert len(quick) == 5
    assert quick[0] == {
        **{"profile": "quick", "source": "auto", "root": None, "images": None, "methods": None},
        "dataset": "bbbc021_x8",
    }
    assert len([page for page, *_ in asked["smoke"] if page == "pca"]) == 2
    assert {given["profile"] for _, _, given in asked["smoke"]} == {"smoke"}
    assert {page for page, *_ in asked["quick"]} == {file.stem for file in paths.pages()} - {*pages._SUMS}


def test_what_the_books_pages_show_ships_and_their_format_is_the_one_that_is_read() -> None:
    """A warning here, since results take hours; `make release-check` fails."""
    found = pages.problems(pages.needed())
    if found:
        warnings.warn(
            f"{len(found)} problems with what ships, which 'make results' solves:\n" + "\n".join(found), stacklevel=1
        )
    for notebook in paths.pages():
        assert json.loads(notebook.read_text())["nbformat"] == 4


SLOW = ("torch", "diffusers", "transformers", "accelerate")
PAGE = """
import json, pathlib, sys
from spectral_collapse.findings import footer
cells = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))["cells"]
exec("\\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"))
assert "computed here" not in footer.html()
print([name for name in sys.argv[2:] if name in sys.modules])
"""


@pytest.mark.processes
@pytest.mark.parametrize("name", ["backbone", "pca"])
def test_a_page_of_stored_results_waits_for_no_library_of_networks(name: str) -> None:
    """They take longer to import than all else that a page does. The first has scores with weights and all methods."""
    notebook = next(file for file in paths.pages() if file.stem == name)
    environment = os.environ | {shipping.SHOWN: "show"}
    command = [sys.executable, "-W", "ignore", "-c", PAGE, str(notebook), *SLOW]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr[-2000:]
