from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from skimage.metrics import structural_similarity

from spectral_collapse import metrics
from spectral_collapse.datasets import Pair
from spectral_collapse.metrics.corruptions import IMAGES
from spectral_collapse.metrics.ms_ssim import ms_ssim
from spectral_collapse.metrics.ssim import ssim
from spectral_collapse.studies import readings

from ..metrics.images import textures

COUNT = 4


@pytest.fixture(scope="module")
def batches() -> dict[str, torch.Tensor | Pair]:
    draw = torch.Generator().manual_seed(0)
    images, real = textures(COUNT, draw), textures(8, draw)
    shapes = 1 - 2 * (textures(3, draw, slope=-4.0, channels=1) > 0.3).float().expand(-1, 3, -1, -1)
    white = torch.randn(COUNT, 4, 16, 16, generator=draw)
    return {
        "images": images,
        "real": real,
        "pair": Pair(IMAGES["blocks"](images, 0.75), images),
        "drawings": Pair(shapes, shapes),
        "white": white,
        "collapsed": 0.7 * white,
    }


@pytest.fixture(scope="module")
def table(batches: dict[str, torch.Tensor | Pair]) -> xr.Dataset:
    photos, drawings = ["one", "one", "two", "three"], ["a", "b", "c"]
    images = batches["images"]
    return readings.combine(
        [
            readings.decorrelation(batches["white"], batches["collapsed"], photos),
            readings.texture(images, batches["real"], photos),
            readings.structure(batches["pair"], 0.125, photos),
            readings.silhouettes(batches["drawings"], 0.24, drawings),
            readings.similarities(images, photos),
        ]
    )


def test_each_reading_says_what_its_samples_were_taken_from(table: xr.Dataset) -> None:
    for number in table["reading"].to_numpy():
        one = table.isel(reading=number)
        known = one["reading_value"].sel(case="first").dropna("reading_sample")
        expected = ["one", "one", "two", "three"] if known.size == COUNT else ["a", "b", "c"]
        assert known["reading_sample_group"].to_numpy().tolist() == expected


def used(table: xr.Dataset, score: str, number: int = 0) -> np.ndarray:
    """Both cases of the reading that `metrics` makes, (2, samples)."""
    rows = np.flatnonzero((table["reading_score"] == score).to_numpy() & table["reading_used"].to_numpy())
    return table["reading_value"].isel(reading=rows[number]).to_numpy()


def test_the_readings_in_use_are_those_of_the_scores(table: xr.Dataset, batches: dict) -> None:
    pair = batches["pair"]
    blurred, noisy = IMAGES["blur"](pair.target, 0.5), IMAGES["noise"](pair.target, 0.5)
    expected = {
        "s_dc": [metrics.s_dc(batches[name]) for name in ("white", "collapsed")],
        "s_hf": [metrics.s_hf(x, batches["real"]) for x in (pair.target, blurred)],
        "s_lf": [metrics.s_lf(x, pair.source, 0.125) for x in (pair.target, pair.target.roll(1, 0))],
        "ssim": [ssim(x, pair.target) for x in (blurred, noisy)],
        "ms_ssim": [ms_ssim(x, pair.target) for x in (blurred, noisy)],
    }
    for score, values in expected.items():
        # the energies are summed in another order, in float32
        np.testing.assert_allclose(used(table, score), np.stack(values), atol=1e-6, err_msg=score)


def test_the_score_of_drawings_is_that_of_their_silhouettes(table: xr.Dataset, batches: dict) -> None:
    drawings = batches["drawings"]
    own, others = used(table, "s_lf", number=1)[:, :3]
    np.testing.assert_allclose(own, metrics.s_lf(drawings.target, drawings.source, 0.24, "silhouette"), atol=1e-6)
    turned = [metrics.s_lf(drawings.target, drawings.source.roll(shift, 0), 0.24, "silhouette") for shift in (1, 2)]
    np.testing.assert_allclose(others, torch.stack(turned).mean(0), atol=1e-6)


def test_a_photo_that_is_its_own_drawing_is_found_by_every_reading(table: xr.Dataset) -> None:
    found = table["found_own"].dropna("reading", how="all")
    assert found.sizes["reading"] == 6
    assert (found.dropna("reading_sample") == 1).all()
    # fewer drawings than images: the rest is empty
    assert table["reading_value"].sel(reading=found["reading"]).isel(reading_sample=3).isnull().all()


def test_flagged_and_not_flagged_are_complements(table: xr.Dataset) -> None:
    one = table.isel(reading=(table["reading_score"] == "s_dc").to_numpy())["reading_value"]
    np.testing.assert_allclose(one[0] + one[1], 1)
    # Needing every channel flags the fewest patches, needing any one the most.
    assert (one[3] >= one[0]).all()
    assert (one[0] >= one[2]).all()


def test_ssim_with_a_uniform_window_is_scikit_images(table: xr.Dataset, batches: dict) -> None:
    target = batches["pair"].target
    blurred = IMAGES["blur"](target, 0.5)
    expected = [
        structural_similarity(x.numpy(), y.numpy(), data_range=2.0, channel_axis=0)
        for x, y in zip(blurred, target, strict=True)
    ]
    row = int(table["reading_label"].str.startswith("uniform window").to_numpy().argmax())
    # scikit-image computes in float32 here, either way
    np.testing.assert_allclose(table["reading_value"][row, 0], expected, atol=1e-5)
