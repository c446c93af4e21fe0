from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.findings import decorrelation as findings

from ..decorrelation_study import made_study


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    return made_study(images=48)


@pytest.fixture
def found(study: xr.Dataset) -> dict[str, xr.Dataset]:
    return {"made": study}


def test_s_dc_sees_arrangement_and_s_g_sees_norms(found: dict[str, xr.Dataset]) -> None:
    rows = findings.scores(found).set_index("series")
    white = metrics.white_noise_level(3)
    assert rows["white"].unique() == [white]
    assert rows.loc["standard", "high"] < 0.5
    # 48 latents of 144 windows, some 9 of them independent in each: a standard error of 0.004
    for name in ("white noise", "taba", "closed form"):
        assert rows.loc[name, "mean"] == pytest.approx(white, abs=0.02)
        assert rows.loc[name, "white_low"] < rows.loc[name, "s_g"] < 1
    assert rows.loc["standard", "s_g"] == pytest.approx(0, abs=1e-9)  # a low-passed latent's norm is far too small
    # shuffling keeps each norm, and so S_G: all at the mean of the law, half of which lies on either side
    assert (
        rows.loc["ovg", "s_g"] == pytest.approx(rows.loc["white_norm", "s_g"], abs=1e-3) == pytest.approx(0.5, abs=0.02)
    )
    assert rows.loc["ovg", "mean"] == pytest.approx(white, abs=0.02)
    assert rows.loc["white_norm", "high"] < 0.9


def test_few_directions_correlate_and_white_noise_does_by_chance(found: dict[str, xr.Dataset]) -> None:
    rows = findings.correlated_patches(found).set_index("series")
    chance = metrics.white_noise_correlation(48, 3)
    assert rows["white"].unique() == [chance]
    # 4 patches only; the calibration's spread from patch to patch is about 0.01
    assert rows.loc["white noise", "mean"] == pytest.approx(chance, abs=0.03)
    assert rows.loc["noise_floor", "mean"] > 0.99  # of rank 3: many pairs of elements are nearly parallel
    assert rows.loc["standard", "low"] > chance
    assert ((rows["low"] <= rows["mean"]) & (rows["mean"] <= rows["high"])).all()


def test_the_white_part_of_a_smooth_latent_is_its_scale(found: dict[str, xr.Dataset]) -> None:
    values = found["made"]["s_dc"].sel(patch=5)
    gain = float((values.sel(series="white_norm") - values.sel(series="standard")).mean())
    assert f"Made up {gain:.3f} [" in findings.scale_gains(found)


def test_the_strongest_correlation_may_be_far_away(study: xr.Dataset) -> None:
    one = study.copy(deep=True)
    one["autocorrelation"].loc[{"series": "taba"}] = 0.1
    one["autocorrelation"].loc[{"series": "taba", "distance": 3}] = -0.3
    assert findings.strongest(one, "taba").mean == pytest.approx(-0.3)


def test_independent_noise_of_little_variance_has_a_low_s_dc(found: dict[str, xr.Dataset]) -> None:
    listed = findings.weak_noise(found)["listed"]
    at = {float(sd): float(value) for value, sd in re.findall(r"(\d\.\d\d) at ([\d.]+)", listed)}
    assert at[1.0] == pytest.approx(metrics.white_noise_level(3), abs=0.02)
    assert list(at) == sorted(at, reverse=True)
    assert list(at.values()) == sorted(at.values(), reverse=True)
    assert at[0.6] < 0.1


def test_plain_areas_are_compared_within_an_image(study: xr.Dataset) -> None:
    one = study.copy(deep=True)
    one["windows"].loc[{}] = np.array([0.5, 0.25, 0.25, 0.0])[:, None]
    one["flagged_over"].loc[{"series": "standard"}] = np.array([0.1, 0.4, 0.8, np.nan])[:, None]
    # (0.5 * 0.1 + 0.25 * 0.4) / 0.75 of the less plain windows, 0.8 of the others, in every image
    assert findings.in_plain_areas(one).mean == pytest.approx(0.8 - 0.2)
    one["windows"].loc[{"area": ["more than half", "all"]}] = 0
    assert np.isnan(findings.in_plain_areas(one).mean)


def test_verdicts_follow_the_numbers(study: xr.Dataset) -> None:
    dark, light = study.copy(deep=True), study.copy(deep=True)
    light.attrs["title"] = "Light"
    light["s_dc"].loc[{"series": "standard"}] = 1 - np.linspace(0, 0.01, 48)
    light["autocorrelation"].loc[{"series": "standard"}] = np.linspace(-0.05, 0.05, 48)[:, None]
    sides = [one.side for one in findings.claims({"dark": dark, "light": light})]
    assert sides[1:3] == ["mixed", "holds"]  # a low-passed latent, and one without correlations
    alone = findings.claims({"light": light})
    assert alone[1].side == "fails"
    assert "Light" in alone[1].measured
    assert findings.answer({"dark": dark, "light": light})["white"] == "0.993"


def test_the_answer_names_who_is_near_white_noise_and_how_neighbours_correlate(found: dict[str, xr.Dataset]) -> None:
    study, white = found["made"].copy(deep=True), metrics.white_noise_level(3)
    study["s_dc"][:] = 0.5
    study["s_dc"].loc[{"series": "taba"}] = white - 0.005
    study["autocorrelation"].loc[{"series": "standard", "distance": 1}] = 0.125
    lower = study.copy(deep=True)
    lower["s_dc"].loc[{"series": "taba"}] = 0.8
    answer = findings.answer({"one": study, "two": lower.assign_attrs(title="Lower")})
    assert answer["near"] == "TABA on 1 of 2 data sets"
    assert answer["neighbours"] == "0.125"
    assert findings.answer({"two": lower})["near"] == "no methods"


def test_calibration_is_exact_for_white_noise(found: dict[str, xr.Dataset]) -> None:
    rows = findings.calibration(found)
    assert len(rows) == 6 * 4
    # five standard errors: 48 draws; the windows of 9 leave 8 x 8 overlapping places, worth 4 independent ones
    error = np.sqrt(rows["expected"] * (1 - rows["expected"]) / 48 / (16 / rows["patch"]) ** 2)
    assert ((rows["mean"] - rows["expected"]).abs() < 5 * error).all()
    assert findings.calibration_verdict(found)["rows"] == 24


def test_an_order_that_depends_on_the_window_is_named(study: xr.Dataset) -> None:
    one = study.copy(deep=True)
    spread = np.linspace(-0.01, 0.01, 48)
    one["s_dc"].loc[{"series": "taba"}] = np.array([0.9, 0.8, 0.7, 0.6])[:, None] + spread
    one["s_dc"].loc[{"series": "ovg"}] = np.array([0.8, 0.8, 0.8, 0.8])[:, None] + spread
    assert findings.calibration_verdict({"one": one})["turned"] == "Made up: TABA and OVG"


def test_scores_that_go_together_over_series_have_a_rank_correlation_and_constant_ones_none(study: xr.Dataset) -> None:
    one = study.copy(deep=True)
    one["s_dc"].loc[{"patch": 5}] = np.array([1, 2, 3, 4, 5, 6, 7])[:, None] / 8
    one["s_g"].loc[{}] = np.array([1, 1, 2, 3, 4, 5, 6]) / 8  # one order, white noise apart
    r = findings.scores_correlation({"one": one})
    assert (r.mean, r.low, r.high) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert findings.claims({"one": one})[0].side == "holds"
    one = study.copy(deep=True)
    one["s_g"].loc[{}] = 0.0  # as of few latents
    assert np.isnan(findings.scores_correlation({"one": one})).all()
    assert findings.claims({"one": one})[0].side == "not measured"
    one = study.assign_coords(sample_group=("sample", ["same"] * 48)).isel(block=slice(0))
    verdicts = [claim.side for claim in findings.claims({"one": one})[1:]]
    assert set(verdicts) <= {"too few data", "not measured"}
