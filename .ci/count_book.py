"""Counts the pages and charts of the built book; fails when one that `_toc.yml` promises is missing or empty,
or a notebook's does not say which results it shows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

WORDS = 40
"""Fewer than this on any page, and its text is missing."""

ROOT = Path(__file__).parents[1]


def figures(page: str) -> int:
    """How many charts a page has at least: a notebook's cells with a caption."""
    notebook = ROOT / f"{page}.ipynb"
    cells = json.loads(notebook.read_text())["cells"] if notebook.is_file() else []
    return sum("figure" in cell["metadata"].get("mystnb", {}) for cell in cells)


def main(book: Path) -> int:
    contents = (ROOT / "_toc.yml").read_text()
    pages = re.findall(r"(?:root|file): (\S+)", contents)
    problems = []
    total = 0
    for page in pages:
        file = book / f"{page}.html"
        text = file.read_text() if file.is_file() else ""
        [article] = re.findall(r"<article.*?</article>", text, re.DOTALL) or [""]
        words = len(re.sub(r"<script.*?</script>|<[^>]+>", " ", article, flags=re.DOTALL).split())
        charts = article.count('class="spectral-collapse-chart"')
        total += charts
        if words < WORDS or charts < figures(page):
            problems.append(f"{page}: {words} words, {charts} charts")
        if page.startswith("notebooks/") and 'class="spectral-collapse-results"' not in article:
            problems.append(f"{page}: nothing says which results it shows")
    if not (book / "_static" / "charts.js").is_file():
        problems.append("_static/charts.js is missing")
    print(f"the book has {len(pages)} pages and {total} charts")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
