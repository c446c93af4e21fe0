from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import cheap_guidance as findings
from spectral_collapse.store import results
from spectral_collapse.studies.study import Study
from tests.cheap_guidance_study import COSINE, SECONDS, VARIANTS, cheap_guidance


@pytest.fixture
def found() -> dict[str, xr.Dataset]:
    return {"one": cheap_guidance("One x8"), "two": cheap_guidance("Two x8", seed=1)}


def test_copying_is_not_counted(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    # noise of 0.003 is cut on one side at 0.70: 0.0012 less on average
    gain = findings.area_gain(study, "free LF")
    assert gain.baselines == pytest.approx(0.9 * 0.7, abs=0.005)
    assert gain.gain.mean == pytest.approx(0, abs=0.005)
    lost = findings.area_gain(study, "free HF").gain
    assert lost.mean == pytest.approx(-0.3 * 0.7, abs=0.005)
    assert lost.high < 0


def test_detail_is_judged_by_the_targets_of_the_benchmark(
    found: dict[str, xr.Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = {name: study["hf_excess"].sel(variant="exact", start="plain", drop=True) for name, study in found.items()}
    benchmarked = {
        name: xr.Dataset({"reference_hf_excess": own[::-1].expand_dims(reference=["target"])})  # in another order
        for name, own in targets.items()
    }
    known = {"One x8": "one", "Two x8": "two"}
    monkeypatch.setattr(results, "parameters", lambda attrs: {"dataset": known[attrs["title"]], "profile": "quick"})
    monkeypatch.setattr(Study, "stored", lambda self, dataset, profile: benchmarked.get(dataset))
    found["one"]["hf_excess"].loc[{"variant": "free"}] = targets["one"] - np.log(4)
    detailed = findings.with_detail(found)
    assert list(detailed) == ["one", "two"]
    plain = detailed["one"]["detail"].sel(start="plain")
    assert plain.sel(variant="exact").data == pytest.approx(1)
    assert plain.sel(variant="free").data == pytest.approx(1 / 4)
    assert [findings.farther({"one": detailed["one"]}, name) for name in ("free", "exact")] == [1, 0]
    benchmarked["one"] = benchmarked["one"].isel(sample=slice(1, None))  # not all images: left out
    del benchmarked["two"]
    assert findings.with_detail(found) == {}


def test_choices_are_made_on_validation_images_within_the_time(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    assert findings.seconds(study) == pytest.approx(dict(zip(VARIANTS, SECONDS, strict=True)))
    assert findings.chosen(study, findings.CHEAP) == "every 5"
    assert findings.chosen(study, findings.NEXT_TO_NOTHING) == "free"
    assert findings.chosen(study, 1.0) is None
    assert "single gradient: 'spectral' for g_HF, 'free' for g_LF." in findings.choices({"one": study})
    study["s_hf"] = -study["s_hf"]  # test images have no say
    assert findings.chosen(study, findings.CHEAP) == "every 5"
    study["validation_s_hf"].loc[{"variant": "free HF"}] = 0.99
    assert "single gradient: 'free' for g_HF" in findings.choices({"one": study})


def test_goals_need_both_area_and_time_and_an_interval(found: dict[str, xr.Dataset]) -> None:
    for loss, verdict in ((0.0, "holds"), (0.02, "fails"), (0.1, "fails")):
        lower = {}
        for name, study in found.items():
            texture = study["s_hf"].sel(variant="exact", drop=True)
            change = xr.where(study["variant"] == "every 5", texture * (1 - loss) - study["s_hf"], 0.0)
            kept = study["s_lf"].sel(variant="exact", drop=True) + 0 * study["s_lf"]
            lower[name] = study.assign(s_hf=study["s_hf"] + change, s_lf=kept.transpose(*study["s_lf"].dims))
        assert findings.claims(lower)[0].side == verdict
    one = found["one"].assign_coords(sample_group=("sample", ["same"] * found["one"].sizes["sample"]))
    assert [claim.side for claim in findings.claims({"one": one})] == ["too few data"] * 2
    assert "no interval" in findings.claims({"one": one})[0].measured
    assert [claim.side for claim in findings.claims(found)] == ["holds", "fails"]
    slow = {name: study.copy() for name, study in found.items()}
    for study in slow.values():
        study["seconds"] = study["seconds"] * xr.where(study["variant"] == "every 5", 2.0, 1.0)
    assert findings.claims(slow)[0].side == "fails"  # the best within the time is 'free', which loses texture
    found["two"].attrs |= {"title": "Edges2Shoes", "parameters": '{"dataset": "edges2shoes"}'}
    [goal, _] = findings.claims(found)  # by outlines, S_LF supports no claim
    assert goal.of == 1
    assert "(without Edges2Shoes, where S_LF compares outlines)" in goal.measured


def test_tables_have_what_was_measured(found: dict[str, xr.Dataset]) -> None:
    table = findings.gradients(found, "cosine")
    assert set(table["panel"]) == {f"{name} x8, pixels|{g}" for name in ("One", "Two") for g in ("g_HF", "g_LF")}
    assert not table["mean"].isna().any()
    of = table[table["panel"] == "One x8, pixels|g_HF"].groupby("series")["mean"].mean()
    assert of.to_dict() == pytest.approx(COSINE, abs=0.01)
    assert table["step"].min() == 1
    shares = findings.gradients(found, "share").groupby("series")["mean"].mean()
    assert (shares["exact"], shares["free"]) == pytest.approx((0.5, 0.1))
    gaps = findings.differences(found, "psnr").set_index(["panel", "series"])["mean"]
    assert gaps["One x8", "free HF"] == pytest.approx(-6)
    assert findings.front(found).groupby("panel").size().tolist() == [2 * len(VARIANTS)] * 2
    assert "exact" not in set(findings.costs(found)["series"])


def test_sentences_name_what_goes_wrong(found: dict[str, xr.Dataset]) -> None:
    table = findings.thirds(found)
    assert len(table) == 3 * len(found)
    assert (table["High frequencies, free"] == "0.10").all()
    assert (table["Length, g_HF"] == "2.00").all()
    answer = findings.answer(found)
    assert answer.startswith("**Answer.** Nearly. In structure and texture together, a cheap variant, chosen for each")
    assert "nowhere significantly worse than exact OVG. It takes at most 1.4 times as long as the standard" in answer
    assert findings.choice(found)[["Variant", "Time"]].to_numpy().tolist() == [["every 5", "1.4"]] * 2
    means = [float(study["cosine"].sel(kind="free", gradient="g_HF").mean()) for study in found.values()]
    assert findings.direction(found) == pytest.approx(min(means))
    fewer = {"one": found["one"].sel(variant=["standard", "exact", "free"])}
    assert "single gradient: not run" in findings.choices(fewer)


def test_the_answer_follows_the_loss_and_the_time(found: dict[str, xr.Dataset]) -> None:
    slow = found["one"].copy()
    slow["seconds"] = slow["seconds"] * xr.where(slow["variant"] == "standard", 1.0, 10.0)
    assert "No: no variant ran in 1.6 times" in findings.answer({"one": slow})
    assert findings.choice({"one": slow}).iloc[0]["Variant"] == "none"
    mixed = findings.answer({"one": slow, "two": found["two"]})
    assert mixed.startswith("**Answer.** Not on all data sets.")
    assert mixed.endswith("On some data sets no variant is fast enough.")
    lower = found["one"].copy()
    lower["s_hf"] = lower["s_hf"] * xr.where(lower["variant"] == "every 5", 0.5, 1.0)
    told = findings.answer({"one": lower, "two": found["two"]})
    assert "Not on all data sets. In structure and texture together, a cheap variant, chosen" in told
    assert "is significantly worse than exact OVG on some data sets. It takes" in told
    fast = found["one"].sel(variant=["standard", "exact", "free LF"])
    fast["seconds"] = fast["seconds"] * xr.where(fast["variant"] == "free LF", 0.1, 1.0)
    assert "**Answer.** Yes." in findings.answer({"one": fast})
