from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import metrics, statistics
from spectral_collapse.studies import decorrelation, latents
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import thumbnails

Parameters = decorrelation.DecorrelationParameters


def computed() -> xr.Dataset:
    return decorrelation.STUDY.run(profile="smoke", checkpoint=thumbnails())


def test_every_series_is_measured_white_noise_is_white_and_windows_are_told_by_how_plain_they_are(
    study: xr.Dataset,
) -> None:
    assert study["series"].to_numpy().tolist() == ["white noise", "standard", "taba", "closed form"]
    for name in ("s_dc", "s_g", "patch_correlation", "autocorrelation", "flagged_share"):
        assert study[name].notnull().all()
    white = study.sel(series="white noise")
    # 16 latents of 12 x 12 windows: some 16 x 9 independent ones, a standard error of 0.007
    assert float(white["s_dc"].sel(patch=5).mean()) == pytest.approx(metrics.white_noise_level(3), abs=0.02)
    assert float(white["flagged_share"].mean()) == pytest.approx(1 - float(white["s_dc"].sel(patch=5).mean()))
    assert abs(float(white["autocorrelation"].sel(distance=1).mean())) < 0.02
    # the closed form of steep spectra is smooth
    assert float(study["autocorrelation"].sel(series="closed form", distance=1).mean()) > 0.1
    np.testing.assert_allclose(study["windows"].sum("area"), 1)
    share = study["windows"] * study["flagged_over"].fillna(0)
    expected = 1 - study["s_dc"].sel(patch=5)
    np.testing.assert_allclose(share.sum("area").transpose(*expected.dims), expected, atol=1e-12)


def test_left_out_are_blocks_of_pictures(study: xr.Dataset) -> None:
    request = Request(Parameters.checked(profile="smoke", checkpoint=thumbnails()))
    found, kept = latents.latents(request, "standard"), statistics.without_blocks(request.images.clusters)
    assert study.sizes["block"] == len(kept) == 10
    expected = [metrics.patch_correlation(found[rows]) for rows in kept]
    np.testing.assert_allclose(study["patch_correlation_left_out"].sel(series="standard"), expected)


def test_a_source_of_one_colour_is_plain_all_over() -> None:
    request = Request(Parameters.checked(profile="smoke", checkpoint=thumbnails()))
    request.pair.source[0] = 0.25
    request.pair.source[1] = torch.rand(request.pair.source[1].shape)
    over = decorrelation.windows_over_plain(request)
    assert over.shape == (4, 16, 12, 12)
    assert (over.sum(0) == 1).all()
    assert over[3, 0].all()
    assert over[0, 1].all()
