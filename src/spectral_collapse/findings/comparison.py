"""Methods compared on the same images, and scores with each other.

Works on any dataset with the dims point and sample, and seed where there is one, whose variables are named as the cards
of `metrics.SCORES`. The unit is the image: seeds are averaged within it first. Intervals resample groups of images
(`statistics.bootstrap_counts`). Raises InvalidParameterError for unknown names, DataError where nothing can be
compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from scipy import stats

from spectral_collapse import metrics, statistics
from spectral_collapse.errors import DataError, unknown
from spectral_collapse.findings.intervals import ends, of_means
from spectral_collapse.statistics import Interval, bootstrap_counts, groups_of, resampled, resampled_means, within

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
    """Each point against a baseline on the same images: dims score, point.

    points: those to compare with it; without it all others. scores: without it `scores_of(study)`. Returns difference,
    the mean over images of point minus baseline, and improved, the share of images that are better by the score's
    direction (ties not counted; NaN without a direction), both with _low and _high. The share's interval is Wilson's
    (1927), since resampling gives a share of 0 or 1 none; it counts independent groups. Tables 1 and 6 of Spectral
    Collapse count settings instead of images: `cases`.
    """
    names, known = _chosen(study, scores), [str(point) for point in study["point"].to_numpy()]
    points = [point for point in known if point != baseline] if points is None else list(points)
    for point in (baseline, *points):
        if point not in known:
            raise unknown("point", point, known)
    if not points:
        raise DataError(f"there is no other point than {baseline!r} to compare; run more methods")
    values = _per_image(study, names)
    candidates, reference = values.sel(point=points).to_numpy(), values.sel(point=[baseline]).to_numpy()
    gap = candidates - reference
    better = _goodness(names, candidates) > _goodness(names, reference)
    directed = np.array([[metrics.SCORES[name].directed] for name in names])
    share = np.where(directed & np.isfinite(gap).all(-1), better.mean(-1), np.nan)
    improved = Interval(share, *statistics.wilson(share, len(set(groups_of(study)))))
    return xr.Dataset(
        _variables("difference", statistics.bootstrap_mean(gap, groups_of(study)), ("score", "point"))
        | _variables("improved", improved, ("score", "point")),
        {"score": names, "point": points},
        {"n": study.sizes["sample"], "baseline": baseline},
    )


def corrected(study: xr.Dataset, pairs: xr.Dataset) -> xr.Dataset:
    """A result of `paired` with `pvalue`, of `statistics.sign_flip`, and `adjusted`: by Benjamini and Hochberg's
    correction among the points of a score. A score that misses values counts as no difference."""
    values = _per_image(study, list(pairs["score"].to_numpy()))
    gap = values.sel(point=pairs["point"]) - values.sel(point=pairs.attrs["baseline"])
    pvalue = statistics.sign_flip(gap.transpose("score", "point", "sample").to_numpy(), groups_of(study))
    dims = ("score", "point")
    adjusted = stats.false_discovery_control(np.nan_to_num(pvalue, nan=1.0), axis=-1)
    return pairs.assign(pvalue=(dims, pvalue), adjusted=(dims, adjusted))


def distinct(study: xr.Dataset, scores: Sequence[str]) -> xr.Dataset:
    """The study without points whose scores equal those of an earlier point on every image: the same method by another
    name, as the negative prompt is the standard inversion without guidance."""
    values = _per_image(study, scores).transpose("point", "score", "sample").to_numpy()
    kept = [n for n, one in enumerate(values) if not any(np.array_equal(one, other, True) for other in values[:n])]
    return study.isel(point=kept)


def leaders(study: xr.Dataset, score: str) -> dict[str, str]:
    """point -> 'best' or 'second'. The best has the best mean, if its difference from every other point has p < `LEVEL`
    by `statistics.sign_flip`, all of them, so that no correction is due; the second likewise among the others, if there
    is a best."""
    values = _per_image(study, [score])
    order = np.argsort(-_goodness([score], values.mean("sample").to_numpy())[0], kind="stable")
    names, ranked = values["point"].to_numpy()[order], values.to_numpy()[0, order]
    found: dict[str, str] = {}
    for place, mark in enumerate(("best", "second")):
        if len(names) < place + 2 or not metrics.SCORES[score].directed:
            break
        pvalues = statistics.sign_flip(ranked[place] - ranked[place + 1 :], groups_of(study))
        if not (pvalues < LEVEL).all():
            break
        found[str(names[place])] = mark
    return found


def cases(
    studies: Sequence[xr.Dataset], candidates: Sequence[str], baselines: Sequence[str], scores: Sequence[str]
) -> xr.Dataset:
    """The share of settings in which one kind of method is better than another, as Tables 1 and 6 count it.

    A case is a study, a seed, a point whose `method` is among `candidates` and one whose method is among `baselines`;
    it is improved where the candidate's mean over images is strictly better. The interval resamples the images of each
    study. scores: with a direction. Returns dim score: improved with _low and _high; the attr `cases` is their number.
    """
    if not studies:
        raise DataError("cases are counted in studies; give at least one")
    names, actual, drawn = list(scores), [], []
    for study in studies:
        _chosen(study, names)
        kinds = [study["method"].isin(list(wanted)).to_numpy() for wanted in (candidates, baselines)]
        values = np.stack([_seeds(study[name]).to_numpy() for name in names])  # (score, point, seed, sample)
        counts = bootstrap_counts(groups_of(study))
        again = (resampled_means(values, counts), counts.sum(1), drawn)
        for means, size, kept in ((values.mean(-1, keepdims=True), values.shape[-1], actual), again):
            good = _goodness(names, means)
            ours, theirs = (good[:, kind] for kind in kinds)
            wins = ours[:, :, None] > theirs[:, None]  # (score, candidate, baseline, seed, resample)
            wins = np.where(np.isnan(size), np.nan, wins)  # a single group has no resamples
            kept.append(wins.reshape(len(names), -1, wins.shape[-1]))
    counted = np.concatenate(actual, 1)
    if not counted.shape[1]:
        raise DataError(f"no study has points of both {list(candidates)} and {list(baselines)}; name other methods")
    fewest = min((groups_of(study) for study in studies), key=lambda groups: len(set(groups)))
    improved = within(resampled(counted.mean((1, 2)), np.concatenate(drawn, 1).mean(1), fewest), 0, 1)
    return xr.Dataset(_variables("improved", improved, ("score",)), {"score": names}, {"cases": counted.shape[1]})


def ranks(study: xr.Dataset, scores: Sequence[str] | None = None) -> xr.Dataset:
    """Mean rank of each point over the scores with a direction, 1 is best: mean_rank, with _low and _high."""
    names = [name for name in _chosen(study, scores) if metrics.SCORES[name].directed]
    if not names:
        raise DataError("no score of this study has a direction, so points have no ranks")

    def placed(means: np.ndarray) -> np.ndarray:
        return stats.rankdata(-_goodness(names, means), axis=1).mean(0)

    found = within(of_means(placed, _per_image(study, names), groups=groups_of(study)), 1, study.sizes["point"])
    return xr.Dataset(_variables("mean_rank", found, ("point",)), {"point": study["point"].to_numpy()})


def correlation(study: xr.Dataset, scores: Sequence[str] | None = None) -> xr.Dataset:
    """Spearman's correlation of each score with each other between the points' means, as Fig. 14 of Spectral Collapse,
    with intervals over images. The paper names no coefficient; this one does not depend on a score's scale.

    Returns dims score, other: r, with r_low and r_high, for these points and no others; NaN where a score is the same
    everywhere or not finite.
    """
    names, count = _chosen(study, scores), study.sizes["point"]
    if len(names) < 2 or count < 3:
        raise DataError(f"a correlation needs 2 scores and 3 values of each, got {len(names)} and {count}")
    values, groups = _per_image(study, names), groups_of(study)
    found = within(of_means(lambda means: statistics.correlations(means, "spearman"), values, groups=groups), -1, 1)
    return xr.Dataset(_variables("r", found, ("score", "other")), {"score": names, "other": names})


def _chosen(study: xr.Dataset, scores: Sequence[str] | None) -> list[str]:
    known = scores_of(study)
    if scores is None and not known:
        raise DataError("the study has no score with the dims point and sample")
    chosen = known if scores is None else list(scores)
    for name in chosen:
        if name not in known:
            raise unknown("score of this study", name, known)
    return chosen


def _seeds(values: xr.DataArray) -> xr.DataArray:
    """(point, seed, sample), with one seed where there was none."""
    values = values if "seed" in values.dims else values.expand_dims("seed")
    return values.transpose("point", "seed", "sample")


def _per_image(study: xr.Dataset, names: Sequence[str]) -> xr.DataArray:
    """(score, point, sample), seeds averaged; missing where a seed's value is."""
    means = [_seeds(study[name]).mean("seed", skipna=False) for name in names]
    return xr.concat(means, "score").assign_coords(score=list(names))


def _goodness(names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """(score, ...), more is better."""
    return np.stack([metrics.SCORES[name].goodness(one) for name, one in zip(names, values, strict=True)])


def _variables(name: str, found: Interval, dims: tuple[str, ...]) -> dict[str, xr.Variable]:
    return {column: xr.Variable(dims, of) for column, of in zip((name, *ends(name)), found, strict=True)}
