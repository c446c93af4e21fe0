from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import metrics, paths
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.studies import benchmark, published
from spectral_collapse.studies.request import Request
from spectral_collapse.translation import translate
from tests.studies.test_collapse import thumbnails

SMALL = {"profile": "smoke", "reference": 16}


def computed() -> xr.Dataset:
    methods = ("standard", "taba", "ovg+taba")
    return benchmark.STUDY.run(**SMALL, methods=methods, checkpoint=thumbnails())


def test_scores_are_those_of_the_shared_translation(study: xr.Dataset, home: Path) -> None:
    request = Request(benchmark.BenchmarkParameters.checked(**SMALL, checkpoint=thumbnails()))
    for seed in (0, 1):
        found = request.translated(published.method(request, "taba"), seed)
        one = study.sel(point="taba", seed=seed)
        np.testing.assert_allclose(one["psnr"], metrics.psnr(found.images, request.pair.target))
        np.testing.assert_allclose(one["s_hf"], metrics.s_hf(found.images, request.hf_reference))
        np.testing.assert_allclose(one["s_dc"], metrics.s_dc(found.latents))
        assert one["s_g"].item() == pytest.approx(metrics.s_g(found.latents).score)
        assert one["network_calls"].item() == found.network_calls
        distance = metrics.sliced_wasserstein(found.images, request.real_targets).score
        assert one["sliced_wasserstein"].item() == pytest.approx(distance)


def test_what_draws_differs_by_seed_and_the_rest_is_repeated(study: xr.Dataset) -> None:
    assert study["stochastic"].to_numpy().tolist() == [False, True, True]
    gap = abs(study["psnr"].diff("seed")).max(("seed", "sample"))
    assert float(gap.sel(point="standard")) == 0
    assert (gap.sel(point=["taba", "ovg+taba"]) > 0).all()


def test_yardsticks(study: xr.Dataset) -> None:
    source, target = study.sel(reference=benchmark.SOURCE), study.sel(reference=benchmark.TARGET)
    np.testing.assert_allclose(source["reference_s_lf"], 1, atol=1e-6)  # a copy keeps all structure
    np.testing.assert_allclose(target["reference_ssim"], 1, atol=1e-6)
    assert target["reference_psnr"].isnull().all()
    white = study["known_s_dc"].sel(known="white noise")
    assert float(white.min()) > 0.9
    assert float(study["known_high_frequency_deficit"].sel(known="closed form").mean()) > 0.3


def test_an_inversion_costs_its_calls_and_products(study: xr.Dataset) -> None:
    """Five steps, of which TABA replaces one; each step of OVG takes a call and two products."""
    cost = dict(zip(study["point"].to_numpy(), study["inversion_cost"].to_numpy(), strict=True))
    assert cost == {"standard": 1, "taba": 4 / 5, "ovg+taba": 4 * 3 / 5}


def test_a_reconstruction_goes_back_under_the_sources_own_label(study: xr.Dataset, home: Path) -> None:
    request = Request(benchmark.BenchmarkParameters.checked(**SMALL, checkpoint=thumbnails()))
    source, label = request.pair.source, request.info.source_label
    found = translate(request.model, published.method(request, "standard"), source, label, label, num_steps=5)
    measured = study["reconstruction"].sel(point="standard")
    np.testing.assert_allclose(measured, metrics.psnr(found.images.clamp(-1, 1), source), atol=0.1)  # 256 levels
    assert float(measured.max()) < benchmark.ROUNDED


def test_networks_on_pixels_are_named() -> None:
    for path in sorted((paths.checkpoints()).glob("*/card.json")):
        card = json.loads(path.read_text())
        if path.parent.name.removesuffix("-rendered") == card["family"] != "autoencoder":
            assert (card["autoencoder"] is None) == (card["family"] in benchmark.IN_PIXELS)
    # on whose images the others were trained
    assert benchmark.checkpoint("pixel", "edges2shoes") == "edges2shoes-rendered"
    assert benchmark.checkpoint("pixel", "textures_x8") == "textures-plain"
    assert benchmark.checkpoint("U-Net", "edges2shoes") == "edges2shoes-latent"  # beside '-dit', on latents too
    assert benchmark.checkpoint("epsilon", "photos_x8") == "photos"
    assert benchmark.checkpoint("pixel", "photos_x8") == "photos-pixel"


def test_without_weights_scores_are_missing_with_the_reason(study: xr.Dataset) -> None:
    for name in ("fid", "kid", "lpips_alex"):
        if "missing" in study[name].attrs:
            assert study[name].isnull().all()
            assert "are not on this machine" in study[name].attrs["missing"]
        else:
            assert study[name].notnull().all()
    assert study["psnr"].notnull().all()


def test_the_papers_combinations_and_what_the_budget_leaves_out(home: Path) -> None:
    request = Request(benchmark.BenchmarkParameters.checked(dataset="edges2shoes", source="rendered"))
    both, taba = (published.method(request, name) for name in ("ovg+taba", "taba"))
    assert both.forward_fraction == taba.fraction == 0.02
    assert both.eta_lf == 7.08e-5
    assert published.method(request, "ovg+edm").entry_noise
    quick = benchmark.BenchmarkParameters.checked(profile="quick").methods
    paper = benchmark.BenchmarkParameters.checked(profile="paper").methods
    assert not set(quick) & {"null_class", "renoise", "edict", "fixed_point", "gnri", "pix2pix_zero"}
    assert set(paper) == {*benchmark.METHODS, "ovg+taba", "nullspace+dpm"}


def test_networks_that_do_not_ship_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "shipped", lambda family, size: ["photos", "photos-dit"] if size == 64 else [])
    ran: list[object] = []
    monkeypatch.setattr(type(benchmark.STUDY), "run", lambda self, **given: ran.append(given["checkpoint"]))
    found = benchmark.by_network(["U-Net", "DiT", "pixel"], ["photos_x8", "photos_x16"])
    assert ran == ["photos", "photos", "photos-dit", "photos-dit"]
    assert [list(one) for one in found.values()] == [["photos_x8", "photos_x16"], ["photos_x8", "photos_x16"], []]
    assert benchmark.not_shipped(["U-Net", "pixel"], "photos_x8") == ["photos-pixel"]
    assert benchmark.not_shipped(["U-Net"], "photos_x8", profile="paper") == ["photos"]  # 256 px
    with pytest.raises(InvalidParameterError, match="none of photos-pixel ships at this size; train one"):
        benchmark.by_network(["pixel"], ["photos_x8", "photos_x16"])
    with pytest.raises(InvalidParameterError, match="unknown network 'dit'"):
        benchmark.not_shipped(["dit"], "photos_x8")


def test_guidance_is_the_papers_at_its_profile_alone_and_the_reference_is_loaded_once(home: Path) -> None:
    for given, expected in (({}, 1.0), ({"profile": "paper"}, 7.5), ({"guidance": 3}, 3.0)):
        assert Request(benchmark.BenchmarkParameters.checked(dataset="edges2shoes", **given)).guidance == expected
    request = Request(benchmark.BenchmarkParameters.checked(**SMALL, checkpoint=thumbnails()))
    assert request.real_targets.shape == (16, 3, 64, 64)
    assert torch.equal(request.real_targets, request.real_targets)
    assert request.hf_reference.count == 16
