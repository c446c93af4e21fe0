"""A Sphinx extension for this project's book: pages that need no network, fresh studies, the profile, footers.

Sphinx calls `setup`; `_config.yml` names this module under `extra_extensions`. Two pages are made at a time.
"""

from __future__ import annotations

import html
import os
import re
import signal
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.math import get_node_equation_number
from sphinx.util.parallel import make_chunks

from spectral_collapse import executors, vega
from spectral_collapse.injection import injected

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator

PROFILE = "SPECTRAL_COLLAPSE_PROFILE"
"""Environment variable: the profile for every notebook that has one; without it each keeps its own."""

_SCRIPT = "charts.js"
_AT_ONCE = 2
"""Pages that are made side by side: each has a kernel of its own, so more would ask for much memory."""
_UNDECLARED = ("sphinx_jupyterbook_latex", "sphinx_multitoc_numbering")
"""Extensions of Jupyter Book that do not say whether pages may be read side by side; nothing in them forbids it."""
_SYMBOL = re.compile(r"\bS_(HF|LF|DC|G)\b")
_NOT_TEXT = re.compile(
    r"(<(?:script|style|pre|code|option|math)\b.*?</(?:script|style|pre|code|option|math)>|<[^>]*>)", re.DOTALL
)
_DESCRIBED = 160
"""Characters of a page's description, which search engines cut there."""
_FOOTER = """\
from IPython.display import HTML
from spectral_collapse.findings import footer
HTML(footer.html())
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension."""
    # MathJax would come from another machine; browsers draw MathML by themselves.
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_formula, None))
    app.connect("builder-inited", _prepare)
    app.connect("env-get-outdated", _notebooks)
    app.connect("env-before-read-docs", _side_by_side)
    app.connect("env-updated", _one_by_one)
    app.connect("source-read", _complete)
    app.connect("html-page-context", _describe)
    app.connect("html-page-context", _complete_body)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def with_profile(notebook: str, profile: str) -> str:
    """The text of a notebook with papermill's cell `profile = ...` below its parameters.

    It is shown or hidden as the parameters are. A notebook without a `profile` among them, or with this very one, is
    returned as it is.
    """
    content = nbformat.reads(notebook, as_version=4)
    for index, cell in enumerate(content.cells):
        tags = cell.metadata.get("tags", [])
        if text := injected(cell.source, tags, profile):
            hidden = [tag for tag in tags if tag.endswith("-input")]
            cell = nbformat.v4.new_code_cell(text, metadata={"tags": ["injected-parameters", *hidden]})
            content.cells.insert(index + 1, cell)
            return nbformat.writes(content)
    return notebook


def with_footer(notebook: str) -> str:
    """The text of a notebook with a last cell that shows which results its figures are of."""
    content = nbformat.reads(notebook, as_version=4)
    content.cells.append(nbformat.v4.new_code_cell(_FOOTER, metadata={"tags": ["remove-input"]}))
    return nbformat.writes(content)


def _prepare(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    os.environ[vega.IN_BOOK] = "1"
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / _SCRIPT).write_text(vega.javascript(), encoding="utf-8")


def _notebooks(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Every notebook, always: what it shows also depends on the package and on the stored results."""
    return [name for name in env.found_docs if env.doc2path(name).endswith(".ipynb")]


def _side_by_side(app: Sphinx, env: BuildEnvironment, names: list[str]) -> None:
    """Lets Sphinx read, and so run, two pages at a time, whose kernels share the cores.

    At the profile `paper` one page follows the other: a device has memory for one of its networks. The first page
    collects what the others compute, and is read last.
    """
    root = app.config.root_doc
    others = sorted(set(names) - {root})
    notebooks = [name for name in others if env.doc2path(name).endswith(".ipynb")]
    texts = [name for name in others if name not in notebooks]
    # Sphinx gives each process a run of neighbours: every second notebook first, which take long, and then texts
    size = len(make_chunks(names, _AT_ONCE)[0])
    hands = [notebooks[turn::_AT_ONCE] for turn in range(_AT_ONCE)]
    left = [name for hand in hands for name in hand[size:]] + texts
    ordered = []
    for hand in hands:
        room = max(size - len(hand), 0)
        ordered += hand[:size] + left[:room]
        left = left[room:]
    names[:] = [name for name in (*ordered, *left, root) if name in names]
    if executors.cores() < _AT_ONCE or os.environ.get(PROFILE) == "paper":
        return
    app.parallel = _AT_ONCE
    os.environ[executors.SHARED] = str(_AT_ONCE)
    for name in {*_UNDECLARED} & set(app.extensions):
        app.extensions[name].parallel_read_safe = True
    # ended from outside, Sphinx would leave its processes behind, and they would go on to their last page
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _one_by_one(app: Sphinx, env: BuildEnvironment) -> None:
    """Pages are written one after the other, which takes seconds."""
    app.parallel = 1


def _complete(app: Sphinx, name: str, source: list[str]) -> None:
    if app.env.doc2path(name).endswith(".ipynb"):
        profile = os.environ.get(PROFILE)
        source[0] = with_footer(with_profile(source[0], profile) if profile else source[0])


def with_symbols(page: str) -> str:
    """HTML whose text has the names of scores, such as S_DC, with an index. Code, charts and attributes stay.

    The underscore stays in the text, unseen: what is copied of a table names the column as the library does.
    """
    parts = _NOT_TEXT.split(page)  # text and what is none, by turns
    parts[::2] = [_SYMBOL.sub(r"<i>S</i><span hidden>_</span><sub>\1</sub>", text) for text in parts[::2]]
    return "".join(parts)


def _complete_body(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    if vega.CHART_CLASS in context.get("body", ""):
        app.add_js_file(_SCRIPT, loading_method="defer")
    if "body" in context:
        context["body"] = with_symbols(context["body"])


def _describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Gives a page the description that search engines and links show: its first paragraph."""
    first = next(doctree.findall(nodes.paragraph), None) if doctree else None
    if first is not None:
        text = html.escape(textwrap.shorten(first.astext(), _DESCRIBED, placeholder=" ..."))
        context["metatags"] = f'{context.get("metatags", "")}<meta name="description" content="{text}">\n'


def _inline_formula(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _formula(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})</span>')
    translator.body.append(f"{convert(node.astext(), display='block')}</div>")
    raise nodes.SkipNode
