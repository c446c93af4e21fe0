from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import tuning as findings
from spectral_collapse.findings.measured import title_of
from spectral_collapse.statistics import bootstrap_mean
from spectral_collapse.studies import chosen
from tests.benchmark_study import made
from tests.studies.test_perception import made as distances
from tests.tuning_study import tuning


def test_a_row_per_setting_with_its_area() -> None:
    table = findings.table({"one": tuning()})
    for column, texts in (
        ("Setting", ["fraction 0.04", "fraction 0.1", "eta_hf 1000", "eta_hf 1e-07"]),
        ("Chosen", ["yes", "no", "no", "yes"]),
        ("Published", ["yes", "no", "yes", "no"]),
    ):
        assert [cell.text for cell in table[column]] == texts
    np.testing.assert_allclose([cell.value for cell in table["Area"]], [0.81 * 0.6, 0.71 * 0.6, 0.61 * 0.6, 0.91 * 0.6])
    kept = findings.chosen_settings({"one": tuning(), "two": tuning("Other")})
    settings = {"TABA": "fraction 0.04 (published)", "OVG": "eta_hf 1e-07"}
    assert kept.to_dict() == {"Made up": settings, "Other": settings}


def test_each_setting_is_shown_as_what_it_is_by_what_differs_between_the_tries() -> None:
    areas = findings.areas({"one": tuning(), "two": tuning("Another")})
    kinds = [findings.CHOSEN, findings.OTHER, findings.PUBLISHED, findings.CHOSEN]
    assert areas["series"].tolist() == kinds * 2
    assert areas["panel"].tolist() == ["Made up"] * 4 + ["Another"] * 4
    assert areas["label"][0] == "TABA: fraction 0.04"
    study = tuning()
    settings = ['{"k":1,"projector":0.1}', '{"k":2,"projector":0.1}', *study["settings"].to_numpy()[2:]]
    study["settings"] = "try", settings
    assert findings.areas({"one": study})["label"].tolist()[:2] == ["TABA: k 1", "TABA: k 2"]
    assert findings.named({"k": 1, "projector": 0.1}) == "k 1, projector 0.1"


def test_a_choice_is_compared_with_the_published_setting_on_the_same_images() -> None:
    gaps = findings.gains(tuning())
    assert list(gaps) == ["ovg"]  # TABA's published setting was chosen
    np.testing.assert_allclose(gaps["ovg"].mean, (0.91 - 0.61) * 0.6)
    two = {"one": tuning(), "two": tuning("Another")}
    # of two images, whose structure differs, the interval is too wide to say anything
    told = {"methods": 2, "tries": 2, "images": "2 of Made up; 2 of Another"}
    told |= {"kept": 2, "cases": 4, "chance": 2, "better": 0, "others": 2}
    assert findings.answer(two) == told
    for study in two.values():
        study["target_s_lf"][:] = 0.6
    assert findings.answer(two)["better"] == 2


def test_step_sizes_are_compared_on_test_images() -> None:
    """OVG as published loses 0.2 of S_LF and is 0.1 farther in ST-LPIPS, as chosen it gains 0.1 and is 0.1 nearer."""
    found, chosen = (
        made({"standard": {}, name: {"s_lf": change}}, spread=0.0) for name, change in (("ovg", -0.2), ("ovg*", 0.1))
    )
    for study in (found, chosen):
        study["reference_s_lf"][:] = 1.0
    seen, chosen_seen = (distances({"standard": 0.0, name: more}) for name, more in (("ovg", 0.1), ("ovg*", -0.1)))
    [row] = findings.step_sizes(*({"one": study} for study in (found, seen, chosen, chosen_seen))).to_dict("records")
    numbers = {what: float(words.split()[0]) for what, words in row.items()}
    assert numbers["S_LF, published"] == pytest.approx(-0.2)
    assert numbers["S_LF, chosen"] == pytest.approx(0.1)
    assert numbers["ST-LPIPS, published"] == -numbers["ST-LPIPS, chosen"] == pytest.approx(0.1)
    assert numbers["Detail off by, published"] == numbers["Detail off by, chosen"]


def test_a_step_size_of_zero_is_said_to_turn_its_gradient_off(monkeypatch: pytest.MonkeyPatch) -> None:
    study = made({"standard": {}, "ovg*": {}}, spread=0.0)
    study.attrs["parameters"] = '{"dataset": "textures_x8", "num_steps": 50}'
    for sizes, said in (
        ({"eta_hf": 0.0, "eta_lf": 1.0}, f" The chosen ones turn off its variance gradient on {title_of(study)}."),
        ({"eta_hf": 1.0, "eta_lf": 1.0}, ""),
    ):
        monkeypatch.setattr(chosen, "settings", lambda *given, sizes=sizes: sizes)
        assert findings.switched_off([study]) == said


def test_an_area_has_the_interval_of_its_factor_and_structure_up_to_the_targets_own_mean() -> None:
    study = tuning()
    study["target_s_lf"] = xr.full_like(study["target_s_lf"], 0.5)
    expected = 0.5 * np.stack(bootstrap_mean(study["s_hf"]))
    np.testing.assert_allclose(np.stack(findings.area(study)), expected)
    study = tuning()
    study["s_lf"] = xr.full_like(study["s_lf"], 0.2)
    np.testing.assert_allclose(findings.area(study).mean, 0.2 * study["s_hf"].mean("sample"))


def test_ovg_at_chosen_step_sizes_beside_taba() -> None:
    """TABA keeps less structure than the standard inversion and adds detail to what has the targets'; OVG changes
    nothing, and then as much the other way."""
    usual = made({"standard": {}, "taba": {"s_lf": -0.2, "hf_excess": 1.0}}, spread=0.0)
    for offsets, sides in (({}, ("more", "nearer")), ({"s_lf": -0.4, "hf_excess": 2.0}, ("less", "farther"))):
        other = made({"standard": {}, "ovg": offsets}, spread=0.0).assign_coords(point=["standard", "ovg*"])
        for study in (usual, other):
            study["reference_hf_excess"][:] = study["hf_excess"].sel(point="standard").mean("seed")
        found = findings.against_taba({"one": usual}, {"one": other})
        assert found == {side: [title_of(usual)] * (side in sides) for side in ("more", "less", "nearer", "farther")}
