from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spectral_collapse.findings import correlations as findings

from ..correlations_study import METHODS, made_study


def test_four_readings_of_one_cloud() -> None:
    r = findings.readings(made_study(between=1, within=-1), "s_hf")
    assert r["means of methods"].mean == pytest.approx(1)
    assert r["given the method"].high < -0.9
    assert r["given the image"].low > 0.9
    assert r["all images"].low > 0.8  # methods differ more than images
    # S_LF is noise
    assert findings.paradoxes({"made": made_study(between=1, within=-1)}) == ["Made up ($S_{HF}$)"]
    assert findings.paradoxes({"made": made_study(1, 1)}) == []


def test_readings_are_those_of_scipy() -> None:
    study = made_study(within=0.3)
    study["s_hf"] = study["s_hf"] + np.random.default_rng(1).normal(0, 0.02, study["s_hf"].shape)
    r = findings.readings(study, "s_hf")
    one = findings.methods(study)
    x, y = (one[name].to_numpy() for name in ("s_hf", "s_dc"))
    assert r["means of methods"].mean == pytest.approx(stats.spearmanr(x.mean(1), y.mean(1)).statistic)
    assert r["all images"].mean == pytest.approx(stats.spearmanr(x.ravel(), y.ravel()).statistic)
    # the partial correlation given a category is the correlation of the residuals of a regression on its indicators
    design = np.repeat(np.eye(len(METHODS)), x.shape[1], axis=0)
    ranks = np.stack([stats.rankdata(x), stats.rankdata(y)], 1).reshape(-1, 2)
    residuals = ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]
    assert r["given the method"].mean == pytest.approx(stats.pearsonr(*residuals.T).statistic)


def test_the_matrix_turns_scores_so_that_more_is_better() -> None:
    study = made_study()
    study["high_frequency_deficit"] = 1 - study["s_dc"]  # its target is 0: less deficit is better
    matrix = findings.matrix({"one": study, "two": study})
    assert float(matrix["r"].sel(score="high_frequency_deficit", other="s_dc")) == pytest.approx(1)


def test_an_exception_has_a_low_s_dc_and_nearly_the_energy_of_white_noise_and_says_something_of_latents() -> None:
    study = made_study()
    assert findings.exceptions(study) == ""
    study["hf_excess"].loc[{"point": "ovg"}] = study["hf_excess"].sel(point="white noise") + np.log(0.95)
    assert (findings.exceptions(study), findings.exceptions(study, part=True)) == ("OVG", "")
    for times in (0.7, 1.5):  # too little, and too much
        study["hf_excess"].loc[{"point": "ovg"}] = study["hf_excess"].sel(point="white noise") + np.log(times)
        assert findings.exceptions(study) == ""
    study["hf_excess"].loc[{"point": "ovg"}] = study["hf_excess"].sel(point="white noise") + np.linspace(-1, 1.4, 40)
    assert (findings.exceptions(study), findings.exceptions(study, part=True)) == ("", "OVG")
    at = {one.where: one.side for one in findings.claims({"made": study})}
    assert at["Spectral Collapse, Fig. 4"] == "too few data"
    study["s_dc"].loc[{"point": "ovg"}] = study["s_dc"].sel(point="white noise")
    assert findings.exceptions(study, part=True) == ""
    study = made_study()
    study = study.assign_coords(point=["direct" if name == "ovg" else name for name in study["point"].to_numpy()])
    for name in ("direct", "shuffled"):
        study["s_dc"].loc[{"point": name}] = 0.5
        study["hf_excess"].loc[{"point": name}] = study["hf_excess"].sel(point="white noise")
    assert findings.exceptions(study, part=True) == ""


def test_the_correlation_of_methods_draws_methods() -> None:
    # five methods whose means have the rank correlation 0.9 with hardly any noise in the images: over images alone the
    # interval has no width, and among five methods 0.9 is not significant
    study = made_study()
    means = np.array([0.1, 0.2, 0.3, 0.5, 0.4])
    study["s_hf"].loc[{"point": list(METHODS)}] = means[:, None] + 1e-6 * np.random.default_rng(0).random((5, 40))
    r = findings.readings(study, "s_hf")["means of methods"]
    assert r.mean == pytest.approx(0.9)
    assert (r.low < 0.3, r.high) == (True, 1)


def test_verdicts_follow_the_numbers_and_one_picture_has_none() -> None:
    rising, falling = made_study(1, 1), made_study(-1, -1)
    falling.attrs["title"] = "Falling"
    assert [claim.side for claim in findings.claims({"rising": rising})][:2] == ["holds", "holds"]
    assert [claim.side for claim in findings.claims({"rising": rising})][3:] == ["holds", "holds"]
    both = findings.claims({"rising": rising, "falling": falling})[0]
    assert (both.side, "Falling -1.00" in both.measured) == ("mixed", True)
    alone = [claim.side for claim in findings.claims({"falling": falling})]
    assert alone[0] == alone[1] == alone[4] == "fails"
    study = made_study().assign_coords(sample_group=("sample", ["same"] * 40))
    assert {one.side for one in findings.claims({"one": study})} == {"not measured"}


def test_the_answer_counts_and_the_experiment_has_each_number() -> None:
    study = made_study()
    rising = findings.rising({"made": study})
    assert rising == {"clear": True, "rises": 1, "count": 1, "correlations": "1.00"}
    for score in ("hf_excess", "s_hf"):
        assert findings.raised({"made": study}, score) == (3, 3)
    said = findings.experiment_verdict({"made": study})
    assert f"shuffled {findings.gap(study, 'shuffled').mean:.3f} [" in said
    assert "shuffled 1.00 [1.00, 1.00]" in said  # of white noise's energy


def test_sentences_on_whiteness_by_force_and_without_it() -> None:
    study = made_study()
    white = study["hf_excess"].sel(point="white noise")
    study["hf_excess"].loc[{"point": list(findings.FORCED)}] = white
    assert findings.as_white({"made": study}, "standard") == "0 of 1"
    assert findings.as_white({"made": study}, *findings.FORCED) == "3 of 3"
    study["hf_excess"].loc[{"point": "shuffled"}] = white - 1
    assert findings.as_white({"made": study}, *findings.FORCED) == "2 of 3"


def test_texture_needs_a_high_s_dc_unless_latents_with_a_low_one_have_the_energy_of_white_noise() -> None:
    study = made_study()
    assert findings.needed({"made": study}).startswith("We found no latents with an S_DC at least 0.1 below")
    white = study.sel(point="white noise")
    study["hf_excess"].loc[{"point": "ovg"}] = white["hf_excess"]
    for below, free in ((0.05, False), (0.2, True)):  # either is below, beyond the margin of 0.01
        study["s_dc"].loc[{"point": "ovg"}] = findings.white_s_dc(study) - below
        said = findings.needed({"made": study})
        assert ("There texture does not need a high S_DC." in said, bool(findings.exceptions(study))) == (free, free)
    assert "latents of OVG have" in said
    assert "No inversion method" not in said
    other = {"ovg": "flat spectrum", "flat spectrum": "ovg"}
    study = study.assign_coords(point=[other.get(name, name) for name in study["point"].to_numpy()])
    assert findings.needed({"made": study}).endswith("high S_DC. No inversion method is such an exception.")


def test_a_correlation_over_methods_is_told_or_too_uncertain() -> None:
    rising, falling = made_study(1, 1), made_study(-1, -1)
    falling.attrs["title"] = "Falling"
    assert findings.over_methods({"made": rising}).endswith("as a function of $S_{DC}$ rises on all data sets.")
    both = findings.over_methods({"rising": rising, "falling": falling})
    assert both.endswith("rises on some data sets and falls on some data sets.")
    rising["s_hf"][:] = np.random.default_rng(0).random(rising["s_hf"].shape)
    assert findings.over_methods({"made": rising}).endswith("too uncertain to tell.")
