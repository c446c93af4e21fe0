from __future__ import annotations

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
    scores = {"s_lf": lf, "s_hf": hf, "s_dc": 0.5 + 0 * lf, "psnr": 20 + noise + 0 * lf, "norm": 0.9 + 0 * lf}
    scores["hf_excess"] = np.log(hf - noise) + noise  # means are the logarithms of the places' S_HF
    references = {"s_lf": 0.6 + 0 * shared, "s_hf": 0.95 + shared, "psnr": np.full(IMAGES, np.nan)}
    references["hf_excess"] = np.log(0.25) + shared
    of_sets = {"s_g": 0.5, "clipped_hf": np.nan, "network_calls": 100.0}
    columns = zip(("method", "eta_hf", "eta_lf", "fraction"), zip(*POINTS.values(), strict=True), strict=True)
    about = {"title": "Made up", "origin": "a random generator", "data_source": "rendered", "white_s_dc": 0.986}
    run = {"parameters": '{"num_steps": 50, "guidance": 7.5}', "checkpoint_hash": "none", "device": "cpu"}
    return xr.Dataset(
        {name: (("point", "seed", "sample"), values) for name, values in scores.items()}
        | {f"reference_{name}": (("reference", "sample"), np.stack([v, v])) for name, v in references.items()}
        | {name: (("point", "seed"), np.full((len(POINTS), SEEDS), value)) for name, value in of_sets.items()},
        {
            **{name: ("point", list(column)) for name, column in columns},
            "point": list(POINTS),
            "stochastic": ("point", ["taba" in method for method, *_ in POINTS.values()]),
            "seed": np.arange(SEEDS),
            "sample": np.arange(IMAGES),
            "reference": ["target", "autoencoder"],
        },
        about | run | {"seconds": 1.2, "created": "2025-01-01T00:00:00+00:00"},
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


def test_the_fronts_leave_the_references_out_and_differences_are_paired(study: xr.Dataset) -> None:
    table = findings.summary(study)
    on_front = set(table.loc[table["on_front"], "point"])
    assert on_front == {"TABA 0.02", "OVG (0, 0.0001)", "OVG (1000, 0.0001)", "OVG (1000, 0.0001) + TABA 0.04"}
    assert set(table.loc[table["on_baseline_front"], "point"]) == {"TABA 0.02"}
    # the images' noise is common to both points, so nothing of it is left
    np.testing.assert_allclose(findings.difference(study, "TABA 0.02", "standard", "s_lf"), 0.4, atol=1e-12)


def test_the_gain_is_the_area_under_ovg_minus_that_under_the_baselines(study: xr.Dataset) -> None:
    # staircases: OVG's 0.4 x 0.9 and (0.9 - 0.4) x 0.4, without OVG + TABA; the baselines' 0.6 x 0.7
    areas = {10.0: (0.36 + 0.2, 0.42), 0.1: (0.1 * 0.9, 0.1 * 0.7), 0.0: (0.0, 0.0)}
    for most, expected in areas.items():  # structure beyond the true targets has no area
        study["reference_s_lf"][:] = most
        gain = findings.hypervolume_gain(study)
        assert (gain.candidates, gain.baselines) == pytest.approx(expected)
        assert gain.gain.low <= gain.gain.mean == pytest.approx(expected[0] - expected[1])
    study["reference_s_lf"][:] = 10.0
    for score in ("s_lf", "s_hf"):  # the standard inversion is on both sides
        study[score].loc[{"point": "standard"}] += 1
    np.testing.assert_allclose(findings.hypervolume_gain(study).gain, 0, atol=1e-12)


def test_the_area_in_fine_detail_takes_too_much_energy_like_too_little(study: xr.Dataset) -> None:
    """With targets of energy 1 and outputs of S_HF times that, nearness is S_HF; so it is with 1 / S_HF times."""
    study["reference_s_lf"][:], study["reference_hf_excess"][:] = 10.0, 0.0
    for sign in (1, -1):
        study["hf_excess"][:] = sign * np.log([hf for _, hf in PLACES])[:, None, None]
        gain = findings.hypervolume_gain(study, findings.DETAIL)
        assert (gain.candidates, gain.baselines) == pytest.approx((0.36 + 0.2, 0.42))
        table = findings.summary(study, findings.DETAIL).set_index("point")
        assert table.loc[["standard", "target"], findings.DETAIL].tolist() == pytest.approx([0.5, 1.0])
        assert table["on_front"].sum() == 4
    study["s_hf"].loc[{"point": "TABA 0.02"}] = 5.0  # plays no part
    assert findings.hypervolume_gain(study, findings.DETAIL).baselines == pytest.approx(0.42)


def test_the_answer_counts_the_data_sets_where_the_area_is_larger(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10
    found = {"one": study, "two": study.assign_attrs(title="Other")}
    assert findings.answer(found)["where"] == findings.answer(found)["in_detail"] == "on 2 of 2 data sets"
    assert findings.answer(found)["costs"] == "on none of 2 data sets"
    less = study.copy(deep=True)
    less["s_lf"].loc[{"point": "OVG (1000, 0.0001)"}] -= 0.3
    assert findings.answer({"one": less})["costs"] == "on 1 of 1 data sets"
    table = findings.settings(found).set_index("Point", append=True)["Energy"]
    for title in ("Rendered Made up", "Rendered Other"):
        for point, energy in {"standard": "0.50 [", "TABA": "0.60 [", "OVG": "0.90 ["}.items():
            assert table[title, point].startswith(energy)
    flat = study.assign({name: xr.full_like(study[name], 0.5) for name in ("s_hf", "hf_excess", "s_lf")})
    unsure = study.copy(deep=True)  # OVG's area is larger by the mean, and depends on which images are drawn
    turns = xr.DataArray(np.where(np.arange(IMAGES) % 2, 3.0, -3.0), dims="sample")
    unsure["s_hf"] += turns * unsure["method"].str.startswith("ovg")
    area = findings.hypervolume_gain(unsure).gain
    assert area.low < 0 < area.mean
    for one in (flat, unsure):
        assert findings.answer({"one": one})["where"] == "on none of 1 data sets"
    assert findings.answer({"one": flat})["in_detail"] == "on none of 1 data sets"


def test_the_claim_on_the_front_is_that_of_the_area(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10
    other = study.assign_attrs(title="Other")
    (claim,) = findings.claims({"one": study, "two": other})
    assert claim.side == "holds"
    assert "Rendered Made up 0.140" in claim.measured
    assert "Rendered Other 0.140" in claim.measured
    for score in ("s_hf", "s_lf"):
        other[score].loc[{"point": "standard"}] = 2.0
    (claim,) = findings.claims({"one": other})
    assert claim.side == "too few data"


def test_the_points_worth_a_picture(study: xr.Dataset) -> None:
    taba, ovg, both = "TABA 0.04", "OVG (1000, 0.0001)", "OVG (1000, 0.0001) + TABA 0.04"
    assert findings.published(study) == {"taba": taba, "ovg": ovg, "ovg+taba": both}
    # 0.9 x 0.4 and 0.4 x 0.9 tie, 0.3 x 0.8 is less; a little more S_HF decides
    study["s_hf"][{"point": 3}] += 0.01
    best = "OVG (0, 0.0001)"
    assert findings.best_ovg(study) == best
    assert findings.choose(study) == ["standard", taba, ovg, best, both]
    assert findings.choose(study.drop_sel(point=[taba, ovg])) == ["standard", best, both]


@pytest.mark.parametrize("windows", [1, 2])
def test_a_choice_on_the_others_sees_nothing_of_the_picture_that_it_is_judged_on(
    study: xr.Dataset, windows: int
) -> None:
    here, there, lucky = "OVG (0, 0.0001)", "OVG (1000, 0.0001)", list(range(windows))
    study["s_lf"][:], study["s_hf"][:] = 0.5, 0.5
    study["s_hf"].loc[{"point": there}] = 0.51
    study["s_hf"].loc[{"point": here, "sample": lucky}] = 0.99  # one lucky picture carries the mean of all
    groups = ["lucky" if number in lucky else str(number) for number in range(IMAGES)]
    study = study.assign_coords(sample_group=("sample", groups))
    assert findings.best_ovg(study) == here
    # for it the others choose the other point; for each of the others it is still among those that choose
    np.testing.assert_allclose(findings.chosen_on_others(study, "s_hf"), [0.51] * windows + [0.5] * (IMAGES - windows))
    with pytest.raises(DataError, match="2 independent"):
        findings.chosen_on_others(study.isel(sample=[0]), "s_hf")


def test_the_conclusion_has_the_numbers_and_says_only_what_the_intervals_carry(study: xr.Dataset) -> None:
    study["reference_s_lf"] += 10  # nothing is cut
    told = findings.numbers(study)
    assert told["s_dc"] == pytest.approx((0.5, 0.5, 0.5))
    assert told["area"] == "larger than"
    assert told["gain"].mean == pytest.approx(0.14)
    table = findings.compared(study)
    assert table.loc["TABA 0.04", "S_HF minus that of standard"] == "0.100 [0.100, 0.100]"
    assert table.loc["TABA 0.04", "S_HF minus that of TABA 0.04"] == ""
    assert table.loc["TABA 0.04", "Energy"].startswith("0.60 [")
    study["s_hf"][:], study["s_lf"][:] = 0.5, 0.5
    assert findings.numbers(study)["area"] == "not significantly different from"


def test_the_conclusion_counts_points_with_less_structure_more_energy_or_more_than_the_targets(
    study: xr.Dataset,
) -> None:
    told = findings.numbers(study)  # every point has more structure than the standard inversion
    assert (told["below"], told["above"], told["points"], told["all_points"]) == (0, 6, 6, 7)
    assert (told["larger"], told["beyond"]) == (0, 0)
    study["reference_s_hf"].loc[{"reference": "target"}] -= 0.3
    study["s_lf"].loc[{"point": "TABA 0.04"}] -= 0.4
    for point in ("TABA 0.02", "OVG (0, 0.0001)", "OVG (1000, 0)"):
        study["norm"].loc[{"point": point}] += 0.1
    study["hf_excess"].loc[{"point": "OVG (1000, 0)"}] = study["hf_excess"].sel(point="standard")
    told = findings.numbers(study)
    assert (told["below"], told["above"]) == (1, 5)
    assert (told["larger"], told["more"], told["less"], told["beyond"]) == (3, 1, 1, 3)


def test_copies_of_an_image_say_nothing_new(study: xr.Dataset) -> None:
    """Intervals resample pictures: four windows of each, all alike, are as sure as one."""
    groups = ("sample", [f"picture {number}" for number in range(IMAGES)])
    copied = study.assign_coords(sample_group=groups).isel(sample=np.repeat(np.arange(IMAGES), 4))
    told, same = findings.numbers(study), findings.numbers(copied)
    assert same == {name: pytest.approx(one) for name, one in told.items()}
    pd.testing.assert_frame_equal(findings.compared(copied), findings.compared(study))
    intervals = [column for column in findings.summary(study) if column.endswith(("_low", "_high"))]
    pd.testing.assert_frame_equal(findings.summary(copied)[intervals], findings.summary(study)[intervals])


def test_the_setting_says_when_images_are_rendered_and_what_is_missing_is_not_told(study: xr.Dataset) -> None:
    assert "rendered, not real" in findings.setting(study)
    assert "rendered" not in findings.setting(study.assign_attrs(data_source="real"))
    pictures = study.assign_coords(sample_group=("sample", np.arange(IMAGES) // 4))
    assert "40 rendered test images from 10 pictures (a random" in findings.setting(pictures)
    alone = study.isel(reference=[0])
    assert "autoencoder" not in findings.summary(alone)["point"].tolist()
    one = study.isel(sample=[0])
    assert findings.compared(one).loc["TABA 0.04", "S_HF minus that of standard"] == "0.100 [no interval]"
    told = findings.numbers(one)
    assert told["area"] == "not significantly different from"
    assert (told["below"], told["above"]) == (0, 0)


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
    assert findings.numbers(study)["unseen"].mean == pytest.approx(-0.45)
