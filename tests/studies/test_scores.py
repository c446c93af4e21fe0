from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import inversion, metrics
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.store import keys
from spectral_collapse.studies import scores
from spectral_collapse.studies.request import Request
from tests.each import each

from ..metrics.images import textures
from ..scores_study import smoke
from .test_collapse import thumbnails


@pytest.fixture
def study(shared: Path) -> xr.Dataset:
    return smoke(shared)


@each("structure", ["color", "silhouette", "edges"])
def test_the_last_stage_of_s_lf_is_what_it_compares(structure: str, generator: torch.Generator) -> None:
    images = textures(3, generator)
    stages = scores.structure_stages(images, 0.24, structure)
    assert set(stages) <= set(scores.STAGES)
    sides = ((images[:1], True), (images[1:], False))
    view = torch.cat([metrics.structure_view(x, 0.24, structure, fill=fill) for x, fill in sides])
    torch.testing.assert_close(stages["compared"], view)
    torch.testing.assert_close(stages["difference"], (view - view[:1]).abs())
    assert all(stage.min() >= 0 and stage.max() <= 1 for stage in stages.values())


def test_the_stages_of_a_drawing_lead_to_its_silhouette(generator: torch.Generator) -> None:
    images = textures(2, generator)
    stages = scores.structure_stages(images, 0.24, "silhouette")
    again = metrics.low_pass(stages["silhouette"], 0.24).clamp(0, 1)
    torch.testing.assert_close(again, stages["compared"])
    assert (stages["silhouette"][0] >= stages["mask"][0]).all()
    assert torch.equal(stages["silhouette"][1], stages["mask"][1])  # of the source alone outlines are filled
    assert torch.equal(stages["mask"], (stages["grey"] < 0.95).float())


def test_the_two_filters_share_an_image_between_them(generator: torch.Generator) -> None:
    images = 0.5 * textures(2, generator)  # far from the clipping
    reference = metrics.hf_reference(textures(8, generator))
    found = scores.filters(images, reference, 2, 0.125, "color")
    # What lies below the cutoff of S_LF is what the low-pass keeps; only rounding differs.
    np.testing.assert_allclose(found["filtered"][1, scores.FILTERS.index("low-pass")], 1, atol=1e-4)
    # Pictures are bytes: low + high - mid-grey is the image to within the rounding of three bytes.
    picture = dict(zip(scores.FILTERED, found["filtered_image"].astype(float), strict=True))
    together = picture["low-pass 0.25"] + picture["high-pass 0.25"] - 127.5
    assert float(abs(together - picture["image"]).max()) <= 1.5


def test_the_test_rejects_noise_that_is_slightly_too_strong_if_there_is_enough_of_it() -> None:
    noise = torch.randn(8, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    distance, pvalue = scores.ks_tests(0.5 * noise, [8, 16]).T
    assert distance[0] == pytest.approx(1)
    assert np.isnan(pvalue[1])


def test_the_law_of_norms_is_tested_on_many_draws(study: xr.Dataset) -> None:
    last = study.sel(count=1024)
    assert float(last["ks_pvalue"].sel(ks_series=scores.WHITE)) > 0.001
    # 2 % of the mean are 0.39 standard deviations of chi-square(768): D = 0.16, and 2 exp(-2 n D^2) is 1e-22
    assert float(last["ks_pvalue"].sel(ks_series=scores.LOUD)) < 1e-12
    assert float(last["ks_distance"].sel(ks_series=scores.LOUD)) == pytest.approx(0.16, abs=0.05)


def test_latents_of_a_study_are_those_of_one_batch(home: Path) -> None:
    request = Request(scores.ScoreParameters.checked(profile="smoke", checkpoint=thumbnails(), latents=2))
    sources = request.images.test.stack(scores.latent_indices(request)).source
    assert len(sources) > len(request.images.chosen)
    generator = torch.Generator().manual_seed(0)
    method = inversion.create("taba", fraction=0.2)
    expected = method.invert(request.model.denoiser, request.model.encode(sources), 0, 5, generator).latent
    # the first ones are kept in half precision
    torch.testing.assert_close(scores.latents_of(request, scores.TABA), expected, atol=1e-3, rtol=1e-3)


def test_masks_show_what_s_dc_counts(study: xr.Dataset) -> None:
    masks = study["flag_image"].isel(rgb=0)
    shares = (masks == 255).sum(("latent_row", "latent_col")) / (masks != 160).sum(("latent_row", "latent_col"))
    np.testing.assert_allclose(shares, study["latent_s_dc"][:, : study.sizes["shown"]])


def test_a_result_says_what_it_and_its_samples_are_made_of(study: xr.Dataset) -> None:
    parameters = json.loads(study.attrs["parameters"])
    assert len(parameters["data"]) == len(parameters["beside"]) == 2
    assert set(parameters["weights"]) == {"alex", "vgg", "squeeze", "inception"}
    assert list(study["pipeline"].to_numpy()) == ["photos_x8", "bbbc021_x8", "edges2shoes"]
    assert study.attrs["data_source"] == "real"
    for dim in ("sample", "latent_sample"):
        assert [name.partition("/")[0] for name in study[dim].to_numpy()] == study[f"{dim}_group"].to_numpy().tolist()


def test_readings_need_colours_and_edges_and_the_key_knows_the_files_of_all_scores() -> None:
    with pytest.raises(InvalidParameterError, match="beside must name"):
        scores.STUDY.run(profile="smoke", checkpoint=thumbnails(), beside=["bbbc021_x8"])
    names, _ = keys.roots_of([scores.STUDY.jobs, scores.STUDY.combine, *scores.STUDY.uses(None)])
    files = {unit.partition(":")[0] for unit in keys.installed().reached(names)}
    assert {f"spectral_collapse.metrics.{file}" for file in ("psnr", "pca", "frechet")} <= files
