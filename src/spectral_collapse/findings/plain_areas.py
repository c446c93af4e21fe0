"""What `studies.plain_areas` says: tables for charts, claims of 'There and Back Again', sentences.

All take the results of several data sets by their names. Generated images are independent of each other; test images
are resampled in what they are taken from (`statistics.bootstrap_counts`).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import QUESTION, Claim, Rule, from_cases, is_above, is_below, joined, judge
from spectral_collapse.findings.intervals import gap, means, stacked
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import UNKNOWN, Measured, alike, title_of
from spectral_collapse.findings.tidy import each, tell
from spectral_collapse.statistics import POSITIVE, Interval, text
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.plain_areas import MEASURES

SERIES = {WHITE: "the true noise", "standard": "standard inversion", "taba": "TABA"}
AREAS = {"plain": "plain areas", "other": "other areas"}
KINDS = {"error": "error of the predicted noise", "spread": "std of the predicted noise"}
CORNERS = {
    "angle_at_noise": "angle at the noise (°)",
    "angle_at_image": "angle at the image (°)",
    "angle_at_latent": "angle at the latent (°)",
    "noise_to_latent": "distance noise to latent / √d",
}
NEAREST = "nearest noise is its own (share)"
EARLY = 0.1
"""The share of the steps that counts as the first ones."""
REPLACED = 0.04
"""The paper's share of replaced steps."""
MOST_OF_THE_WAY, MINOR = 0.5, 0.1
"""What the paper's two words are read as: 'closer to Gaussian' is more than half of the way to white noise in S_DC,
'without a major degradation' less than a tenth of the way to the error of an unrelated latent."""

_PAPER = "There and Back Again"


@each(stacked, "panel")
def per_step(study: xr.Dataset) -> pd.DataFrame:
    """Errors and spreads per step of test images: columns kind, panel, series, step (from 1), and those of `means`."""
    wrong, wide = (means(study[name], bounds=POSITIVE).assign(kind=name) for name in ("error", "spread"))
    wrong["series"], wide["series"] = wrong["area"].map(AREAS), wide["walk"] + ", " + wide["area"].map(AREAS)
    return pd.concat([wrong, wide]).dropna(subset="mean").assign(step=lambda table: table["step"] + 1)


@each(stacked, "series", {"measure": MEASURES})
def sweep(study: xr.Dataset) -> pd.DataFrame:
    """Measures of test images (panel) against the share of replaced steps, by data set (series): columns of `means`."""
    values = study["value"].swap_dims(replaced="share")
    return means(values).assign(panel=lambda table: table["measure"].map(MEASURES)).dropna(subset="mean")


@each(stacked, "dataset", {"panel": [*CORNERS.values(), NEAREST]})
def geometry(study: xr.Dataset) -> pd.DataFrame:
    """The triangle, and how often the nearest noise is the own one, as a share with Wilson's interval."""
    count, shares = study.sizes["drawn"], study["nearest"].to_numpy()
    low, high = statistics.wilson(shares, count)
    own = pd.DataFrame({"series": study["series"].to_numpy(), "mean": shares, "low": low, "high": high})
    corners = means(study["geometry"].sel(corner=list(CORNERS)), "drawn")
    corners["panel"] = corners["corner"].map(CORNERS)
    return _with_titles(pd.concat([corners, own.assign(panel=NEAREST, n=count, groups=count)]))


def swaps(found: Found) -> pd.DataFrame:
    """A row per data set and kind of latent, a column per cutoff, for a page: how much more the output is like the
    image of the low band's donor than like that of the high band's, as a difference of correlations."""

    rows = []
    for study, name in itertools.product(found.values(), SERIES):
        more = study["swapped"].sel(donor="low", series=name) - study["swapped"].sel(donor="high", series=name)
        cells = {f"{row.cutoff:g} cycles/px": text(row, 2) for row in means(more, "edited").itertuples()}
        rows.append({"Data set": title_of(study), "Latent": SERIES[name], **cells})
    return pd.DataFrame(rows).set_index(["Data set", "Latent"])


@each(stacked, "panel")
def path(study: xr.Dataset) -> pd.DataFrame:
    """High-frequency energy on the way between two latents: columns panel, series, place, and those of `means`."""
    return _with_titles(means(study["path_excess"], "edited"))


@each(stacked, "dataset", {"panel": AREAS.values()})
def edits(study: xr.Dataset) -> pd.DataFrame:
    """Diversity of the outputs over labels: columns panel (area), dataset, series, and those of `means`."""
    table = means(study["edits"], "edited", POSITIVE).assign(panel=lambda rows: rows["area"].map(AREAS))
    return _with_titles(table.dropna(subset="mean"))


def early_ratio(study: xr.Dataset, name: str) -> Interval:
    """An error or a spread at the first levels of the inversion: the mean in plain areas over that in the others, of
    images that have both."""
    values = study[name].sel(walk="inversion", drop=True) if "walk" in study[name].dims else study[name]
    first = _early(study, values)
    return _ratio(first.sel(area="plain"), first.sel(area="other"))


def _early(study: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    return values.isel(step=slice(max(1, round(EARLY * study.attrs["num_steps"])))).mean("step")


def beyond_sampling(study: xr.Dataset) -> Interval:
    """The spread of the predicted noise in plain areas over that in others, at the first levels of the inversion over
    those of the sampling: image by image, the geometric mean."""
    first = np.log(_early(study, study["spread"]))
    plain = first.sel(area="plain") - first.sel(area="other")
    return statistics.geometric_mean((plain.sel(walk="inversion") - plain.sel(walk="sampling")).dropna("sample"))


def _published_step(study: xr.Dataset) -> int:
    """The number of replaced steps whose share is nearest to the paper's, one at least."""
    counts = study["replaced"].to_numpy()[1:]
    return int(counts[np.abs(counts / study.attrs["num_steps"] - REPLACED).argmin()])


def ends(study: xr.Dataset, measure: str) -> list[xr.DataArray]:
    """A measure of each image with none, the paper's share and all of the steps replaced."""
    values = study["value"].sel(measure=measure, drop=True)
    return [values.sel(replaced=k, drop=True) for k in (0, _published_step(study), values["replaced"][-1])]


def way(study: xr.Dataset, measure: str) -> Interval:
    """How far replacing the paper's share takes a measure from the standard inversion's mean to that of a latent of
    which every step was replaced, as a share of this way."""
    none, some, every = ends(study, measure)
    return _ratio(some - none, every - none)


def manipulable(study: xr.Dataset) -> Interval:
    """Diversity of the edits from the standard inversion's latents over that from the true noises, over the whole
    image."""
    whole = study["edits"].mean("area")
    return _ratio(whole.sel(series="standard"), whole.sel(series=WHITE), "edited")


def path_gain(study: xr.Dataset, series: str = "") -> Interval:
    """How much nearer TABA's samples inside the paths are than the standard inversion's, in log high-frequency energy,
    to those of a series from the same images, or to the usual of training targets. A difference of mean absolute
    distances, negative where TABA is nearer. Faults of the network's own samples are in both sides of the first, not of
    the second."""
    inside = study["path_excess"].isel(place=slice(1, -1))
    inside = inside.where(np.isfinite(inside))
    distance = np.abs(inside - (inside.sel(series=series, drop=True) if series else 0.0)).mean("place")
    return gap(distance, "edited", series=("taba", "standard"))


def claims(found: Found) -> list[Claim]:
    """The paper's claims against these measurements; ratios are told from 1, differences from 0."""
    gain, loss = (_over(found, way, measure=measure) for measure in ("s_dc", "reconstruction"))
    near_noise, near_usual = ((_over(found, path_gain, series=to), is_below(0)) for to in (WHITE, ""))
    abstract = f"{_PAPER}, abstract"
    early_steps = f"first {EARLY:.0%} of the steps"
    rows = [
        Rule("In the first inversion steps the error of the predicted noise is larger in plain areas than elsewhere",
             f"{_PAPER}, Fig. 1", f"error in plain areas over that in others, {early_steps}",
             _early_ratios(found, "error"), is_above(1), "fig-plain-error"),
        Rule("In the first inversion steps the predicted noise is less diverse in plain areas than elsewhere",
             f"{abstract} and Fig. 1", f"standard deviation in plain areas over that in others, {early_steps}",
             _early_ratios(found, "spread"), is_below(1), "fig-plain-spread"),
        Rule("This difference between areas is larger in the inversion than in the sampling", QUESTION,
             f"that ratio over the same in the sampling, {early_steps}",
             _over(found, beyond_sampling), is_below(1), "fig-plain-spread"),
        Rule("Latents of the DDIM inversion are less manipulable than the noise that an image was made from", abstract,
             "diversity of edits over that of edits from the true noise",
             _over(found, manipulable), is_below(1), "fig-plain-edits"),
    ]  # fmt: skip
    replaced = from_cases(
        "Replacing the first 4 % of the steps brings latents closer to Gaussian noise without a major degradation "
        "of the reconstruction", f"{abstract} and Fig. 4",
        joined((gain, is_above(MOST_OF_THE_WAY)), (loss, is_below(MINOR)), digits=2),
        f"with {_published_share(found):.0%} replaced, share of the way to white noise in S_DC (claim: above "
        f"{MOST_OF_THE_WAY:g}) and share of the way to the error of an unrelated latent (claim: below {MINOR:g})",
        "fig-plain-sweep")  # fmt: skip
    between = from_cases(
        "Replacing the first steps makes interpolations between latents better", abstract,
        joined(near_noise, near_usual, by=alike),
        "distance in log high-frequency energy inside the path, TABA minus standard inversion, first to samples from "
        "the true noises and then to the mean of training targets (claim: both below 0; energy is only a part of "
        "quality)",
        "fig-plain-path")  # fmt: skip
    wrong, narrow, more, edited = judge(rows)
    return [wrong, narrow, more, replaced, edited, between]


def _over(found: Found, quantity: Callable[..., Interval], **given: str) -> Measured:
    return Measured.of(found, functools.partial(quantity, **given))


def answer(found: Found) -> dict[str, Any]:
    """What is wrong in plain areas, what the paper's cure brings and what it costs: lowest and highest mean."""
    return {
        "early": EARLY,
        "wide": _over(found, early_ratio, name="spread").span(2),
        "beyond": _over(found, beyond_sampling).span(2),
        "replaced": _published_share(found),
        "gain": _over(found, way, measure="s_dc").span(2),
        "loss": _over(found, way, measure="reconstruction").span(2),
        "count": f"{len(found)} data set{'s' * (len(found) > 1)}",
    }


def counted(found: Found) -> str:
    """How many images each data set has, as one sentence of Markdown."""
    texts = "; ".join(
        tell("{title}: {images} and {sizes[drawn]} generated images, of which we edit {sizes[edited]}", study)
        for study in found.values()
    )
    return f"**Images.** {texts}. We leave out areas of less than 5 % of an image."


def replacing(found: Found) -> pd.DataFrame:
    """A row per measure and data set, for a page: with none, the paper's share and all of the steps replaced."""
    columns = ["none", f"{_published_share(found):.0%}", "all"]
    rows = {
        (title[0].upper() + title[1:], title_of(study)): {
            column: text(statistics.interval(end), 2) for column, end in zip(columns, ends(study, name), strict=True)
        }
        for name, title in MEASURES.items()
        for study in found.values()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["Score", "Data set"])


def _published_share(found: Found) -> float:
    """`_published_step` as a share, the same for all data sets unless they have other numbers of steps."""
    return max(_published_step(study) / study.attrs["num_steps"] for study in found.values())


def _early_ratios(found: Found, name: str) -> Measured:
    """`early_ratio` of test images and of generated ones."""
    drawn = {f"{title}, generated": one for title, one in _over(found, early_ratio, name=f"drawn_{name}").items()}
    return Measured(_over(found, early_ratio, name=name) | drawn)


def _with_titles(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(series=table["series"].map(SERIES))


def _ratio(numerator: xr.DataArray, denominator: xr.DataArray, dim: str = "") -> Interval:
    """`statistics.ratio` over the samples that have both values; NaN where they are fewer than two."""
    dim = dim or str(numerator.dims[-1])
    known = (numerator.notnull() & denominator.notnull()).to_numpy()
    if known.sum() < 2:
        return UNKNOWN
    return statistics.ratio(numerator.isel({dim: known}), denominator.isel({dim: known}), dim)
