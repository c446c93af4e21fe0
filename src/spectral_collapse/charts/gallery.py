"""A grid of pictures as one chart: a row per example, a column per method."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import xarray as xr

from spectral_collapse.charts import pictures
from spectral_collapse.findings import pareto as findings


def gallery(study: xr.Dataset, points: Sequence[str] | None = None, rows: int = 4, side: int = 100) -> alt.Chart:
    """Sources, what each method makes of them, and the true targets.

    Args:
        study: a result of `studies.pareto`.
        points: labels along `point`; without it those that `findings.choose` names.
        rows: how many of the stored examples to show, at most.
        side: width and height of a picture on the page, in pixels.

    Pictures keep their pixels (no smoothing); hovering tells an example's name and scores.
    """
    points = findings.choose(study) if points is None else list(points)
    names = study["shown"].to_numpy()[:rows]
    shown = study.sel(shown=names)
    columns = {"Source": shown["source_image"].to_numpy()}
    columns |= {_wrapped(point): shown["image"].sel(point=point).to_numpy() for point in points}
    columns["True target"] = shown["target_image"].to_numpy()
    scored = {_wrapped(point): point for point in points} | {"True target": "target"}
    titles = ", ".join(columns).replace("|", " ")
    return pictures.grid(
        columns,
        list(names),
        side,
        description=f"Pictures from the Pareto study on {study.attrs['title']}: {titles}",
        details=lambda title, name: _scores(study, scored.get(title), name),
    )


def _wrapped(point: str) -> str:
    """A point's label in up to four lines, parted by '|', narrow enough for a column."""
    return (
        f"{point[0].upper()}{point[1:]}".replace("_", " ").replace(" (", "|(").replace(", ", ",|").replace(" + ", "|+ ")
    )


def _scores(study: xr.Dataset, point: str | None, name: str) -> dict[str, str]:
    """An example's scores as texts, seeds averaged; '-' for what has none, such as the source."""
    texts = {}
    for title, score, digits in (("S_HF", "s_hf", 3), ("S_LF", "s_lf", 3), ("PSNR (dB)", "psnr", 2)):
        value = np.nan
        if point is not None:
            index = study.get_index("sample").get_loc(name)
            value = findings.per_image(study, point, score).to_numpy()[index]
        texts[title] = "-" if np.isnan(value) else f"{value:.{digits}f}"
    return texts
