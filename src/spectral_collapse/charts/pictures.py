"""A grid of pictures as one chart."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd
from PIL import Image

Details = Callable[[str, str], dict[str, str]]


def grid(
    columns: Mapping[str, Sequence[np.ndarray]],
    names: Sequence[str],
    side: int = 104,
    description: str = "",
    details: Details = lambda title, name: {},
    labelled: bool = False,
) -> alt.Chart:
    """Pictures in rows and columns; pixels stay as they are, hovering tells what is shown.

    Args:
        columns: title -> a picture per row, bytes, H x W x 3; '|' in a title breaks the line.
        names: a name per row, for the tooltip.
        side: width and height of a picture on the page, in pixels.
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
    return (
        alt.Chart(table)
        .mark_image(width=side - 4, height=side - 4, smooth=False)
        .encode(
            x=alt.X("column:N", sort=list(columns), title=None).axis(
                orient="top",
                labelAngle=0,
                labelExpr="split(datum.label, '|')",
                labelPadding=4 + 13 * max(title.count("|") for title in columns),
                labelFontSize=11,
                domain=False,
                ticks=False,
                grid=False,
            ),
            y=named if labelled else alt.Y("row:O").axis(None),
            url="url:N",
            tooltip=[
                alt.Tooltip("column:N", title="Column"),
                alt.Tooltip("name:N", title="Image"),
                *(alt.Tooltip(f"{name}:N", title=name) for name in further),
            ],
        )
        .properties(width=side * len(columns), height=side * len(names), description=description)
    )


def slider(
    frames: Mapping[str, Mapping[str, Sequence[np.ndarray]]],
    names: Sequence[str],
    side: int = 104,
    description: str = "",
    start: int = 0,
) -> alt.VConcatChart:
    """Several `grid`s in one place, one of which a slider shows; all that it needs is in the page.

    frames: what stands above a grid -> its columns, the same ones in each. names, side, description: as in `grid`,
    the names at the left. start: the number of the grid that is shown first.
    """
    grids = {name: [grid(columns, names, side, labelled=True)] for name, columns in frames.items()}
    moved = alt.binding_range(min=0, max=len(grids) - 1, step=1, name="Move on: ")
    return _one_of(grids, moved, start).properties(description=description)


def menu(frames: Mapping[str, Sequence[alt.Chart]], description: str = "") -> alt.VConcatChart:
    """Several stacks of `grid`s in one place, one of which a menu shows; all that it needs is in the page.

    frames: what the menu calls a stack -> its grids, as many in each, of the same columns and rows.
    """
    names = list(frames)
    chosen = alt.binding_select(options=list(range(len(names))), labels=names, name="Show: ")
    return _one_of(frames, chosen, 0).properties(description=description)


def _one_of(frames: Mapping[str, Sequence[alt.Chart]], bind: object, start: int) -> alt.VConcatChart:
    """The stack of grids whose number a control gives, below its name."""
    number, shown = alt.param(name="frame", value=start, bind=bind), "datum.frame_number == frame"
    above = pd.DataFrame({"frame_number": range(len(frames)), "text": list(frames)})
    heading = alt.Chart(above).mark_text(align="left", fontSize=13, x=0).encode(text="text:N")
    parts = [heading.transform_filter(shown).properties(width=400, height=16)]
    for grids in zip(*frames.values(), strict=True):
        tables = [one.data.assign(frame_number=place) for place, one in enumerate(grids)]
        parts.append(grids[0].properties(data=pd.concat(tables, ignore_index=True)).transform_filter(shown))
    return alt.vconcat(*parts, spacing=4).add_params(number)


def data_uri(pixels: np.ndarray) -> str:
    """An image, H x W x 3 bytes, as a PNG inside a URL: the page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
