from __future__ import annotations

import nbformat
import pytest

from spectral_collapse import book


def notebook(parameters: str, tags: list[str]) -> str:
    cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": tags}),
        nbformat.v4.new_code_cell("print(profile)"),
    ]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def test_the_profile_goes_below_the_parameters() -> None:
    text = book.with_profile(notebook('profile = "quick"', ["parameters"]), "smoke")
    sources = [cell.source for cell in nbformat.reads(text, as_version=4).cells]
    assert sources == ['profile = "quick"', '# Parameters\nprofile = "smoke"\n', "print(profile)"]


@pytest.mark.parametrize(("parameters", "tags"), [("seeds = 3", ["parameters"]), ('profile = "quick"', [])])
def test_other_notebooks_stay_as_they_are(parameters: str, tags: list[str]) -> None:
    text = notebook(parameters, tags)
    assert book.with_profile(text, "smoke") == text
