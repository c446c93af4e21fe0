"""Pareto fronts of two scores, their area, and intervals by resampling what is independent.

All functions work on any leading dimensions at once. More is better in both scores. Images of the same photograph,
field of view or product depend on each other. Studies store their origin in a coordinate `{dim}_group` along the
dimension of the samples, and all intervals resample whole groups (`bootstrap_counts`). If results are about one fixed
set of pictures, the coordinate is called `{dim}_stratum`, and samples are resampled within each picture.

Intervals are percentile bootstrap intervals (Efron and Tibshirani, 1993, Ch. 13), corrected for the number of groups.
Without correction, intervals of few groups are too short: they cover the mean of four normal values in 80 % of cases,
of sixteen in 92 %. Here they are stretched about their estimate by a factor (`stretch`) that makes them as wide as
Student's interval for normal values. They then cover the mean of three or more groups in 94 to 95 % of cases. They keep
the asymmetry of the resamples, and the same rule serves means, ratios, ranks, correlations and areas. Hesterberg, 'What
teachers should know about the bootstrap' (2015, Sec. 3 and 5), explains the two causes of the shortness.

Every function raises InvalidParameterError unless it gets an array of numbers of the shape that it names. An infinite
value, such as the PSNR of identical images, makes a mean infinite; it then has no interval (NaN), and a warning says
so.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special, stats

from spectral_collapse import memory
from spectral_collapse.checks import check_count, check_is, check_name, check_number, described
from spectral_collapse.errors import DataError, InvalidParameterError

RESAMPLES = 10000
"""With 10000, the true rank of either end of a 95 % interval has a standard error of 0.16 %."""

COVERAGE = 0.95

_CONFIDENT = float(stats.norm.ppf((1 + COVERAGE) / 2))
"""Standard deviations either side in a 95 % interval."""

FLIPS = 20000
"""Random patterns of signs in `sign_flip`: a p-value of 0.05 has a standard error of 0.0015."""

Kind = Literal["spearman", "pearson"]

Bounds = tuple[float, float]
REAL, POSITIVE, SHARE = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)
"""The bounds of a quantity, by its kind: any number, a power or an error, a share."""


class Interval(NamedTuple):
    """mean: the estimate from all samples; low, high: its interval (arrays for several rows at once)."""

    mean: np.ndarray | float
    low: np.ndarray | float
    high: np.ndarray | float


class HypervolumeGain(NamedTuple):
    """gain: candidates minus baselines, with its interval; candidates, baselines: either side's hypervolume."""

    gain: Interval
    candidates: float
    baselines: float


def pareto_front(points: np.ndarray) -> np.ndarray:
    """Which of the points (..., P, 2) no other point dominates: boolean (..., P).

    A point is dominated by one that is at least as good in both scores and better in one, so equal
    points stay together. A point with NaN is never on the front and dominates nothing.

    Raises InvalidParameterError unless the last dimension is 2.
    """
    points = _points(points)
    known = ~np.isnan(points).any(-1)
    points = np.where(known[..., None], points, -np.inf)
    mine, other = points[..., :, None, :], points[..., None, :, :]
    dominated = ((other >= mine).all(-1) & (other > mine).any(-1)).any(-1)
    return known & ~dominated


def hypervolume(points: np.ndarray, reference: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """The area (...) that the points (..., P, 2) dominate above `reference`, exactly.

    Points that do not exceed the reference in both scores, or hold NaN, add nothing; no points, area 0.

    Raises InvalidParameterError unless the last dimension is 2.
    """
    corner = _numbers("reference", reference).astype(float)
    if corner.shape != (2,) or not np.isfinite(corner).all():
        raise InvalidParameterError(f"reference must be two finite numbers; {described(reference)} was given")
    sides = _points(points) - corner
    sides = np.where((sides > 0).all(-1, keepdims=True), sides, 0.0)  # NaN > 0 is false
    order = np.argsort(-sides[..., 0], axis=-1)[..., None]
    width, height = np.moveaxis(np.take_along_axis(sides, order, axis=-2), -1, 0)
    # From the right, every strip between two neighbouring points is as high as the highest point so far.
    strips = width - np.concatenate([width[..., 1:], np.zeros_like(width[..., :1])], axis=-1)
    return (strips * np.maximum.accumulate(height, axis=-1)).sum(-1)


class Within(NamedTuple):
    """A group that is resampled only within its stratum, such as a window of one of a few fixed pictures."""

    stratum: object
    group: object


def groups_of(data: xr.Dataset | xr.DataArray, dim: str = "sample") -> np.ndarray:
    """The group of each sample along `dim`.

    A coordinate `{dim}_stratum` makes each sample a group `Within` its stratum; else the coordinate `{dim}_group` names
    the groups; without either, each sample is its own group.
    """
    if not isinstance(data, xr.DataArray | xr.Dataset) or not isinstance(dim, str) or dim not in data.dims:
        raise InvalidParameterError(f"xarray data along a dimension {described(dim)} are needed; {_named(data)} given")
    if (name := f"{dim}_stratum") in data.coords:
        groups = np.empty(data.sizes[dim], object)
        groups[:] = [Within(stratum, number) for number, stratum in enumerate(data[name].to_numpy())]
        return groups
    name = f"{dim}_group"
    return data[name].to_numpy() if name in data.coords else np.arange(data.sizes[dim])


def pictures_of(data: xr.Dataset | xr.DataArray, dim: str = "sample") -> int:
    """How many pictures, fields or products the samples along `dim` are taken from."""
    return len({group.stratum if isinstance(group, Within) else group for group in groups_of(data, dim)})


def bootstrap_counts(groups: Sequence[object] | np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each resample contains each sample, (resamples, samples); the same for the same arguments.

    Whole groups are resampled, as many as there are, each with all of its samples (the cluster bootstrap; Davison and
    Hinkley, 1997, Sec. 3.8), so resamples differ in their number of samples. All methods of a study are resampled with
    one such matrix, so that they keep sharing their images.

    `scipy.stats.bootstrap` resamples single samples. On sums over groups it gives the same intervals of means, but
    fronts, ranks and ratios need the same resamples again and again.

    groups: the group of each sample (`groups_of`), a range if each is its own. Groups `Within` a stratum are resampled
    there, as many as it has. The numbers are whole, as floats, and read-only, since all callers with the same arguments
    get the same array. All are NaN if there is only one group, or one in every stratum: there is no interval then.

    Raises InvalidParameterError for no samples or no resamples.
    """
    resamples, seed = check_count("resamples", resamples, 1), check_count("seed", seed, 0)
    number, count = _groups(groups)
    memory.check(16 * resamples * len(number), f"a bootstrap of {len(number)} samples", "lower resamples")
    stratum = np.empty(count, int)
    stratum[number] = _strata(groups)
    return _counts(tuple(number.tolist()), tuple(stratum.tolist()), resamples, seed)


@lru_cache(maxsize=32)  # of 64 samples each has 1 MB
def _counts(number: tuple[int, ...], strata: tuple[int, ...], resamples: int, seed: int) -> np.ndarray:
    """`bootstrap_counts` of the number of each sample's group, and of that of each group's stratum."""
    if len(strata) == len(set(strata)):
        counts = np.full((resamples, len(number)), np.nan)
    else:
        generator, rows = np.random.default_rng(seed), np.arange(resamples)[:, None]
        times = np.zeros((resamples, len(strata)))
        for one in sorted(set(strata)):
            members = np.flatnonzero(np.asarray(strata) == one)
            drawn = generator.integers(len(members), size=(resamples, len(members)))
            np.add.at(times, (rows, members[drawn]), 1)
        counts = times[:, list(number)]
    counts.flags.writeable = False
    return counts


def stretch(groups: np.ndarray | int, strata: int = 1) -> np.ndarray:
    """The factor (...) by which percentile bootstrap intervals of a mean over so many independent groups are too short.

    Resamples of G groups have the variance that divides by G, not by G - 1, and their quantiles are those of the normal
    distribution, not of Student's with G - 1 degrees of freedom. The factor is 2.69 for 3 groups, 1.87 for 4, 1.12 for
    16, 1.03 for 64. Resampling within H strata leaves G - H degrees of freedom, for equally large strata of one
    variance. NaN for one group, or one in every stratum, which have no interval.
    """
    count, strata = _numbers("groups", groups, 0).astype(float), check_count("strata", strata, 1)
    count = np.where(count > strata, count, np.nan)
    freedom, end = count - strata, (1 + COVERAGE) / 2
    return special.stdtrit(freedom, end) / special.ndtri(end) * np.sqrt(count / freedom)


def corrected(found: Interval, groups: np.ndarray | int, bounds: Bounds = REAL, strata: int = 1) -> Interval:
    """A percentile bootstrap interval over so many groups, in so many strata, stretched about its estimate.

    bounds: of the quantity, by its kind. The interval is stretched on a logarithmic or logit scale and so stays within
    them. An estimate at a bound has no value on that scale; its interval is clipped to the bounds.
    """
    _check_interval(found)
    (low, high), factor = _bounds(bounds), stretch(groups, strata)

    def scaled(x: np.ndarray) -> np.ndarray:
        lower = np.log(x - low) if np.isfinite(low) else 0.0
        return lower - np.log(high - x) if np.isfinite(high) else lower

    def back(y: np.ndarray) -> np.ndarray:
        if np.isfinite(low) and np.isfinite(high):
            return low + (high - low) * special.expit(y)
        return low + np.exp(y) if np.isfinite(low) else high - np.exp(-y)

    ends, mean = [], np.asarray(found.mean, float)
    for end in found[1:]:
        straight = mean + factor * (end - mean)
        if (low, high) != REAL:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                bent = back(scaled(mean) + factor * (scaled(np.asarray(end, float)) - scaled(mean)))
            straight = np.where(np.isfinite(bent), bent, np.clip(straight, low, high))
        ends.append(straight[()])
    return Interval(found.mean, *ends)


def resampled(
    estimate: np.ndarray | float,
    draws: np.ndarray,
    groups: Sequence[object] | np.ndarray,
    bounds: Bounds = REAL,
) -> Interval:
    """The interval of any statistic of all samples, (...), from its resamples (..., R).

    groups: of the samples; bounds: as in `corrected`. Without resamples there is no interval: its ends are NaN.
    """
    _numbers("estimate", estimate, 0)
    draws = _numbers("draws", draws)
    ends = percentiles(draws) if draws.shape[-1] else (np.nan, np.nan)
    _check_alike("estimate and each of draws", np.shape(estimate), draws.shape[:-1])
    return corrected(Interval(estimate, *ends), _groups(groups)[1], bounds, int(_strata(groups).max()) + 1)


def within(found: Interval, least: float, most: float) -> Interval:
    """An interval, clipped to the bounds of its quantity."""
    _check_interval(found)
    least, most = check_number("least", least), check_number("most", most)
    return Interval(found.mean, *(np.clip(end, least, most)[()] for end in found[1:]))


def bootstrap_mean(
    values: np.ndarray | xr.DataArray,
    groups: Sequence[object] | np.ndarray | None = None,
    bounds: Bounds = REAL,
    seed: int = 0,
) -> Interval:
    """Mean over the last dimension of `values` (..., N) with its 95 % interval, each (...).

    groups: of the N samples, as in `bootstrap_counts`; by default those of a DataArray along its last dimension
    (`groups_of`). bounds: as in `corrected`. The interval is NaN for a single group, or a value that is not finite.

    Raises InvalidParameterError for no samples.
    """
    if groups is None and isinstance(values, xr.DataArray):
        groups = groups_of(values, str(values.dims[-1])) if values.ndim else None
    values = _numbers("values", values).astype(float)
    groups = range(values.shape[-1]) if groups is None else groups
    _groups(groups, values.shape[-1])
    finite = np.isfinite(values).all(-1, keepdims=True)
    _warn_of_infinite(values)
    draws = resampled_means(np.where(finite, values, np.nan), bootstrap_counts(groups, seed=seed))
    return resampled(values.mean(-1), draws, groups, bounds)


def geometric_mean(logarithms: xr.DataArray) -> Interval:
    """Geometric mean over the last dimension, with its 95 % interval, of values that are given as logarithms."""
    return Interval(*np.exp(bootstrap_mean(logarithms)))


def without_blocks(groups: Sequence[object] | np.ndarray, blocks: int = 10) -> list[np.ndarray]:
    """For `jackknife`: for each block of groups, the indices in order of the samples that are left without it.

    Groups keep together. Each group is a block, or there are `blocks` of about as many groups each. None for a single
    group, without which nothing is left.
    """
    blocks = check_count("blocks", blocks, 1)
    number, count = _groups(groups)
    if count == 1:
        return []
    block = number * min(blocks, count) // count
    return [np.flatnonzero(block != one) for one in range(min(blocks, count))]


def interval(values: xr.DataArray, dim: str = "sample", bounds: Bounds = REAL) -> Interval:
    """Mean over the samples along `dim` with its 95 % interval, each along the other dimensions.

    Samples without a value (NaN) are left out; all three are NaN if fewer than two samples have one. Groups as in
    `groups_of`; bounds as in `corrected`.
    """
    values, groups = _along(values, dim), groups_of(values, dim)
    rows = values.to_numpy().reshape(-1, values.sizes[dim])
    known = ~np.isnan(rows)
    found = np.full((3, len(rows)), np.nan)
    patterns, number = np.unique(known, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        chosen = number.ravel() == index
        if pattern.sum() > 1:
            found[:, chosen] = bootstrap_mean(rows[chosen][:, pattern], groups[pattern], bounds)
    return Interval(*(end.reshape(values.shape[:-1])[()] for end in found))


def ratio(numerator: xr.DataArray, denominator: xr.DataArray, dim: str = "sample") -> Interval:
    """Ratio of two means over samples, which are resampled together, with its 95 % interval.

    If the whole interval is positive, it is that of a positive quantity.
    """
    groups = groups_of(numerator, dim)
    top, bottom = (_along(values, dim).to_numpy() for values in (numerator, denominator))
    _check_alike("numerator and denominator", top.shape, bottom.shape)
    counts = bootstrap_counts(groups)
    draws = resampled_means(top, counts) / resampled_means(bottom, counts)
    estimate, positive = top.mean(-1) / bottom.mean(-1), percentiles(draws)[0] > 0
    both = zip(*(resampled(estimate, draws, groups, bounds) for bounds in (POSITIVE, REAL)), strict=True)
    return Interval(*(np.where(positive, one, other)[()] for one, other in both))


def jackknife(estimate: np.ndarray | float, without: np.ndarray) -> Interval:
    """A statistic of a whole set, (...), with its 95 % interval from its values without each of B parts, (..., B).

    The delete-a-group jackknife (Efron and Tibshirani, 1993, Ch. 11) with Student's t of B - 1 degrees of freedom. It
    is for statistics that a bootstrap would change by taking a sample twice, such as a rank. Parts are independent of
    each other and about equally large. The statistic must depend little, or not at all, on the size of the set. NaN for
    fewer than two parts.
    """
    numbers, without = _numbers("estimate", estimate, 0), _numbers("without", without)
    _check_alike("estimate and each of without", numbers.shape, without.shape[:-1])
    parts = without.shape[-1]
    if parts < 2:
        return Interval(estimate, *(np.full(np.shape(estimate), np.nan)[()] for _ in range(2)))
    spread = ((parts - 1) * np.var(without, -1)) ** 0.5
    half = stats.t.ppf((1 + COVERAGE) / 2, parts - 1) * spread
    return Interval(estimate, numbers - half, numbers + half)


def hypervolume_gain(
    candidates: np.ndarray,
    baselines: np.ndarray,
    groups: Sequence[object] | np.ndarray | None = None,
    seed: int = 0,
) -> HypervolumeGain:
    """How much more area above (0, 0) candidates (P, N, 2) dominate than baselines (Q, N, 2), with a 95 % interval.

    The scores are per sample; a method's point is its mean over the N samples, which both sides share and which are
    resampled together, in `groups` as in `bootstrap_counts`. The gain is a difference, negative if the candidates are
    worse. (The area that they *add* to the baselines' is never negative, and its interval would never show a loss.) A
    side with more points profits more from chance, and resampling images does not correct that. A point with a missing
    value is ignored; a single group has no interval (NaN).

    Raises DataError if the sides differ in their samples, InvalidParameterError for wrong shapes.
    """
    candidates, baselines = (
        _numbers(name, values).astype(float) for name, values in (("candidates", candidates), ("baselines", baselines))
    )
    for name, values in (("candidates", candidates), ("baselines", baselines)):
        if values.ndim != 3 or values.shape[-1] != 2:
            raise InvalidParameterError(f"{name} must have the shape (points, samples, 2), got {values.shape}")
    if candidates.shape[1] != baselines.shape[1]:
        raise DataError(
            f"candidates have {candidates.shape[1]} samples and baselines {baselines.shape[1]}; "
            "score both sides on the same images"
        )
    endless = _warn_of_infinite(candidates) + _warn_of_infinite(baselines) > 0
    groups = range(candidates.shape[1]) if groups is None else groups
    _groups(groups, candidates.shape[1])
    counts = bootstrap_counts(groups, seed=seed)

    def area(values: np.ndarray) -> tuple[float, np.ndarray]:
        finite = np.where(np.isinf(values), np.nan, values)
        means = resampled_means(np.moveaxis(finite, 1, -1), counts)  # (points, 2, resamples)
        return float(hypervolume(values.mean(1))), hypervolume(np.moveaxis(means, -1, 0))

    (candidate_area, candidate_draws), (baseline_area, baseline_draws) = area(candidates), area(baselines)
    draws = np.round(candidate_draws - baseline_draws, 12)  # a point that both sides share can decide both areas
    draws = np.where(endless or np.isnan(counts).any(), np.nan, draws)
    gain = round(candidate_area - baseline_area, 12)
    return HypervolumeGain(resampled(gain, draws, groups), candidate_area, baseline_area)


def _points(points: np.ndarray) -> np.ndarray:
    points = _numbers("points", points).astype(float)
    if points.ndim < 2 or points.shape[-1] != 2:
        raise InvalidParameterError(f"points must have the shape (..., points, 2), got {points.shape}")
    return points


def resampled_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means of the resamples, (..., N) -> (..., resamples), with the counts of `bootstrap_counts`."""
    values, counts = _numbers("values", values), _numbers("counts", counts)
    if counts.ndim != 2 or counts.shape[1] != values.shape[-1]:
        raise InvalidParameterError(
            f"counts must have the shape (resamples, {values.shape[-1]}), as bootstrap_counts gives them for these "
            f"values; {counts.shape} was given"
        )
    # A product with the draws' counts, so that no (..., resamples, N) is built.
    return values @ (counts / counts.sum(1, keepdims=True)).T


def percentiles(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the 95 % interval of resamples along the last dimension."""
    draws = _numbers("draws", draws).astype(float)
    if not draws.shape[-1]:
        raise InvalidParameterError("draws are empty; an interval needs one at least")
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=-1)
    return low, high


def text(interval: Interval, digits: int = 3) -> str:
    """'mean [low, high]'; '-' if nothing was measured, the mean alone if it has no interval."""
    digits = check_count("digits", digits, 0, 100)
    try:
        mean, low, high = (float(getattr(interval, end)) for end in Interval._fields)
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise InvalidParameterError(
            f"interval must be an Interval of numbers; {described(interval)} was given"
        ) from error
    if np.isnan(mean):
        return "-"
    if np.isnan(low):
        return f"{mean:.{digits}f} [no interval]"
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def correlations(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Correlations of all pairs of scores, ranks or values: (score, values, resamples) -> (score, score, resamples)."""
    check_name("kind", kind, get_args(Kind))
    values = _numbers("values", values, 3)
    if values.ndim != 3 or not values.shape[1]:
        raise InvalidParameterError(f"values must have the shape (score, values, resamples), got {values.shape}")
    if kind == "spearman":
        values = stats.rankdata(values, axis=1, nan_policy="propagate")
    centred = values - values.mean(1, keepdims=True)
    with np.errstate(invalid="ignore"):  # a constant score: 0 / 0, which is NaN, as it should be
        unit = centred / np.sqrt((centred**2).sum(1, keepdims=True))
    return np.einsum("apr,bpr->abr", unit, unit).clip(-1, 1)


def sign_flip(values: np.ndarray, groups: Sequence[object] | np.ndarray) -> np.ndarray:
    """The two-sided p-value (...) of paired differences (..., N) with the mean 0, by flipping signs of whole groups.

    If nothing differs, the sum over a group is as likely to have the other sign (Fisher's randomisation test). p is the
    share of sign patterns whose sum is at least as far from 0. With up to 12 groups all 2^G patterns are tried, so p is
    at least 2 / 2^G; with more groups, `FLIPS` random ones. NaN if a difference is not known.
    """
    values = _numbers("values", values).astype(float)
    number, count = _groups(groups, values.shape[-1])
    if exact := count <= 12:
        signs = 1.0 - 2 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (FLIPS, count))
    sums = values @ np.eye(count)[number]
    actual = np.abs(sums.sum(-1))
    far = (np.abs(sums @ signs.T) >= actual[..., None] * (1 - 1e-9)).sum(-1)
    share = far / len(signs) if exact else (far + 1) / (len(signs) + 1)
    return np.where(np.isnan(actual), np.nan, share)


def wilson(share: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of a share of `count` independent cases."""
    count, share = check_count("count", count, 1), _numbers("share", share, 0)
    if (share < 0).any() or (share > 1).any():
        raise InvalidParameterError(f"share must lie in [0, 1]; {described(share)} was given")
    z2 = _CONFIDENT**2 / count
    centre, half = (share + z2 / 2) / (1 + z2), np.sqrt(z2 * share * (1 - share) + z2**2 / 4) / (1 + z2)
    return centre - half, centre + half


def _check_interval(found: object) -> None:
    check_is("found", found, Interval, "an Interval")
    shapes = [_numbers(f"{name} of found", end, 0).shape for name, end in found._asdict().items()]
    for shape in shapes[1:]:
        _check_alike("mean and ends of found", shapes[0], shape)


def _bounds(bounds: object) -> Bounds:
    """Two numbers in order, of which either may be infinite."""
    pair = _numbers("bounds", bounds).astype(float)
    if pair.shape != (2,) or not pair[0] < pair[1]:
        raise InvalidParameterError(
            f"bounds must be two numbers in order, such as (0, 1); {described(bounds)} was given"
        )
    return float(pair[0]), float(pair[1])


def _warn_of_infinite(values: np.ndarray) -> int:
    """How many values are infinite, which a warning says."""
    if infinite := int(np.isinf(values).sum()):
        warnings.warn(
            f"{infinite} of {values.size} values are infinite, as the PSNR of identical images is: a mean with one of "
            "them is infinite and has no interval",
            stacklevel=3,
        )
    return infinite


def _named(value: object) -> str:
    return f"{type(value).__name__} with {value.dims}" if isinstance(value, xr.DataArray) else described(value)


def _numbers(name: str, values: object, least: int = 1) -> np.ndarray:
    """The values as an array of numbers of `least` dimensions at least, of their own precision."""
    _check_length(name, values)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError, OverflowError, MemoryError):  # ragged lists, tensors of a GPU
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or array.ndim < least or np.ma.is_masked(values):
        kind = f"an array of {least} dimensions or more" if least else "numbers"
        given = f"{array.dtype} of shape {array.shape}" if isinstance(values, np.ndarray) else described(values)
        raise InvalidParameterError(f"{name} must be {kind}, of numbers and unmasked; {given} was given")
    return array


def _groups(groups: object, samples: int | None = None) -> tuple[np.ndarray, int]:
    """The number of each sample's group, from 0, and how many groups there are."""
    _check_length("groups", groups)
    try:
        names = np.asarray(groups)
        number = pd.factorize(names)[0] if names.ndim == 1 else np.empty(0, int)
    except (TypeError, ValueError, RuntimeError, MemoryError):  # ragged lists, names that have no hash
        number = np.empty(0, int)
    if not len(number) or samples not in (None, len(number)):
        raise InvalidParameterError(
            f"groups must be the list of {samples or 'at least 1'} samples' groups; {described(groups)} was given"
        )
    if number.min() < 0:
        raise InvalidParameterError(f"groups must name the group of each sample; {(number < 0).sum()} have none")
    return number, int(number.max()) + 1


def _strata(groups: Sequence[object] | np.ndarray) -> np.ndarray:
    """The number of each sample's stratum, from 0; all are of one where groups are not `Within` any."""
    if not isinstance(groups, np.ndarray) or groups.dtype != object or not isinstance(groups[0], Within):
        return np.zeros(len(groups), int)
    return pd.factorize(np.array([str(group.stratum) for group in groups]))[0]


def _check_length(name: str, values: object) -> None:
    """Raises InvalidParameterError where an array of values that are none yet, as of a range, would not fit."""
    if isinstance(values, Sequence):
        memory.check(32 * len(values), f"an array of {len(values)} {name}", "give fewer")


def _along(values: xr.DataArray, dim: str) -> xr.DataArray:
    """The values with the dimension of the samples last."""
    check_is("values", values, xr.DataArray, "an xarray.DataArray")
    if not len(groups_of(values, dim)):
        raise InvalidParameterError(f"values must have at least 1 sample along {dim!r}; there is none")
    _numbers("values", values.to_numpy())
    return values.transpose(..., dim)


def _check_alike(what: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    try:
        np.broadcast_shapes(first, second)
    except ValueError as error:
        raise InvalidParameterError(f"{what} must have shapes that fit; {first} and {second} were given") from error
