"""The extension that builds the book, and its glossary words."""

from __future__ import annotations

import html
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace
from sphinx.util.parallel import make_chunks

from spectral_collapse import book, executors, vega
from tests.sphinx_app import sphinx


@pytest.fixture
def _put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the extension sets in its own process, and for its kernels, is as before afterwards."""
    for name in (vega.IN_BOOK, book.PROFILE):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(executors.SHARED, "1")
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


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
    for parameters, tags in (
        ('profile = "smoke"', ["parameters"]),
        ("seeds = 3", ["parameters"]),
        ('profile = ""', []),
    ):
        same = notebook(parameters, tags)
        assert book.with_profile(same, "smoke") == same


def test_a_build_at_smoke_looks_at_two_data_sets() -> None:
    given = 'datasets = ["a", "b", "c"]\nprofile = "quick"'
    for profile, count in (("smoke", 2), ("quick", 3)):
        cells = nbformat.reads(book.with_profile(notebook(given, ["parameters"]), profile), as_version=4).cells
        namespace: dict[str, object] = {}
        exec("\n".join(cell.source for cell in cells[:2]), namespace)
        assert (len(namespace["datasets"]), namespace["profile"]) == (count, profile)


def test_scores_have_their_index_in_text_alone() -> None:
    page = '<p id="S_DC">S_DC, <a title="S_HF">S_HF</a></p><code>S_LF</code><pre><b>S_G</b> S_G</pre> x_S_G S_Gs'
    found = book.with_symbols(page)
    assert re.sub("<.*?>", "", found) == re.sub("<.*?>", "", page)  # what is copied is the library's name
    assert found.count("<sub>") == 2
    assert '<p id="S_DC"><i>S</i><span hidden>_</span><sub>DC</sub>, <a title="S_HF"><i>S</i>' in found


def test_a_page_ends_with_the_results_that_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    cells = nbformat.reads(book.with_footer(notebook("seeds = 3", [])), as_version=4).cells
    assert [cell.source for cell in cells[:-1]] == ["seeds = 3", "print(profile)"]
    assert cells[-1].metadata.tags == ["remove-input"]
    compile(cells[-1].source, "footer", "exec")
    assert "footer.html()" in cells[-1].source


@pytest.mark.usefixtures("_put_back")
def test_the_first_page_is_read_after_those_that_it_collects(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# First\n\n```{toctree}\nnotebook\n```\n")
    (tmp_path / "notebook.md").write_text("# Second\n")
    read: list[str] = []
    with docutils_namespace():  # other tests build with Sphinx in this process too
        app = sphinx(tmp_path, "book")
        app.connect("source-read", lambda app, name, source: read.append(name))
        app.build()
    assert read == ["notebook", "index"]


@pytest.mark.usefixtures("_put_back")
def test_pages_have_formulas_and_chart_scripts_without_a_network(tmp_path: Path) -> None:
    words = f"With `<a few>` words{' and more' * 30}."
    chart = f'<div class="{vega.CHART_CLASS}"></div>'
    (tmp_path / "index.md").write_text(f"# With a chart\n\n{words}\n\n{chart}\n\n```{{toctree}}\nformula\n```\n")
    (tmp_path / "formula.md").write_text("# With formulas\n\nInline $S_0^2$ and\n\n$$\n\\frac{S}{S + s_0^2}\n$$ (eq)\n")
    settings = {"myst_enable_extensions": ["dollarmath"], "html_math_renderer": "mathml"}
    sphinx(tmp_path, "book", settings, warningiserror=True).build()
    chart, formula = ((tmp_path / "out" / f"{name}.html").read_text() for name in ("index", "formula"))
    assert "_static/charts.js" in chart
    assert "_static/charts.js" not in formula
    assert (tmp_path / "out" / "_static" / "charts.js").read_text() == vega.javascript()
    assert formula.count("<math ") == 2
    assert '<span class="eqno">(1)</span>' in formula
    assert not re.search(r'src="https?:', chart + formula)
    assert '<meta name="description" content="With &lt;a few&gt; words' in chart
    [described] = re.findall('<meta name="description" content="(.*?)">', chart)
    assert len(html.unescape(described)) <= 160
    assert described.endswith(" ...")


@pytest.mark.usefixtures("_put_back")
def test_two_pages_are_read_at_a_time_and_their_warnings_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 2)
    names = ["index", *"abcdef"]
    for name in names:
        (tmp_path / f"{name}.md").write_text(f"# {name}\n" + "{nothing}`x`\n" * (name == "f"))
    (tmp_path / "index.md").write_text("# Pages\n\n```{toctree}\n" + "\n".join(names[1:]) + "\n```\n")
    counted = {"warning": None, "warningiserror": True, "keep_going": True}
    app = sphinx(tmp_path, "book", {"html_math_renderer": "mathml"}, **counted)
    log = tmp_path / "log"

    def note(app: Sphinx, name: str, source: list[str]) -> None:
        with log.open("a") as file:
            file.write(f"{os.getpid()} {name}\n")

    app.connect("source-read", note)
    app.build()
    readers, read = zip(*(line.split() for line in log.read_text().splitlines()), strict=True)
    assert sorted(read) == sorted(names)
    assert len(set(readers)) >= 2
    assert str(os.getpid()) not in readers
    assert app.statuscode == 1  # of page f, whose reader is another process
    assert all((tmp_path / "out" / f"{name}.html").is_file() for name in names)
    assert app.parallel == 1  # for the writing


@pytest.mark.usefixtures("_put_back")
def test_each_process_reads_half_of_the_notebooks_first_and_their_kernels_share_the_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 4)
    pages = {f"{name}": f"{name}.ipynb" for name in "abcdef"} | {f"text{n:02}": f"text{n:02}.md" for n in range(28)}
    pages |= {"index": "index.ipynb"}
    undeclared = SimpleNamespace(parallel_read_safe=None)
    config = SimpleNamespace(root_doc="index")
    app = SimpleNamespace(parallel=1, config=config, extensions={"sphinx_multitoc_numbering": undeclared})
    names, env = sorted(pages), SimpleNamespace(doc2path=pages.get)
    book._side_by_side(app, env, names)
    assert sorted(names) == sorted(pages)
    assert names[-1] == "index"
    first, second, *_ = make_chunks(names, 2)
    assert first[:4] == ["a", "c", "e", "text00"]
    assert second[:4] == ["b", "d", "f", f"text{len(first) - 3:02}"]
    assert (app.parallel, undeclared.parallel_read_safe, os.environ[executors.SHARED]) == (2, True, "2")
    with pytest.raises(SystemExit):  # so that the processes which read end too
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("_put_back")
@pytest.mark.parametrize(("cores", "profile"), [(1, "quick"), (8, "paper")])
def test_one_page_follows_another_on_one_core_and_at_paper(
    cores: int, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "cores", lambda: cores)
    monkeypatch.setenv(book.PROFILE, profile)
    app = SimpleNamespace(parallel=1, config=SimpleNamespace(root_doc="index"), extensions={})
    book._side_by_side(app, SimpleNamespace(doc2path=str), ["a"])
    assert (app.parallel, os.environ[executors.SHARED]) == (1, "1")


GLOSSARY = """
# Words

```{glossary}
latent
  The map at the end of an *inversion*.

TABA
  Noise in the first steps.

claim, verdict
  A sentence, and what the numbers say.
```

```{toctree}
page
```
"""
PAGE = """
# On latents

Latents are maps; a latent is met twice. The `TABA` of code, nulatent and taba are no uses,
[a TABA](https://example.org) is
a link already, and TABA* is one. Verdicts come from claims.

| a table of latents |
|---|
| latent |
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("book")
    (folder / "index.md").write_text(GLOSSARY)
    (folder / "page.md").write_text(PAGE)
    with docutils_namespace():
        # without warnings: what another test has registered in this process is registered again
        app = sphinx(folder, "hover", warning=None)
        app.build()
    assert app.statuscode == 0
    return {name: (folder / "out" / f"{name}.html").read_text() for name in ("index", "page")}


def test_the_first_use_of_each_word_leads_to_its_definition(pages: dict[str, str]) -> None:
    links = re.findall(r'<a class="glossary-word[^"]*" href="([^"]*)" title="([^"]*)">(.*?)</a>', pages["page"])
    assert links == [
        ("index.html#term-latent", "The map at the end of an inversion.", "Latents"),
        ("index.html#term-TABA", "Noise in the first steps.", "TABA"),
        ("index.html#term-claim-verdict", "A sentence, and what the numbers say.", "Verdicts"),
    ]


def test_titles_code_links_and_tables_stay(pages: dict[str, str]) -> None:
    assert "<h1>On latents" in pages["page"]
    assert "<td><p>latent</p></td>" in pages["page"]
    assert '<a class="reference external" href="https://example.org">a TABA</a>' in pages["page"]


def test_a_glossary_explains_itself_only_once(pages: dict[str, str]) -> None:
    assert "glossary-word" not in pages["index"]
