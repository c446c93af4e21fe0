"""What every page of the book says, as text, so that a change of a sentence, a verdict or a number shows as a diff.

`python -m tests.findings.golden [PAGE ...]` runs the notebooks' cells on the results that ship and writes one file per
page into `tests/findings/golden`: the Markdown and the claims in full, of tables the first rows, of charts how many
rows each series has. It takes about five minutes on two cores; run it before and after a change of `findings` or
`charts`, and read `git diff`.
"""

from __future__ import annotations

import ast
import contextlib
import html
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
from IPython.display import Markdown

from spectral_collapse import paths
from spectral_collapse.injection import injected
from spectral_collapse.store.shipping import SHOWN

FOLDER = Path(__file__).with_name("golden")
HEAD = 4
"""Rows of a table that are written."""
COMPUTING = ("diagnose", "own_model")
"""Pages that run networks of their own."""


def said(notebook: Path, profile: str = "quick") -> str:
    """What the code cells of a notebook show, as text."""
    cells = json.loads(notebook.read_text())["cells"]
    names: dict[str, Any] = {"__name__": notebook.stem}
    parts = []
    for cell in (one for one in cells if one["cell_type"] == "code"):
        source = "".join(cell["source"])
        for code in (source, injected(source, cell["metadata"].get("tags", ()), profile)):
            value = _run(code, names)
            if shown := _text(value):
                parts.append(shown)
    return "\n\n".join(parts) + "\n"


def _run(code: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line, where that is an expression."""
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None


def _text(value: Any) -> str:
    if isinstance(value, Markdown):
        return _plain(value.data)
    if isinstance(value, pd.DataFrame):
        return _table(value.to_html())
    if isinstance(value, alt.TopLevelMixin):
        return _chart(value)
    markup = getattr(value, "_repr_html_", None)
    return _table(markup()) if markup and (found := markup()) and "<table" in found else ""


def _plain(text: str) -> str:
    """Without the table's tags, a line per row."""
    return _table(text) if "<table" in text else text.strip()


def _table(markup: str) -> str:
    rows = re.findall(r"<tr.*?</tr>", markup, re.DOTALL)
    lines = [" | ".join(_bare(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)) for row in rows]
    keeps = "We measured" in lines[0] or "Verdict" in lines[0]
    return "\n".join(lines if keeps else [*lines[: 1 + HEAD], *([f"({len(lines)} rows)"] * (len(lines) > 1 + HEAD))])


def _bare(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


def _chart(chart: alt.TopLevelMixin) -> str:
    """How many rows with a value each series of each table has."""
    lines = ["chart"]
    for rows in chart.to_dict(validate=False).get("datasets", {}).values():
        table = pd.DataFrame(rows)
        by = [name for name in ("row", "panel", "series", "method") if name in table]
        values = [name for name in ("mean", "low", "high") if name in table]
        if by and values and len(table):
            counts = table.groupby(by, sort=False)[values].count().value_counts(sort=False)
            listed = ", ".join(f"{number} x {'/'.join(map(str, each))}" for each, number in counts.items())
            lines.append(f"{len(table)} rows by {', '.join(by)}; with {', '.join(values)}: {listed}")
        else:
            lines.append(f"{len(table)} rows")
    return "\n  ".join(lines)


def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault(SHOWN, "show")  # as notebooks do
    for notebook in paths.pages():
        if notebook.stem in names or (not names and notebook.stem not in COMPUTING):
            (FOLDER / f"{notebook.stem}.txt").write_text(said(notebook))


if __name__ == "__main__":
    main(sys.argv[1:])
