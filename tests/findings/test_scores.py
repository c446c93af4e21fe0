from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import scores as findings
from spectral_collapse.metrics import SCORES
from spectral_collapse.statistics import text

from ..scores_study import REASON, smoke


@pytest.fixture
def study(shared: Path) -> xr.Dataset:
    return smoke(shared)


def test_missing_weights_are_a_reason_and_not_a_crash(study: xr.Dataset) -> None:
    assert findings.missing(study)["lpips_alex"] == REASON
    response = study["image_response"].sel(image_score="lpips_alex")
    assert response.isnull().all()
    assert response["image_missing"].item() == REASON
    assert "lpips_alex" not in set(findings.normalised(study, "image")["score"])
    assert "LPIPS (VGG-16)" in findings.responses_verdict(study, "image")


@pytest.mark.parametrize("kind", ["image", "latent"])
def test_every_score_of_a_sample_answers_every_corruption(study: xr.Dataset, kind: str) -> None:
    table = findings.normalised(study, kind)
    expected = {name for name in study[f"{kind}_score"].to_numpy() if SCORES[name].directed}
    expected -= set(findings.missing(study))
    assert set(table["score"]) == expected
    assert {"s_hf", "s_lf", "psnr", "ssim"} <= expected or {"s_dc", "high_frequency_deficit"} <= expected
    spans = table.groupby("score")["mean"].agg(["min", "max"])
    np.testing.assert_allclose(spans["min"], 0, atol=1e-12)
    np.testing.assert_allclose(spans["max"], 1)
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()


def test_the_normalised_response_points_where_the_card_does(study: xr.Dataset) -> None:
    """An error of 0 is the best that there is, and so is a deficit of 0."""
    for kind, score in (("image", "plain_error"), ("image", "ssim"), ("latent", "s_dc")):
        table = findings.normalised(study, kind)
        intact = table[(table["score"] == score) & (table["grade"] == 0)]
        assert (intact["mean"] > 0.95).all(), score


def test_a_score_without_a_value_for_what_is_intact_can_be_blind_too(study: xr.Dataset) -> None:
    name = "plain_error_ratio"
    made = study.copy(deep=True)
    grades = made["image_response"].sel(image_score=name)
    flat, steep = 2 + 0 * grades, 2 + 10 * grades["grade"] + 0 * grades
    made["image_response"].loc[{"image_score": name}] = xr.where(grades["image_corruption"] == "blur", steep, flat)
    made["image_response"].loc[{"image_score": name, "grade": 0}] = np.nan
    symbol = SCORES[name].symbol
    blind = findings.responses_verdict(made, "image").splitlines()[0]
    assert f"{symbol} to noise (from its weakest grade on)" in blind
    assert f"{symbol} to blur" not in blind
    # PSNR has no finite value for what is intact: it sees any damage
    made["image_response"].loc[{"image_score": "psnr"}] = 20.0
    made["image_response"].loc[{"image_score": "psnr", "grade": 0}] = np.inf
    assert "PSNR to" not in findings.responses_verdict(made, "image").splitlines()[0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.5, 0.9, "The opposite"), (0.9, 0.5, "Yes"), (0.5, 0.5, "Neither way")],
)
def test_the_verdict_on_filters_follows_the_numbers(study: xr.Dataset, low: float, high: float, expected: str) -> None:
    made = study.copy(deep=True)
    made["image_response"].loc[{"image_score": "s_hf", "grade": 0}] = 0.9
    for name, value in (("low-pass", low), ("high-pass", high)):
        made["filtered"].loc[{"filter": name}] = value
    assert findings.without_frequencies(made)["agrees"] == expected


def test_every_verdict_names_its_numbers_and_the_table_of_readings_has_one_used_per_definition(
    study: xr.Dataset,
) -> None:
    assert "standard inversion" in findings.of_latents(study)["listed"]
    assert findings.norms_verdict(study).count("$S_G$ = ") == 3
    assert set(findings.readings(study)["few"]) == {"first", "second"}
    table = findings.readings_table(study)
    used = table[table["Used"] == "yes"].index.get_level_values("Score")
    assert sorted(used) == sorted(["S_DC", "S_HF", "S_LF", "S_LF", "SSIM", "MS-SSIM"])
    assert not any(reading.startswith(("grey", "darkness")) for _, reading in table.index)  # rules that nobody uses


def test_the_answer_says_what_is_missed_and_whether_variance_alone_moves_s_dc(
    study: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = study.copy(deep=True)
    response = made["latent_response"]
    response.loc[{"latent_score": "s_dc", "latent_corruption": "scaling"}] = 0.9 - 0.4 * response["grade"]
    assert "$S_{DC}$ of latents falls for independent noise that is merely too weak" in findings.answer(made)
    assert (findings.of_latents(made)["lost"], text(findings.of_latents(made)["weak"])) == (0.5, "0.500 [0.500, 0.500]")
    response.loc[{"latent_score": "s_dc", "latent_corruption": "scaling"}] = 0.9
    assert "$S_{DC}$ of latents does not fall" in findings.answer(made)
    for missed, told in (
        (
            {"s_hf": ["shift"], "s_lf": ["blur", "noise"]},
            "$S_{HF}$ misses shift and $S_{LF}$ misses blur and noise (the",
        ),
        ({"s_hf": ["shift"], "s_lf": ["shift"]}, "$S_{HF}$ misses shift and $S_{LF}$ misses shift (the"),
        ({"s_lf": ["blur"]}, "$S_{LF}$ misses blur (the score changes by less than 10% of its range)."),
        ({}, "Neither $S_{HF}$ nor $S_{LF}$ misses any of these distortions."),
    ):
        monkeypatch.setattr(findings, "_blind", lambda *_, missed=missed: missed)
        assert told in findings.answer(made)
        both = bool(missed) and missed.get("s_hf") != missed.get("s_lf")
        assert ("So judge an image by both" in findings.answer(made)) == both
