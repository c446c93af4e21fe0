from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import SCORES
from spectral_collapse.studies import score_findings, scores

from ..metrics.images import textures
from ..scores_study import REASON, smoke


@pytest.fixture
def study() -> xr.Dataset:
    return smoke()


@pytest.mark.parametrize("structure", ["color", "edges"])
def test_the_last_stage_of_s_lf_is_what_it_compares(structure: str, generator: torch.Generator) -> None:
    images = textures(3, generator)
    stages = scores.structure_stages(images, 0.24, structure)
    assert set(stages) <= set(scores.STAGES)
    view = metrics.structure_view(images, 0.24, structure)
    torch.testing.assert_close(stages["silhouette" if structure == "edges" else "low-passed"], view)
    torch.testing.assert_close(stages["difference"], (view - view[:1]).abs())
    assert all(stage.min() >= 0 and stage.max() <= 1 for stage in stages.values())


def test_the_stages_of_a_drawing_lead_to_its_silhouette(generator: torch.Generator) -> None:
    images = textures(2, generator)
    stages = scores.structure_stages(images, 0.24, "edges")
    again = metrics.low_pass(stages["mask"], 0.24) > 0.12
    assert torch.equal(again.float(), stages["silhouette"])
    assert torch.equal(stages["mask"], (stages["grey"] < 0.95).float())


def test_the_two_filters_share_an_image_between_them(generator: torch.Generator) -> None:
    images = 0.5 * textures(2, generator)  # far from the clipping
    reference = metrics.hf_reference(textures(8, generator))
    found = scores.filters(images, reference, 2, 0.125, "color")
    # What lies below the cutoff of S_LF is what the low-pass keeps; only rounding differs.
    np.testing.assert_allclose(found["filtered"].sel(filter_score="s_lf", filter="low-pass"), 1, atol=1e-4)
    # Pictures are bytes: low + high - mid-grey is the image to within the rounding of three bytes.
    picture = {
        name: found["filtered_image"].sel(filtered_picture=name).astype(float)
        for name in ("image", "low-pass 0.25", "high-pass 0.25")
    }
    together = picture["low-pass 0.25"] + picture["high-pass 0.25"] - 127.5
    assert float(abs(together - picture["image"]).max()) <= 1.5


def test_the_test_rejects_noise_that_is_slightly_too_strong_if_there_is_enough_of_it() -> None:
    noise = torch.randn(8, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    found = scores.norms({scores.WHITE: noise, scores.STANDARD: 0.5 * noise})
    np.testing.assert_allclose(found["norm"][1], found["norm"][0] / 4)
    pvalue = found["ks_pvalue"]
    assert float(pvalue.sel(ks_series=scores.WHITE, count=1024)) > 0.001
    # 2 % of the mean are 0.45 standard deviations: D = 0.18, and 2 exp(-2 n D^2) is 1e-28 for n = 1024
    assert float(pvalue.sel(ks_series=scores.LOUD, count=1024)) < 1e-15
    assert float(found["ks_distance"].sel(ks_series=scores.LOUD, count=1024)) == pytest.approx(0.18, abs=0.05)
    assert float(found["ks_distance"].sel(ks_series=scores.STANDARD, count=8)) == pytest.approx(1)
    assert np.isnan(pvalue.sel(ks_series=scores.STANDARD, count=16))


def test_masks_show_what_s_dc_counts(study: xr.Dataset) -> None:
    masks = study["flag_image"].isel(rgb=0)
    shares = (masks == 255).sum(("latent_row", "latent_col")) / (masks != 160).sum(("latent_row", "latent_col"))
    np.testing.assert_allclose(shares, study["latent_s_dc"][:, : study.sizes["shown"]])


def test_a_result_says_what_it_is_made_of(study: xr.Dataset) -> None:
    parameters = json.loads(study.attrs["parameters"])
    assert len(parameters["data"]) == len(parameters["companions"]) == 2
    assert set(parameters["weights"]) == {"alex", "vgg", "squeeze", "inception"}
    assert list(study["family"].to_numpy()) == ["photos_x8", "bbbc021_x8", "edges2shoes"]
    assert study.attrs["data_source"] == "real"
    assert all({"long_name", "units"} <= set(variable.attrs) for variable in study.data_vars.values())
    assert all(
        dim in study.coords for dim in study.dims if dim not in ("row", "col", "rgb", "latent_row", "latent_col")
    )


def test_missing_weights_are_a_reason_and_not_a_crash(study: xr.Dataset) -> None:
    assert score_findings.missing(study)["lpips_alex"] == REASON
    response = study["image_response"].sel(image_score="lpips_alex")
    assert response.isnull().all()
    assert response["image_missing"].item() == REASON
    assert "lpips_alex" not in set(score_findings.normalised(study, "image")["score"])
    assert "LPIPS (VGG-16)" in score_findings.responses_verdict(study, "image")


@pytest.mark.parametrize("kind", ["image", "latent"])
def test_every_score_of_a_sample_answers_every_corruption(study: xr.Dataset, kind: str) -> None:
    table = score_findings.normalised(study, kind)
    expected = {
        name
        for name in study[f"{kind}_score"].to_numpy()
        if SCORES[name].higher_is_better is not None or SCORES[name].target is not None
    } - set(score_findings.missing(study))
    assert set(table["score"]) == expected
    assert {"s_hf", "s_lf", "psnr", "ssim"} <= expected or {"s_dc", "high_frequency_deficit"} <= expected
    spans = table.groupby("score")["mean"].agg(["min", "max"])
    np.testing.assert_allclose(spans["min"], 0, atol=1e-12)
    np.testing.assert_allclose(spans["max"], 1)
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()


def test_the_normalised_response_points_where_the_card_does(study: xr.Dataset) -> None:
    """An error of 0 is the best that there is, and so is a deficit of 0."""
    for kind, score in (("image", "plain_error"), ("image", "ssim"), ("latent", "s_dc")):
        table = score_findings.normalised(study, kind)
        intact = table[(table["score"] == score) & (table["grade"] == 0)]
        assert (intact["mean"] > 0.95).all(), score


def test_a_score_correlates_with_itself_and_with_its_kin(study: xr.Dataset) -> None:
    matrix = score_findings.correlations(study, "image")
    assert matrix.attrs["points"] == 20
    assert "psnr" in matrix["score"].to_numpy()
    assert "lpips_alex" not in matrix["score"].to_numpy()
    np.testing.assert_allclose(np.diag(matrix["r"]), 1)
    assert float(matrix["r"].sel(score="ssim", other="ms_ssim")) > 0.5


def test_where_an_image_was_left_as_it_was_the_point_is_left_out(study: xr.Dataset) -> None:
    made = study.copy(deep=True)
    made["image_response"].loc[{"image_score": "psnr", "image_corruption": "shift", "grade": 0.5}] = np.inf
    matrix = score_findings.correlations(made, "image")
    assert matrix.attrs["points"] == 19
    assert "psnr" in matrix["score"].to_numpy()


def test_redundant_pairs_are_named_once() -> None:
    r = np.array([[1.0, 0.97, -0.2], [0.97, 1.0, -0.1], [-0.2, -0.1, 1.0]])
    dims, names = ("score", "other"), ["ssim", "ms_ssim", "s_hf"]
    found = xr.Dataset(
        {"r": (dims, r), "r_low": (dims, r - 0.02), "r_high": (dims, r + 0.02)},
        {"score": names, "other": names},
        {"points": 20},
    )
    assert score_findings.redundancy_verdict(found).endswith(": SSIM and MS-SSIM (0.97 [0.95, 0.99]).")
    weaker = score_findings.redundancy_verdict((found - 0.2).assign_attrs(found.attrs))
    assert "none; the nearest to it are SSIM and MS-SSIM (0.77 [0.75, 0.79])" in weaker


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.5, 0.9, "The other way round"), (0.9, 0.5, "As printed"), (0.5, 0.5, "Neither way")],
)
def test_the_verdict_on_filters_follows_the_numbers(study: xr.Dataset, low: float, high: float, expected: str) -> None:
    made = study.copy(deep=True)
    made["image_response"].loc[{"image_score": "s_hf", "grade": 0}] = 0.9
    for name, value in (("low-pass", low), ("high-pass", high)):
        made["filtered"].loc[{"filter": name}] = value
    assert expected in score_findings.filters_verdict(made)


def test_every_verdict_names_its_numbers(study: xr.Dataset) -> None:
    assert study.attrs["checkpoint_hash"] in score_findings.setting(study)
    assert score_findings.pipeline_verdict(study).count("- **") == 3
    assert score_findings.texture_verdict(study).count("slope") == 3
    assert "standard inversion" in score_findings.decorrelation_verdict(study)
    assert score_findings.norms_verdict(study).count("p = ") == 3
    assert score_findings.readings_verdict(study).count("\n- ") == 3


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="unknown data set 'photo'"):
        scores.run("photo", "smoke")
