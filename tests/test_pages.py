"""What pages ask of their studies, what of it ships, and how it comes to ship."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest

from spectral_collapse import cli, inversion, pages, paths
from spectral_collapse.errors import DataError
from spectral_collapse.store import results, shipping
from spectral_collapse.studies import ledger
from tests.studies.test_study import ran

IMPORT = "from tests.studies.test_study import STUDY\nfrom spectral_collapse import inversion"
PARAMETERS = 'profile = "quick"\nbases = [2.0, 3.0]'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.setattr(ledger, "USED", {})
    return tmp_path


def page(folder: Path, name: str, *cells: str) -> Path:
    made = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    made += [nbformat.v4.new_code_cell(cell) for cell in (IMPORT, *cells)]
    file = folder / f"{name}.ipynb"
    file.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)))
    return file


@pytest.fixture
def book(home: Path) -> list[Path]:
    """Three pages: results are handed on, looked into, and shared; the last takes what there is."""
    log = f"log={str(home / 'log')!r}"
    first = f"found = [STUDY.run(profile=profile, base=base, {log}) for base in bases]\nfirst = found[0]"
    looks = "first['value'].values\nfirst\nfor value in first['value']: print(value)\nsecond = first + 1"
    own = "inversion.METHODS['mine'] = None"
    second = f"second if 'mine' in inversion.METHODS else STUDY.run(profile=profile, {log})"
    collects = f"kept = [STUDY.stored(profile=profile, base=base, {log}) for base in (2.0, 5.0)]\nkept[0]['value']"
    lacks = f"if kept[1] is None: STUDY.run(profile=profile, base=6.0, {log})"
    return [
        page(home, "a", first, looks, own),
        page(home, "b", f"second = STUDY.run(profile=profile, base=4.0, {log})", second),
        page(home, "c", collects, lacks),
    ]


def bases(needs: list[pages.Need]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for need in needs:
        found[need.pages] = found.get(need.pages, 0) + 1
    return found


def test_every_result_of_every_page_is_listed_and_nothing_is_computed(home: Path, book: list[Path]) -> None:
    needs = pages.needed("quick", book)
    # a: bases 2 and 3; b: 4, and 2 since the method of page a is gone; c: 2, which a page makes, and 6 in place of 5
    assert bases(needs) == {("a", "b", "c"): 1, ("a",): 1, ("b",): 1, ("c",): 1}
    assert {need.state.kind for need in needs} == {"missing"}
    assert "mine" not in inversion.METHODS
    assert ran(home / "log") == []
    assert results.stored() == []
    assert ledger.USED == {}
    smoke = pages.needed("smoke", book)
    assert {need.name for need in smoke}.isdisjoint(need.name for need in needs)


def test_update_computes_what_is_missing_and_removes_what_no_page_shows(home: Path, book: list[Path]) -> None:
    made, failed = pages.update("quick", "here", False, book[1:2])
    assert (len(made), failed) == (2, [])
    jobs = len(ran(home / "log"))
    made, failed = pages.update("quick", "here", False, book)
    assert (len(made), failed) == (2, [])
    assert len(ran(home / "log")) == jobs + 2 * 4
    needs = pages.needed("quick", book)
    assert {need.state.kind for need in needs} == {"stored"}
    assert {need.state.file for need in needs} == set(results.shipped())
    assert pages.problems(needs) == []
    assert pages.update("quick", "here", False, book) == ([], [])
    assert len(ran(home / "log")) == jobs + 2 * 4
    fewer = pages.needed("quick", book[:1])
    assert [name.partition("  ")[2] for name in pages.problems(fewer)] == ["is shown by no page"] * 2
    pages.update("quick", "here", False, book[:1])
    assert len(results.shipped()) == 2
    pages.update("smoke", "here", False, book[1:2])
    assert len(results.shipped()) == 4  # those of another profile stay


def test_update_goes_on_past_a_study_that_fails_and_replaces_a_damaged_file(
    home: Path, book: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spectral_collapse.studies.study import Study

    answer = Study.answer

    def fails(study: Study, request: object, *arguments: object) -> object:
        if request.parameters.base == 3.0:
            raise DataError("no images")
        return answer(study, request, *arguments)

    monkeypatch.setattr(Study, "answer", fails)
    made, [sentence] = pages.update("quick", "here", False, book)
    assert len(made) == 3
    assert sentence.endswith(": no images")
    monkeypatch.undo()
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(home))
    damaged = results.shipped()[0]
    damaged.write_bytes(b"hello")
    [problem] = [text for text in pages.problems(pages.needed("quick", book)) if "damaged" in text]
    assert damaged.name in problem
    made, failed = pages.update("quick", "here", False, book)
    assert (len(made), failed) == (2, [])
    assert pages.problems(pages.needed("quick", book)) == []


def test_too_much_is_a_problem(home: Path, book: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pages.update("quick", "here", False, book[:1])
    monkeypatch.setattr(pages, "LIMIT", 100)
    [problem] = pages.problems(pages.needed("quick", book[:1]))
    assert problem.endswith("MB ship, and 0 MB may")


def test_an_error_in_a_page_is_not_hidden(home: Path) -> None:
    with pytest.raises(NameError):
        pages.needed("quick", [page(home, "a", "STUDY.run(base=undefined)")])
    with pytest.raises(DataError, match="there are no notebooks here"):
        pages.needed("quick", [])


def test_the_command_line_lists_checks_and_updates(
    home: Path, book: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    smoke = ["--profile", "smoke"]  # whose jobs are not worth processes
    monkeypatch.setattr(paths, "pages", lambda: sorted(home.glob("*.ipynb")))
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


OWN = """\
from dataclasses import dataclass
from spectral_collapse.studies.study import Study
from tests.studies.test_study import Powers, combine, jobs

@dataclass(frozen=True)
class Mine:
    size: float = 2.0

    def grown(self, x):
        return [self.size * one for one in x]
"""


def test_a_page_with_a_method_of_its_own_has_the_key_that_its_kernel_gives(home: Path) -> None:
    own = 'Study("powers", "", Powers, jobs, combine, uses=lambda request: [Mine()]).run(profile="smoke")'
    notebook = page(home, "a", OWN, own)
    subprocess.run([sys.executable, "-m", "IPython", str(notebook)], check=True, capture_output=True)
    [need] = pages.needed("smoke", [notebook])
    assert [f"{need.name}.nc"] == [file.name for file in results.stored()]
    edited = page(home, "b", OWN.replace("self.size *", "self.size +"), own)
    assert pages.needed("smoke", [edited])[0].name != need.name


def test_what_the_books_pages_show_ships() -> None:
    """A warning here, since results take hours; `make release-check` fails."""
    found = pages.problems(pages.needed())
    if found:
        warnings.warn(
            f"{len(found)} problems with what ships, which 'make results' solves:\n" + "\n".join(found), stacklevel=1
        )


def test_pages_that_sum_up_show_nothing_that_no_chapter_does() -> None:
    needs = pages.needed("smoke")
    [*_, last] = paths.pages()
    assert last.stem == "index"
    shown = [need for need in needs if "index" in need.pages]
    assert {need.name.partition("-")[0] for need in shown} >= {"collapse", "benchmark"}
    assert not [need.name for need in needs if set(need.pages) <= {"index", "verdicts", "choose"}]


def test_the_notebook_format_is_the_one_that_is_read() -> None:
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


@pytest.mark.parametrize("name", ["backbone", "pca"])
def test_a_page_of_stored_results_waits_for_no_library_of_networks(name: str) -> None:
    """They take longer to import than all else that a page does. The first has scores with weights and all methods."""
    notebook = next(file for file in paths.pages() if file.stem == name)
    environment = os.environ | {shipping.SHOWN: "show"}
    command = [sys.executable, "-W", "ignore", "-c", PAGE, str(notebook), *SLOW]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr[-2000:]
