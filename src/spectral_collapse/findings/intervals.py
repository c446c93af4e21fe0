"""Tidy tables of means with the intervals that pages show (`statistics`)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import metrics, statistics
from spectral_collapse.findings.measured import title_of
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import REAL, Bounds, Interval, bootstrap_mean, groups_of, interval, text

ENDS = ["mean", "low", "high"]
BAND_TITLES = {name: f"{name}: {low:g} to {high:g} cycles/px" for name, (low, high) in BANDS.items()}


def bounds_of(score: str) -> Bounds:
    """Between which bounds a score lies, by its card; `REAL` for what is no score."""
    return metrics.SCORES[score].range if score in metrics.SCORES else REAL


def means(values: xr.DataArray, over: str = "sample", bounds: Bounds = REAL, **attrs: object) -> pd.DataFrame:
    """Means over samples with 95 % intervals, a row per place along the other dimensions of `values`. Groups are those
    of the coordinate `{over}_group`; samples without a value are left out. bounds: as of `statistics.corrected`. attrs:
    what a chart says of the table, kept as its `attrs`.

    Returns columns: the other dimensions; mean, low, high; n samples, of which `groups` are independent.
    """
    return as_table(interval(values, over, bounds), values, over, **attrs)


def as_table(found: Interval, values: xr.DataArray, over: str = "sample", **attrs: object) -> pd.DataFrame:
    """The table that `means` returns, for any statistic `found` of `values`."""
    values, groups = values.transpose(..., over), groups_of(values, over)
    known = values.notnull().to_numpy().reshape(-1, len(groups))
    counts = {"n": known.sum(1), "groups": [len(set(groups[row])) for row in known]}
    table = as_rows(values.isel({over: 0}, drop=True), **found._asdict(), **counts)
    table.attrs = attrs
    return table


def as_rows(values: xr.DataArray, **columns: np.ndarray | Sequence) -> pd.DataFrame:
    """A row per place of `values`, with these columns in its shape."""
    dims = values.dims
    places = pd.MultiIndex.from_product([values[dim].to_numpy() for dim in dims], names=dims) if dims else [0]
    return pd.DataFrame({name: np.ravel(one) for name, one in columns.items()}, places).reset_index(drop=not dims)


def concat(tables: Sequence[pd.DataFrame], **attrs: object) -> pd.DataFrame:
    """Tables below each other; attrs: what a chart says of them."""
    whole = pd.concat(tables, ignore_index=True)
    whole.attrs = attrs
    return whole


def stacked(
    found: Mapping[str, xr.Dataset],
    table: Callable[[xr.Dataset], pd.DataFrame],
    column: str,
    order: Mapping[str, Iterable[str]] | None = None,
) -> pd.DataFrame:
    """The tables of several data sets as one, whose `column` has their titles, in their order. order: column -> order
    of its names (`ordered`)."""
    tables = [table(study).assign(**{column: title_of(study)}) for study in found.values()]
    whole = concat(tables, title="; ".join(title_of(study) for study in found.values()))
    return functools.reduce(lambda rows, names: ordered(rows, *names), (order or {}).items(), whole)


def ends(name: str) -> tuple[str, str]:
    """The columns with the ends of a column's interval: low and high of mean, else `name`_low and `name`_high."""
    return ("low", "high") if name == "mean" else (f"{name}_low", f"{name}_high")


def beside(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Mean, low and high as the column `name` and its `ends`, to stand beside those of another score."""
    return table.rename(columns=dict(zip(ENDS, (name, *ends(name)), strict=True)))


def exponential(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Of a table of logarithms: mean, low and high, and further columns, of what these are the logarithms of."""
    return table.assign(**{name: np.exp(table[name]) for name in (*ENDS, *columns)})


def ordered(table: pd.DataFrame, column: str, order: Iterable[str]) -> pd.DataFrame:
    """The rows of a table in the order of the names in a column."""
    return table.sort_values(column, key=lambda names: names.map(list(order).index), kind="stable")


def titled(table: pd.DataFrame, **titles: Mapping[str, str]) -> pd.DataFrame:
    """The measured rows of a table whose columns have these titles for their values, in the titles' order."""
    for column, shown in titles.items():
        table = ordered(table[table[column].isin(list(shown))], column, shown)
        table = table.assign(**{column: table[column].map(shown)})
    return table.dropna(subset="mean")


def stored(found: xr.Dataset, name: str, **place: object) -> Interval:
    """An interval that a dataset has as the variables `name`, `name`_low and `name`_high, at a place."""
    return Interval(*(found[f"{name}{end}"].sel(place).item() for end in ("", "_low", "_high")))


def gap(values: xr.DataArray, over: str = "sample", **places: tuple[str, str]) -> Interval:
    """The mean difference of values at two places along a dimension, the first minus the second, on the same images."""
    ((dim, (one, other)),) = places.items()
    return interval(values.sel({dim: one}, drop=True) - values.sel({dim: other}, drop=True), over)


def of_means(
    statistic: Callable[..., np.ndarray], *values: np.ndarray | xr.DataArray, groups: Sequence[object] | np.ndarray
) -> Interval:
    """A statistic of the means over the last dimension of `values`, (..., N), with its interval; groups: of the N
    samples. statistic: of means in whose last dimension each is another resample."""
    counts = np.ones((1, len(groups))), statistics.bootstrap_counts(groups)
    actual, draws = (
        statistic(*(statistics.resampled_means(np.asarray(one), times) for one in values)) for times in counts
    )
    return statistics.resampled(actual[..., 0], draws, groups)


def mean_text(values: xr.DataArray, digits: int = 3, bounds: Bounds = REAL) -> str:
    """The mean over the last dimension with its 95 % interval, as `statistics.text` writes it."""
    return text(bootstrap_mean(values, bounds=bounds), digits)


def high_mean(values: xr.DataArray, dim: str = "frequency") -> xr.DataArray:
    """The mean over the frequencies above half the Nyquist frequency."""
    return values.where(values[dim] > BANDS["high"][0], drop=True).mean(dim)
