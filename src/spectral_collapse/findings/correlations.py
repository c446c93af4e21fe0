"""Whether scores of latents and of images go together: tables, sentences and claims from results of
`studies.correlations`, by data set.

All correlations are rank correlations with 95 % bootstrap intervals over independent pictures; that of the methods'
means also draws methods, about which it is a statement.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse import metrics, statistics
from spectral_collapse.findings import comparison, intervals
from spectral_collapse.findings.claims import Claim, Rule, from_cases, is_above, is_below, is_lower, judge
from spectral_collapse.findings.decorrelation import white_s_dc
from spectral_collapse.findings.intervals import ENDS, beside, bounds_of, mean_text, means, of_means, stacked
from spectral_collapse.findings.latents import Found, called
from spectral_collapse.findings.measured import Held, Measured, above, equal, images, title_of
from spectral_collapse.findings.registered import margin
from spectral_collapse.findings.tidy import each, enumerated, items, often
from spectral_collapse.statistics import SHARE, Interval, text
from spectral_collapse.studies.correlations import COLOURED, FORCED, LOUD, MADE, SHUFFLED
from spectral_collapse.studies.latents import WHITE

LOW = 0.1
"""What an S_DC must lie below white noise's to count as low: ten times the margin within which the two are equal."""
READINGS = ("means of methods", "all images", "given the method", "given the image")
"""Ways to correlate two scores over methods and images: across methods, across all images of all methods, across the
images of one method, and across the methods on one image."""
SCORES = ("s_hf", "s_lf")
"""Of images, beside S_DC of latents."""
NOT_COUNTED = ("direct", "cycle_diffusion", "ddpm_friendly", SHUFFLED)
"""Points that say nothing of latents: methods that hand more than a latent to sampling, and pixels in random order."""


def methods(one: xr.Dataset) -> xr.Dataset:
    """The points that are methods."""
    return one.sel(point=~one["made"])


@each(stacked, "panel")
def latent_means(one: xr.Dataset, score: str) -> pd.DataFrame:
    """Figs. 4, 15 and 16: columns panel, point, mean, low, high of S_DC; score, score_low, score_high; white, S_DC of
    white noise; limit, the mean score of what is sampled from white noise."""
    rows, other = (means(methods(one)[name], bounds=bounds_of(name)) for name in ("s_dc", score))
    limit = float(one[score].sel(point=WHITE).mean())
    return rows.join(beside(other[ENDS], "score")).assign(white=white_s_dc(one), limit=limit)


@each(stacked, "panel")
def single_images(one: xr.Dataset) -> pd.DataFrame:
    """Every image of every method: columns panel, point, sample, s_dc and s_hf."""
    return methods(one)[["s_dc", "s_hf"]].to_dataframe().reset_index()


def readings(one: xr.Dataset, score: str) -> dict[str, Interval]:
    """The rank correlation of a score with S_DC over methods, in each of `READINGS`. Ranks are those among all images
    of all methods; a resample keeps them. Given the method, each method's mean rank is taken away first, which is the
    partial correlation given the method as a category; given the image, each image's."""
    values = np.stack([methods(one)[name].transpose("point", "sample").to_numpy() for name in (score, "s_dc")])
    ranks = stats.rankdata(values.reshape(2, -1), axis=1).reshape(values.shape)
    groups = statistics.groups_of(one)

    def pooled(both: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Over points and samples, of means (point, resample) of two scores' product and of their squares."""
        return both.mean(0) / np.sqrt(one.mean(0) * other.mean(0))

    found = {"means of methods": _over_methods(values, groups)}
    away = {"all images": (1, 2), "given the method": 2, "given the image": 1}
    for name, dims in away.items():
        one_score, other_score = ranks - ranks.mean(dims, keepdims=True)
        products = one_score * other_score, one_score**2, other_score**2
        found[name] = of_means(pooled, *products, groups=groups)
    return {name: statistics.within(one, -1, 1) for name, one in found.items()}


def _over_methods(values: np.ndarray, groups: np.ndarray) -> Interval:
    """The rank correlation of methods' means of two scores (2, point, sample). The claim is about methods, so methods
    are drawn with the images: ten of them tell a correlation badly, however many images there are."""
    counts = statistics.bootstrap_counts(groups)
    means = statistics.resampled_means(values, counts)
    methods, resamples = means.shape[1:]
    drawn = np.random.default_rng(0).integers(methods, size=(methods, resamples))
    r = statistics.correlations(np.take_along_axis(means, drawn[None], 1), "spearman")[0, 1]
    actual = float(statistics.correlations(values.mean(-1, keepdims=True), "spearman")[0, 1, 0])
    if np.isnan(counts).any():
        return Interval(actual, np.nan, np.nan)
    fewer = min(range(methods), groups, key=lambda units: len(set(units)))
    return statistics.resampled(actual, r[np.isfinite(r)], fewer)  # a method against itself has no correlation


@each(stacked, "panel")
def correlations(one: xr.Dataset) -> pd.DataFrame:
    """Columns panel, score (its symbol), reading, mean, low, high, of S_HF and S_LF with S_DC."""
    tables = (pd.DataFrame(readings(one, score)).T.assign(score=metrics.SCORES[score].symbol) for score in SCORES)
    return pd.concat(tables).set_axis([*ENDS, "score"], axis=1).rename_axis("reading").reset_index()


def matrix(found: Found) -> xr.Dataset:
    """Fig. 14: rank correlations of the methods' means of all scores, a result of `comparison.correlation`. Scores are
    turned so that more is better, by their cards: a positive correlation says that two scores agree on what is better.
    Each data set's values are standardised, and methods that all data sets have are averaged over all their images."""
    common = set.intersection(*(set(methods(one)["point"].to_numpy()) for one in found.values()))
    points = [name for name in methods(next(iter(found.values())))["point"].to_numpy() if name in common]
    parts = []
    for one in found.values():
        chosen = one.sel(point=points).drop_vars(["made", "shown"])
        good = {
            name: (("point", "sample"), metrics.SCORES[name].goodness(chosen[name].to_numpy()))
            for name in comparison.scores_of(chosen)
        }
        turned = xr.Dataset(good, {"point": points})
        groups = [f"{title_of(one)} {group}" for group in statistics.groups_of(one)]
        parts.append(((turned - turned.mean()) / turned.std()).assign_coords(sample_group=("sample", groups)))
    return comparison.correlation(xr.concat(parts, "sample"))


@each(stacked, "panel")
def experiment(one: xr.Dataset) -> pd.DataFrame:
    """S_DC, S_HF and S_LF of the standard inversion, `white_norm`, `nullspace` and the latents that were made."""
    shown = [*(name for name in ("standard", "white_norm", "nullspace") if name in one["point"]), *MADE]
    return pd.concat(
        means(one[name].sel(point=shown), bounds=bounds_of(name)).assign(score=metrics.SCORES[name].symbol)
        for name in ("s_dc", *SCORES)
    )


def gap(one: xr.Dataset, point: str, reference: str = "standard", score: str = "s_hf") -> Interval:
    """Mean difference of a score between two points on the same images."""
    return intervals.gap(one[score], point=(point, reference))


def exceptions(one: xr.Dataset, part: bool = False) -> str:
    """Points whose latents have a low S_DC and whose images still have nearly the energy of samples from white noise,
    as a list; '' without any.

    S_DC's interval ends more than `LOW` below white noise's value, and the whole interval of the energy at high
    frequencies is within the registered margin of that from white noise; with `part`, a part of that interval and not
    the whole. Not counted: methods that hand over more than a latent, and latents whose pixels are in random order,
    which are not correlated whatever their S_DC.
    """
    found = []
    for name in map(str, one["point"].to_numpy()):
        low = statistics.bootstrap_mean(one["s_dc"].sel(point=name), bounds=SHARE).high < white_s_dc(one) - LOW
        same = _same_energy(one, name)
        if low and name not in NOT_COUNTED and (same is None if part else same):
            found.append(called(name))
    return ", ".join(found)


def _same_energy(one: xr.Dataset, name: str) -> Held:
    """Whether images have the energy at high frequencies of images from white noise, within the registered margin."""
    return equal(gap(one, name, WHITE, "hf_excess"), 0, margin("hf_ratio"))


def _measured(found: Found, score: str, reading: str = "means of methods") -> Measured:
    """The correlation of a score with S_DC in a reading, on each data set."""
    return Measured.of(found, lambda one: readings(one, score)[reading])


def rising(found: Found) -> dict[str, Any]:
    """On how many data sets S_HF rises with S_DC over the methods' means, and its correlations; clear: whether any
    interval lies on one side of 0."""
    r = _measured(found, "s_hf")
    rises, clear = len(r.above(0)), bool(r.above(0) or r.below(0))
    return {"clear": clear, "rises": rises, "count": len(found), "correlations": r.span(2)}


def raised(found: Found, score: str) -> tuple[int, int]:
    """In how many cases making the standard inversion's latents white by force raises a score, and of how many."""
    gaps = [gap(one, name, score=score) for one in found.values() for name in FORCED]
    return sum(change.low > 0 for change in gaps), len(gaps)


def over_methods(found: Found) -> str:
    """Whether S_HF rises with S_DC over methods, as a sentence."""
    r = _measured(found, "s_hf")
    sides = {"rises": len(r.above(0)), "falls": len(r.below(0))}
    if not any(sides.values()):
        return "Across our methods this correlation is too uncertain to tell."
    told = enumerated(f"{verb} on {often(count, len(found))} data sets" for verb, count in sides.items() if count)
    return f"Across our methods, $S_{{HF}}$ as a function of $S_{{DC}}$ {told}."


def as_white(found: Found, *points: str) -> str:
    """In how many cases images have the energy of images from white noise (`_same_energy`), such as '7 of 15'."""
    held = [_same_energy(one, name) for one in found.values() for name in points]
    return f"{held.count(True)} of {len(held)}"


def needed(found: Found) -> str:
    """Whether texture needs a high S_DC, as sentences."""
    free = {title_of(one): exceptions(one) for one in found.values() if exceptions(one)}
    if not free:
        return (
            f"We found no latents with an S_DC at least {LOW:g} below that of white noise whose images have as much "
            "fine detail as images from white noise."
        )
    names = list(dict.fromkeys(name for listed in free.values() for name in listed.split(", ")))
    methods = [name for name in names if name not in FORCED]
    return (
        f"On {enumerated(free)} latents of {enumerated(names)} have an S_DC at least {LOW:g} below that of white "
        "noise, but their images have as much fine detail as images from white noise, to within a quarter. There "
        f"texture does not need a high S_DC.{'' if methods else ' No inversion method is such an exception.'}"
    )


def paradoxes(found: Found) -> list[str]:
    """Data sets and scores with Simpson's paradox: correlations with S_DC over the methods' means and over the images
    of a method that lie on different sides of 0."""
    named = []
    for one, score in itertools.product(found.values(), SCORES):
        r = readings(one, score)
        if {above(r[name], 0) for name in ("means of methods", "given the method")} == {True, False}:
            named.append(f"{title_of(one)} ($S_{{{score[2:].upper()}}}$)")
    return named


@each(items)
def experiment_verdict(one: xr.Dataset) -> str:
    """For each data set what white noise's samples have, what force and colour change, and the exceptions."""
    white, standard = (mean_text(one["s_hf"].sel(point=name), bounds=SHARE) for name in (WHITE, "standard"))
    forced = ", ".join(f"{name} {text(gap(one, name))}" for name in FORCED)
    times = ", ".join(
        f"{name} {text(Interval(*np.exp(gap(one, name, WHITE, 'hf_excess'))), 2)}"
        for name in ("standard", *FORCED, COLOURED, LOUD)
    )
    return (
        f", {images(one)}: $S_{{HF}}$ is {white} for images from white noise and {standard} for images from the "
        "standard inversion's latents.\n"
        f"  - Making these latents white changes $S_{{HF}}$ by: {forced}.\n"
        f"  - High-frequency energy of images, divided by that of images from white noise: {times}.\n"
        f"  - Methods whose latents have an $S_{{DC}}$ at least {LOW:g} below that of white noise, but whose images "
        f"have the energy of images from white noise to within a quarter: {exceptions(one) or 'none'} with the whole "
        f"interval; {exceptions(one, part=True) or 'none'} with a part of it."
    )


def claims(found: Found) -> list[Claim]:
    """Claims of the paper. Of a prerequisite there are no `exceptions`; where only a part of an interval makes one, it
    is open. Structure in the latent degrades texture where coloured noise at the norm of white noise, which has the
    structure and not the missing power, gives less energy than white noise. Images of a single picture tell nothing."""
    found = {name: one for name, one in found.items() if len(set(statistics.groups_of(one))) > 1}
    paper, figure = "Spectral Collapse", "fig-co-readings"
    rows = [
        Rule("S_HF and S_DC have a strong positive correlation across methods", f"{paper}, Sec. 4, Fig. 4a and 15",
             "rank correlation of the methods' means", _measured(found, "s_hf"), is_above(0.5), figure, 2, images),
        Rule("S_HF and S_DC correlate positively across the images of one method, too",
             f"our reading of {paper}, Sec. 4",
             "rank correlation given the method", _measured(found, "s_hf", "given the method"), is_above(0),
             figure, 2, images),
        Rule("Enforcing Gaussianity costs structure: S_LF falls where S_DC rises", f"{paper}, Fig. 4b and 16",
             "rank correlation of the methods' means", _measured(found, "s_lf"), is_below(0), "fig-co-lf", 2, images),
        Rule("Structure in the latent takes texture away", f"{paper}, Sec. 4",
             "log energy of images from coloured noise with the norm of white noise minus that from white noise",
             lambda one: gap(one, LOUD, WHITE, "hf_excess"), is_lower("hf_ratio"), "fig-co-forced", 3, images),
    ]  # fmt: skip
    free = {}
    for one in found.values():
        whole, part = exceptions(one), exceptions(one, part=True)
        said = f"whole interval: {whole or 'none'}; part of it: {part or 'none'} ({images(one)})"
        free[title_of(one)] = said, False if whole else None if part else True
    words = "Decorrelation of the latent is a prerequisite of high frequencies"
    what = (
        f"methods whose S_DC is at least {LOW:g} below that of white noise, but whose images have the energy of images "
        "from white noise to within a quarter"
    )
    *first, last = judge(rows, found)
    return [*first, from_cases(words, f"{paper}, Fig. 4", free, what, "fig-co-forced"), last]
