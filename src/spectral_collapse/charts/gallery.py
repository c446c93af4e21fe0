"""A grid of pictures as one chart: a row per example, a column per method."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

from spectral_collapse.studies import tradeoff


def gallery(study: xr.Dataset, points: Sequence[str] | None = None, rows: int = 4, side: int = 96) -> alt.Chart:
    """Sources, what each method makes of them, and the true targets.

    Args:
        study: a result of `studies.pareto.run`.
        points: labels along `point`; without it those that `tradeoff.choose` names.
        rows: how many of the stored examples to show, at most.
        side: width and height of a picture on the page, in pixels.

    Pictures keep their pixels (no smoothing); hovering tells an example's name and scores.
    """
    points = tradeoff.choose(study) if points is None else list(points)
    columns = [("Source", study["source_image"], None)]
    columns += [(_wrapped(point), study["image"].sel(point=point), point) for point in points]
    columns += [("True target", study["target_image"], "target")]
    shown = study["shown"].to_numpy()[:rows]
    table = pd.DataFrame(
        {"column": title, "row": str(number + 1), "name": name, "url": _data_uri(images.sel(shown=name).to_numpy())}
        | _scores(study, point, name)
        for title, images, point in columns
        for number, name in enumerate(shown)
    )
    titles = [title for title, *_ in columns]
    tooltips = [alt.Tooltip("column:N", title="Method"), alt.Tooltip("name:N", title="Image")]
    tooltips += [alt.Tooltip(f"{name}:N", title=name) for name in ("S_HF", "S_LF", "PSNR (dB)")]
    return (
        alt.Chart(table)
        .mark_image(width=side - 4, height=side - 4, smooth=False)
        .encode(
            x=alt.X("column:N", sort=titles, title=None).axis(
                orient="top",
                labelAngle=0,
                labelExpr="split(datum.label, '|')",
                labelPadding=4 + 13 * max(title.count("|") for title in titles),
                labelFontSize=11,
                domain=False,
                ticks=False,
                grid=False,
            ),
            y=alt.Y("row:N", title=None).axis(None),
            url="url:N",
            tooltip=tooltips,
        )
        .properties(
            width=side * len(titles),
            height=side * len(shown),
            description=f"Pictures from the Pareto study on {study.attrs['title']}: {', '.join(titles)}".replace(
                "|", " "
            ),
        )
    )


def _wrapped(point: str) -> str:
    """A point's label in up to three lines, parted by '|', narrow enough for a column."""
    return f"{point[0].upper()}{point[1:]}".replace(" (", "|(").replace(" + ", "|+ ")


def _scores(study: xr.Dataset, point: str | None, name: str) -> dict[str, str]:
    """An example's scores as texts, seeds averaged; '-' for what has none, such as the source."""
    texts = {}
    for title, score, digits in (("S_HF", "s_hf", 3), ("S_LF", "s_lf", 3), ("PSNR (dB)", "psnr", 2)):
        value = np.nan
        if point is not None:
            index = study.get_index("sample").get_loc(name)
            value = tradeoff.per_image(study, point, score)[index]
        texts[title] = "-" if np.isnan(value) else f"{value:.{digits}f}"
    return texts


def _data_uri(pixels: np.ndarray) -> str:
    """An image, H x W x 3 bytes, as a PNG inside a URL: the page needs no other file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
