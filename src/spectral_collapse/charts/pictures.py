"""A grid of pictures as one chart."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image

Details = Callable[[str, str], dict[str, str]]

SIDE, COLUMNS = 132, 5
"""Pixels of the page that a picture has, with its frame of 4; pictures in a row, at most."""

SHORT = 8
"""Letters of a label at the left that `COLUMNS` pictures leave room for; beside a longer one there is one fewer."""


def grid(
    columns: Mapping[str, Sequence[np.ndarray]],
    names: Sequence[str],
    description: str = "",
    details: Details = lambda title, name: {},
    labelled: bool = False,
) -> alt.FacetChart:
    """Pictures in columns, `COLUMNS` beside each other at most, the others below them; pixels stay as they are,
    hovering tells what is shown.

    Args:
        columns: title -> a picture per row, bytes, H x W x 3; '|' in a title breaks the line.
        names: a name per row, for the tooltip.
        description: for readers who do not see the picture.
        details: (column title, row name) -> further lines of the tooltip, the same ones for every picture.
        labelled: whether the names stand at the left, too; '|' in a name breaks the line.
    """
    table = pd.DataFrame(
        {"column": title, "row": row, "name": name, "url": data_uri(pictures[row])} | details(title, name)
        for title, pictures in columns.items()
        for row, name in enumerate(names)
    )
    further = [column for column in table.columns if column not in ("column", "row", "name", "url")]
    label = {"labelExpr": "split(datum.label, '|')", "labelLimit": 200, "labelFontSize": 12}
    named = alt.Y("name:N", sort=list(names), title=None).axis(**label, domain=False, ticks=False, grid=False)
    pictured = (
        alt.Chart()
        .mark_image(width=SIDE - 4, height=SIDE - 4, smooth=False)
        .encode(
            x=alt.value(SIDE / 2),
            y=named if labelled else alt.Y("row:O").axis(None),
            url="url:N",
            tooltip=[
                alt.Tooltip("column:N", title="Column"),
                alt.Tooltip("name:N", title="Image"),
                *(alt.Tooltip(f"{name}:N", title=name) for name in further),
            ],
        )
        .properties(width=SIDE, height=SIDE * len(names))
    )
    titles = alt.Facet("column:N", sort=list(columns), title=None).header(**label, labelPadding=4)
    long = labelled and max(len(line) for name in names for line in name.split("|")) > SHORT
    turns = math.ceil(len(columns) / (COLUMNS - long))
    return pictured.facet(titles, data=table, columns=math.ceil(len(columns) / turns)).properties(
        spacing={"column": 0, "row": 12}, description=description
    )


def slider(
    frames: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
    names: Sequence[str],
    description: str = "",
    start: int = 0,
) -> alt.VConcatChart:
    """Several `grid`s in one place, one of which a slider shows; all that it needs is in the page.

    frames: what stands above a grid -> its columns, the same ones in each. names, description: as in `grid`,
    the names at the left. start: the number of the grid that is shown first.
    """
    grids = {name: grid(columns, names, labelled=True) for name, columns in frames.items()}
    moved = alt.binding_range(min=0, max=len(grids) - 1, step=1, name="Move on: ")
    return _one_of(grids, moved, start).properties(description=description)


def menu(frames: Mapping[str, alt.FacetChart], description: str = "") -> alt.VConcatChart:
    """Several `grid`s in one place, one of which a menu shows; all that it needs is in the page.

    frames: what the menu calls a grid -> that grid, all of the same columns and rows.
    """
    names = list(frames)
    chosen = alt.binding_select(options=list(range(len(names))), labels=names, name="Show: ")
    return _one_of(frames, chosen, 0).properties(description=description)


def _one_of(frames: Mapping[str, alt.FacetChart], bind: object, start: int) -> alt.VConcatChart:
    """The grid whose number a control gives, below its name."""
    number, shown = alt.param(name="frame", value=start, bind=bind), "datum.frame_number == frame"
    above = pd.DataFrame({"frame_number": range(len(frames)), "text": list(frames)})
    heading = alt.Chart(above).mark_text(align="left", fontSize=13, x=0).encode(text="text:N")
    tables = [one.data.assign(frame_number=place) for place, one in enumerate(frames.values())]
    [first, *_] = frames.values()
    return alt.vconcat(
        heading.transform_filter(shown).properties(width=400, height=16).add_params(number),
        first.properties(data=pd.concat(tables, ignore_index=True)).transform_filter(shown),
        spacing=4,
    )


def data_uri(pixels: np.ndarray) -> str:
    """An image, H x W x 3 bytes, as a WebP without loss inside a URL: the page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="webp", lossless=True, quality=90, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
