from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.studies import latents, pca
from tests.each import each
from tests.latents_study import low_pass, made, white
from tests.studies.test_collapse import thumbnails


def computed() -> xr.Dataset:
    return pca.STUDY.run(profile="smoke", checkpoint=thumbnails())


def test_white_noise_has_the_rank_of_the_marchenko_pastur_law(study: xr.Dataset) -> None:
    ranks = study["effective_rank"].sel(left_out="nothing")
    # 16 latents of 768 values: the rank scatters by less than 0.1
    assert float(ranks.sel(series="white noise")) == pytest.approx(study.attrs["white_rank"], abs=0.3)
    assert float(ranks.sel(series="standard")) < 0.9 * study.attrs["white_rank"]
    of_maps = study["map_rank"].mean("sample")
    # the law is of large maps; these have 48 rows of 16
    assert float(of_maps.sel(series="white noise")) == pytest.approx(study.attrs["map_white_rank"], rel=0.02)
    assert study.attrs["possible_rank"] == 15


def test_each_part_leaves_out_whole_pictures(study: xr.Dataset) -> None:
    pictures = len(set(study["sample_group"].to_numpy()))
    assert study.sizes["left_out"] == 1 + min(pictures, latents.PARTS)
    assert bool((study["effective_rank"].isel(left_out=slice(1, None)) < study.attrs["possible_rank"]).all())


@each("shape", [(24, 3, 8, 8), (200, 1, 8, 8)])
def test_coordinates_have_the_components_of_the_latents(shape: tuple[int, ...]) -> None:
    latents = 1 + low_pass(white(shape[0], shape[1:]), left=0.01)
    given = pca.compact(latents)
    rebuilt = torch.tensordot(given.coordinates.float(), given.basis, 1)
    torch.testing.assert_close(rebuilt, latents, atol=1e-4, rtol=0)
    for kept in (slice(None), slice(0, 9)):
        exact, found = metrics.pca(latents[kept]), metrics.pca(given.coordinates[kept][:, None, None])
        # float64 sums of float32 maps: variances agree to float32's rounding of the largest
        torch.testing.assert_close(found.cumulative, exact.cumulative, atol=1e-6, rtol=0)
        assert float(found.effective_rank) == pytest.approx(float(exact.effective_rank), rel=1e-5)


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    latents = white(12, (1, 8, 8)) * torch.linspace(0.2, 2, 8)  # columns of unequal variance
    first, last = pca._components(pca.compact(latents), 3)
    _, _, rows = torch.linalg.svd((latents - latents.mean(0)).flatten(1).double(), full_matrices=False)
    for ours, exact in ((first, rows[:3]), (last, rows[8:11])):  # 12 latents have 11 components
        angles = (ours.flatten(1).double() * exact).sum(1).abs()
        assert angles.numpy() == pytest.approx(1, abs=1e-4)


def test_curves_start_at_0_and_end_at_1(study: xr.Dataset) -> None:
    for name in ("cumulative", "map_cumulative"):
        curve = study[name]
        np.testing.assert_allclose(curve.sel(share=0), 0)
        np.testing.assert_allclose(curve.sel(share=1), 1)
        assert bool((curve.diff("share") >= -1e-12).all())


def test_components_of_white_noise_are_white() -> None:
    found = made(pca, {"standard": low_pass(white()), "closed form": low_pass(white())})
    power = found["component_power"].sel(left_out="nothing")
    # 8 components x 3 channels x at least 4 pairs of coefficients in a ring: standard error 0.1 at most; four of them
    assert power.sel(series="white noise").to_numpy() == pytest.approx(1, abs=0.4)
    high = power.sel(series="standard", frequency=slice(0.2, None))
    assert float(abs(high).max()) < 1e-6
