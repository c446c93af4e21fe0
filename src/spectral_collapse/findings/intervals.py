"""The intervals that pages show, corrected for the number of independent groups, and tidy tables of means with them.

`statistics` has percentile bootstrap intervals. Of few groups these are too short: of the mean of four normal values
they cover 80 %, of sixteen 92 %. Here they are stretched about their estimate by a factor (`stretch`) with which they
are as wide as Student's interval where values are normal, and cover 94 to 95 % of means of three groups and more. They
stay as lopsided as the resamples are, and one rule serves means, ratios, ranks, correlations and areas alike.
Hesterberg, 'What teachers should know about the bootstrap' (2015, Sec. 3 and 5), has the shortness and its two causes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from spectral_collapse import metrics, statistics
from spectral_collapse.findings.measured import title_of
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import COVERAGE, HypervolumeGain, Interval, groups_of, resampled_means, text


def stretch(groups: np.ndarray | int) -> np.ndarray:
    """How much too short percentile bootstrap intervals of a mean over so many independent groups are (...).

    Resamples of G groups have the variance that divides by G, not by G - 1, and their quantiles are those of the normal
    distribution, not of Student's with G - 1 degrees of freedom: 2.69 for 3 groups, 1.87 for 4, 1.12 for 16, 1.03 for
    64. NaN for one group, which has no interval.
    """
    count = np.asarray(groups, float)
    count = np.where(count > 1, count, np.nan)
    end = (1 + COVERAGE) / 2
    return special.stdtrit(count - 1, end) / special.ndtri(end) * np.sqrt(count / (count - 1))


Bounds = tuple[float, float]
REAL, POSITIVE, SHARE = (-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)
"""Between which bounds a quantity lies, by its kind: any number, a power or an error, a share."""


def bounds_of(score: str) -> Bounds:
    """Between which bounds a score lies, by its card; `REAL` for what is no score."""
    return metrics.SCORES[score].range if score in metrics.SCORES else REAL


def corrected(found: Interval, groups: np.ndarray | int, bounds: Bounds = REAL) -> Interval:
    """A percentile bootstrap interval over so many groups, stretched about its estimate.

    bounds: between which the quantity lies, by its kind: it is stretched on the scale of the logarithm or the logit,
    and so stays within them. An estimate at a bound has no place on that scale; its interval is cut at the bounds.
    """
    (low, high), factor = bounds, stretch(groups)

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
        if bounds != REAL:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                bent = back(scaled(mean) + factor * (scaled(np.asarray(end, float)) - scaled(mean)))
            straight = np.where(np.isfinite(bent), bent, np.clip(straight, low, high))
        ends.append(straight[()])
    return Interval(found.mean, *ends)


def resamples(groups: Sequence[object] | np.ndarray, seed: int = 0) -> np.ndarray:
    """`statistics.bootstrap_counts`, (resamples, samples): drawn once for all who have such groups, and read-only."""
    return _resamples(tuple(pd.factorize(np.asarray(groups))[0].tolist()), seed)


@lru_cache(maxsize=32)  # of 64 samples each has 1 MB
def _resamples(groups: tuple[int, ...], seed: int) -> np.ndarray:
    counts = statistics.bootstrap_counts(groups, seed=seed)
    counts.flags.writeable = False
    return counts


def resampled(
    estimate: np.ndarray | float,
    draws: np.ndarray,
    groups: Sequence[object] | np.ndarray,
    bounds: Bounds = REAL,
) -> Interval:
    """The interval of any statistic of all samples, (...), from its resamples (..., R); groups: of the samples; bounds:
    as of `corrected`. Without resamples there is none, and its ends are NaN."""
    ends = statistics.percentiles(draws) if np.shape(draws)[-1] else (np.nan, np.nan)
    return corrected(Interval(estimate, *ends), len(set(groups)), bounds)


def within(found: Interval, least: float, most: float) -> Interval:
    """An interval of what has bounds, cut there."""
    return Interval(found.mean, *(np.clip(end, least, most)[()] for end in found[1:]))


def bootstrap_mean(
    values: np.ndarray | xr.DataArray,
    groups: Sequence[object] | np.ndarray | None = None,
    bounds: Bounds = REAL,
) -> Interval:
    """`statistics.bootstrap_mean` with a `corrected` interval."""
    if groups is None:
        whole = isinstance(values, xr.DataArray)
        groups = groups_of(values, str(values.dims[-1])) if whole else range(values.shape[-1])
    values = np.asarray(values, float)
    finite = np.isfinite(values).all(-1, keepdims=True)
    draws = resampled_means(np.where(finite, values, np.nan), resamples(groups))
    return resampled(values.mean(-1), draws, groups, bounds)


def geometric_mean(logarithms: xr.DataArray) -> Interval:
    """The geometric mean over the last dimension, with its interval, of what these are the logarithms of."""
    return Interval(*np.exp(bootstrap_mean(logarithms)))


def interval(values: xr.DataArray, dim: str = "sample", bounds: Bounds = REAL) -> Interval:
    """`statistics.interval` with `corrected` intervals, each of the groups that have a value there."""
    values, groups = values.transpose(..., dim), pd.factorize(groups_of(values, dim))[0]
    if len(groups) > 1 and values.notnull().all():
        return bootstrap_mean(values, groups, bounds)
    known = values.notnull().to_numpy() @ np.eye(groups.max() + 1)[groups] > 0
    return corrected(statistics.interval(values, dim), known.sum(-1), bounds)


def ratio(numerator: xr.DataArray, denominator: xr.DataArray, dim: str = "sample") -> Interval:
    """`statistics.ratio` with a `corrected` interval, that of a positive quantity where all of it is positive."""
    found, count = statistics.ratio(numerator, denominator, dim), len(set(groups_of(numerator, dim)))
    positive = np.asarray(found.low) > 0
    both = zip(corrected(found, count, POSITIVE), corrected(found, count), strict=True)
    return Interval(*(np.where(positive, one, other)[()] for one, other in both))


def hypervolume_gain(candidates: np.ndarray, baselines: np.ndarray, groups: np.ndarray) -> HypervolumeGain:
    """`statistics.hypervolume_gain` with a corrected interval."""
    found = statistics.hypervolume_gain(candidates, baselines, groups=groups)
    return found._replace(gain=corrected(found.gain, len(set(groups))))


def means(values: xr.DataArray, over: str = "sample", bounds: Bounds = REAL, **attrs: object) -> pd.DataFrame:
    """A row per place along all other dimensions of `values`: the mean over samples with its 95 % interval.

    Args:
        values: with the dimension `over`, whose coordinate `{over}_group` says what is independent. Samples without
            a value (NaN) are left out, as in `interval`.
        bounds: as of `corrected`.
        **attrs: what a chart says of the table, kept as its `attrs`.

    Returns columns: the other dimensions; mean, low, high; n, the number of samples; groups, how many of them are
    independent.
    """
    return as_table(interval(values, over, bounds), values, over, **attrs)


def as_table(found: Interval, values: xr.DataArray, over: str = "sample", **attrs: object) -> pd.DataFrame:
    """The table that `means` returns, for any statistic `found` of `values`."""
    values = values.transpose(..., over)
    dims, groups = values.dims[:-1], groups_of(values, over)
    places = pd.MultiIndex.from_product([values[dim].to_numpy() for dim in dims], names=dims) if dims else [0]
    known = values.notnull().to_numpy().reshape(-1, len(groups))
    table = pd.DataFrame({name: np.ravel(end) for name, end in found._asdict().items()}, places)
    table = table.reset_index(drop=not dims).assign(n=known.sum(1), groups=[len(set(groups[row])) for row in known])
    table.attrs = attrs
    return table


def stacked(found: Mapping[str, xr.Dataset], table: Callable[[xr.Dataset], pd.DataFrame], column: str) -> pd.DataFrame:
    """The tables of several data sets as one, whose `column` has their titles, in their order."""
    tables = [table(study).assign(**{column: title_of(study)}) for study in found.values()]
    whole = pd.concat(tables, ignore_index=True)
    whole.attrs = {"title": "; ".join(title_of(study) for study in found.values())}
    return whole


def mean_text(values: xr.DataArray, digits: int = 3, bounds: Bounds = REAL) -> str:
    """The mean over the last dimension with its 95 % interval, as `statistics.text` writes it."""
    return text(bootstrap_mean(values, bounds=bounds), digits)


def high_mean(values: xr.DataArray, dim: str = "frequency") -> xr.DataArray:
    """The mean over the frequencies above half the Nyquist frequency."""
    return values.where(values[dim] > BANDS["high"][0], drop=True).mean(dim)
