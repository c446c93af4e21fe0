"""Counts the pages and charts of the built book; fails when one that `_toc.yml` promises is missing or empty, or a
notebook's does not say which results it shows.

With a file behind the folder, of what `spectral-collapse results status` printed, it fails, too, when a page shows a
result that this list lacks.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

WORDS = 40
"""Fewer than this on any page, and its text is missing."""

ROOT = Path(__file__).parents[1]


def notebook(page: str) -> Path:
    """What a page is made of, if it is made of a notebook."""
    return ROOT / "book" / f"{page}.ipynb"


def figures(page: str) -> int:
    """How many charts a page has at least: a notebook's cells with a caption."""
    cells = json.loads(notebook(page).read_text())["cells"] if notebook(page).is_file() else []
    return sum("figure" in cell["metadata"].get("mystnb", {}) for cell in cells)


def not_listed(book: Path, listed: Path) -> list[str]:
    """Results that pages show and that the list of what ships does not know, which was made without computing."""
    known = {*re.findall(r"-(\w{8})(?:\.nc\.xz)?(?:  |: )", listed.read_text())}
    shown = {
        file.stem: re.findall(r"key=&quot;(\w+)&quot;", file.read_text())
        for file in (book / "index.html", *book.glob("notebooks/*.html"))
    }
    return [f"{page}: shows {key}, which is not listed" for page, keys in shown.items() for key in {*keys} - known]


def main(book: Path, listed: Path | None = None) -> int:
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
        computes = page == "notebooks/diagnose"  # a diagnosis is no study
        if notebook(page).is_file() and not computes and 'class="spectral-collapse-results"' not in article:
            problems.append(f"{page}: nothing says which results it shows")
    if not (book / "_static" / "charts.js").is_file():
        problems.append("_static/charts.js is missing")
    problems += not_listed(book, listed) if listed else []
    print(f"the book has {len(pages)} pages and {total} charts")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
