"""Tables that sort, filter and hide columns on a page, without a network and without a library."""

from __future__ import annotations

import re
import uuid
from html import escape
from pathlib import Path

import pandas as pd

from spectral_collapse.findings.cells import Cell, Cells, Page, cells_of

_ASSETS = Path(__file__).parents[1] / "assets"
_STYLE, _SCRIPT = ("\n" + (_ASSETS / name).read_text("utf-8") for name in ("table.css", "table.js"))
"""With ID in place of a table's own name."""

LONG = 26
"""Letters of a text that breaks into lines; shorter ones stay in one."""

MANY = 9
"""A table of more columns has boxes that hide them."""

_WITH_INTERVAL = re.compile(r" (\[\S+, \S+\])")


def sortable(cells: Cells, number: int, caption: str, filter_by: str = "", hidden: tuple[str, ...] = ()) -> Page:
    """A table for a page: a click on a column's head sorts by it, boxes hide columns of a wide one, a menu picks rows.
    One without rows is a sentence.

    Args:
        cells: a `Cell` in every place; the first column stays in sight. The best cells are bold, the second underlined;
            a note has a number, and stands below the table.
        number, caption: of the table, for the page; the caption is plain text.
        filter_by: a column of whose values a menu picks one; without it there is no menu.
        hidden: columns that are hidden at first.
    """
    titled = f"<b>Table {number}.</b> {escape(caption)}"
    if cells.empty:
        return Page(f'<p class="caption">{titled} There is nothing to put into it for these data.</p>')
    name = f"table-{uuid.uuid4().hex[:8]}"
    columns = list(cells.columns)
    notes = list(dict.fromkeys(cell.note for _, row in cells.iterrows() for cell in row if cell.note))
    looks = [_look(list(cells[column])) for column in columns]
    head = "".join(
        f'<th scope="col"{_class(*look[:1], *["long"] * (len(column) > LONG))}><button>{escape(column)}</button></th>'
        for column, look in zip(columns, looks, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(_cell(cell, notes, looks[place], place == 0) for place, cell in enumerate(row)) + "</tr>"
        for row in cells.itertuples(index=False)
    )
    boxes = "".join(
        f'<label><input type="checkbox" value="{place}"{"" if column in hidden else " checked"}> '
        f"{escape(column)}</label>"
        for place, column in enumerate(columns)
        if place
    )
    boxes = f"<details><summary>Columns</summary>{boxes}</details>" * (len(columns) > MANY or bool(hidden))
    menu = _menu(cells, filter_by) if filter_by else ""
    controls = f'<div class="controls">{menu}{boxes}</div>' * bool(menu or boxes)
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return Page(
        f'<div id="{name}"><style>{_STYLE.replace("ID", name)}</style>'
        f'{controls}<p class="caption" id="{name}-caption">{titled}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table {number}">'
        f'<table aria-labelledby="{name}-caption">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{f'<ol>{listed}</ol>' if notes else ''}"
        f"<script>{_SCRIPT.replace('ID', name)}</script></div>"
    )


def plain(table: pd.DataFrame, number: int, caption: str, filter_by: str = "") -> Page:
    """`sortable` for a table of texts or numbers with an index, as findings give it."""
    return sortable(cells_of(table), number, caption, filter_by)


def _look(column: list[Cell]) -> list[str]:
    """The classes of a column: of texts, at the left, and of long ones, which break into lines."""
    if not any(isinstance(cell.value, str) for cell in column):
        return []
    return ["text"] + ["long"] * any(len(cell.text) > LONG for cell in column)


def _class(*names: str) -> str:
    return f' class="{" ".join(names)}"' if any(names) else ""


def _cell(cell: Cell, notes: list[str], look: list[str], first: bool) -> str:
    star = f"<sup>{notes.index(cell.note) + 1}</sup>" if cell.note else ""
    kind, scope = ("th", ' scope="row"') if first else ("td", "")
    value = "" if pd.isna(cell.value) else escape(str(cell.value))
    classes = _class(*look, *[cell.mark] * bool(cell.mark))
    title = f' title="{escape(cell.note)}"' if cell.note else ""
    words = _WITH_INTERVAL.sub(r' <span class="interval">\1</span>', escape(cell.text))  # on a line of its own
    return f'<{kind}{scope} data-sort="{value}"{classes}{title}>{words}{star}</{kind}>'


def _menu(cells: Cells, column: str) -> str:
    values = dict.fromkeys(escape(str(cell.value)) for cell in cells[column])
    options = '<option value="">all</option>' + "".join(f'<option value="{one}">{one}</option>' for one in values)
    return f'<label>{escape(column)} <select data-column="{cells.columns.get_loc(column)}">{options}</select></label>'
