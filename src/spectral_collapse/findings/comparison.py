"""Methods compared on the same images, and scores with each other.

Works on any dataset with the dims point and sample, and seed where there is one, whose variables are
named as the cards of `metrics.SCORES`: a result of `studies.pareto`, for example. The unit is the
image, as in `findings.pareto`: seeds are averaged within an image first. Intervals resample the groups of images
that a coordinate `sample_group` names, or single images without it (`statistics.bootstrap_counts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse import metrics
from spectral_collapse.errors import DataError, unknown
from spectral_collapse.statistics import (
    Interval,
    Kind,
    bootstrap_counts,
    bootstrap_mean,
    correlations,
    groups_of,
    holm,
    resampled,
    resampled_means,
    sign_flip,
    text,
    wilson,
    within,
)

Over = Literal["point", "sample"]

LEVEL = 0.05
"""p-values below this are significant."""


def scores_of(study: xr.Dataset) -> list[str]:
    """The variables that are scores of single images at each point, in the study's order."""
    return [str(name) for name in study if name in metrics.SCORES and {"point", "sample"} <= set(study[name].dims)]


def paired(
    study: xr.Dataset,
    baseline: str = "standard",
    points: Sequence[str] | None = None,
    scores: Sequence[str] | None = None,
) -> xr.Dataset:
    """Each point against a baseline on the same images.

    Args:
        study: dims point, sample, and seed if there is one.
        baseline: a point.
        points: those to compare with it; without it all others.
        scores: without it `scores_of(study)`.

    Returns:
        dims score, point. difference: mean over images of point minus baseline, with its bootstrap
        interval (difference_low, difference_high). improved: the share of images that are better at the
        point, by the score's direction, ties not counted; NaN where a score has no direction. Its
        interval (improved_low, improved_high) is Wilson's (1927), since resampling gives a share of 0 or
        1 an interval without width; it counts independent groups, not images. Tables 1 and 6 of Spectral
        Collapse count settings instead of images (93.8 % is 15 of 16): `cases`.

    Raises InvalidParameterError for unknown points and scores, DataError where nothing can be compared.
    """
    names = _chosen(study, scores)
    if points is None:
        points = [str(point) for point in study["point"].to_numpy() if point != baseline]
    for point in (baseline, *points):
        if point not in study["point"].to_numpy():
            raise unknown("point", point, study["point"].to_numpy())
    if not points:
        raise DataError(f"there is no other point than {baseline!r} to compare; run more methods")
    values = _per_image(study, names)
    candidates, reference = values.sel(point=list(points)), values.sel(point=baseline)
    gap = (candidates - reference).transpose("score", "point", "sample").to_numpy()
    better = np.stack(
        [_goodness(name, candidates.sel(score=name)) > _goodness(name, reference.sel(score=name)) for name in names]
    )
    directed = np.array([[metrics.SCORES[name].directed] for name in names])
    share = np.where(directed & np.isfinite(gap).all(-1), better.mean(-1), np.nan)
    low, high = wilson(share, len(set(groups_of(study))))
    found = {
        "difference": (bootstrap_mean(gap, groups_of(study)), "difference, point minus baseline"),
        "improved": (Interval(share, low, high), "share of images improved"),
    }
    return xr.Dataset(
        _intervals(found, ("score", "point")),
        {"score": names, "point": list(points)},
        _attrs(study, baseline=baseline),
    )


def corrected(study: xr.Dataset, pairs: xr.Dataset) -> xr.Dataset:
    """A result of `paired` of this study with two more variables: `pvalue`, that of `statistics.sign_flip` over groups
    of images, and `holm`, corrected for the number of points that a score is compared at."""
    values = _per_image(study, list(pairs["score"].to_numpy()))
    gap = values.sel(point=pairs["point"]) - values.sel(point=pairs.attrs["baseline"])
    pvalue = sign_flip(gap.transpose("score", "point", "sample").to_numpy(), groups_of(study))
    about = {"pvalue": (pvalue, "p-value"), "holm": (holm(pvalue), "p-value after Holm")}
    found = {
        name: xr.Variable(("score", "point"), values, {"long_name": title, "units": "1"})
        for name, (values, title) in about.items()
    }
    return pairs.assign(found)


def leaders(study: xr.Dataset, score: str, points: Sequence[str] | None = None) -> dict[str, str]:
    """point -> 'best' or 'second', of a score of single images, where it is significant.

    The best is the point with the best mean, if its difference from every other one has p < `LEVEL` by
    `statistics.sign_flip` after Holm's correction; the second likewise among the others, if there is a best.
    """
    values = _per_image(study, [score]).isel(score=0, drop=True)
    values = values if points is None else values.sel(point=list(points))
    values = values.isel(point=np.argsort(-_goodness(score, values.mean("sample")), kind="stable"))
    found: dict[str, str] = {}
    for number, place in enumerate(("best", "second")):
        rest = values.isel(point=slice(number + 1, None))
        if not rest.sizes["point"] or not metrics.SCORES[score].directed:
            break
        gap = (values.isel(point=number) - rest).transpose("point", "sample").to_numpy()
        if not (holm(sign_flip(gap, groups_of(study))) < LEVEL).all():
            break
        found[str(values["point"].to_numpy()[number])] = place
    return found


def cases(
    studies: Sequence[xr.Dataset],
    candidates: Sequence[str],
    baselines: Sequence[str],
    scores: Sequence[str] | None = None,
) -> xr.Dataset:
    """The share of settings in which one kind of method is better than another, as Tables 1 and 6 count it.

    A case is a study, a seed, a point whose `method` is among `candidates` and one whose method is among
    `baselines`; it is improved where the candidate's mean over images is strictly better. The interval
    resamples the images of each study: it says how sure the counted cases are, not how other data sets
    or methods would do.

    Args:
        studies: dims point, sample, and seed if there is one; coordinate `method` along point.
        candidates, baselines: kinds of method, for Table 1 stochastic and deterministic ones.
        scores: without it those with a direction that all studies have.

    Returns:
        dim score: improved with improved_low and improved_high; the attr `cases` is their number.

    Raises DataError where no study has both kinds, InvalidParameterError for unknown scores.
    """
    if not studies:
        raise DataError("cases are counted in studies; give at least one")
    if scores is None:
        scores = [name for name in scores_of(studies[0]) if all(name in scores_of(study) for study in studies)]
    for study in studies:
        _chosen(study, scores)
    names = [name for name in scores if metrics.SCORES[name].directed]
    actual, drawn = [], []
    for study in studies:
        kinds = [study["method"].isin(list(wanted)).to_numpy() for wanted in (candidates, baselines)]
        values = np.stack([_seeds(study[name]).to_numpy() for name in names])  # (score, point, seed, sample)
        counts = bootstrap_counts(groups_of(study))
        again = (resampled_means(values, counts), counts.sum(1), drawn)
        for means, size, kept in ((values.mean(-1, keepdims=True), values.shape[-1], actual), again):
            good = np.stack([_goodness(name, mean) for name, mean in zip(names, means, strict=True)])
            ours, theirs = (good[:, kind] for kind in kinds)
            wins = ours[:, :, None] > theirs[:, None]  # (score, candidate, baseline, seed, resample)
            wins = np.where(np.isnan(size), np.nan, wins)  # a single group has no resamples
            kept.append(wins.reshape(len(names), -1, wins.shape[-1]))
    counted = np.concatenate(actual, 1)
    if not counted.shape[1]:
        raise DataError(f"no study has points of both {list(candidates)} and {list(baselines)}; name other methods")
    fewest = min((groups_of(study) for study in studies), key=lambda groups: len(set(groups)))
    interval = resampled(counted.mean((1, 2)), np.concatenate(drawn, 1).mean(1), fewest)
    return xr.Dataset(
        _intervals({"improved": (within(interval, 0, 1), "share of cases improved")}, ("score",)),
        {"score": names},
        {"cases": counted.shape[1], "candidates": ", ".join(candidates), "baselines": ", ".join(baselines)},
    )


def ranks(study: xr.Dataset, scores: Sequence[str] | None = None) -> xr.Dataset:
    """The rank of each point's mean, 1 for the best, with its bootstrap interval.

    Equal means share the mean of their ranks. Scores without a direction have no ranks and are left out.

    Returns dims score, point: rank, rank_low, rank_high; and along point mean_rank, over the scores, with
    its interval.

    Raises InvalidParameterError for unknown scores, DataError where none has a direction.
    """
    names = [name for name in _chosen(study, scores) if metrics.SCORES[name].directed]
    if not names:
        raise DataError("no score of this study has a direction, so points have no ranks")
    values = _per_image(study, names).to_numpy()

    def placed(means: np.ndarray) -> np.ndarray:
        good = np.stack([_goodness(name, mean) for name, mean in zip(names, means, strict=True)])
        return stats.rankdata(-good, axis=1)

    actual = placed(values.mean(-1))
    groups = groups_of(study)
    drawn = placed(resampled_means(values, bootstrap_counts(groups)))

    def ranked(ranks: np.ndarray, draws: np.ndarray) -> Interval:
        return within(resampled(ranks, draws, groups), 1, actual.shape[1])

    single = {"rank": (ranked(actual, drawn), "rank, 1 is best")}
    mean = {"mean_rank": (ranked(actual.mean(0), drawn.mean(0)), "mean rank over scores")}
    return xr.Dataset(
        {**_intervals(single, ("score", "point")), **_intervals(mean, ("point",))},
        {"score": names, "point": study["point"].to_numpy()},
        _attrs(study),
    )


def correlation(
    study: xr.Dataset, scores: Sequence[str] | None = None, kind: Kind = "spearman", over: Over = "point"
) -> xr.Dataset:
    """The correlation of each score with each other, as Fig. 14 of Spectral Collapse, with intervals over images.

    Args:
        study: dims point, sample, and seed if there is one.
        scores: two at least; without it `scores_of(study)`.
        kind: of coefficient. The paper names neither; Spearman's does not depend on a score's scale.
        over: 'point', between the points' means, which is the paper's reading ('for different methods');
            'sample', between all images of all points.

    Returns:
        dims score, other: r, with r_low and r_high, the 95 % bootstrap interval. It says how
        sure the correlation among these points is, not how other methods would correlate. NaN where a
        score is the same everywhere or not finite.

    Raises InvalidParameterError for unknown scores, kind or over, DataError for fewer than two scores or
    three points (images and points, over 'sample').
    """
    for name, value, allowed in (("kind", kind, get_args(Kind)), ("over", over, get_args(Over))):
        if value not in allowed:
            raise unknown(name, value, allowed)
    names = _chosen(study, scores)
    values = _per_image(study, names).to_numpy()
    _, points, samples = values.shape
    count = points if over == "point" else points * samples
    if len(names) < 2 or count < 3:
        raise DataError(f"a correlation needs 2 scores and 3 values of each, got {len(names)} and {count}")

    def of(counts: np.ndarray) -> np.ndarray:
        """How often each sample counts (resamples, samples) -> (score, other, resamples)."""
        if over == "point":
            return correlations(resampled_means(values, counts), kind)
        repeated = (np.repeat(values, times.astype(int), -1).reshape(len(names), -1, 1) for times in counts)
        return np.concatenate([correlations(one, kind) for one in repeated], axis=-1)

    groups = groups_of(study)
    counts = bootstrap_counts(groups)
    r = of(np.ones((1, samples)))[..., 0]
    unknown_ends = np.full((len(names), len(names)), np.nan)
    found = (
        Interval(r, unknown_ends, unknown_ends)
        if np.isnan(counts).any()
        else within(resampled(r, of(counts), groups), -1, 1)
    )
    intervals = _intervals({"r": (found, f"{kind.title()} correlation")}, ("score", "other"))
    return xr.Dataset(intervals, {"score": names, "other": names}, _attrs(study, kind=kind, over=over, points=points))


def score_table(scores: xr.Dataset) -> pd.DataFrame:
    """The values of `metrics.evaluate` as a table, a row per score.

    Mean with its 95 % bootstrap interval over the samples that have a value, or the set's value; n, for
    distances of sets 'images / references'; the direction; the value without any defect at this n and
    shape (white noise, or two sets that do not differ), where it is known. 'missing' with the reason
    where a score could not be computed.
    """
    rows = []
    for variable in scores.values():
        attrs = variable.attrs
        values = variable.dropna(variable.dims[0]) if variable.ndim else variable
        n = f"{attrs['n_images']} / {attrs['n_references']}" if "n_references" in attrs else str(values.size)
        if not variable.ndim:
            n = n if "n_references" in attrs else str(attrs["n"])
        unit = f" ({attrs['units']})" if attrs["units"] != "1" else ""
        null = attrs.get("white_noise", attrs.get("chance"))
        rows.append(
            {
                "Score": attrs["long_name"] + unit,
                "Mean [95 %]": f"missing: {attrs['missing']}" if "missing" in attrs else _value(values),
                "n": "-" if "missing" in attrs else n,
                "Direction": attrs["arrow"] or "-",
                "Without defect": "-" if null is None else f"{null:.3f}",
            }
        )
    return pd.DataFrame(rows).set_index("Score")


def _value(values: xr.DataArray) -> str:
    if not values.size or (not values.ndim and np.isnan(values)):
        return "-"
    mean = float(values.mean())
    if not math.isfinite(mean):
        return f"{mean:g}"
    digits = 3 if abs(mean) < 10 else 1
    interval = bootstrap_mean(values) if values.ndim else Interval(mean, math.nan, math.nan)
    return text(interval, digits) if math.isfinite(interval.low) else f"{mean:.{digits}f}"


def _chosen(study: xr.Dataset, scores: Sequence[str] | None) -> list[str]:
    known = scores_of(study)
    if scores is None:
        if not known:
            raise DataError("the study has no score with the dims point and sample")
        return known
    for name in scores:
        if name not in known:
            raise unknown("score of this study", name, known)
    return list(scores)


def _seeds(values: xr.DataArray) -> xr.DataArray:
    """(point, seed, sample), with one seed where there was none."""
    values = values if "seed" in values.dims else values.expand_dims("seed")
    return values.transpose("point", "seed", "sample")


def _per_image(study: xr.Dataset, names: Sequence[str]) -> xr.DataArray:
    """(score, point, sample), seeds averaged; missing where a seed's value is."""
    means = [_seeds(study[name]).mean("seed", skipna=False) for name in names]
    return xr.concat(means, "score").assign_coords(score=list(names))


def _goodness(name: str, values: np.ndarray | xr.DataArray) -> np.ndarray:
    return metrics.SCORES[name].goodness(np.asarray(values))


def _intervals(found: dict[str, tuple[Interval, str]], dims: tuple[str, ...]) -> dict[str, xr.Variable]:
    variables = {}
    for name, (interval, long_name) in found.items():
        for end, values in zip(("", "_low", "_high"), interval, strict=True):
            title = long_name + {"": "", "_low": ", 95 % from", "_high": ", 95 % to"}[end]
            variables[name + end] = xr.Variable(dims, values, {"long_name": title, "units": "1"})
    return variables


def _attrs(study: xr.Dataset, **more: object) -> dict[str, object]:
    """What a caption needs: number of images, and what the study says of its data."""
    kept = {name: study.attrs[name] for name in ("title", "data_source", "origin") if name in study.attrs}
    return {**kept, "n": study.sizes["sample"], "seeds": study.sizes.get("seed", 1), **more}
