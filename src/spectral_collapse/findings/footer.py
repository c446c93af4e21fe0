"""Below a page: which results its figures are of, where they come from, and how to have them."""

from __future__ import annotations

import html as markup
from collections import Counter

import pandas as pd

from spectral_collapse.studies import ledger


def table() -> pd.DataFrame:
    """A row per result that studies handed over in this process: columns Study, Data, Images, Key, Date, Commit, Here,
    In Python."""
    return pd.DataFrame([_row(entry) for entry in ledger.USED.values()])


def sentence() -> str:
    """How many results this page shows, how many were loaded, and why the others were computed; '' without results."""
    entries = list(ledger.USED.values())
    if not entries:
        return ""
    loaded = sum(entry.how == "loaded" for entry in entries)
    first = f"This page shows {len(entries)} stored {'result' if len(entries) == 1 else 'results'}"
    first += f", {loaded} of them loaded." if loaded < len(entries) else ", loaded."
    apart = Counter(entry.state.why for entry in entries if entry.state.kind != "stored")
    return " ".join([first, *(f"{number} of them: {why}." for why, number in apart.items())])


def html() -> str:
    """`sentence`, and `table` behind it, to be opened; '' without results."""
    if not ledger.USED:
        return ""
    with pd.option_context("display.max_colwidth", None):
        rows = table().map(markup.escape)
        rows["In Python"] = "<code>" + rows["In Python"] + "</code>"
        shown = rows.to_html(index=False, escape=False, border=0)
    return (
        '<details class="spectral-collapse-results"><summary>Results behind this page. '
        f"{markup.escape(sentence())}</summary>\n{shown}\n</details>"
    )


def _row(entry: ledger.Entry) -> dict[str, str]:
    attrs, key = entry.attrs, entry.key[:8]
    pictures = f" of {entry.pictures} pictures" if 0 < entry.pictures < entry.images else ""
    revision = attrs.get("git_revision", "")
    return {
        "Study": entry.study,
        "Data": attrs.get("title", ""),
        "Images": f"{entry.images} {attrs.get('data_source', '')}{pictures}" if entry.images else "",
        "Key": key,
        "Date": attrs["created"][:10],
        "Commit": revision[:7] + ("+" if revision.endswith("+") else ""),
        "Here": entry.how,
        "In Python": f'results.load("{entry.study}", key="{key}")',
    }
