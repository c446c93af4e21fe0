from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.findings import tuning as findings
from spectral_collapse.statistics import bootstrap_mean
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


def test_an_area_has_the_interval_of_its_factor_and_structure_up_to_the_targets_own_mean() -> None:
    study = tuning()
    study["target_s_lf"] = xr.full_like(study["target_s_lf"], 0.5)
    expected = 0.5 * np.stack(bootstrap_mean(study["s_hf"]))
    np.testing.assert_allclose(np.stack(findings.area(study)), expected)
    study = tuning()
    study["s_lf"] = xr.full_like(study["s_lf"], 0.2)
    np.testing.assert_allclose(findings.area(study).mean, 0.2 * study["s_hf"].mean("sample"))
