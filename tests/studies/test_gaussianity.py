from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from spectral_collapse.studies import gaussianity
from tests.latents_study import low_pass, made, white
from tests.studies.test_collapse import thumbnails


def computed() -> xr.Dataset:
    return gaussianity.STUDY.run(profile="smoke", checkpoint=thumbnails())


def test_white_noise_is_white_by_every_measure(study: xr.Dataset) -> None:
    drawn = study.sel(series="white noise")
    assert study["freedom"].to_numpy().sum() == 2 * 768  # 'all', and the bands that it is made of
    # the mean of 16 energies over f degrees of freedom: standard error sqrt(2 / 16 f); five of them
    errors = abs(drawn["energy"].mean("sample") - 1) / np.sqrt(2 / 16 / study["freedom"])
    assert float(errors.max()) < 5
    assert float(drawn["ks_pvalue"].min()) > 1e-3
    # 64 tests at 5 %: 0.2 is five standard errors away
    assert float(drawn["element_rejected"].sel(left_out="nothing")) < 0.2
    assert float(drawn["kl_excess"].sel(left_out="nothing")) == pytest.approx(0, abs=0.02)
    assert abs(drawn["kurtosis"]).mean() < 0.5


def test_the_closed_form_lacks_the_high_bands(study: xr.Dataset) -> None:
    energy = study["energy"].sel(series="closed form").mean("sample")
    assert float(energy.sel(band="high")) < 0.8
    assert float(study["ks_distance"].sel(series="closed form").isel(count=-1).mean()) > 0.5


def test_the_distance_is_that_of_s_g() -> None:
    found = made(gaussianity, {"standard": 0.99 * white()})
    norms = (0.99 * white()).double().square().sum((1, 2, 3)).numpy()
    exact = stats.kstest(norms, stats.chi2(768).cdf)
    last = found.sel(series="standard").isel(count=-1, draw=0)
    assert float(last["ks_distance"]) == pytest.approx(exact.statistic)
    assert float(last["ks_pvalue"]) == pytest.approx(exact.pvalue)
    np.testing.assert_allclose(found["energy"].sel(series="standard", band="all"), norms / 768)


def test_elements_are_tested_over_latents() -> None:
    # every latent normal by itself, and every element two-valued over latents up to the sign
    base = white(1).expand(64, -1, -1, -1)
    signs = (white(64, (1, 1, 1)) > 0) * 2.0 - 1
    found = made(gaussianity, {"standard": base * signs, "taba": low_pass(white())})
    assert float(found["element_rejected"].sel(series="standard", left_out="nothing")) == 1
    assert float(found["latent_rejected"].sel(series="standard").mean()) == 0
    # elements of a low-pass are normal over latents: 5 % of 64 tests
    assert float(found["element_rejected"].sel(series="taba", left_out="nothing")) < 0.2


def test_two_latents_have_no_test_of_elements(home: Path) -> None:
    found = gaussianity.STUDY.run(profile="smoke", checkpoint=thumbnails(), images=2)
    assert found["element_rejected"].isnull().all()
    assert found["ks_distance"].notnull().all()
