"""Tables that sort, filter and hide columns on a page, without a network and without a library."""

from __future__ import annotations

import uuid
from html import escape

import pandas as pd

from spectral_collapse.findings.cells import Cell, Cells, Page, cells_of

_STYLE = """
#ID .scroll{overflow-x:auto;max-height:38em;overflow-y:auto}
#ID .more{mask-image:linear-gradient(to right,#000 calc(100% - 4em),#0002)}
#ID table{border-collapse:separate;border-spacing:0;font-size:.85em;width:max-content}
#ID .caption{margin:.3em 0;font-size:.95em;color:var(--pst-color-text-muted,#555)}
#ID th,#ID td{padding:.25em .6em;text-align:right;border-bottom:1px solid var(--pst-color-border,#ddd);
  white-space:nowrap;background:var(--pst-color-background,#fff);color:var(--pst-color-text-base,#222)}
#ID th{position:sticky;top:0;z-index:1}
#ID tr>:first-child{position:sticky;left:0;text-align:left;z-index:1;
  border-right:1px solid var(--pst-color-border,#bbb)}
#ID .text{text-align:left}
#ID .long{white-space:normal;min-width:9em;max-width:24em}
#ID tbody .long{min-width:16em}
#ID tbody .long:first-child{position:static}
#ID thead tr>:first-child{z-index:2}
#ID th button{all:unset;cursor:pointer;font-weight:600}
#ID th button:focus-visible{outline:2px solid currentColor}
#ID .best{font-weight:700}
#ID .second{text-decoration:underline}
#ID .controls label{margin-right:.8em;font-size:.85em;white-space:nowrap}
"""

LONG = 26
"""Letters of a text that breaks into lines; shorter ones stay in one."""

_SCRIPT = """
(() => {
  const root = document.getElementById("ID"), table = root.querySelector("table"), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], frame = root.querySelector(".scroll");
  // What scrolls fades out at the right, until its end is in sight.
  const fade = () => frame.classList.toggle("more", frame.scrollWidth - frame.clientWidth - frame.scrollLeft > 4);
  frame.addEventListener("scroll", fade);
  new ResizeObserver(fade).observe(frame);
  const key = (row, place) => row.cells[place].dataset.sort;
  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "descending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const sign = down ? 1 : -1;
    [...body.rows].sort((one, other) => {
      const a = key(one, place), b = key(other, place);
      if (a === "" || b === "") return (a === "") - (b === "");
      const numbers = !isNaN(a) && !isNaN(b);
      return sign * (numbers ? a - b : a.localeCompare(b));
    }).forEach(row => body.append(row));
  }));
  root.querySelectorAll("input").forEach(box => {
    const show = () => [...table.rows].forEach(row => { row.cells[box.value].hidden = !box.checked; });
    box.addEventListener("change", show);
    show();
  });
  root.querySelectorAll("select").forEach(choice => choice.addEventListener("change", () =>
    [...body.rows].forEach(row => {
      row.hidden = choice.value !== "" && key(row, choice.dataset.column) !== choice.value;
    })));
})();
"""


def sortable(cells: Cells, number: int, caption: str, filter_by: str = "", hidden: tuple[str, ...] = ()) -> Page:
    """A table for a page: a click on a column's head sorts by it, boxes hide columns, a menu picks rows. One without
    rows is a sentence.

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
    menu = _menu(cells, filter_by) if filter_by else ""
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return Page(
        f'<div id="{name}"><style>{_STYLE.replace("ID", name)}</style>'
        f'<div class="controls">{menu}<details><summary>Columns</summary>{boxes}</details></div>'
        f'<p class="caption" id="{name}-caption">{titled}</p>'
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
    return f'<{kind}{scope} data-sort="{value}"{classes}{title}>{escape(cell.text)}{star}</{kind}>'


def _menu(cells: Cells, column: str) -> str:
    values = list(dict.fromkeys(str(cell.value) for cell in cells[column]))
    options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in ("", *values))
    options = options.replace('<option value=""></option>', '<option value="">all</option>')
    place = cells.columns.get_loc(column)
    return f'<label>{escape(column)} <select data-column="{place}">{options}</select></label>'
