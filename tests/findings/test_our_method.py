from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import our_method as findings
from spectral_collapse.findings.our_method import OURS, RIVAL
from spectral_collapse.statistics import bootstrap_mean

SAMPLES = 6
TEXTURE = np.linspace(0.8, 0.9, SAMPLES)


def study(s_lf: float = 0.5, ours: float = 1.2, swd: float = -0.1, psnr: float = 0.5, title: str = "One") -> xr.Dataset:
    """Ours has `ours` times the rival's texture, 2 draws, and differs by `swd` and `psnr`; the targets' own S_LF is
    0.6, their S_HF 1. Outputs have half and twice the targets' fine detail, by turns."""
    ones = np.ones((2, 2, SAMPLES))
    texture = np.stack([ours * 0.7 * TEXTURE, 0.7 * TEXTURE])[:, None] * ones
    return xr.Dataset(
        {
            "s_hf": (("point", "seed", "sample"), texture),
            "s_lf": (("point", "seed", "sample"), s_lf * ones),
            "hf_excess": (("point", "seed", "sample"), np.log(np.resize([0.5, 2.0], SAMPLES)) * ones),
            "reference_hf_excess": (("reference", "sample"), np.zeros((1, SAMPLES))),
            "psnr": (("point", "seed", "sample"), np.array([psnr, 0.0])[:, None, None] + 20 * ones),
            "sliced_wasserstein": (("point", "seed"), np.array([[0.3 + swd] * 2, [0.3] * 2])),
            "inversion_cost": ("point", [0.96, 3.6]),
            "reference_s_lf": (("reference", "sample"), np.full((1, SAMPLES), 0.6)),
            "reference_s_hf": (("reference", "sample"), np.ones((1, SAMPLES))),
        },
        {
            "point": [OURS, RIVAL],
            "reference": ["target"],
            "known": [],
            "sample": [f"image {number}" for number in range(SAMPLES)],
            "stochastic": ("point", [True, True]),
        },
        {"title": title, "data_source": "rendered"},
    )


def test_areas_end_at_the_targets_structure_and_a_constant_factor_has_no_interval() -> None:
    table = findings.areas({"one": study(s_lf=0.9)})
    np.testing.assert_allclose(table["mean"][1], 0.7 * TEXTURE.mean() * 0.6)
    np.testing.assert_allclose(table["target"], 0.6)
    expected = 0.6 * 0.7 * np.stack(bootstrap_mean(TEXTURE))
    np.testing.assert_allclose(table.loc[1, ["mean", "low", "high"]].to_numpy(float), expected)
    ratio = findings.gain(study(ours=1.2), OURS, RIVAL)
    np.testing.assert_allclose(ratio, 1.2)


def test_goals_by_their_rules() -> None:
    for given, verdicts in (
        ({}, ["holds", "holds", "holds"]),
        ({"ours": 1.05}, ["fails", "holds", "holds"]),
        ({"ours": 0.9}, ["fails", "fails", "holds"]),
        ({"swd": 0.1}, ["holds", "holds", "fails"]),
        ({"psnr": -0.5}, ["holds", "holds", "fails"]),
        ({"psnr": -0.05}, ["holds", "holds", "holds"]),
    ):
        assert [claim.side for claim in findings.claims({"one": study(**given)})] == verdicts, given
    found = {"one": study(), "two": study(ours=0.9, title="Two")}
    assert [claim.side for claim in findings.claims(found)] == ["mixed", "mixed", "holds"]
    full = study(s_lf=0.6, ours=1.0)
    full["s_hf"] = xr.full_like(full["s_hf"], 0.99)  # no room
    assert findings.claims({"one": full})[0].side == "not measured"


def chosen(**given: float) -> xr.Dataset:
    """`study` at chosen settings, with fine detail twice the targets' by ours, and four times by the rival."""
    one = study(**given)
    one = one.assign_coords(point=[f"{name}*" for name in (OURS, RIVAL)])
    times = np.log([2.0, 4.0])[:, None, None] * np.ones((2, 2, SAMPLES))
    one["hf_excess"] = (("point", "seed", "sample"), times)
    one["reference_hf_excess"] = (("reference", "sample"), np.zeros((1, SAMPLES)))
    return one


def outlined(one: xr.Dataset) -> xr.Dataset:
    return one.assign_attrs(title="Edges2Shoes", parameters='{"dataset": "edges2shoes"}')


def test_the_answer_is_of_chosen_settings_and_names_cycle_diffusion_as_another_cheap_method() -> None:
    better = chosen()
    text = findings.answer({"one": better}, {})
    assert "nearer to the targets' on 1 and farther on 0. All its images" in text
    assert text.startswith("**Answer.** On all data sets it does. At ")
    assert text.endswith("farther from real ones (SWD, every seed) on 0.")
    assert "targets' on 2 and" in findings.answer({"one": better, "two": outlined(chosen(ours=0.9))}, {})
    better["inversion_cost"][1] = 1.5
    assert "At 0.64 times the cost of OVG + TABA" in findings.answer({"one": better}, {})
    usual = better.assign_coords(point=[OURS, "cycle_diffusion"])  # off by factors of 2 and 4
    assert findings.answer({"one": better}, {"one": usual}).endswith(
        "is off by a factor of 4.0 on average, ours by 2.0."
    )
    usual = better.assign_coords(point=["cycle_diffusion", OURS])
    assert findings.answer({"one": better}, {"one": usual}).endswith("so use ours where you need a single latent.")
    assert "None of these data sets" in findings.answer({"one": study()}, {})


def test_details_are_factors_and_too_much_counts_like_too_little() -> None:
    table = findings.details({"one": study()})
    assert (table["mean"].tolist(), set(table["target"])) == ([pytest.approx(2.0)] * len(table), {1.0})


def test_areas_by_outlines_support_no_claim() -> None:
    made = findings.claims({"one": study(), "two": outlined(study(ours=0.9, title="Two"))})
    assert [claim.told for claim in made[:2]] == ["holds on one family only, 1 of 1"] * 2
    assert "(without Rendered shoes, where S_LF compares outlines)" in made[0].measured
    assert made[2].of == 2
    assert list(findings.gains({"one": chosen(), "two": outlined(chosen())})) == ["Rendered One"]


def test_the_table_has_a_row_per_data_set_at_chosen_settings() -> None:
    table = findings.against({"one": chosen(), "two": outlined(chosen()), "three": study()})
    assert [cell.text for cell in table["Data"]] == ["Rendered One", "Rendered shoes"]
    assert table["Detail, ours"][0].value == pytest.approx(2)
    assert table["Cost ratio"][0].value == pytest.approx(0.96 / 3.6)
    assert table["SWD gap"][0].value == pytest.approx(-0.1)
    assert [bool(cell.note) for cell in table["Area ratio"]] == [False, True]


def test_a_second_network_is_asked_for_each_data_set_and_named_in_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def each(**given: object) -> dict[str, xr.Dataset]:
        asked.append(given)
        return {str(given["datasets"]): study(title=str(given["datasets"]).title())}

    monkeypatch.setattr(type(findings.benchmark.STUDY), "each", lambda _, **given: each(**given))
    monkeypatch.setattr(findings.benchmark, "has_results", lambda name, *_: name != "third")
    networks = {"textures_x8": "first", "edges2shoes": "second"}
    found = findings.on_networks(
        {**networks, "bbbc021_x8": "third"}, profile="smoke", methods=("taba",), datasets=["all"]
    )
    assert [(given["datasets"], given["checkpoint"], given["profile"]) for given in asked] == [
        (name, checkpoint, "smoke") for name, checkpoint in networks.items()
    ]
    assert all({OURS, RIVAL, "standard"} <= {*given["methods"]} for given in asked)  # type: ignore[misc]
    assert [one.attrs["title"] for one in found.values()] == ["Rendered Textures_X8, first", "Rendered shoes, second"]
