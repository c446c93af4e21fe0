"""Below a page: which results its figures are of, where they come from, and how to have them."""

from __future__ import annotations

import html as markup
from collections import Counter
from collections.abc import Mapping

import pandas as pd

from spectral_collapse import paths
from spectral_collapse.findings.measured import data_title
from spectral_collapse.studies import ledger


def table() -> pd.DataFrame:
    """A row per result that studies handed over in this process."""
    return pd.DataFrame([_row(entry) for entry in ledger.USED.values()])


def sentence() -> str:
    """How many results this page shows, where they come from, and what is wrong with what ships; '' without results."""
    entries = list(ledger.USED.values())
    if not entries:
        return ""
    counted = Counter(entry.how for entry in entries)
    whence = ", ".join(f"{number} {how}" for how, number in counted.items())
    whence = whence if len(counted) > 1 else f"all {next(iter(counted))}" if len(entries) > 1 else next(iter(counted))
    said = [f"This page shows {len(entries)} {'result' if len(entries) == 1 else 'results'}, {whence}."]
    older = sum(entry.state.kind == "other code" and entry.how == "loaded" for entry in entries)
    if older:
        said.append(f"{older} of them {'was' if older == 1 else 'were'} made by an earlier version of the code.")
    for (kind, why), number in Counter((entry.state.kind, entry.state.why) for entry in entries).items():
        if kind == "missing":
            said.append(f"{number} of them {'is' if number == 1 else 'are'} not included with the book.")
        elif kind in ("stale", "damaged"):
            said.append(f"Of {number} of them {why}.")
    if old := dict.fromkeys(_title(entry.attrs) for entry in entries if entry.outlines):
        said.append(f"In older results of {' and '.join(old)}, S_LF compares outlines, which is the paper's rule.")
    said += dict.fromkeys(str(entry.attrs["withheld"]) for entry in entries if "withheld" in entry.attrs)
    return " ".join(said)


MANY = 13
"""A page of more results does not list them."""


def html() -> str:
    """`sentence`, and `table` behind it, to be opened, with links to published files; of more than `MANY` results the
    number."""
    if not ledger.USED:
        return ""
    if len(ledger.USED) > MANY:
        said = f"{len(ledger.USED)} results: <code>spectral-collapse results status</code>"
        return f'<p class="spectral-collapse-results">{said}</p>'
    with pd.option_context("display.max_colwidth", None):
        rows = table().map(markup.escape)
        rows["In Python"] = "<code>" + rows["In Python"] + "</code>"
        if any(links := [_link(entry) for entry in ledger.USED.values()]):
            rows["File"] = links
        shown = rows.to_html(index=False, escape=False, border=0)
    return (
        '<details class="spectral-collapse-results"><summary><strong>Results behind this page.</strong> '
        f"{markup.escape(sentence())}</summary>\n{shown}\n</details>"
    )


def _link(entry: ledger.Entry) -> str:
    """A link to a result's file, where it ships and is known to be published."""
    ships = entry.state.kind == "stored" and entry.state.file is not None
    address = paths.published(entry.state.file) if ships else ""
    return f'<a href="{markup.escape(address)}">netCDF</a>' if address else ""


def _title(attrs: Mapping[str, str]) -> str:
    return data_title(attrs.get("title", ""), attrs.get("data_source", "real"))


def _row(entry: ledger.Entry) -> dict[str, str]:
    attrs, key = entry.attrs, entry.key[:8]
    pictures = f" of {entry.pictures} pictures" if 0 < entry.pictures < entry.images else ""
    revision = attrs.get("git_revision", "")
    return {
        "Study": entry.study,
        "Data": _title(attrs),
        "Images": f"{entry.images}{pictures}" if entry.images else "",
        "Key": key,
        "Date": attrs["created"][:10],
        "Commit": revision[:7] + ("+" if revision.endswith("+") else ""),
        "Here": entry.how,
        "In Python": f'results.load("{entry.study}", key="{key}")',
    }
