from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from spectral_collapse import book, vega


def notebook(parameters: str, tags: list[str]) -> str:
    cells = [
        nbformat.v4.new_code_cell(parameters, metadata={"tags": tags}),
        nbformat.v4.new_code_cell("print(profile)"),
    ]
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def test_the_profile_goes_below_the_parameters() -> None:
    for hidden in ([], ["remove-input"]):
        text = book.with_profile(notebook('profile = "quick"', ["parameters", *hidden]), "smoke")
        cells = nbformat.reads(text, as_version=4).cells
        assert [cell.source for cell in cells] == [
            'profile = "quick"',
            '# Parameters\nprofile = "smoke"\n',
            "print(profile)",
        ]
        assert cells[1].metadata["tags"] == ["injected-parameters", *hidden]


def test_a_build_at_smoke_looks_at_two_data_sets() -> None:
    given = 'datasets = ["a", "b", "c"]\nprofile = "quick"'
    for profile, count in (("smoke", 2), ("quick", 3)):
        cells = nbformat.reads(book.with_profile(notebook(given, ["parameters"]), profile), as_version=4).cells
        namespace: dict[str, object] = {}
        exec("\n".join(cell.source for cell in cells[:2]), namespace)
        assert (len(namespace["datasets"]), namespace["profile"]) == (count, profile)


def test_a_page_ends_with_the_results_that_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    cells = nbformat.reads(book.with_footer(notebook("seeds = 3", [])), as_version=4).cells
    assert [cell.source for cell in cells[:-1]] == ["seeds = 3", "print(profile)"]
    assert cells[-1].metadata.tags == ["remove-input"]
    compile(cells[-1].source, "footer", "exec")
    assert "footer.html()" in cells[-1].source


@pytest.mark.parametrize(("parameters", "tags"), [("seeds = 3", ["parameters"]), ('profile = "quick"', [])])
def test_other_notebooks_stay_as_they_are(parameters: str, tags: list[str]) -> None:
    text = notebook(parameters, tags)
    assert book.with_profile(text, "smoke") == text


def test_the_first_page_is_read_after_those_that_it_collects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(vega.IN_BOOK, "")
    (tmp_path / "index.md").write_text("# First\n\n```{toctree}\nnotebook\n```\n")
    (tmp_path / "notebook.md").write_text("# Second\n")
    read: list[str] = []
    settings = {"extensions": ["myst_parser", "spectral_collapse.book"]}
    with docutils_namespace():  # other tests build with Sphinx in this process too
        app = Sphinx(tmp_path, None, tmp_path / "out", tmp_path / "trees", "html", settings, status=None)
        app.connect("source-read", lambda app, name, source: read.append(name))
        app.build()
    assert read == ["notebook", "index"]


def test_pages_have_formulas_and_chart_scripts_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(vega.IN_BOOK, "")  # the extension sets it for its kernels; put back afterwards
    (tmp_path / "index.md").write_text(
        f'# With a chart\n\n<div class="{vega.CHART_CLASS}"></div>\n\n```{{toctree}}\nformula\n```\n'
    )
    (tmp_path / "formula.md").write_text("# With formulas\n\nInline $S_0^2$ and\n\n$$\n\\frac{S}{S + s_0^2}\n$$ (eq)\n")
    app = Sphinx(
        tmp_path,
        None,
        tmp_path / "out",
        tmp_path / "trees",
        "html",
        confoverrides={
            "extensions": ["myst_parser", "spectral_collapse.book"],
            "myst_enable_extensions": ["dollarmath"],
            "html_math_renderer": "mathml",
        },
        status=None,
        warningiserror=True,
    )
    app.build()
    chart, formula = ((tmp_path / "out" / f"{name}.html").read_text() for name in ("index", "formula"))
    assert "_static/charts.js" in chart
    assert "_static/charts.js" not in formula
    assert (tmp_path / "out" / "_static" / "charts.js").read_text() == vega.javascript()
    assert formula.count("<math ") == 2
    assert '<span class="eqno">(1)</span>' in formula
    assert not re.search(r'src="https?:', chart + formula)
