from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.errors import DataError
from spectral_collapse.findings import pareto as findings

POINTS = {
    "standard": ("standard", np.nan, np.nan, np.nan),
    "TABA 0.02": ("taba", np.nan, np.nan, 0.02),
    "TABA 0.04": ("taba", np.nan, np.nan, 0.04),
    "OVG (0, 0.0001)": ("ovg", 0.0, 1e-4, np.nan),
    "OVG (1000, 0)": ("ovg", 1000.0, 0.0, np.nan),
    "OVG (1000, 0.0001)": ("ovg", 1000.0, 1e-4, np.nan),
    "OVG (1000, 0.0001) + TABA 0.04": ("ovg+taba", 1000.0, 1e-4, 0.04),
}
# (S_LF, S_HF): TABA 0.04 and OVG (1000, 0) are dominated, the others form the front
PLACES = [(0.2, 0.5), (0.6, 0.7), (0.5, 0.6), (0.9, 0.4), (0.3, 0.8), (0.4, 0.9), (0.7, 0.6)]
IMAGES, SEEDS = 40, 3


@pytest.fixture
def study() -> xr.Dataset:
    """Points at known places; noise over images that is shared by all points, noise over seeds that cancels."""
    random = np.random.default_rng(0)
    shared = random.normal(0, 0.05, IMAGES)
    shared -= shared.mean()
    over_seeds = random.normal(0, 0.3, (SEEDS, IMAGES))
    over_seeds -= over_seeds.mean(0)
    noise = shared + over_seeds
    lf, hf = (np.array(side)[:, None, None] + noise for side in zip(*PLACES, strict=True))
    method, eta_hf, eta_lf, fraction = (list(column) for column in zip(*POINTS.values(), strict=True))
    scores = {"s_lf": lf, "s_hf": hf, "s_dc": 0.5 + 0 * lf, "psnr": 20 + noise + 0 * lf}
    scores["norm"] = 0.9 + 0 * lf
    scores["hf_excess"] = np.log(hf - noise) + noise  # means are the logarithms of the places' S_HF
    references = {"s_lf": 0.6 + 0 * shared, "s_hf": 0.95 + shared, "psnr": np.full(IMAGES, np.nan)}
    references["hf_excess"] = np.log(0.25) + shared
    return xr.Dataset(
        {name: (("point", "seed", "sample"), values) for name, values in scores.items()}
        | {f"reference_{name}": (("reference", "sample"), np.stack([v, v])) for name, v in references.items()}
        | {
            "s_g": (("point", "seed"), np.full((len(POINTS), SEEDS), 0.5)),
            "clipped_hf": (("point", "seed"), np.full((len(POINTS), SEEDS), np.nan)),
            "network_calls": (("point", "seed"), np.full((len(POINTS), SEEDS), 100.0)),
        },
        {
            "point": list(POINTS),
            "method": ("point", method),
            "eta_hf": ("point", eta_hf),
            "eta_lf": ("point", eta_lf),
            "fraction": ("point", fraction),
            "stochastic": ("point", ["taba" in name for name in method]),
            "seed": np.arange(SEEDS),
            "sample": np.arange(IMAGES),
            "reference": ["target", "autoencoder"],
        },
        {
            "white_s_dc": 0.986,
            "title": "Made up",
            "origin": "a random generator",
            "data_source": "rendered",
            "parameters": '{"num_steps": 50, "guidance": 7.5}',
            "checkpoint_hash": "none",
            "device": "cpu",
            "seconds": 1.2,
            "created": "2025-01-01T00:00:00+00:00",
        },
    )


def test_seeds_are_averaged_within_an_image_before_the_interval(study: xr.Dataset) -> None:
    table = findings.summary(study).set_index("point")
    row = table.loc["TABA 0.02"]
    assert row["s_lf"] == pytest.approx(0.6)
    # the standard error of the mean over images; were seeds samples of their own, it would be 0.3 / sqrt(120) = 0.027
    error = findings.per_image(study, "TABA 0.02", "s_lf").to_numpy().std() / IMAGES**0.5
    assert error < 0.01
    # a percentile of 2000 resamples of 40 images is within some 8 % of the normal one
    assert row["s_lf_high"] - row["s_lf_low"] == pytest.approx(2 * 1.96 * error, rel=0.08)
    assert (row["images"], row["seeds"]) == (IMAGES, SEEDS)
    assert table.loc["standard", "seeds"] == 1
    assert table.loc["target", "s_hf"] == pytest.approx(0.95)
    assert np.isnan(table.loc["target", "psnr"])
    # of a mean of logarithms, not the logarithm of a mean
    assert row["hf_energy"] == pytest.approx(0.7)
    assert table.loc["target", "hf_energy"] == pytest.approx(0.25)
    ends = np.log([row["hf_energy_low"], row["hf_energy_high"]])
    assert ends[1] - ends[0] == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_the_fronts_leave_the_references_out(study: xr.Dataset) -> None:
    table = findings.summary(study)
    on_front = set(table.loc[table["on_front"], "point"])
    assert on_front == {"TABA 0.02", "OVG (0, 0.0001)", "OVG (1000, 0.0001)", "OVG (1000, 0.0001) + TABA 0.04"}
    assert set(table.loc[table["on_baseline_front"], "point"]) == {"TABA 0.02"}


def test_differences_are_paired(study: xr.Dataset) -> None:
    gap = findings.difference(study, "TABA 0.02", "standard", "s_lf")
    # the images' noise is common to both points, so nothing of it is left
    np.testing.assert_allclose(gap, [0.4, 0.4, 0.4], atol=1e-12)


def test_the_gain_is_the_area_under_ovg_minus_that_under_the_baselines(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10  # nothing is cut
    gain = findings.hypervolume_gain(study)
    # staircases: OVG's 0.4 x 0.9, (0.7 - 0.4) x 0.6, (0.9 - 0.7) x 0.4; the baselines' 0.6 x 0.7
    assert gain.candidates == pytest.approx(0.36 + 0.18 + 0.08)
    assert gain.baselines == pytest.approx(0.42)
    assert gain.gain.low <= gain.gain.mean == pytest.approx(0.2)


def test_structure_beyond_the_true_targets_has_no_area(study: xr.Dataset) -> None:
    study["reference_s_lf"][:] = 0.1
    gain = findings.hypervolume_gain(study)
    assert (gain.candidates, gain.baselines) == pytest.approx((0.1 * 0.9, 0.1 * 0.7))
    study["reference_s_lf"][:] = 0
    np.testing.assert_array_equal(findings.hypervolume_gain(study).gain, 0)


def test_the_standard_inversion_is_on_both_sides_of_the_gain(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10
    for score in ("s_lf", "s_hf"):
        study[score].loc[{"point": "standard"}] += 1
    np.testing.assert_allclose(findings.hypervolume_gain(study).gain, 0, atol=1e-12)


def test_the_answer_has_each_data_set(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10
    first, *lines = findings.answer({"one": study, "two": study.assign_attrs(title="Other")}).split("\n- ")
    assert "significantly larger than that of the standard inversion and TABA on Made up and Other, of 2;" in first
    assert re.search(r"OVG's side has more points \(\d+ against \d+; ", first)
    flat = study.assign({name: xr.full_like(study[name], 0.5) for name in ("s_hf", "s_lf")})
    assert "TABA on no data set, of 1;" in findings.answer({"one": flat})
    unsure = study.copy(deep=True)  # OVG's area is larger by the mean, and depends on which images are drawn
    turns = xr.DataArray(np.where(np.arange(IMAGES) % 2, 3.0, -3.0), dims="sample")
    unsure["s_hf"] += turns * unsure["method"].str.startswith("ovg")
    area = findings.hypervolume_gain(unsure).gain
    assert area.low < 0 < area.mean
    assert "TABA on no data set, of 1;" in findings.answer({"one": unsure})
    assert [line.partition("**,")[0] for line in lines] == ["**Made up", "**Other"]
    assert "the standard inversion 0.50 [" in lines[0]
    assert "TABA 0.60 [" in lines[0]
    assert "OVG 0.90 [" in lines[0]
    assert "OVG's area is larger (0.200 [" in lines[0]


def test_the_claim_on_the_front_is_that_of_the_area(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10
    other = study.assign_attrs(title="Other")
    (claim,) = findings.claims({"one": study, "two": other})
    assert claim.side == "holds"
    assert "Made up 0.200" in claim.measured
    assert "Other 0.200" in claim.measured
    other["s_hf"].loc[{"point": "standard"}] = 2.0
    other["s_lf"].loc[{"point": "standard"}] = 2.0
    (claim,) = findings.claims({"one": other})
    assert claim.side == "too few data"


def test_the_points_worth_a_picture(study: xr.Dataset) -> None:
    assert findings.published(study) == {
        "taba": "TABA 0.04",
        "ovg": "OVG (1000, 0.0001)",
        "ovg+taba": "OVG (1000, 0.0001) + TABA 0.04",
    }
    # 0.9 x 0.4 and 0.4 x 0.9 tie, 0.3 x 0.8 is less; a little more S_HF decides
    study["s_hf"][{"point": 3}] += 0.01
    assert findings.best_ovg(study) == "OVG (0, 0.0001)"
    assert findings.choose(study) == [
        "standard",
        "TABA 0.04",
        "OVG (1000, 0.0001)",
        "OVG (0, 0.0001)",
        "OVG (1000, 0.0001) + TABA 0.04",
    ]
    fewer = study.drop_sel(point=["TABA 0.04", "OVG (1000, 0.0001)"])
    assert findings.choose(fewer) == ["standard", "OVG (0, 0.0001)", "OVG (1000, 0.0001) + TABA 0.04"]


def test_a_choice_on_the_others_does_not_see_the_image_that_it_is_judged_on(study: xr.Dataset) -> None:
    here, there = "OVG (0, 0.0001)", "OVG (1000, 0.0001)"
    study["s_lf"][:], study["s_hf"][:] = 0.5, 0.5
    study["s_hf"].loc[{"point": there}] = 0.51
    study["s_hf"].loc[{"point": here, "sample": 0}] = 0.99  # one lucky image carries the mean of all
    assert findings.best_ovg(study) == here
    found = findings.chosen_on_others(study, "s_hf")
    # for it the others choose the other point; for each of the others it is still among those that choose
    np.testing.assert_allclose(found, [0.51] + [0.5] * (IMAGES - 1))
    assert "With the point chosen for each image on all the others instead, S_HF is" in findings.verdict(study)
    with pytest.raises(DataError, match="needs 2 independent ones at least"):
        findings.chosen_on_others(study.isel(sample=[0]), "s_hf")


def test_the_verdict_claims_only_what_the_intervals_carry(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10  # nothing is cut
    text = findings.verdict(study)
    assert text.count("\n- ") == 6
    assert "latents are not white: S_DC is 0.500 [0.500, 0.500]; white noise has 0.986" in text
    assert "With TABA 0.04 S_HF is above that of the standard inversion (0.100 [0.100, 0.100]), with 0.60 [" in text
    assert "the outputs have 0.50 [" in text
    assert "the targets after the autoencoder 0.25 [" in text
    assert "on both sides, the area under its front, from (0, 0), is larger than the baselines' (0.200" in text
    assert "0.620 by 5 points against 0.420 by 3, and more points have more chances" in text
    noise = np.random.default_rng(1).normal(0, 0.5, IMAGES)
    study["s_hf"][{"point": 2}] = study["s_hf"][{"point": 0}] + (noise - noise.mean())
    assert "With TABA 0.04 S_HF is not significantly different from that of the standard inversion" in findings.verdict(
        study
    )


def test_the_verdict_counts_where_structure_is_paid_and_where_a_norm_brings_energy(study: xr.Dataset) -> None:
    text = findings.verdict(study)
    # every point has more structure than the standard inversion
    assert (
        "paid in structure?** Nothing is, here: of 6 points beside the standard inversion, "
        "S_LF is below that of the standard inversion at none and" in text
    )
    assert "true targets' own is 0.600 [0.600, 0.600], and what lies above it is copied" in text
    assert "the points below it, as far as the intervals tell: 3 (TABA 0.04; OVG (1000, 0); OVG (1000, 0.0001))" in text
    study["s_lf"].loc[{"point": "TABA 0.04"}] -= 0.4
    assert "structure?** Of 6 points" in findings.verdict(study)
    assert "is below that of the standard inversion at 1 (TABA 0.04) and above it at 5" in findings.verdict(study)
    assert "norm is above that of the standard inversion at 0 points." in text
    for point in ("TABA 0.02", "OVG (0, 0.0001)", "OVG (1000, 0)"):
        study["norm"].loc[{"point": point}] += 0.1
    study["hf_excess"].loc[{"point": "OVG (1000, 0)"}] = study["hf_excess"].sel(point="standard")
    text = findings.verdict(study)
    assert "norm is above that of the standard inversion at 3 points. Of these the outputs have more high-freq" in text
    assert "energy at 1 (TABA 0.02) and less at 1 (OVG (0, 0.0001))." in text


def test_the_verdict_says_how_many_points_are_above_the_true_targets(study: xr.Dataset) -> None:
    assert "Not told: of 7 points, 0 have a higher mean than the true targets" in findings.verdict(study)
    assert "7 lie below" in findings.verdict(study)
    study["reference_s_hf"].loc[{"reference": "target"}] -= 0.3
    assert "No: of 7 points, 3 have a higher mean than the true targets, 3 of them" in findings.verdict(study)
    assert "4 lie below" in findings.verdict(study)


def test_copies_of_an_image_say_nothing_new(study: xr.Dataset) -> None:
    """Intervals resample pictures: four windows of each, all alike, are as sure as one."""
    groups = ("sample", [f"picture {number}" for number in range(IMAGES)])
    copied = study.assign_coords(sample_group=groups).isel(sample=np.repeat(np.arange(IMAGES), 4))
    assert findings.verdict(copied) == findings.verdict(study)
    intervals = [column for column in findings.summary(study) if column.endswith(("_low", "_high"))]
    pd.testing.assert_frame_equal(findings.summary(copied)[intervals], findings.summary(study)[intervals])


def test_a_choice_on_the_others_sees_no_other_window_of_the_picture_either(study: xr.Dataset) -> None:
    here, there = "OVG (0, 0.0001)", "OVG (1000, 0.0001)"
    study["s_lf"][:], study["s_hf"][:] = 0.5, 0.5
    study["s_hf"].loc[{"point": there}] = 0.51
    study["s_hf"].loc[{"point": here, "sample": [0, 1]}] = 0.99  # one lucky picture, of which there are two windows
    study = study.assign_coords(sample_group=("sample", ["0", "0", *map(str, range(2, IMAGES))]))
    np.testing.assert_allclose(findings.chosen_on_others(study, "s_hf"), [0.51, 0.51] + [0.5] * (IMAGES - 2))


def test_without_an_interval_nothing_is_told_apart(study: xr.Dataset) -> None:
    one = study.isel(sample=[0])
    text = findings.verdict(one)
    assert "S_HF is not significantly different from that of the standard inversion (0.100 [no interval])" in text
    assert "is not significantly different from the baselines'" in text
    assert "S_LF is below that of the standard inversion at none and above it at none" in text
    assert "nan" not in text


def test_the_setting_says_when_images_are_rendered(study: xr.Dataset) -> None:
    assert "40 rendered test images (a random generator), 7 points, 3 seeds, 50 steps" in findings.setting(study)
    assert "rendered, not real" in findings.setting(study)
    assert "rendered" not in findings.setting(study.assign_attrs(data_source="real"))
    pictures = study.assign_coords(sample_group=("sample", np.arange(IMAGES) // 4))
    assert "40 rendered test images from 10 pictures (a random" in findings.setting(pictures)


def test_a_choice_on_the_others_is_of_the_grid_and_by_the_product_of_means(study: xr.Dataset) -> None:
    study["s_lf"][:], study["s_hf"][:] = 0.9, 0.9  # every other method is better
    # by the sum or by one score alone it would be another
    places = {"OVG (0, 0.0001)": (0.9, 0.1), "OVG (1000, 0)": (0.5, 0.45), "OVG (1000, 0.0001)": (0.1, 0.95)}
    for point, (lf, hf) in places.items():
        study["s_lf"].loc[{"point": point}], study["s_hf"].loc[{"point": point}] = lf, hf
    study["s_hf"].loc[{"point": "OVG (1000, 0)"}] += xr.DataArray([-0.4, 0.4, 0.0], dims="seed")
    study["psnr"].loc[{"point": "OVG (1000, 0)"}] = 33.0
    np.testing.assert_allclose(findings.chosen_on_others(study, "s_hf"), 0.45)
    np.testing.assert_allclose(findings.chosen_on_others(study, "psnr"), 33)
    verdict = findings.verdict(study).split("on all the others instead, ")[1]
    assert verdict.startswith("S_HF is below that of the standard inversion (-0.450 [-0.450, -0.450])")
    assert "S_LF is below that of the standard inversion (-0.400 [-0.400, -0.400])" in verdict


def test_without_an_autoencoder_the_true_targets_are_the_reference(study: xr.Dataset) -> None:
    alone = study.isel(reference=[0])
    assert "autoencoder" not in findings.verdict(alone)
    assert "the true targets 0.25" in findings.verdict(alone)
    assert "autoencoder" not in findings.summary(alone)["point"].tolist()


def test_the_data_set_beside_is_another_one() -> None:
    assert findings.another("one", ["two", "three"]) == ["two"]
    assert findings.another("two", ["two", "three"]) == ["three"]
    assert findings.another("two", ["two"]) == findings.another("two", []) == []
