from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from spectral_collapse.findings import gaussianity as findings
from spectral_collapse.studies import gaussianity
from tests.latents_study import low_pass, made, white

ELEMENTS = 768


def unit(maps: torch.Tensor) -> torch.Tensor:
    """Maps whose squared norms are those of white noise of another draw, whatever their spectrum."""
    norms = white(len(maps), seed=9).flatten(1).norm(dim=1)
    return maps * (norms / maps.flatten(1).norm(dim=1))[:, None, None, None]


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    places = torch.randperm(ELEMENTS, generator=torch.Generator().manual_seed(0))
    smooth = unit(low_pass(white(), 0.2, left=0.5))
    series = {
        "standard": low_pass(white(), 0.2, left=0.5),
        "taba": white(seed=5),
        "ovg": smooth,
        "shuffled": smooth.flatten(1)[:, places].unflatten(1, (3, 16, 16)),
        "shared pattern": 0.8 * white(seed=6) + 0.6 * white(1, seed=7),
        "loud": 1.03 * white(seed=4),  # norms are one of their standard deviations too large
        "heavy tails": unit(white(seed=8) ** 3),
        "closed form": low_pass(white(), 0.2, left=0.1),
    }
    return made(gaussianity, series)


def test_chance_is_the_distance_of_white_noise() -> None:
    values, steps = np.sort(np.random.default_rng(0).random((2000, 64))), np.arange(65) / 64
    draws = np.maximum(steps[1:] - values, values - steps[:-1]).max(1)  # Kolmogorov's distance to the uniform law
    law = findings.chance(64)
    assert law.mean == pytest.approx(np.mean(draws), rel=0.02)
    assert np.mean(draws <= law.high) == pytest.approx(0.95, abs=0.02)  # standard error 0.005
    assert law.low == 0


def test_a_right_norm_with_a_wrong_spectrum_is_found_in_the_bands(study: xr.Dataset) -> None:
    found = {"made": study}
    norms = findings.norms_verdict(found)
    assert (
        "norms do not differ significantly from white noise's: TABA, OVG, shuffled, shared pattern, heavy tails."
        in norms
    )
    named = findings.only_norms(found)
    assert "OVG (" in named
    assert "high 0." in named
    assert "TABA" not in named
    # shuffling spreads the power over all frequencies, and leaves the mean of a latent alone
    assert re.search(r"shuffled \(([^)]*)\)", named).group(1).startswith("mean colour 1.")
    assert "heavy tails" not in named
    table = findings.band_distances(found).set_index(["series", "band"])
    assert table.loc[("OVG", "high"), "mean"] > 0.9
    assert table.loc[("TABA", "high"), "mean"] < findings.chance(64).high
    energy = findings.energies(found).set_index(["series", "band"])
    assert energy.loc[("standard", "high"), "mean"] == pytest.approx(0.25, abs=0.03)
    assert "all" not in energy.index.get_level_values("band")


def test_the_pvalue_falls_with_the_number_of_latents_and_the_distance_does_not(study: xr.Dataset) -> None:
    pvalues = findings.pvalues({"made": study}).set_index(["series", "count"])["mean"]
    assert (pvalues["loud"].diff().dropna() < 0).all()
    assert pvalues[("loud", 64)] < 1e-6 < pvalues[("loud", 8)]
    assert pvalues[("standard", 8)] == pytest.approx(findings.SMALLEST)
    assert pvalues[("TABA", 64)] > 0.01
    distances = findings.distances({"made": study}).set_index(["series", "count"])
    assert distances.loc[("standard", 64), "mean"] == pytest.approx(1, abs=0.02)
    law = distances.loc[findings.LAW, "mean"]
    assert law[8] / law[64] == pytest.approx(8**0.5, rel=0.1)
    assert "in every random set of 8 or more latents." in findings.norms_verdict({"made": study})
    alike = study.assign(ks_pvalue=xr.ones_like(study["ks_pvalue"]))
    assert "in no set." in findings.norms_verdict({"made": alike})


def test_norms_have_the_range_of_chi_square(study: xr.Dataset) -> None:
    table = findings.norms({"made": study})
    drawn = table[table["series"] == "white noise"]
    inside = ((drawn["value"] > drawn["low"]) & (drawn["value"] < drawn["high"])).mean()
    assert inside > 0.85  # 64 draws of 95 %: four standard errors below
    assert len(table) == 9 * 64


def test_ticks_of_many_norms_are_spread_over_all_of_them() -> None:
    many = made(gaussianity, {"standard": white(200), "loud": 2 * white(200)})
    table = findings.norms({"made": many})
    assert len(table) == 3 * findings.TICKS
    norms = many["energy"].sel(band="all", series="loud").to_numpy()
    ticks = table.loc[table["series"] == "loud", "value"].to_numpy()
    assert (ticks[0], ticks[-1]) == (norms.min(), norms.max())
    np.testing.assert_allclose(np.median(ticks), np.median(norms), rtol=0.005)  # a tenth of the law's width


def rows(table: pd.DataFrame, **chosen: str) -> pd.DataFrame:
    for column, value in chosen.items():
        table = table[table[column] == value]
    return table.set_index("series")


def test_tails_and_patterns_are_told_apart(study: xr.Dataset) -> None:
    found = {"made": study}
    tests = findings.rejections(found)
    over, within = rows(tests, test="an element over latents"), rows(tests, test="the values of a latent")
    assert over.loc["heavy tails", "low"] > 0.9
    assert within.loc["heavy tails", "mean"] == 1
    assert over.loc["TABA", "mean"] < 0.15
    moments = findings.moments(found)
    kurtosis = rows(moments, moment="excess kurtosis")
    assert kurtosis.loc["heavy tails", "low"] > 10  # of a cubed normal 33, in 768 values less
    assert abs(kurtosis.loc["TABA", "mean"]) < 0.1
    assert abs(rows(moments, moment="skewness").loc["heavy tails", "mean"]) < 1
    divergence = rows(findings.divergences(found))
    # of N(m, 0.64) with m^2 = 0.36 on average: (0.36 + 0.64 - 1 - log 0.64) / 2
    assert divergence.loc["shared pattern", "mean"] == pytest.approx(-np.log(0.64) / 2, rel=0.1)
    assert divergence.loc["TABA", "low"] < 0 < divergence.loc["TABA", "high"]


def test_verdicts_follow_the_numbers(study: xr.Dataset) -> None:
    claims = findings.claims({"made": study})
    # a low-pass has normal elements: nothing for Shapiro-Wilk to find
    # norms of OVG pass the test, which from eight pictures is no evidence
    assert [claim.side for claim in claims] == ["holds", "too few data", "holds", "too few data", "holds"]
    reversed_ = {"standard": white(seed=5), "taba": low_pass(white(), 0.2), "ovg": 0.5 * white()}
    claims = findings.claims({"made": made(gaussianity, reversed_)})
    assert [claim.side for claim in claims[:2]] == ["too few data", "fails"]
    assert claims[4].side == "fails"
    alone = findings.claims({"made": study.sel(series=["white noise", "standard"])})
    assert [claim.side for claim in alone] == ["holds", "not measured", "holds", "too few data", "not measured"]


def test_norms_are_normal_where_the_law_is_near_for_sure(study: xr.Dataset) -> None:
    study = study.copy(deep=True)
    few, many = study, study.assign_coords(sample_group=("sample", range(64)))
    for name, distance in (("ovg", 0.02), ("taba", 0.5)):
        study["ks_distance"].loc[{"series": name}] = distance
        for one, apart in ((few, findings.chance(8).high), (many, findings.chance(64).high)):
            found = findings.ks_distance(one, name)
            assert found.mean == pytest.approx(distance)
            assert (found.low, found.high) == pytest.approx((max(distance - apart, 0), min(distance + apart, 1)))
    assert findings.claims({"made": few})[1].side == "too few data"
    assert findings.claims({"made": many})[1].side == "holds"  # 0.02 and 0.167 are less than 0.2


def test_the_page_has_a_row_per_series_and_an_answer(study: xr.Dataset) -> None:
    table = findings.score_table({"made": study})
    assert len(table) == 9
    assert "nan" not in table.to_string()
    answer = findings.answer(study)
    assert (answer["count"], answer["most"]) == (64, pytest.approx(findings.chance(64).high))
    assert answer["inside"] == "TABA, OVG, shuffled, shared pattern, heavy tails"
    assert answer["only_norm"].startswith("OVG (")
    assert "TABA" in answer["nearest"]
    assert "standard" not in answer["nearest"]
