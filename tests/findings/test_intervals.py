from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings import intervals
from spectral_collapse.findings.intervals import high_mean, means
from spectral_collapse.statistics import bootstrap_mean


def test_a_row_per_place_with_the_interval_over_groups() -> None:
    values = xr.DataArray(
        np.random.default_rng(0).random((4, 3, 2)),
        {"kind": ["a", "b", "c"], "step": [1, 10], "sample_group": ("sample", ["x", "x", "y", "z"])},
        ("sample", "kind", "step"),
    )
    table = means(values, title="Made up")
    assert list(table.columns) == ["kind", "step", "mean", "low", "high", "n", "groups"]
    assert len(table) == 6
    row = table[(table["kind"] == "b") & (table["step"] == 10)].iloc[0]
    one = bootstrap_mean(values.sel(kind="b", step=10))
    np.testing.assert_allclose([row["mean"], row["low"], row["high"]], one)
    assert (row["n"], row["groups"], table.attrs["title"]) == (4, 3, "Made up")


def test_samples_alone_are_one_row_and_those_without_a_value_count_nowhere() -> None:
    table = means(xr.DataArray([1.0, 2.0, 3.0], dims="draw"), over="draw")
    assert table[["mean", "n", "groups"]].to_numpy().tolist() == [[2, 3, 3]]
    values = xr.DataArray([[1.0, np.nan, 3.0], [np.nan, np.nan, 4.0]], {"kind": ["a", "b"]}, ("kind", "sample"))
    table = means(values)
    assert table[["mean", "n", "groups"]].fillna(-1).to_numpy().tolist() == [[2, 2, 2], [-1, 1, 1]]


def test_high_frequencies_are_those_above_half_the_nyquist_frequency() -> None:
    values = xr.DataArray([[9.0, 9.0, 1.0, 3.0]], {"frequency": [0.1, 0.25, 0.26, 0.5]}, ["sample", "frequency"])
    np.testing.assert_array_equal(high_mean(values), [2.0])
    np.testing.assert_array_equal(high_mean(values.rename(frequency="ring"), "ring"), [2.0])


def test_means_of_positive_values_of_few_groups_stay_positive() -> None:
    groups = [0, 0, 1, 1, 2, 2, 3, 3]
    values = xr.DataArray([1e-3, 1e-3, 1, 1, 2, 2, 30, 30], dims="sample", coords={"sample_group": ("sample", groups)})
    assert intervals.means(values)["low"].item() < 0
    assert intervals.means(values, bounds=statistics.POSITIVE)["low"].item() > 0
    assert intervals.bounds_of("s_hf") == statistics.SHARE
    assert intervals.bounds_of("no score") == statistics.REAL
