from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.findings import choose as findings
from spectral_collapse.findings.benchmark import called, capped
from tests.benchmark_study import made
from tests.findings.golden import FOLDER
from tests.studies.test_perception import made as distances

DETAIL, MEASURE, LOOK, DRAWING, BACK, EDIT = findings.TASKS
SHIFTS = {
    "standard": {},
    "taba": {"s_hf": 0.15, "s_lf": -0.3, "inversion_cost": 0.98},
    "ovg": {"psnr": 1.0, "s_lf": 0.1, "s_hf": 0.1, "inversion_cost": 3.0},
    "bdia": {"reconstruction": 20.0, "inversion_cost": 1.05},
    "blurred": {"s_lf": 0.1, "hf_excess": -0.3},
    "costly": {"psnr": 5.0, "inversion_cost": 5.0},
}
"""Differences of ten times an image's noise and more, or none: who is best for what is known."""


@pytest.fixture
def study() -> xr.Dataset:
    return made(SHIFTS)


def best(study: xr.Dataset, task: str, budget: float) -> tuple[str, set[str]]:
    """The best, and all that lead."""
    found = findings.choices(study, task, budget)
    return found[0].method, {one.method for one in found if one.leads}


def answered(found: dict[str, xr.Dataset]) -> str:
    """The answer where a perceptual network finds all methods alike."""
    study = next(iter(found.values()))
    return findings.answer(found, {"": distances(dict.fromkeys(study["point"].to_numpy(), 0.0))}, {})


def test_the_best_of_what_the_budget_allows(study: xr.Dataset) -> None:
    assert best(study, MEASURE, 4.0) == ("ovg", {"ovg"})
    assert "ovg" not in {one.method for one in findings.choices(study, MEASURE, 1.6)}
    assert best(study, BACK, 1.1) == ("bdia", {"bdia"})
    assert "bdia" not in best(study, BACK, 1.0)[1]
    assert best(study, LOOK, 4.0) == ("ovg", {"ovg"})  # 0.75, cut, times 0.9; and fine detail as near as others'
    gain = findings.choices(study, MEASURE, 4.0)[0].gain
    assert gain.low < gain.mean < gain.high
    assert gain.mean == pytest.approx(1, abs=0.02)


def test_the_nearest_in_fine_detail_is_near_on_either_side_of_the_target() -> None:
    """The standard inversion has a third of the target's energy, 'taba' two thirds, 'direct' three times it."""
    study = made({"standard": {}, "taba": {"hf_excess": np.log(2)}, "direct": {"hf_excess": np.log(9)}}, spread=0.0)
    study["reference_hf_excess"][:] = study["hf_excess"].sel(point="standard").mean("seed") + np.log(3)
    assert best(study, DETAIL, 1.0) == ("taba", {"taba"})
    gains = {one.method: one.gain.mean for one in findings.choices(study, DETAIL, 1.0)}
    assert gains == pytest.approx({"taba": np.log(2), "standard": 0, "direct": 0}, abs=1e-6)
    joint = {one.method: one.gain.mean for one in findings.choices(study, LOOK, 1.0)}
    kept = float(capped(study)["s_lf"].mean())
    assert joint == pytest.approx({"taba": kept / 3, "standard": 0, "direct": 0}, abs=1e-3)  # 2/3 - 1/3 and 1/3 - 1/3


def test_who_is_not_told_apart_leads_too(study: xr.Dataset) -> None:
    alike = made({"standard": {}, "taba": {}, "direct": {}, "easy_inv": {"psnr": -1.0}})
    assert best(alike, MEASURE, 1.0)[1] == {"standard", "taba", "direct"}
    found = findings.choices(alike, MEASURE, 1.0)
    assert [one.leads for one in found] == [True, True, True, False]
    assert found[-1].behind.high < 0
    assert found[0].behind.mean == 0


def test_structure_counts_up_to_the_targets_own_and_detail_must_not_be_farther(study: xr.Dataset) -> None:
    method, leads = best(study, EDIT, 1.0)
    assert method == "standard"  # 'blurred' keeps more, and loses detail; TABA keeps less
    assert leads == {"standard"}
    copies = made({"standard": {}, "direct": {"s_lf": 0.4}, "easy_inv": {"s_lf": 0.6}}, seed=1)
    assert best(copies, EDIT, 1.0)[1] == {"direct", "easy_inv"}  # both beyond the target's 0.75


def test_tasks_are_answered_from_their_own_data(study: xr.Dataset) -> None:
    drawings = made({"standard": {}, "taba": {"hf_excess": 0.3}}, title="Drawings", structure="silhouette")
    found = {"one": study, "two": drawings}
    assert list(findings.suited(found, DRAWING)) == ["two"]
    assert list(findings.suited(found, MEASURE)) == ["one"]
    assert list(findings.suited(found, EDIT)) == ["one", "two"]
    assert findings.leading(found, DRAWING, 1.0) == {"taba": 1}
    assert findings.leaders({"one": study}).loc[DRAWING].tolist() == ["no data set of this task"] * 2


def test_who_leads_on_most_data_sets_comes_first() -> None:
    one, two = (made({"standard": {}, "taba": {"psnr": 1.0}, "direct": {"psnr": 1.0}}, seed=seed) for seed in (0, 1))
    three = made({"standard": {}, "taba": {"psnr": -1.0}, "direct": {"psnr": 1.0}})
    found = {"one": one, "two": two, "three": three}
    assert next(iter(findings.leading(found, MEASURE, 1.0).items())) == ("direct", 3)
    assert findings.leading(found, MEASURE, 1.0)["taba"] == 2
    assert findings.leaders(found).loc[MEASURE, "Best at cost 1"] == "direct (3 of 3)"
    assert "use **direct**, among the best on 3 of 3 data sets. PSNR favours smooth images" in answered(found)


def test_the_table_has_a_row_per_task_data_set_and_budget(study: xr.Dataset) -> None:
    cells = findings.table({"one": study})
    assert list(cells["Budget"].map(lambda cell: cell.text))[:2] == ["1", "1.1 to 1.6"]  # a row while the leaders stay
    row = cells[(cells["Task"].map(lambda cell: cell.text) == MEASURE)].iloc[-1]
    assert (row["Best"].text, row["Budget"].text, row["Cost"].text) == ("OVG", "4", "3.00")
    assert row["Others not significantly worse"].text == "none"
    table = findings.gains({"one": study})
    assert set(table["standing"]) == {"among the best", "significantly worse than the best"}
    assert table["panel"].nunique() == 5


def test_bad_input(study: xr.Dataset) -> None:
    with pytest.raises(InvalidParameterError, match="task 'edit'"):
        findings.choices(study, "edit", 1.0)
    with pytest.raises(DataError, match=r"0\.5 .* 0\.98"):
        findings.choices(study, MEASURE, 0.5)


def test_what_the_scores_do_not_see_is_named() -> None:
    found = {
        "one": made({"standard": {}, "taba": {"hf_excess": -0.5}, "bdia": {}}),
        "two": made({"standard": {}, "taba": {}, "bdia": {}}),
    }
    for study in found.values():
        study["sliced_wasserstein"][:] = 0.1
        study["sliced_wasserstein"].loc[{"point": "bdia"}] = 0.2
    text = findings.beware({name: found for name in ("taba", "bdia", "standard")} | {"ovg": {}})
    assert "- images of **TABA** have fine detail farther from that of the targets on 1 of 2" in text
    assert "- images of **BDIA** are farther from real targets (SWD) on 2 of 2" in text
    assert "standard**" not in text
    assert findings.beware({"standard": found}) == ""
    # on the task's own data sets alone
    assert "that of the targets on 1 of 1" in findings.beware({"taba": {"one": found["one"]}})
    assert findings.beware({"taba": {"two": found["two"]}}) == ""


def test_the_answer_names_who_leads() -> None:
    answer = answered({"": made({"standard": {}, "taba": {"hf_excess": 0.3, "s_lf": -0.05}})})
    assert "For structure and detail together use **TABA**, among the best on 1 of 1." in answer
    assert answer.startswith("**Answer.** Try **TABA** first")
    smooth = made({"standard": {}, "taba": {"psnr": 1.0, "hf_excess": -0.5}})
    answer = answered({"": smooth})
    title = smooth.attrs["title"]
    said = f"look at them first: on {title} fine detail is farther from the targets' than"
    assert said in answer
    drawings = made({"standard": {}, "taba": {"hf_excess": 0.3}}, structure="silhouette")
    assert "to look at" not in answered({"": drawings})
    costly = made({"standard": {}, "ovg+taba": {"hf_excess": 0.3}}, spread=0.0, structure="silhouette")
    costly["inversion_cost"].loc[{"point": "ovg+taba"}] = 3.0
    said = (
        f"For drawings, as on {costly.attrs['title']}, **OVG + TABA** is significantly better than *standard*, the best"
    )
    assert said in answered({"": costly})
    assert "For drawings" not in answer


def test_a_tie_in_fine_detail_goes_to_the_nearest_by_the_next_score() -> None:
    found = {"": made({"standard": {}, "taba": {}, "direct": {}})}
    seen = {"": distances({"standard": 0.0, "taba": -0.05, "direct": 0.1})}
    assert findings.best(found, seen) == "taba"
    assert "first: of the methods" in (said := findings.answer(found, seen, {}))
    assert "3 are about as near on average, and of these it is the nearest by ST-LPIPS" in said
    mapped = {"": made({"standard": {}, "taba": {}, "cycle_diffusion": {}})}
    seen_mapped = {"": distances({"standard": 0.0, "taba": 0.1, "cycle_diffusion": -0.1})}
    assert findings.best(mapped, seen_mapped) == "cycle_diffusion"
    assert findings.best(mapped, seen_mapped, latent=True) == "standard"
    assert "Of the methods with one latent, **standard** is the first" in findings.answer(mapped, seen_mapped, {})
    assert "one latent" not in said
    table = findings.ranked(found, seen)
    assert table.loc["TABA", "ST-LPIPS"] == "0.250"
    assert table["Times the first"].tolist().count("1") == 1


def test_many_who_share_the_lead_are_not_all_named() -> None:
    alike = made({name: {} for name in ("standard", "taba", "direct", "bdia", "easy_inv")})
    assert ", and others" not in answered({"": alike})
    assert answered({"": alike}).count(" or others, among the best") == 2
    assert "drawing to photo" not in findings.unseen({"": alike})
    assert findings.unseen({"": alike}).endswith("Measured on Made up (12 latents, 12 pictures).")


def test_images_that_are_looked_at_must_not_be_farther_from_real_ones(study: xr.Dataset) -> None:
    assert best(study, LOOK, 4.0)[0] == "ovg"
    far, detailed = study.copy(deep=True), study.copy(deep=True)
    far["sliced_wasserstein"].loc[{"point": "ovg"}] = 0.4
    assert "ovg" not in {one.method for one in findings.choices(far, LOOK, 4.0)}
    assert best(far, MEASURE, 4.0)[0] == "ovg"  # values can be right in images that look like none
    once = far.copy(deep=True)
    once["sliced_wasserstein"].loc[{"point": "ovg", "seed": 0}] = 0.3  # in one draw no farther: made up as 0.3
    assert best(once, LOOK, 4.0)[0] == "ovg"
    detailed["hf_excess"].loc[{"point": "ovg"}] += 3  # 20 times the fine detail
    assert "ovg" not in {one.method for one in findings.choices(detailed, LOOK, 4.0)}


def test_more_calls_pay_where_their_best_is_better(study: xr.Dataset) -> None:
    text = findings.worth({"one": study})
    assert "more?** Mostly" in text
    assert re.search(
        rf"in 4 of 5 cases. It is better by more than our margins in 4: OVG for {MEASURE} on Made up,", text
    )
    alike = made({"standard": {}, "taba": {"psnr": -5.0, "s_hf": -0.1, "reconstruction": -5.0, "s_lf": -0.1}})
    alike["inversion_cost"].loc[{"point": "taba"}] = 3.0
    assert "more?** Not shown" in findings.worth({"": alike})
    assert "in 0 of 5 cases. It is better by more than our margins in 0." in findings.worth({"": alike})


def test_the_code_on_the_page_uses_the_method_that_the_page_advises() -> None:
    advised = (FOLDER / "choose.txt").read_text().partition("Try **")[2].partition("**")[0]
    cells = json.loads((Path(__file__).parents[2] / "notebooks" / "choose.ipynb").read_text())["cells"]
    [choice] = re.findall(r'choice = "(\w+)"', "".join("".join(cell["source"]) for cell in cells))
    assert called(choice) == advised
