from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.findings import comparison
from spectral_collapse.statistics import bootstrap_mean

POINTS = ("standard", "a", "b", "c", "d")
SCORES = ("s_hf", "psnr", "noise_to_latent", "kurtosis", "angle_at_image")
"""More is better twice, less is better, best at 0, and neither."""
DIRECTED = SCORES[:-1]


@pytest.fixture
def study() -> xr.Dataset:
    rng = np.random.default_rng(0)
    shift = np.linspace(0, 1, len(POINTS))[:, None, None]
    shape = (len(POINTS), 2, 30)
    values = {
        "s_hf": 0.5 + 0.2 * shift + 0.1 * rng.standard_normal(shape),
        "psnr": 20 - 5 * shift + rng.standard_normal(shape),
        "noise_to_latent": 9 - shift + rng.standard_normal(shape),
        "kurtosis": shift - 0.5 + 0.1 * rng.standard_normal(shape),
        "angle_at_image": 40 + rng.standard_normal(shape),
    }
    variables = {name: (("point", "seed", "sample"), value) for name, value in values.items()}
    variables["s_g"] = (("point", "seed"), values["s_hf"][..., 0])  # of the set: no images to resample
    coords = {"point": list(POINTS), "method": ("point", ["standard", "x", "x", "y", "y"]), "seed": [0, 1]}
    return xr.Dataset(variables, {**coords, "sample": np.arange(30)}, {"title": "made up"})


def test_differences_of_single_images_are_paired(study: xr.Dataset) -> None:
    assert comparison.scores_of(study) == list(SCORES)
    found = comparison.paired(study)
    assert found["point"].to_numpy().tolist() == list(POINTS[1:])
    gap = (study["psnr"].sel(point="b") - study["psnr"].sel(point="standard")).mean("seed").to_numpy()
    cell = found.sel(score="psnr", point="b")
    interval = bootstrap_mean(gap)
    assert (float(cell["difference"]), float(cell["difference_low"])) == pytest.approx((interval.mean, interval.low))
    # what all points share cancels
    moved = study.assign(psnr=study["psnr"] + 5 * np.sin(study["sample"]))
    xr.testing.assert_allclose(comparison.paired(moved), found, atol=1e-9)


def test_improved_follows_the_scores_direction(study: xr.Dataset) -> None:
    for score, good in (("s_hf", lambda v: v), ("noise_to_latent", lambda v: -v), ("kurtosis", lambda v: -abs(v))):
        found = comparison.paired(study, scores=[score]).sel(score=score, point="c")
        means = study[score].mean("seed")
        better = (good(means.sel(point="c")) > good(means.sel(point="standard"))).to_numpy()
        assert float(found["improved"]) == better.mean()
        wilson = stats.binomtest(int(better.sum()), 30).proportion_ci(method="wilson")
        assert (float(found["improved_low"]), float(found["improved_high"])) == pytest.approx((wilson.low, wilson.high))


def test_ties_missing_values_and_constants_are_no_improvement(study: xr.Dataset) -> None:
    same = study.copy(deep=True)
    same["s_hf"].loc[{"point": "a"}] = same["s_hf"].sel(point="standard")
    same["psnr"][1, 0, 0] = np.nan
    found = comparison.paired(same).sel(point="a")
    assert float(found["improved"].sel(score="s_hf")) == 0
    assert np.isnan(found["improved"].sel(score="psnr"))
    assert np.isnan(found["improved"].sel(score="angle_at_image"))  # neither side is better
    found = comparison.correlation(study.assign(psnr=study["psnr"] * 0), ["psnr", "s_hf"])
    assert found["r"].sel(score="psnr").isnull().all()


def test_cases_count_settings(study: xr.Dataset) -> None:
    # x's and y's points, 2 each, and 2 seeds: 4 cases against the standard inversion in each study
    found = comparison.cases([study, study], ["y"], ["standard"], DIRECTED)
    assert found.attrs["cases"] == 8
    assert found["score"].to_numpy().tolist() == list(DIRECTED)
    means = study["kurtosis"].mean("sample")
    wins = abs(means.sel(point=["c", "d"])) < abs(means.sel(point="standard"))
    assert float(found["improved"].sel(score="kurtosis")) == float(wins.mean())
    assert float(found["improved"].sel(score="psnr")) == 0
    assert float(found["improved_low"].sel(score="psnr")) == float(found["improved_high"].sel(score="psnr")) == 0
    both = comparison.cases([study], ["y"], ["x"], scores=["s_hf"])
    assert both.attrs["cases"] == 8
    assert float(both["improved_low"][0]) <= float(both["improved"][0]) <= float(both["improved_high"][0])


def test_ranks(study: xr.Dataset) -> None:
    found = comparison.ranks(study)
    means = {name: study[name].mean(("seed", "sample")).to_numpy() for name in SCORES}
    worse = [-means["s_hf"], -means["psnr"], means["noise_to_latent"], abs(means["kurtosis"])]
    np.testing.assert_allclose(found["mean_rank"], np.mean([stats.rankdata(one) for one in worse], 0))
    # PSNR falls by 1.25 from point to point and its mean's standard error is 0.13: no resample changes the order
    sure = comparison.ranks(study, ["psnr"])
    np.testing.assert_array_equal(sure["mean_rank"], [1, 2, 3, 4, 5])
    assert (sure["mean_rank_low"] == sure["mean_rank_high"]).all()


def test_correlations_against_scipy(study: xr.Dataset) -> None:
    means = {name: study[name].mean(("seed", "sample")).to_numpy() for name in SCORES}
    found = comparison.correlation(study)
    for first in SCORES:
        for second in SCORES:
            expected = stats.spearmanr(means[first], means[second]).statistic
            assert float(found["r"].sel(score=first, other=second)) == pytest.approx(expected, abs=1e-9)
    assert (found["r_low"] <= found["r_high"] + 1e-12).all()
    np.testing.assert_allclose(found["r_low"], found["r_low"].to_numpy().T, atol=1e-12)


def test_copies_of_an_image_say_nothing_new(study: xr.Dataset) -> None:
    """Intervals resample groups: three images of each picture, all alike, are as sure as one."""
    groups = [f"picture {number}" for number in range(30)]
    once = study.assign_coords(sample_group=("sample", groups))
    thrice = once.isel(sample=np.repeat(np.arange(30), 3))
    for function in (comparison.paired, comparison.ranks, comparison.correlation):
        xr.testing.assert_allclose(function(thrice), function(study))
    cases = [comparison.cases([one], ["y"], ["standard"], DIRECTED) for one in (thrice, study)]
    xr.testing.assert_allclose(*cases)


def test_one_picture_has_no_intervals(study: xr.Dataset) -> None:
    one = study.assign_coords(sample_group=("sample", ["picture"] * 30))
    for found, name in (
        (comparison.paired(one), "difference"),
        (comparison.ranks(one), "mean_rank"),
        (comparison.correlation(one), "r"),
        (comparison.cases([one], ["y"], ["standard"], DIRECTED), "improved"),
    ):
        assert np.isfinite(found[name]).any()
        assert found[f"{name}_low"].isnull().all()
        assert found[f"{name}_high"].isnull().all()


def test_a_study_without_seeds(study: xr.Dataset) -> None:
    averaged = study.mean("seed", keep_attrs=True)
    xr.testing.assert_allclose(comparison.paired(averaged), comparison.paired(study))
    xr.testing.assert_allclose(comparison.ranks(averaged), comparison.ranks(study))
    assert comparison.cases([averaged], ["y"], ["standard"], DIRECTED).attrs["cases"] == 2


def test_bad_input_is_refused_by_name(study: xr.Dataset) -> None:
    for error, name, call in (
        (InvalidParameterError, "point 'none'", lambda: comparison.paired(study, "none")),
        (InvalidParameterError, "score of this study 's_g'", lambda: comparison.paired(study, scores=["s_g"])),
        (DataError, "other point", lambda: comparison.paired(study.sel(point=["standard"]))),
        (DataError, "2 scores", lambda: comparison.correlation(study, ["s_hf"])),
        (DataError, "points of both", lambda: comparison.cases([study], ["z"], ["standard"], DIRECTED)),
        (DataError, "at least one", lambda: comparison.cases([], ["y"], ["x"], DIRECTED)),
        (DataError, "direction", lambda: comparison.ranks(study, ["angle_at_image"])),
        (DataError, "no score", lambda: comparison.paired(study[["s_g"]])),
    ):
        with pytest.raises(error, match=name):
            call()
