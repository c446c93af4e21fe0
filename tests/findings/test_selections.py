from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse import results
from spectral_collapse.charts import benchmark as charts
from spectral_collapse.charts import tables
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import (
    backbone,
    benchmark,
    deterministic_stochastic,
    flow,
    paper_tables,
    prediction_target,
    scale_factor,
)
from spectral_collapse.findings import selections as findings
from tests.benchmark_study import made

WORSE = {"standard": {}, "ovg": {"s_dc": 0.2}}
BETTER = {"standard": {"s_hf": 0.1, "s_dc": 0.1}, "ovg": {"s_hf": 0.1, "s_dc": 0.2, "psnr": -1.0}}


@pytest.fixture
def found() -> findings.Networks:
    return {"epsilon": {"bbbc021_x8": made(WORSE)}, "x0": {"bbbc021_x8": made(BETTER, spread=0.012)}}


def test_cases_count_pairs_of_a_method_that_draws_and_one_that_does_not() -> None:
    shifts = {"standard": {}, "direct": {"s_hf": 0.5}, "taba": {"s_hf": 0.1, "s_dc": 0.3, "s_lf": -0.2}}
    study = made(shifts | {"sdedit": {"s_hf": -0.5}}, stochastic=("taba", "sdedit"))
    rows = deterministic_stochastic.cases({"": study}).set_index(["series", "score"])["mean"]
    # TABA against standard and direct, two seeds each
    assert rows[deterministic_stochastic.PAPER_METHODS, "S_HF ↑"] == 0.5
    assert rows[deterministic_stochastic.PAPER_METHODS, "S_DC ↑"] == 1
    assert rows[deterministic_stochastic.PAPER_METHODS, "S_LF ↑"] == 0
    assert rows[deterministic_stochastic.ALL_METHODS, "S_HF ↑"] == 0.25
    assert rows[deterministic_stochastic.PAPER, "S_HF ↑"] == 0.938
    verdicts = [one.side for one in deterministic_stochastic.claims({"": study})]
    assert verdicts == ["too few data", "holds", "holds"]
    assert "S_LF 11 of 24 (45.8%; printed 37.5%)" in deterministic_stochastic.recount()


def test_the_answer_averages_seeds_and_begins_with_the_score_that_is_won_most_often() -> None:
    shifts = {"standard": {}, "taba": {"s_hf": 0.1, "s_dc": 0.3, "s_lf": -0.2}, "sdedit": {"s_hf": -0.5, "s_dc": 0.3}}
    study = made(shifts, stochastic=("taba", "sdedit"))
    study["s_lf"].loc[{"point": "sdedit"}] = study["s_lf"].sel(point="standard") - 0.2
    answer = deterministic_stochastic.answer({"": study})
    assert answer["listed"] == "by S_DC in 100% [100%, 100%], by S_HF in 50% [50%, 50%], by S_LF in 0% [0%, 0%]"
    assert answer["cases"] == 2


def by_text(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """A table of cells with the texts of a column as its index."""
    return cells.set_index(cells[column].map(lambda cell: cell.text))


def test_networks_are_compared_method_by_method(found: findings.Networks) -> None:
    cells = by_text(findings.against(found, "epsilon"), "Method")
    assert cells["Δ S_HF ↑"]["standard"].value == pytest.approx(0.1, abs=0.01)
    assert cells["Δ PSNR (dB) ↑"]["OVG"].value == pytest.approx(-1, abs=0.02)
    assert cells["% improved, S_HF"]["standard"].value == 100
    low, high = benchmark.statistics.wilson(np.asarray(1.0), 12)
    assert cells["% improved, S_HF"]["standard"].text == f"100 [{100 * low:.0f}, {100 * high:.0f}]"
    assert high == pytest.approx(1)
    assert set(by_text(cells, "Network").index) == {"x0 - epsilon"}


def record(dataset: str, shifts: dict, name: str) -> xr.Dataset:
    """A result as `recording.recorded` gives it."""
    parameters = results.canonical({"dataset": dataset, "profile": "quick"})
    return made(shifts).assign_attrs(title=f"Data of {dataset}, {name}", parameters=parameters)


def test_records_complete_data_sets_of_which_a_network_does_not_ship(found: findings.Networks) -> None:
    found["epsilon"]["edges2shoes"] = made(WORSE | {"taba": {}}).assign_attrs(title="Shoes")
    names = {"edges2shoes-sample": "edges2shoes", "bbbc021-sample": "bbbc021_x8", "photos-sample": "photos_x8"}
    recorded = {name: record(dataset, BETTER | {"direct": {}}, name) for name, dataset in names.items()}
    recorded["edges2shoes-dit-sample"] = recorded["edges2shoes-sample"]  # another network's, of the same ending
    for name, shifts in (("textures-latent", WORSE), ("textures-sample", BETTER)):
        recorded[name] = record("textures_x8", shifts | {"direct": {}}, name)
    asked = ["bbbc021_x8", "edges2shoes", "photos_x8", "textures_x8", "bbbc021_x16"]
    joint = findings.with_records(found, asked, recorded)
    # cells ship with both networks; of photographs and of cells x16 there is one or none, and nothing to compare
    for studies in joint.values():
        assert list(studies) == ["bbbc021_x8", "edges2shoes", "textures_x8"]
        for name in ("edges2shoes", "textures_x8"):  # records have a method that the page does not show
            assert list(studies[name]["point"].to_numpy()) == ["standard", "ovg"]
    assert joint["x0"]["bbbc021_x8"] is found["x0"]["bbbc021_x8"]
    assert joint["epsilon"]["edges2shoes"].attrs["title"] == "Shoes"
    assert joint["x0"]["edges2shoes"].attrs["title"] == "Data of edges2shoes"
    better = joint["x0"]["edges2shoes"]["s_hf"] - joint["epsilon"]["edges2shoes"]["s_hf"]
    assert float(better.mean()) == pytest.approx(0.1, abs=0.02)
    assert list(found["x0"]) == ["bbbc021_x8"]  # as it was


def test_a_record_of_other_images_stands_beside_nothing_and_a_page_names_its_networks_itself(
    found: findings.Networks,
) -> None:
    found["epsilon"]["edges2shoes"] = made(WORSE)
    other = record("edges2shoes", BETTER, "edges2shoes-sample")
    other = other.assign_coords(sample=[f"real {name}" for name in other["sample"].to_numpy()])
    joint = findings.with_records(found, ["edges2shoes"], {"edges2shoes-sample": other})
    assert "edges2shoes" not in joint["x0"]
    few = record("edges2shoes", BETTER, "edges2shoes-sample").isel(sample=slice(3, 9))
    joint = findings.with_records(found, ["edges2shoes"], {"edges2shoes-sample": few})
    assert [one["edges2shoes"]["sample"].equals(few["sample"]) for one in joint.values()] == [True, True]
    distances = [one["edges2shoes"]["sliced_wasserstein"] for one in joint.values()]  # of twelve images, and of six
    assert [bool(one.isnull().any()) for one in distances] == [True, False]
    own = {flow.EPSILON: {"edges2shoes": made(WORSE)}, flow.FLOW: {}}
    recorded = {"edges2shoes-flow": record("edges2shoes", BETTER, "edges2shoes-flow")}
    joint = findings.with_records(own, ["edges2shoes"], recorded, flow.named)
    assert list(joint[flow.FLOW]) == ["edges2shoes"]
    assert flow.named(flow.EPSILON, "bbbc021_x16") == "bbbc021-rendered"
    assert flow.named(flow.EPSILON, "textures_x8") == "textures-plain"


def test_transformers_are_compared_where_both_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    less = BETTER | {"standard": BETTER["standard"] | {"high_frequency_deficit": -0.2}}
    recorded = {
        name: record(dataset, shifts, name)
        for name, dataset, shifts in (
            ("textures-dit", "textures_x8", WORSE | {"taba": {}}),
            ("textures-dit-sample", "textures_x8", less | {"direct": {}}),
            ("bbbc021-dit-sample", "bbbc021_x8", less),
            ("bbbc021-again", "bbbc021_x16", BETTER),
            ("edges2shoes-dit", "edges2shoes", WORSE),
            ("edges2shoes-sample", "edges2shoes", BETTER),
        )
    }
    asked = []

    def run(names: list[str], datasets: list[str], **given: object) -> findings.Networks:
        asked.append((names, datasets, given["methods"]))
        return {"DiT": {name: made(WORSE) for name in datasets}}

    monkeypatch.setattr(prediction_target.benchmark, "by_network", run)
    # the transformer for noise of cells ships; cells x16 have no other to compare it with, and shoes neither
    names = ["bbbc021_x8", "bbbc021_x16", "edges2shoes", "textures_x8"]
    both = prediction_target.of_transformers(names, recorded, methods=["standard", "ovg"], profile="quick")
    # with the methods of the page on backbones, whose results are stored
    assert asked == [(["DiT"], ["bbbc021_x8"], backbone.SELECTION.methods)]
    assert {network: list(studies) for network, studies in both.items()} == {
        network: ["bbbc021_x8", "textures_x8"] for network in ("epsilon", "x0")
    }
    better = both["x0"]["textures_x8"]["s_hf"] - both["epsilon"]["textures_x8"]["s_hf"]
    assert list(better["point"].to_numpy()) == ["standard", "ovg"]
    assert float(better.mean()) == pytest.approx(0.1, abs=0.02)
    answer = prediction_target.transformers_answer(both, recorded)
    assert "`textures-dit`, `bbbc021-dit-sample`, `textures-dit-sample`." in answer["read"]
    assert "Not measured" not in answer["read"]
    # 0.1 higher with x0, by construction
    assert (answer["restored"], answer["count"]) == (2, 2)
    assert answer["gaps"].startswith("0.1")
    swapped = {"x0": both["epsilon"], "epsilon": both["x0"]}
    assert prediction_target.transformers_answer(swapped, recorded)["restored"] == 0
    verdicts = {one.claim: (one.side, one.where) for one in prediction_target.transformer_claims(both)}
    for words in ("restores texture: S_HF is higher", "leaves more power at high frequencies: the deficit is smaller"):
        held = verdicts[f"With a transformer too, x0-prediction {words}"]
        assert held == ("holds", "a question of this book")
    cells = recorded["bbbc021-dit-sample"]
    other = cells.assign_coords(sample=[f"real {name}" for name in cells["sample"].to_numpy()])
    recorded = recorded | {"bbbc021-dit-sample": other}
    both = prediction_target.of_transformers(names, recorded, methods=["standard", "direct"], profile="quick")
    assert asked[1:] == [(["DiT"], ["bbbc021_x8"], ["standard", "direct"])]
    assert list(both["x0"]["textures_x8"]["point"].to_numpy()) == ["standard"]
    assert {network: list(studies) for network, studies in both.items()} == {
        network: ["textures_x8"] for network in ("epsilon", "x0")
    }


def test_a_page_without_such_transformers_says_so() -> None:
    none = prediction_target.of_transformers(["photos_x8"], {}, profile="quick")
    assert none == {"epsilon": {}, "x0": {}}
    assert prediction_target.transformers_answer(none, {})["read"] == ""
    assert {one.side for one in prediction_target.transformer_claims(none)} == {"not measured"}
    for chart in (charts.levels(findings.levels(none)), charts.shares(prediction_target.improved(none, "epsilon"))):
        assert "no two to compare" in chart.to_json()
    page = tables.sortable(findings.against(none, "epsilon"), 3, "Ours.", filter_by="Data")
    assert "<b>Table 3.</b> Ours. There is nothing to put into it" in page.html


def test_shares_stand_beside_table_6_which_is_counted_by_cases_too(found: findings.Networks) -> None:
    rows = prediction_target.improved(found, "epsilon").set_index(["series", "score"])["mean"]
    assert rows["x0 - epsilon", "S_HF ↑"] == 1
    assert rows["the paper, Table 6", "PSNR (dB) ↑"] == 0.793
    assert rows["the paper, Table 6", "S_DC ↑"] == 0.897
    rows = by_text(prediction_target.counts(found | {"EDM": {}}), "Score")
    # two methods with two seeds each: x0 has +0.1 of S_HF with either, and OVG loses 1 dB
    assert rows.loc["S_HF ↑", "Cases"].text == "4"
    assert rows.loc["S_HF ↑", "% improved"].value == 100
    low, _ = benchmark.statistics.wilson(np.asarray(1.0), 4)
    assert rows.loc["S_HF ↑", "% improved"].text.startswith(f"100.0 [{100 * low:.1f}")
    assert rows.loc["S_HF ↑", "Mean difference"].value == pytest.approx(0.1, abs=0.01)
    assert rows.loc["PSNR (dB) ↑", "% improved"].value <= 50
    assert rows.loc["PSNR (dB) ↑", "% improved, the paper"].text == "79.3"
    assert "about 17 to 35 %" in rows.loc["PSNR (dB) ↑", "% improved, the paper"].note
    assert (rows.loc["FID ↓", "Cases"].text, rows.loc["FID ↓", "% improved"].text) == ("0", "-")
    alone = prediction_target.counts({"epsilon": found["epsilon"], "x0": {}})
    assert set(by_text(alone, "Cases").index) == {"0"}


def test_claims_on_networks(found: findings.Networks) -> None:
    verdicts = {one.claim: one.side for one in prediction_target.claims(found)}
    assert verdicts["x0-prediction restores texture: S_HF is higher"] == "holds"
    assert verdicts["EDM's mixture restores texture: S_HF is higher"] == "not measured"
    places = {one.claim.startswith("EDM's mixture"): one.where for one in prediction_target.claims(found)}
    assert "Spectral Collapse" in places[False]
    assert "Spectral Collapse" not in places[True]  # no paper has it
    swapped = {"epsilon": found["x0"], "x0": found["epsilon"]}
    assert prediction_target.claims(swapped)[1].side == "fails"
    made_of = findings.collapse_claims(found, "x0", "Table 3", "It collapses", "")
    # white noise has 1, OVG 0.1 more than 0.7, and the S_HF of standard
    assert [one.side for one in made_of] == ["holds", "fails", "fails"]
    shift = 1.05 - float(made({"standard": {}})["s_dc"].mean())
    cured = {"a": {"one": made({"standard": {}, "ovg": {"s_dc": shift, "s_hf": 0.1}})}}
    assert [one.side for one in findings.collapse_claims(cured, "a", "", "It collapses", "")] == ["holds"] * 3
    never = {"a": {"one": made({"standard": {"s_dc": 0.8}, "ovg": {}})}}
    assert findings.collapse_claims(never, "a", "", "It collapses", "")[0].side == "fails"


def test_pictures_of_networks_say_which_and_other_images_are_refused(found: findings.Networks) -> None:
    named = findings.by_title(found | {"EDM": {}})
    assert {name: study.attrs["title"] for name, study in named.items()} == {
        "bbbc021_x8, epsilon": "Made up, epsilon",
        "bbbc021_x8, x0": "Made up, x0",
    }
    other = made(BETTER, images=8)
    with pytest.raises(InvalidParameterError, match="on the same images"):
        findings.joined({"epsilon": found["epsilon"]["bbbc021_x8"], "x0": other})
    taken = findings.of_methods(found["x0"], ["ovg", "standard", "nullspace"])
    assert list(taken["bbbc021_x8"]["point"]) == ["standard", "ovg"]
    assert list(findings.of_methods(found["x0"], ["ovg"])["bbbc021_x8"]["point"]) == ["ovg"]


def test_a_network_that_is_missing_leaves_the_rest(found: findings.Networks) -> None:
    alone = {"latent": found["epsilon"], "pixel": {}}
    assert findings.networks_answer(alone).count("1 of 1 data sets with networks on latents") == 2
    assert findings.against(alone, "latent").empty
    assert len(findings.table(alone)) == 2
    rule = ("words", "pixel", "standard", "s_dc", -1)
    assert findings.networks_claims(alone, "latent", [rule], "where", "")[0].side == "not measured"
    assert findings.collapse_claims(alone, "pixel", "where", "words", "")[0].side == "not measured"
    assert "All networks" in findings.absent([])
    both = findings.absent(["photos-pixel", "edges2shoes-dit"], {"edges2shoes-dit": made(WORSE)})
    assert re.findall(r"\*\*(.*?):\*\* (`.*?`)\.", both) == [
        ("Stored results only", "`edges2shoes-dit`"),
        ("Not measured here", "`photos-pixel`"),
    ]
    assert "Not measured" not in findings.absent(["edges2shoes-dit"], ["edges2shoes-dit"])


def test_the_answer_counts_data_sets_on_which_latents_and_images_fall_short(found: findings.Networks) -> None:
    studies = {network: results["bbbc021_x8"] for network, results in found.items()}
    for change, short in ((-9.0, 1), (9.0, 0)):
        lower = {network: study.copy(deep=True) for network, study in studies.items()}
        for study in lower.values():
            target = study["reference_hf_excess"].sel(reference="target")
            study["hf_excess"][:] = target + change
            study["high_frequency_deficit"].loc[{"point": "standard"}] = -change / 10
        answer = findings.networks_answer({name: {"bbbc021_x8": one} for name, one in lower.items()})
        for network in studies:
            first = " data sets" * (network == "epsilon")
            named = {"epsilon": "noise prediction", "x0": "prediction of the clean image"}[network]
            assert answer.count(f"{short} of 1{first} with {named}") == 2
            assert f"{-change / 10:.2f} and {np.exp(change):.2f} with {named}" in answer


def test_the_papers_tables_stand_beside_with_their_contradictions() -> None:
    study = made({"standard": {}, "taba": {}, "ovg": {}})
    cells = findings.table({"U-Net": {"bbbc021_x16": study}}, {"U-Net": (3, "U-Net")})
    assert cells["S_DC ↑"][0].text.endswith(" / 0.69")
    assert cells["Method"][2].note == paper_tables.note(3, "U-Net", "ovg")
    rows = scale_factor.table(dict.fromkeys(("bbbc021_x8", "bbbc021_x16"), study))
    assert rows["PSNR (dB) ↑"][4].text.endswith(" / 18.69")
    assert rows["Method"][4].note.startswith("Table 5's row is the pixel-space row")


def test_factors() -> None:
    one, two = made({"standard": {}}), made({"standard": {"s_dc": -0.2}})
    found = {"bbbc021_x8": one, "bbbc021_x32": two}
    assert scale_factor.factors_of(found) == {"bbbc021_x8": 8, "bbbc021_x32": 32}
    rows = scale_factor.by_factor(found)
    rows = rows[rows["panel"] == "S_DC ↑"]
    assert set(rows["series"]) == {"standard", "white noise", "ideal denoiser"}
    falls = rows[rows["series"] == "standard"].set_index("factor")["mean"]
    assert falls[32] - falls[8] == pytest.approx(-0.2, abs=0.01)
    full = {name: made({"standard": {"s_dc": shift}, "taba": {"psnr": -1.0}, "ovg": {"s_hf": 0.1}})
            for name, shift in (("bbbc021_x8", 0.0), ("bbbc021_x32", -0.2))}  # fmt: skip
    verdicts = [claim.side for claim in scale_factor.claims(full)]
    assert verdicts[0] == "holds"
    assert (verdicts[2], verdicts[5]) == ("holds", "holds")
    full["bbbc021_x16"] = full["bbbc021_x8"] + 0.05  # above x8, and x32 below both: the ends alone would not show it
    full["bbbc021_x16"].attrs |= full["bbbc021_x8"].attrs | {"title": "Another"}
    assert scale_factor.claims(full)[0].side == "mixed"
    with pytest.raises(InvalidParameterError, match="edges2shoes was given"):
        scale_factor.factors_of({"edges2shoes": one})


@pytest.mark.parametrize(
    ("own", "closed", "grows", "more"),
    [(0.2, 0.4, True, True), (0.2, 0.1, True, False), (-0.2, -0.1, False, True), (0.0, 0.0, None, None)],
)
def test_the_answer_on_factors_says_whether_collapse_grows_and_with_what(
    own: float, closed: float, grows: bool | None, more: bool | None
) -> None:
    first = made({"standard": {}})
    last = first.copy(deep=True)
    last["high_frequency_deficit"] = last["high_frequency_deficit"] + own
    known = last["known_high_frequency_deficit"]
    last["known_high_frequency_deficit"] = known + xr.where(known["known"] == "closed form", closed, 0.0)
    answer = scale_factor.answer({"bbbc021_x32": last, "bbbc021_x8": first})
    assert (answer["grows"], answer["steps"]) == (grows, [f"{own:.2f} [{own:.2f}, {own:.2f}]"])
    assert (answer["whole"].mean, answer["known"].mean) == (pytest.approx(own), pytest.approx(closed))
    assert answer["more"] is more
    lacks = float(first["high_frequency_deficit"].sel(point="standard").mean())
    assert answer["standard"].startswith(f"{lacks:.2f}")
    other = last.assign_coords(sample=[f"other {name}" for name in last["sample"].data])
    assert scale_factor.answer({"bbbc021_x8": first, "bbbc021_x32": other})["steps"] is None


def test_networks_are_compared_on_the_images_that_all_have() -> None:
    many = xr.Dataset({"score": ("sample", [1.0, 2.0, 3.0])}, {"sample": list("abc")})
    few, other = many.isel(sample=[2, 0]), many.assign_coords(sample=list("def"))
    for one in findings.on_shared_images({"first": many, "again": few}).values():
        assert one["score"].to_numpy().tolist() == [1, 3]
    assert findings.on_shared_images({"first": many, "other": other})["other"] is other
