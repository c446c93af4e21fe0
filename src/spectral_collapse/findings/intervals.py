"""Tidy tables of means with the intervals that pages show (`statistics`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.findings.measured import title_of
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import REAL, Bounds, Interval, bootstrap_mean, groups_of, interval, text


def bounds_of(score: str) -> Bounds:
    """Between which bounds a score lies, by its card; `REAL` for what is no score."""
    return metrics.SCORES[score].range if score in metrics.SCORES else REAL


def means(values: xr.DataArray, over: str = "sample", bounds: Bounds = REAL, **attrs: object) -> pd.DataFrame:
    """A row per place along all other dimensions of `values`: the mean over samples with its 95 % interval.

    Args:
        values: with the dimension `over`, whose coordinate `{over}_group` says what is independent. Samples without
            a value (NaN) are left out, as in `interval`.
        bounds: as of `statistics.corrected`.
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
