"""Counts the pages and charts of the built book; fails when one that `_toc.yml` promises is missing or empty."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHARTS = {
    "notebooks/introduction": 4,
    "notebooks/data": 3,
    "notebooks/networks": 10,
    "notebooks/gaussian": 6,
    "notebooks/decomposition": 5,
    "notebooks/appendix_c": 2,
    "notebooks/scores": 12,
    "notebooks/pareto": 2,
    "notebooks/own_model": 1,
}
"""At least this many charts on these pages."""
WORDS = 40
"""Fewer than this on any page, and its text is missing."""


def main(book: Path) -> int:
    contents = (Path(__file__).parents[1] / "_toc.yml").read_text()
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
        if words < WORDS or charts < CHARTS.get(page, 0):
            problems.append(f"{page}: {words} words, {charts} charts")
    if not (book / "_static" / "charts.js").is_file():
        problems.append("_static/charts.js is missing")
    print(f"the book has {len(pages)} pages and {total} charts")
    print(*problems, sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
