from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import special

from spectral_collapse import statistics
from spectral_collapse.findings import intervals
from spectral_collapse.findings.intervals import bootstrap_mean, high_mean, means
from spectral_collapse.statistics import Interval


@pytest.mark.parametrize(("groups", "short"), [(3, 0.75), (4, 0.80), (16, 0.92)])
def test_intervals_of_few_groups_hold_the_mean_as_often_as_they_say(groups: int, short: float) -> None:
    # 4000 sets of normal values whose mean is 0: a share of 0.95 has a standard error of 0.003. Resamples are too few
    # values to have Student's quantiles to the last digit, so a percent is allowed.
    rows = np.random.default_rng(1).standard_normal((4000, groups))
    plain, found = statistics.bootstrap_mean(rows), bootstrap_mean(rows)
    for interval, share in ((plain, short), (found, 0.945)):
        held = ((interval.low <= 0) & (interval.high >= 0)).mean()
        assert held == pytest.approx(share, abs=0.015)


def test_the_stretch_is_what_student_and_the_variance_ask_for() -> None:
    # t of 3 degrees of freedom is 3.182 at 97.5 %, of 15 it is 2.131; the normal distribution has 1.960
    np.testing.assert_allclose(intervals.stretch(4), 3.182 / 1.960 * np.sqrt(4 / 3), rtol=1e-3)
    np.testing.assert_allclose(intervals.stretch(16), 2.131 / 1.960 * np.sqrt(16 / 15), rtol=1e-3)
    assert intervals.stretch(10**6) == pytest.approx(1, abs=1e-5)
    assert np.isnan(intervals.stretch(1))
    assert intervals.corrected(Interval(1.0, 0.9, 1.3), 4) == pytest.approx((1, 1 - 0.1875, 1 + 3 * 0.1875), rel=1e-3)


def test_every_row_is_stretched_by_the_groups_that_it_has() -> None:
    values = xr.DataArray(
        np.random.default_rng(0).random((3, 6)),
        {"sample_group": ("sample", [*"aabbcd"])},
        ("kind", "sample"),
    )
    values[1, :2] = np.nan  # without a
    values[2, 1:] = np.nan  # one value alone
    found, plain = intervals.interval(values), statistics.interval(values)
    for row, groups in ((0, 4), (1, 3)):
        one = Interval(*(end[row] for end in plain))
        np.testing.assert_allclose([end[row] for end in found], intervals.corrected(one, groups))
    assert np.isnan([end[2] for end in found]).all()


def test_draws_are_those_of_the_statistics_shared_by_equal_groups_and_not_to_be_changed() -> None:
    found = intervals.resamples([*"aabc"])
    np.testing.assert_array_equal(found, statistics.bootstrap_counts([*"aabc"]))
    assert intervals.resamples(np.array([7, 7, 2, 5])) is found
    assert not (intervals.resamples([*"abcc"]) == found).all()
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


def test_complete_rows_have_the_intervals_of_the_statistics_stretched() -> None:
    groups = {"sample_group": ("sample", [*"aabbcd"])}
    values = xr.DataArray(np.random.default_rng(0).random((2, 6)), groups, ("kind", "sample"))
    expected = intervals.corrected(statistics.interval(values), 4)
    np.testing.assert_allclose(intervals.interval(values), expected, rtol=1e-12)  # products summed in another order


def test_an_interval_of_a_ratio_stays_positive() -> None:
    values = xr.DataArray([0.1, 0.2, 0.3, 6.0], dims="sample")
    whole = xr.ones_like(values)
    plain, found = statistics.ratio(values, whole), intervals.ratio(values, whole)
    np.testing.assert_allclose(np.log(found), intervals.corrected(Interval(*np.log(plain)), 4))
    assert 0 < found.low < plain.low
    less = intervals.ratio(values - 3, whole)
    np.testing.assert_allclose(less, intervals.corrected(statistics.ratio(values - 3, whole), 4))


def test_any_statistic_is_stretched_by_its_groups_and_cut_at_its_bounds() -> None:
    draws = np.linspace(-1, 1, 2001)
    found = intervals.resampled(0.0, draws, [*"aabbcd"])
    np.testing.assert_allclose(found, [0, -0.95 * intervals.stretch(4), 0.95 * intervals.stretch(4)])
    np.testing.assert_allclose(intervals.within(found, -1, 1), [0, -1, 1])


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


def test_samples_alone_are_one_row() -> None:
    table = means(xr.DataArray([1.0, 2.0, 3.0], dims="draw"), over="draw")
    assert table[["mean", "n", "groups"]].to_numpy().tolist() == [[2, 3, 3]]


def test_samples_without_a_value_count_nowhere() -> None:
    values = xr.DataArray([[1.0, np.nan, 3.0], [np.nan, np.nan, 4.0]], {"kind": ["a", "b"]}, ("kind", "sample"))
    table = means(values)
    assert table[["mean", "n", "groups"]].fillna(-1).to_numpy().tolist() == [[2, 2, 2], [-1, 1, 1]]


def test_high_frequencies_are_those_above_half_the_nyquist_frequency() -> None:
    values = xr.DataArray([[9.0, 9.0, 1.0, 3.0]], {"frequency": [0.1, 0.25, 0.26, 0.5]}, ["sample", "frequency"])
    np.testing.assert_array_equal(high_mean(values), [2.0])
    np.testing.assert_array_equal(high_mean(values.rename(frequency="ring"), "ring"), [2.0])


def test_an_interval_keeps_to_the_bounds_of_its_quantity() -> None:
    """It is stretched on the scale of the logarithm or the logit, and there as much as any other."""
    short, factor = Interval(0.9, 0.7, 0.99), intervals.stretch(4)
    for bounds, scale in (
        (intervals.POSITIVE, np.log),
        (intervals.SHARE, special.logit),
        ((-np.inf, 1.0), lambda x: -np.log(1 - x)),
        ((-1.0, 1.0), lambda x: special.logit((x + 1) / 2)),
    ):
        found = intervals.corrected(short, 4, bounds)
        assert bounds[0] <= found.low < found.mean < found.high <= bounds[1]
        for end, before in zip(found[1:], short[1:], strict=True):
            assert scale(end) - scale(0.9) == pytest.approx(factor * (scale(before) - scale(0.9)))
    assert intervals.corrected(short, 4).high > 1
    # an estimate at a bound has no logit: cut there; one group has no interval
    assert intervals.corrected(Interval(1.0, 0.8, 1.0), 4, intervals.SHARE) == (1.0, pytest.approx(1 - 0.2 * factor), 1)
    assert np.isnan(intervals.corrected(Interval(0.5, 0.5, 0.5), 1, intervals.SHARE)[1:]).all()
    rows = intervals.corrected(Interval(*np.array([[0.5, 1.0], [0.2, 0.9], [0.8, 1.0]])), np.array([4, 5]), (0.0, 1.0))
    assert np.isfinite(rows).all()


def test_means_of_positive_values_of_few_groups_stay_positive() -> None:
    groups = [0, 0, 1, 1, 2, 2, 3, 3]
    values = xr.DataArray([1e-3, 1e-3, 1, 1, 2, 2, 30, 30], dims="sample", coords={"sample_group": ("sample", groups)})
    assert intervals.means(values)["low"].item() < 0
    assert intervals.means(values, bounds=intervals.POSITIVE)["low"].item() > 0
    assert intervals.bounds_of("s_hf") == intervals.SHARE
    assert intervals.bounds_of("no score") == intervals.REAL
