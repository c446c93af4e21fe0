"""Pareto fronts of two scores, their area, and intervals by resampling images.

All functions take NumPy arrays and work on any leading dimensions at once. More is better in both
scores. Intervals are percentile bootstrap intervals (Efron and Tibshirani, 1993, Ch. 13).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spectral_collapse.errors import DataError, InvalidParameterError

RESAMPLES = 2000
"""With 2000, the true rank of either end of a 95 % interval has a standard error of 0.35 %."""

COVERAGE = 0.95


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
    sides = _points(points) - np.asarray(reference, float)
    sides = np.where((sides > 0).all(-1, keepdims=True), sides, 0.0)  # NaN > 0 is false
    order = np.argsort(-sides[..., 0], axis=-1)[..., None]
    width, height = np.moveaxis(np.take_along_axis(sides, order, axis=-2), -1, 0)
    # From the right, every strip between two neighbouring points is as high as the highest point so far.
    strips = width - np.concatenate([width[..., 1:], np.zeros_like(width[..., :1])], axis=-1)
    return (strips * np.maximum.accumulate(height, axis=-1)).sum(-1)


def bootstrap_indices(count: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Drawn samples, (resamples, count) integers below `count`; the same for the same arguments.

    All methods of a study are resampled with one such matrix, so that they keep sharing their images.

    Raises InvalidParameterError for no samples or no resamples.
    """
    if count < 1 or resamples < 1:
        raise InvalidParameterError(f"a bootstrap needs at least 1 sample and 1 resample, got {count} and {resamples}")
    return np.random.default_rng(seed).integers(count, size=(resamples, count))


def bootstrap_mean(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Mean over the last dimension of `values` (..., N) with its 95 % interval, each (...).

    The interval is NaN where there is none: with a single sample, or with a value that is not finite.

    Raises InvalidParameterError for no samples or no resamples.
    """
    values = np.asarray(values, float)
    indices = bootstrap_indices(values.shape[-1], resamples, seed)
    finite = np.isfinite(values).all(-1, keepdims=True) & (values.shape[-1] > 1)
    low, high = percentiles(resampled_means(np.where(finite, values, np.nan), indices))
    return Interval(values.mean(-1), low, high)


def hypervolume_gain(
    candidates: np.ndarray,
    baselines: np.ndarray,
    reference: tuple[float, float] = (0.0, 0.0),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> HypervolumeGain:
    """How much more area candidates (P, N, 2) dominate than baselines (Q, N, 2), with a 95 % interval.

    The scores are per sample; a method's point is its mean over the N samples, which both sides share
    and which are resampled together. The gain is a difference, negative where the candidates are
    worse: the area that they *add* to the baselines' could not shrink, and its interval never show a
    loss. A side with more points profits more from chance, which resampling images does not take away.
    A point with a missing value counts for nothing; a single sample has no interval (NaN).

    Raises DataError where the sides differ in their samples, InvalidParameterError for wrong shapes.
    """
    candidates, baselines = np.asarray(candidates, float), np.asarray(baselines, float)
    for name, values in (("candidates", candidates), ("baselines", baselines)):
        if values.ndim != 3 or values.shape[-1] != 2:
            raise InvalidParameterError(f"{name} must have the shape (points, samples, 2), got {values.shape}")
    if candidates.shape[1] != baselines.shape[1]:
        raise DataError(
            f"candidates have {candidates.shape[1]} samples and baselines {baselines.shape[1]}; "
            "score both sides on the same images"
        )
    indices = bootstrap_indices(candidates.shape[1], resamples, seed)

    def area(values: np.ndarray) -> tuple[float, np.ndarray]:
        means = resampled_means(np.moveaxis(values, 1, -1), indices)  # (points, 2, resamples)
        return float(hypervolume(values.mean(1), reference)), hypervolume(np.moveaxis(means, -1, 0), reference)

    (candidate_area, candidate_draws), (baseline_area, baseline_draws) = area(candidates), area(baselines)
    draws = candidate_draws - baseline_draws
    low, high = percentiles(draws if candidates.shape[1] > 1 else np.full_like(draws, np.nan))
    return HypervolumeGain(Interval(candidate_area - baseline_area, low, high), candidate_area, baseline_area)


def _points(points: np.ndarray) -> np.ndarray:
    points = np.asarray(points, float)
    if points.ndim < 2 or points.shape[-1] != 2:
        raise InvalidParameterError(f"points must have the shape (..., points, 2), got {points.shape}")
    return points


def resampled_means(values: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Means of the resamples, (..., N) -> (..., resamples), of indices as `bootstrap_indices` gives them."""
    # A product with the draws' counts, so that no (..., resamples, N) is built.
    resamples, count = indices.shape
    drawn = np.zeros((resamples, count))
    np.add.at(drawn, (np.arange(resamples)[:, None], indices), 1 / count)
    return values @ drawn.T


def percentiles(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the 95 % interval of draws along the last dimension."""
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=-1)
    return low, high
