"""Pictures of methods side by side: whole, a detail of each, and what was changed of the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import xarray as xr

from spectral_collapse.charts import pictures
from spectral_collapse.charts.lines import described
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.cells import number
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.pareto import named
from spectral_collapse.studies.benchmark import SOURCE, TARGET
from spectral_collapse.studies.published import COMBINED

ENERGY = "HF energy / true target"

_SCORES = (("S_HF", "s_hf", 3), ("S_LF", "s_lf", 3), ("PSNR (dB)", "psnr", 2))


@pictures.explained
def gallery(
    found: Mapping[str, xr.Dataset], points: Sequence[str] | None = None, changes: bool = True
) -> alt.VConcatChart:
    """Sources, true targets and what each method makes of them, with a detail and the difference from the source: of
    each data set the example with the most typical fine detail.

    Args:
        found: data set -> a result with the variables image (point, shown, ...), source_image and target_image, and
            scores along point and sample, of `studies.benchmark` and `studies.pareto` for example. The menu begins with
            those that have all their pictures.
        points: labels along `point`; without it all that a result has.
        changes: whether the differences from the source are shown; they take as much of a page as the pictures.

    The detail is the window, a quarter as high and wide, in which neighbouring pixels of the true target differ most.
    The difference is half of output minus source, grey where nothing was changed. Pictures keep their pixels (no
    smoothing); hovering tells the scores of an image, at seed 0 as the picture. Under each stands its high-frequency
    energy over its true target's.
    """
    frames, titles = {}, {}
    for study in sorted(found.values(), key=lambda study: "withheld" in study.attrs):
        chosen = list(map(str, study["point"].to_numpy() if points is None else points))
        titles |= {_wrapped(point).replace("|", " "): point for point in chosen}
        name = _typical(study, chosen)
        frames[f"{title_of(study)}, {name}"] = _grid(study, name, chosen, changes)
    return pictures.menu(frames, f"Sources, true targets and outputs with details: {', '.join(titles)}")


@pictures.explained
@described
def along_etas(study: xr.Dataset) -> alt.VConcatChart:
    """OVG's grid in pictures: a slider for each of its two step sizes, between source and true target.

    study: a result of `studies.pareto`, whose grid has every combination of its step sizes; (0, 0), which is the
    standard inversion, stands where both step sizes have 0. The picture is the most typical example.
    """
    name = _typical(study, study["point"].to_numpy())
    one, ovg = study.sel(shown=name), study["point"].to_numpy()[study["method"] == "ovg"]
    points = {(one["eta_hf"].sel(point=point).item(), one["eta_lf"].sel(point=point).item()): point for point in ovg}
    if all(0.0 in part for part in zip(*points, strict=True)):
        points[0.0, 0.0] = "standard"

    def shown(point: str) -> dict[str, list[xr.DataArray]]:
        ovg = one["image"].sel(point=point)
        return {"Source": [one["source_image"]], "OVG": [ovg], "True target": [one["target_image"]]}

    frames = {(f"eta_HF {hf:g}", f"eta_LF {lf:g}"): shown(points[hf, lf]) for hf, lf in sorted(points)}
    sizes = [len({*part}) - 1 for part in zip(*frames, strict=True)]
    return pictures.sliders(frames, [name], ["texture, eta_HF: ", "structure, eta_LF: "], sizes)


def _grid(study: xr.Dataset, name: str, points: Sequence[str], changes: bool) -> alt.FacetChart:
    """The pictures of one example."""
    one = study.sel(shown=name)
    source, target = one["source_image"].to_numpy(), one["target_image"].to_numpy()
    window, hidden = _most_detailed(target), "withheld" in study.attrs
    made = [(_wrapped(point), point, one["image"].sel(point=point).to_numpy()) for point in points]
    columns, places = {}, {}
    for title, place, pixels in [("Source", SOURCE, source), *made, ("True target", TARGET, target)]:
        rows = {"whole": pixels, "detail": pixels[window]}
        if changes:
            rows["minus|source"] = source if hidden else _changed(pixels, source)
        columns[title], places[title] = list(rows.values()), place

    def details(title: str, _: str) -> dict[str, str]:
        return _scores(study, places[title], name)

    return pictures.grid(columns, list(rows), details=details, labelled=True, under=ENERGY)


def _typical(study: xr.Dataset, points: Sequence[str]) -> str:
    """The stored example whose fine detail at these points is nearest to the medians of all images."""
    loss = study["hf_excess"].sel(point=list(points))
    if "reference_hf_excess" in study:
        loss = loss - study["reference_hf_excess"].sel(reference=TARGET, drop=True)
    away = np.abs(loss - loss.median("sample")).isel(seed=0, missing_dims="ignore").sum("point").to_series()
    return min(map(str, study["shown"].to_numpy()), key=lambda name: away[name])


def _most_detailed(picture: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the window of a picture, H x W x 3, in which neighbours differ most."""
    grey = picture.mean(-1)
    energy = np.zeros_like(grey)
    energy[1:] += np.diff(grey, axis=0) ** 2
    energy[:, 1:] += np.diff(grey, axis=1) ** 2
    height, width = (max(1, side // 4) for side in grey.shape)
    sums = np.lib.stride_tricks.sliding_window_view(energy, (height, width)).sum((-2, -1))
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return slice(row, row + height), slice(column, column + width)


def _changed(picture: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Half of picture minus source, bytes around 128."""
    return ((picture.astype(np.int16) - source) // 2 + 128).clip(0, 255).astype(np.uint8)


def _wrapped(point: str) -> str:
    """A point's label in up to four lines, parted by '|', narrow enough for a column."""
    name = called(point) if point in COMBINED else named(point).replace("_", " ")
    name = name[0].upper() + name[1:]
    return name.replace(" (", "|(").replace(", ", ",|").replace(" + ", "|+ ")


def _scores(study: xr.Dataset, place: str, name: str) -> dict[str, str]:
    """An example's scores as texts, '-' for what has none. place: a point or a reference."""
    energy = _value(study, place, "hf_excess", name)
    over = energy - _value(study, TARGET, "hf_excess", name)
    texts = {"HF energy over that of training targets": number(np.exp(energy), 2).text}
    texts[ENERGY] = "" if np.isnan(over) else f"{np.exp(over):.2f} x target"
    return texts | {title: number(_value(study, place, score, name), digits).text for title, score, digits in _SCORES}


def _value(study: xr.Dataset, place: str, score: str, name: str) -> float:
    """A score of one image, at seed 0; NaN where there is none."""
    if place in study["point"]:
        one = study[score].sel(point=place, sample=name)
        return float(one.isel(seed=0) if "seed" in one.dims else one)
    known = f"reference_{score}" in study and place in study["reference"]
    return float(study[f"reference_{score}"].sel(reference=place, sample=name)) if known else np.nan
