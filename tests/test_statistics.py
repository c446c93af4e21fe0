from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import special, stats

from spectral_collapse import statistics
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.statistics import (
    COVERAGE,
    Interval,
    bootstrap_counts,
    bootstrap_mean,
    geometric_mean,
    groups_of,
    hypervolume,
    hypervolume_gain,
    interval,
    jackknife,
    pareto_front,
    pictures_of,
    ratio,
    stretch,
    without_blocks,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_front_against_the_definition(rng: np.random.Generator) -> None:
    points = rng.integers(0, 6, (5, 40, 12, 2)).astype(float)  # small integers, so that ties and doubles occur
    found = pareto_front(points)
    assert found.shape == (5, 40, 12)
    for cloud, mask in zip(points.reshape(-1, 12, 2), found.reshape(-1, 12), strict=True):
        for (x, y), on_front in zip(cloud, mask, strict=True):
            dominated = any(a >= x and b >= y and (a > x or b > y) for a, b in cloud)
            assert on_front != dominated


def test_front_treats_missing_points_as_dominated_and_only_the_front_makes_area(rng: np.random.Generator) -> None:
    mask = pareto_front(np.array([[0.1, 0.1], [np.nan, 9.0], [9.0, np.nan], [0.2, 0.0]]))
    assert mask.tolist() == [True, False, False, True]
    assert not pareto_front(np.full((2, 2), np.nan)).any()
    assert pareto_front(np.zeros((0, 2))).shape == (0,)
    points = rng.random((50, 2))
    assert hypervolume(points[pareto_front(points)]) == pytest.approx(hypervolume(points), abs=1e-12)


def test_hypervolume_counts_cells_and_has_its_closed_forms(rng: np.random.Generator) -> None:
    points = rng.integers(-2, 8, (200, 7, 2)).astype(float)
    cells = np.arange(8)
    covered = (points[:, :, 0, None, None] > cells[:, None]) & (points[:, :, 1, None, None] > cells)
    np.testing.assert_array_equal(hypervolume(points), covered.any(1).sum((1, 2)))
    assert hypervolume(np.array([[0.5, 0.8]])) == pytest.approx(0.4)
    assert hypervolume(np.array([[0.5, 0.8], [0.8, 0.5]])) == pytest.approx(0.55)
    assert hypervolume(np.array([[0.5, 0.8]]), reference=(0.4, 0.6)) == pytest.approx(0.02)
    assert hypervolume(np.array([[0.5, 0.8], [np.nan, 1.0], [2.0, -1.0]])) == pytest.approx(0.4)
    assert hypervolume(np.zeros((0, 2))) == 0
    # Points on the quarter circle: from below towards pi / 4, each of the n strips short by less than 1 / n.
    angle = np.linspace(0, np.pi / 2, 2001)
    assert 0 < np.pi / 4 - hypervolume(np.stack([np.cos(angle), np.sin(angle)], -1)) < 1e-3


def test_groups_are_drawn_whole(rng: np.random.Generator) -> None:
    values, groups = rng.normal(size=(3, 12)), np.array(list("aabbbcdddddd"))
    counts = bootstrap_counts(groups, seed=3)
    assert counts.shape == (statistics.RESAMPLES, 12)
    assert bootstrap_counts(groups, resamples=500).shape == (500, 12)
    for group in "abcd":
        assert (counts[:, groups == group] == counts[:, groups == group][:, :1]).all()
    np.testing.assert_array_equal(counts[:, [0, 2, 5, 6]].sum(1), 4)  # as many groups as there are
    draws = [np.repeat(values, times.astype(int), -1).mean(-1) for times in counts]
    found = bootstrap_mean(values, groups, seed=3)
    plain = Interval(values.mean(-1), *np.quantile(draws, [0.025, 0.975], axis=0))
    np.testing.assert_allclose(found, statistics.corrected(plain, 4))
    # a group's name and place do not matter
    np.testing.assert_allclose(bootstrap_mean(values, [7, 7, 1, 1, 1, 0, *[9] * 6], seed=3), found)


def test_scipy_has_the_same_intervals_of_sums_over_groups(rng: np.random.Generator) -> None:
    sizes = np.array([1, 4, 2, 6, 3, 5, 2, 3])
    groups = np.repeat(np.arange(8), sizes)
    values = rng.normal(size=8)[groups] + 0.1 * rng.normal(size=len(groups))
    sums = np.bincount(groups, values)
    draws = statistics.resampled_means(values, bootstrap_counts(groups, 20_000))
    low, high = statistics.percentiles(draws)
    known = stats.bootstrap(
        (sums, sizes),
        lambda total, count, axis: total.sum(axis) / count.sum(axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        random_state=1,
    ).confidence_interval
    np.testing.assert_allclose([low, high], [known.low, known.high], atol=0.03 * (high - low))
    # the values of a group are nearly one: taken for independent, the interval would be much too narrow
    found, alone = bootstrap_mean(values, groups), bootstrap_mean(values)
    assert alone.high - alone.low < 0.75 * (found.high - found.low)


def test_groups_come_with_the_samples(rng: np.random.Generator) -> None:
    values = xr.DataArray(rng.normal(size=(2, 6)), dims=("point", "sample"))
    np.testing.assert_array_equal(groups_of(values), range(6))
    assert bootstrap_mean(values.isel(point=0)) == bootstrap_mean(values[0].to_numpy())
    grouped = values.assign_coords(sample_group=("sample", list("aabbcc")))
    found = bootstrap_mean(grouped)
    np.testing.assert_array_equal(found, bootstrap_mean(values.to_numpy(), list("aabbcc")))
    assert not np.array_equal(found, bootstrap_mean(values))
    some = grouped.isel(sample=[0, 2, 4])
    np.testing.assert_array_equal(bootstrap_mean(some), bootstrap_mean(some.to_numpy()))


@pytest.mark.parametrize(("groups", "short"), [(3, 0.75), (4, 0.80), (16, 0.92), (30, 0.935)])
def test_intervals_of_few_groups_hold_the_mean_as_often_as_they_say(groups: int, short: float) -> None:
    # 4000 sets of normal values whose mean is 0: a share of 0.95 has a standard error of 0.003. Resamples are too few
    # values to have Student's quantiles to the last digit, so a percent is allowed.
    rows = np.random.default_rng(1).standard_normal((4000, groups))
    found = bootstrap_mean(rows)
    plain = statistics.percentiles(statistics.resampled_means(rows, bootstrap_counts(range(groups))))
    for (low, high), share in ((plain, short), (found[1:], 0.945)):
        assert ((low <= 0) & (high >= 0)).mean() == pytest.approx(share, abs=0.015)


def test_the_stretch_is_what_student_and_the_variance_ask_for() -> None:
    # t of 3 degrees of freedom is 3.182 at 97.5 %, of 15 it is 2.131; the normal distribution has 1.960
    np.testing.assert_allclose(statistics.stretch(4), 3.182 / 1.960 * np.sqrt(4 / 3), rtol=1e-3)
    np.testing.assert_allclose(statistics.stretch(16), 2.131 / 1.960 * np.sqrt(16 / 15), rtol=1e-3)
    assert statistics.stretch(10**6) == pytest.approx(1, abs=1e-5)
    assert np.isnan(statistics.stretch(1))
    assert statistics.corrected(Interval(1.0, 0.9, 1.3), 4) == pytest.approx((1, 1 - 0.1875, 1 + 3 * 0.1875), rel=1e-3)


def test_draws_are_shared_by_equal_groups_and_not_to_be_changed() -> None:
    found = bootstrap_counts([*"aabc"])
    assert bootstrap_counts(np.array([7, 7, 2, 5])) is found
    assert not (bootstrap_counts([*"abcc"]) == found).all()
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


def test_an_interval_of_a_ratio_stays_positive() -> None:
    values = xr.DataArray([0.1, 0.2, 0.3, 6.0], dims="sample")
    whole = xr.ones_like(values)
    found, draws = ratio(values, whole), statistics.resampled_means(values.to_numpy(), bootstrap_counts(range(4)))
    plain = np.log([values.mean(), *statistics.percentiles(draws)])
    np.testing.assert_allclose(np.log(found), statistics.corrected(Interval(*plain), 4))
    less = ratio(values - 3, whole)
    plain = Interval(float(values.mean()) - 3, *(end - 3 for end in statistics.percentiles(draws)))
    np.testing.assert_allclose(less, statistics.corrected(plain, 4))


def test_any_statistic_is_stretched_by_its_groups_and_cut_at_its_bounds() -> None:
    draws = np.linspace(-1, 1, 2001)
    found = statistics.resampled(0.0, draws, [*"aabbcd"])
    np.testing.assert_allclose(found, [0, -0.95 * statistics.stretch(4), 0.95 * statistics.stretch(4)])
    np.testing.assert_allclose(statistics.within(found, -1, 1), [0, -1, 1])


def test_an_interval_keeps_to_the_bounds_of_its_quantity() -> None:
    """It is stretched on the scale of the logarithm or the logit, and there as much as any other."""
    short, factor, share = Interval(0.9, 0.7, 0.99), statistics.stretch(4), statistics.SHARE
    for bounds, scale in (
        (statistics.POSITIVE, np.log),
        (share, special.logit),
        ((-np.inf, 1.0), lambda x: -np.log(1 - x)),
        ((-1.0, 1.0), lambda x: special.logit((x + 1) / 2)),
    ):
        found = statistics.corrected(short, 4, bounds)
        assert bounds[0] <= found.low < found.mean < found.high <= bounds[1]
        for end, before in zip(found[1:], short[1:], strict=True):
            assert scale(end) - scale(0.9) == pytest.approx(factor * (scale(before) - scale(0.9)))
    assert statistics.corrected(short, 4).high > 1
    # an estimate at a bound has no logit: cut there; one group has no interval
    assert statistics.corrected(Interval(1.0, 0.8, 1.0), 4, share) == (1.0, pytest.approx(1 - 0.2 * factor), 1)
    assert np.isnan(statistics.corrected(Interval(0.5, 0.5, 0.5), 1, share)[1:]).all()
    rows = statistics.corrected(Interval(*np.array([[0.5, 1.0], [0.2, 0.9], [0.8, 1.0]])), np.array([4, 5]), share)
    assert np.isfinite(rows).all()


def test_no_interval_where_there_is_none_or_a_value_is_infinite() -> None:
    assert np.isnan(bootstrap_mean(np.array([3.0]))[1:]).all()
    assert np.isnan(bootstrap_mean(np.array([3.0, 4.0]), ["one", "one"])[1:]).all()
    one = np.random.default_rng(0).random((2, 4, 2))
    assert np.isnan(hypervolume_gain(one, one, groups=["one"] * 4).gain[1:]).all()
    found = bootstrap_mean(np.array([[1.0, np.nan, 2.0], [1.0, np.inf, 2.0], [1.0, 2.0, 3.0]]))
    assert np.isnan(found.low).tolist() == [True, True, False]
    assert np.isnan(found.mean[0])
    assert found.mean[1] == np.inf
    with pytest.warns(UserWarning, match="1 of 3 values are infinite, as the PSNR of identical images is"):
        found = bootstrap_mean([30.0, np.inf, 25.0])
    assert found.mean == np.inf
    assert statistics.text(found) == "inf [no interval]"
    points = np.array([[[1.0, 30.0], [2.0, np.inf]]])
    with pytest.warns(UserWarning, match="infinite"):
        gain = hypervolume_gain(points, np.ones((1, 2, 2)))
    assert np.isnan(gain.gain.low)


def test_gain_has_its_closed_forms_and_needs_the_same_images() -> None:
    candidate, baseline = np.full((1, 10, 2), 0.8), np.full((1, 10, 2), 0.5)
    found = hypervolume_gain(candidate, baseline)
    assert found.gain == pytest.approx((0.39, 0.39, 0.39))
    assert (found.candidates, found.baselines) == pytest.approx((0.64, 0.25))
    assert hypervolume_gain(baseline, candidate).gain.mean == pytest.approx(-0.39)
    with pytest.raises(DataError, match="same images"):
        hypervolume_gain(np.zeros((2, 5, 2)), np.zeros((2, 6, 2)))
    with pytest.raises(InvalidParameterError, match=r"\(points, samples, 2\)"):
        hypervolume_gain(np.zeros((2, 5)), np.zeros((2, 5, 2)))
    with pytest.raises(InvalidParameterError, match=r"\(\.\.\., points, 2\)"):
        pareto_front(np.zeros((4, 3)))
    with pytest.raises(InvalidParameterError, match="at least 1 sample"):
        bootstrap_mean(np.zeros((4, 0)))


def test_gain_pairs_the_images(rng: np.random.Generator) -> None:
    # Images differ a lot, methods by a constant: the images' spread must cancel, up to the products of the area.
    images = rng.normal(0.5, 0.2, (1, 40, 2))
    same = hypervolume_gain(images, images)
    assert same.gain == (0, 0, 0)
    better = hypervolume_gain(images + 0.01, images)
    assert better.gain.low > 0
    unpaired = bootstrap_mean(images[0].prod(-1))
    assert better.gain.high - better.gain.low < 0.1 * (unpaired.high - unpaired.low)


def test_gain_interval_is_the_bootstrap_of_the_fronts(rng: np.random.Generator) -> None:
    candidates, baselines = rng.random((5, 12, 2)), rng.random((3, 12, 2))
    candidates[4, 3, 0] = np.nan
    groups = list("aabcdeffffgh")
    drawn = [np.repeat(np.arange(12), times.astype(int)) for times in bootstrap_counts(groups, seed=3)]
    gains = [hypervolume(candidates[:, i].mean(1)) - hypervolume(baselines[:, i].mean(1)) for i in drawn]
    found = hypervolume_gain(candidates, baselines, groups=groups, seed=3).gain
    complete = hypervolume_gain(candidates[:4], baselines, groups=groups, seed=3).gain
    assert found == pytest.approx(complete)
    # The point with the missing score counts in those resamples of the plain loop that do not draw that image.
    usable = [g for g, i in zip(gains, drawn, strict=True) if 3 in i]
    assert found.low <= np.median(usable) <= found.high
    assert np.isnan(hypervolume_gain(candidates[:, :1], baselines[:, :1]).gain.low)


def test_what_is_no_array_of_numbers_no_interval_and_no_bounds_is_refused() -> None:
    values, data, groups = np.ones((3, 4)), xr.DataArray(np.ones((3, 4)), dims=("a", "sample")), [0, 0, 1, 1]
    points, no_group, good = np.ones((3, 4, 2)), [0, 1, 2, None], Interval(1.0, 0.5, 2.0)
    for wrong in (
        None,
        "text",
        1j,
        [[1], [2, 3]],
        object(),
        ["1", "2"],
        np.array([None, 1]),
        np.ma.array([1, 2], mask=1),
    ):
        for call in (
            lambda wrong=wrong: pareto_front(wrong),
            lambda wrong=wrong: hypervolume(points, wrong),
            lambda wrong=wrong: bootstrap_mean(wrong),
            lambda wrong=wrong: bootstrap_mean(values, wrong if wrong is not None else no_group),
            lambda wrong=wrong: interval(wrong),
            lambda wrong=wrong: interval(data, wrong),
            lambda wrong=wrong: ratio(data, wrong),
            lambda wrong=wrong: jackknife(1.0, wrong),
            lambda wrong=wrong: hypervolume_gain(points, wrong),
            lambda wrong=wrong: statistics.percentiles(wrong),
            lambda wrong=wrong: statistics.resampled_means(wrong, np.ones((2, 4))),
            lambda wrong=wrong: statistics.correlations(wrong, "pearson"),
            lambda wrong=wrong: statistics.sign_flip(wrong, groups),
            lambda wrong=wrong: statistics.wilson(wrong, 10),
            lambda wrong=wrong: statistics.text(wrong),
            lambda wrong=wrong: without_blocks(wrong, 0),
            lambda wrong=wrong: groups_of(wrong),
        ):
            with pytest.raises(InvalidParameterError):
                call()
    for call in (
        lambda: bootstrap_counts([0, 1], 10**12),
        lambda: bootstrap_counts(no_group),
        lambda: bootstrap_mean(values, [0, 1]),
        lambda: statistics.sign_flip(values, no_group),
        lambda: statistics.wilson([1.5], 10),
        lambda: statistics.percentiles(np.ones((3, 0))),
        lambda: statistics.corrected((1.0, 0.5, 2.0), 4),
        lambda: statistics.corrected(Interval(1.0, "a", 2.0), 4),
        lambda: statistics.corrected(good, 4, (1.0, 0.0)),
        lambda: interval(data, bounds=None),
        lambda: statistics.within(good, 0, "b"),
        lambda: statistics.resampled("a", np.arange(3.0), [0, 1]),
        lambda: statistics.resampled(1.0, 5, [0, 1]),
    ):
        with pytest.raises(InvalidParameterError):
            call()


def test_samples_without_a_value_are_left_out_of_each_interval() -> None:
    known = interval(xr.DataArray([1.0, 2.0, np.nan, 3.0], dims="sample"))
    assert known == interval(xr.DataArray([1.0, 2.0, 3.0], dims="sample"))
    grouped = xr.DataArray([1.0, 2.0, np.nan, 3.0], dims="sample").assign_coords(sample_group=("sample", list("abba")))
    assert interval(grouped)[1:] == bootstrap_mean(np.array([1.0, 2.0, 3.0]), ["a", "b", "a"])[1:]
    for too_few in ([np.nan, np.nan], [1.0, np.nan]):
        assert np.isnan(interval(xr.DataArray(too_few, dims="sample"))).all()
    values = np.random.default_rng(0).random((2, 3, 6))
    values[0, 1, 2] = values[1, 2, 4] = values[1, 2, 5] = np.nan
    rows = xr.DataArray(values, dims=("a", "b", "sample"))
    found = interval(rows.transpose("sample", "a", "b"))
    for place in np.ndindex(2, 3):
        one = values[place]
        assert [end[place] for end in found] == pytest.approx(list(bootstrap_mean(one[~np.isnan(one)])))


def test_a_ratio_of_means_resamples_both_together() -> None:
    bottom = xr.DataArray([1.0, 5.0, 9.0], dims="sample")
    exact = ratio(3 * bottom, bottom)
    np.testing.assert_allclose(exact, 3)  # their common variation cancels
    random = np.random.default_rng(0)
    top = xr.DataArray(random.normal(2, 1, 100), dims="sample")
    found = ratio(top, xr.ones_like(top))
    assert found.mean == pytest.approx(float(top.mean()))
    # the normal interval, 1.96 standard errors to either side, up to the bootstrap's own noise
    assert found.high - found.low == pytest.approx(2 * 1.96 * float(top.std()) / 10, rel=0.1)


def test_a_geometric_mean_is_the_root_of_a_product_and_scales_with_its_values() -> None:
    values = xr.DataArray([1.0, 2.0, 4.0, 8.0], {"sample_group": ("sample", list("aabc"))}, ["sample"])
    found = geometric_mean(np.log(values))
    assert found.mean == pytest.approx(64 ** (1 / 4))
    np.testing.assert_allclose(geometric_mean(np.log(3 * values)), 3 * np.array(found))
    assert found.low < found.mean < found.high


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.random.default_rng(0).normal(size=(3, 12))
    without = (values.sum(1, keepdims=True) - values) / 11
    found = jackknife(values.mean(1), without)
    exact = stats.t.interval(COVERAGE, 11, values.mean(1), stats.sem(values, axis=1))
    np.testing.assert_allclose(found[1:], exact)
    assert np.isnan(jackknife(1.0, np.ones(1)).low)
    np.testing.assert_array_equal(jackknife(1.0, np.ones(4)), 1)


def test_blocks_keep_groups_together() -> None:
    groups = np.array([f"group {number}" for number in (0, 0, 1, 2, 2, 2, 3, 4, 5, 6)])
    kept = without_blocks(groups, blocks=3)
    left_out = [np.setdiff1d(range(10), rows) for rows in kept]
    assert np.concatenate(left_out).tolist() == list(range(10))
    assert [len(set(groups[rows])) for rows in left_out] == [3, 2, 2]
    assert not set.intersection(*(set(groups[rows]) for rows in left_out))
    assert without_blocks(["one"] * 4) == []


def test_sign_flips_are_fishers() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3, 10)) + np.array([[0.0], [0.6], [3.0]])
    found = statistics.sign_flip(values, range(10))
    exact = [
        stats.permutation_test((row,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue for row in values
    ]
    np.testing.assert_allclose(found, exact)
    assert found[2] == 2 / 2**10  # all of one sign
    # samples of one group have one sign
    assert statistics.sign_flip(np.ones(8), [0, 0, 0, 0, 1, 1, 1, 1]) == 0.5
    assert statistics.sign_flip(np.ones(8), [0] * 8) == 1
    assert np.isnan(statistics.sign_flip(np.array([1.0, np.nan]), [0, 1]))


def test_drawn_sign_flips_are_near_the_normal_law() -> None:
    values = np.random.default_rng(1).standard_normal((20, 200)) + 0.12
    expected = 2 * stats.norm.sf(abs(values.sum(-1)) / np.sqrt((values**2).sum(-1)))
    # 20000 draws: a standard error of 0.0035 at most, and the law itself is near
    np.testing.assert_allclose(statistics.sign_flip(values, range(200)), expected, atol=0.02)


def windows(values: np.ndarray) -> xr.DataArray:
    """Values (pictures, windows) along `sample`, drawn within their pictures."""
    pictures = np.repeat([f"picture {number}" for number in range(len(values))], values.shape[1])
    return xr.DataArray(values.ravel(), dims="sample", coords={"sample_stratum": ("sample", pictures)})


def test_windows_of_fixed_pictures_are_drawn_within_each() -> None:
    """However far the pictures are from each other, each keeps its number of windows in every resample."""
    values = windows(np.array([[1.0, 3.0], [101.0, 103.0], [1001.0, 1003.0]]))
    counts = bootstrap_counts(groups_of(values))
    np.testing.assert_array_equal(counts.reshape(len(counts), 3, 2).sum(2), 2)
    found = interval(values)
    assert found.mean == pytest.approx(values.mean().item())
    assert 0 < found.high - found.low < 2 * float(stretch(6, 3))  # never beyond all windows low, or all high
    assert pictures_of(values) == 3
    alone = interval(windows(np.array([[1.0], [2.0], [3.0]])))
    assert np.isnan([alone.low, alone.high]).all()


def test_one_stratum_draws_as_no_strata_do() -> None:
    values = np.random.default_rng(0).normal(size=(1, 9))
    assert interval(windows(values)) == interval(xr.DataArray(values[0], dims="sample"))


@pytest.mark.parametrize(("pictures", "each"), [(4, 4), (2, 4), (4, 16)])
def test_intervals_within_strata_cover_the_mean_of_these_pictures(pictures: int, each: int) -> None:
    """The share of 600 sets that cover has a standard error of 0.009; pictures are 10 deviations apart."""
    rng, centres = np.random.default_rng(1), 10.0 * np.arange(pictures)
    found = [interval(windows(centres[:, None] + rng.normal(size=(pictures, each)))) for _ in range(600)]
    covered = np.mean([one.low <= centres.mean() <= one.high for one in found])
    assert 0.92 <= covered <= 0.98
