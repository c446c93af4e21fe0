from __future__ import annotations

import re

import pytest
from sphinx.util.docutils import docutils_namespace

from tests.sphinx_app import sphinx

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
