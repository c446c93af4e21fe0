from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.studies.front import (
    COVERAGE,
    bootstrap_indices,
    bootstrap_mean,
    hypervolume,
    hypervolume_gain,
    pareto_front,
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


def test_front_treats_missing_points_as_dominated() -> None:
    mask = pareto_front(np.array([[0.1, 0.1], [np.nan, 9.0], [9.0, np.nan], [0.2, 0.0]]))
    assert mask.tolist() == [True, False, False, True]
    assert not pareto_front(np.full((2, 2), np.nan)).any()
    assert pareto_front(np.zeros((0, 2))).shape == (0,)


def test_hypervolume_counts_cells(rng: np.random.Generator) -> None:
    points = rng.integers(-2, 8, (200, 7, 2)).astype(float)
    cells = np.arange(8)
    covered = (points[:, :, 0, None, None] > cells[:, None]) & (points[:, :, 1, None, None] > cells)
    np.testing.assert_array_equal(hypervolume(points), covered.any(1).sum((1, 2)))


def test_hypervolume_closed_forms() -> None:
    assert hypervolume(np.array([[0.5, 0.8]])) == pytest.approx(0.4)
    assert hypervolume(np.array([[0.5, 0.8], [0.8, 0.5]])) == pytest.approx(0.55)
    assert hypervolume(np.array([[0.5, 0.8]]), reference=(0.4, 0.6)) == pytest.approx(0.02)
    assert hypervolume(np.array([[0.5, 0.8], [np.nan, 1.0], [2.0, -1.0]])) == pytest.approx(0.4)
    assert hypervolume(np.zeros((0, 2))) == 0
    # Points on the quarter circle: from below towards pi / 4, each of the n strips short by less than 1 / n.
    angle = np.linspace(0, np.pi / 2, 2001)
    assert 0 < np.pi / 4 - hypervolume(np.stack([np.cos(angle), np.sin(angle)], -1)) < 1e-3


def test_only_the_front_makes_area(rng: np.random.Generator) -> None:
    points = rng.random((50, 2))
    assert hypervolume(points[pareto_front(points)]) == pytest.approx(hypervolume(points), abs=1e-12)


def test_bootstrap_is_what_it_says(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 25))
    indices = bootstrap_indices(25, resamples=500, seed=7)
    assert (indices.shape, indices.min(), indices.max()) == ((500, 25), 0, 24)
    low, high = np.quantile(values[:, indices].mean(-1), [0.025, 0.975], axis=-1)
    found = bootstrap_mean(values, resamples=500, seed=7)
    np.testing.assert_allclose(found.mean, values.mean(-1))
    np.testing.assert_allclose(found.low, low)
    np.testing.assert_allclose(found.high, high)


def test_bootstrap_covers_the_mean(rng: np.random.Generator) -> None:
    size, trials = 30, 2000
    found = bootstrap_mean(rng.normal(size=(trials, size)), resamples=1000)
    covered = ((found.low < 0) & (found.high > 0)).sum()
    # On normal data the percentile interval is +-1.96 standard errors with 1 / n variances: 0.935 at n = 30.
    nominal = stats.norm.ppf((1 + COVERAGE) / 2) * np.sqrt((size - 1) / size)
    coverage = 2 * stats.t(size - 1).cdf(nominal) - 1
    # All trials share one index matrix, whose own deviation from the ideal bootstrap adds to the binomial error.
    assert covered / trials == pytest.approx(coverage, abs=4 * np.sqrt(coverage * (1 - coverage) / trials) + 0.005)


def test_no_interval_where_there_is_none() -> None:
    assert np.isnan(bootstrap_mean(np.array([3.0]))[1:]).all()
    found = bootstrap_mean(np.array([[1.0, np.nan, 2.0], [1.0, np.inf, 2.0], [1.0, 2.0, 3.0]]))
    assert np.isnan(found.low).tolist() == [True, True, False]
    assert np.isnan(found.mean[0])
    assert found.mean[1] == np.inf


def test_gain_closed_forms() -> None:
    candidate, baseline = np.full((1, 10, 2), 0.8), np.full((1, 10, 2), 0.5)
    found = hypervolume_gain(candidate, baseline)
    assert found.gain == pytest.approx((0.39, 0.39, 0.39))
    assert (found.candidates, found.baselines) == pytest.approx((0.64, 0.25))
    assert hypervolume_gain(baseline, candidate).gain.mean == pytest.approx(-0.39)


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
    indices = bootstrap_indices(12, 200, 3)
    gains = [hypervolume(candidates[:, i].mean(1)) - hypervolume(baselines[:, i].mean(1)) for i in indices]
    found = hypervolume_gain(candidates, baselines, resamples=200, seed=3).gain
    complete = hypervolume_gain(candidates[:4], baselines, resamples=200, seed=3).gain
    assert found == pytest.approx(complete)
    # The point with the missing score counts in those resamples of the plain loop that do not draw that image.
    usable = [g for g, i in zip(gains, indices, strict=True) if 3 in i]
    assert found.low <= np.median(usable) <= found.high
    assert np.isnan(hypervolume_gain(candidates[:, :1], baselines[:, :1]).gain.low)


def test_gain_needs_the_same_images() -> None:
    with pytest.raises(DataError, match="same images"):
        hypervolume_gain(np.zeros((2, 5, 2)), np.zeros((2, 6, 2)))
    with pytest.raises(InvalidParameterError, match=r"\(points, samples, 2\)"):
        hypervolume_gain(np.zeros((2, 5)), np.zeros((2, 5, 2)))
    with pytest.raises(InvalidParameterError, match=r"\(\.\.\., points, 2\)"):
        pareto_front(np.zeros((4, 3)))
    with pytest.raises(InvalidParameterError, match="at least 1 sample"):
        bootstrap_mean(np.zeros((4, 0)))
