"""A grid of pictures as one chart."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

from spectral_collapse.charts.lines import tips
from spectral_collapse.findings.measured import attr, title_of

Details = Callable[[str, str], dict[str, str]]

SIDE, COLUMNS = 132, 6
"""Pixels of the page that a picture has, with its frame of 4; pictures in a row at most, one fewer beside labels."""

UNDER = 18
"""Pixels of a line of text under a picture."""

SHORT = 8
"""Letters of a label at the left; beside a longer one there is one picture fewer still."""


Pictures = Sequence[np.ndarray | xr.DataArray] | xr.DataArray
"""Bytes, H x W x 3 each, or all in one array."""


def grid(
    columns: Mapping[str, Pictures],
    names: Sequence[str],
    description: str = "",
    details: Details = lambda title, name: {},
    labelled: bool = False,
    under: str = "",
) -> alt.FacetChart:
    """Pictures in columns, `COLUMNS` beside each other at most, the others below them; pixels stay as they are,
    hovering tells what is shown.

    Args:
        columns: title -> a picture per row; '|' in a title breaks the line.
        names: a name per row, for the tooltip.
        description: for readers who do not see the picture.
        details: (column title, row name) -> further lines of the tooltip, the same ones for every picture.
        labelled: whether the names stand at the left, too; '|' in a name breaks the line.
        under: which of the details of the first row is printed under a column.
    """
    table = pd.DataFrame(
        {"column": title, "row": row, "name": name, "url": data_uri(np.asarray(pictures[row]))} | details(title, name)
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
            tooltip=tips({"column:N": "Column", "name:N": "Image"} | {f"{name}:N": name for name in further}),
        )
    )
    size = {"width": SIDE, "height": SIDE * len(names)}
    if under:
        first = alt.Chart().transform_filter(alt.datum.row == 0).mark_text(fontSize=12)
        printed = first.encode(x=alt.value(SIDE / 2), y=alt.value(size["height"] + UNDER / 2), text=f"{under}:N")
        pictured = alt.layer(pictured, printed)
    pictured = pictured.properties(**size)
    titles = alt.Facet("column:N", sort=list(columns), title=None).header(**label, labelPadding=4)
    long = labelled and max(len(line) for name in names for line in name.split("|")) > SHORT
    turns = math.ceil(len(columns) / (COLUMNS - labelled - long))
    chart = pictured.facet(titles, data=table, columns=math.ceil(len(columns) / turns))
    chart = chart.properties(spacing={"column": 0, "row": 12})
    return chart.properties(description=description) if description else chart


def explained(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Has what a function draws of a result, or of several, say above it and in its description why pictures of the
    data are grey, where such a result has been left without them (`store.withheld`); a `menu`, while it shows it."""

    @wraps(draw)
    def drawn(of: Any, *args: Any, **kwargs: Any) -> Any:
        chart = draw(of, *args, **kwargs)
        found = [of] if isinstance(of, xr.Dataset) else of.values() if isinstance(of, Mapping) else of
        titles = dict.fromkeys(title_of(one) for one in found if "withheld" in one.attrs)
        if not titles:
            return chart
        said = " ".join(dict.fromkeys(attr(one, "withheld") for one in found if "withheld" in one.attrs))
        named = f"{', '.join(titles)}: {said}"
        told = f"{chart.description}. {named}" if isinstance(chart.description, str) else named
        frames = [one for param in chart.to_dict().get("params", []) for one in param.get("bind", {}).get("labels", [])]
        grey = [number for number, frame in enumerate(frames) if frame.startswith(tuple(titles))]
        text = alt.expr(f"indexof({grey}, frame) < 0 ? '' : {json.dumps(said)}") if grey else named
        title = alt.Title(text, anchor="start", fontSize=13, fontWeight="normal")
        return chart.properties(title=title, description=told)

    return drawn


def sliders(
    frames: Mapping[tuple[str, ...], Mapping[str, Pictures]],
    names: Sequence[str],
    controls: Sequence[str],
    start: Sequence[int],
) -> alt.VConcatChart:
    """Several `grid`s in one place, one of which sliders show; all that they need is in the page.

    frames: parts of what stands above a grid, of which each slider gives one, -> its columns, the same ones in each;
    every combination is there. names: as in `grid`, at the left. controls: a name for each slider. start: the number
    of each part that is shown first.
    """
    grids = {key: grid(columns, names, labelled=True) for key, columns in frames.items()}
    most = [len({*parts}) - 1 for parts in zip(*grids, strict=True)]
    ranges = zip(controls, most, strict=True)
    return _one_of(grids, [alt.binding_range(min=0, max=last, step=1, name=name) for name, last in ranges], start)


def menu(frames: Mapping[str, alt.FacetChart], description: str) -> alt.VConcatChart:
    """Several `grid`s of the same columns and rows in one place, one of which a menu shows, the first at first; all
    that it needs is in the page.

    frames: what the menu calls a grid -> that grid. description: for readers who do not see the pictures.
    """
    chosen = alt.binding_select(options=list(range(len(frames))), labels=list(frames), name="Show: ")
    return _one_of({(name,): one for name, one in frames.items()}, [chosen], [0]).properties(description=description)


def _one_of(
    frames: Mapping[tuple[str, ...], alt.FacetChart], binds: Sequence[object], start: Sequence[int]
) -> alt.VConcatChart:
    """The grid whose numbers the controls give, below its name."""
    parts = [list(dict.fromkeys(part)) for part in zip(*frames, strict=True)]
    controls = [f"frame{number or ''}" for number in range(len(parts))]
    places = [
        {f"{control}_number": known.index(part) for control, known, part in zip(controls, parts, key, strict=True)}
        for key in frames
    ]
    numbers = [
        alt.param(name=control, value=first, bind=bind)
        for control, first, bind in zip(controls, start, binds, strict=True)
    ]
    shown = " && ".join(f"datum.{control}_number == {control}" for control in controls)
    above = pd.DataFrame([place | {"text": ", ".join(key)} for place, key in zip(places, frames, strict=True)])
    heading = alt.Chart(above).mark_text(align="left", fontSize=13, x=0).encode(text="text:N")
    tables = [one.data.assign(**place) for place, one in zip(places, frames.values(), strict=True)]
    [first, *_] = frames.values()
    rows = pd.concat(tables, ignore_index=True)
    rows["picture"], urls = pd.factorize(rows["url"])  # what several frames or rows show is in the page once
    pictures = alt.LookupData(pd.DataFrame({"picture": range(len(urls)), "url": urls}), "picture", ["url"])
    return alt.vconcat(
        heading.transform_filter(shown).properties(width=400, height=16).add_params(*numbers),
        first.properties(data=rows.drop(columns="url")).transform_filter(shown).transform_lookup("picture", pictures),
        spacing=4,
    )


def data_uri(pixels: np.ndarray) -> str:
    """An image, H x W x 3 bytes, as a WebP without loss inside a URL: the page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="webp", lossless=True, quality=90, method=6)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
