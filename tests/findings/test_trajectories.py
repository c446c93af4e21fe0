from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings import trajectories as findings
from spectral_collapse.metrics.radial_spectrum import BANDS
from tests.trajectories_study import LATE, RINGS, SERIES, STEPS, trajectories


@pytest.fixture
def found() -> dict[str, xr.Dataset]:
    return {"one": trajectories("One x8"), "two": trajectories("Two x8", seed=1)}


def test_the_energy_is_that_of_the_high_rings_in_the_last_steps(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    study["log_velocity"].loc[{"step": slice(None, STEPS - 3)}] = 7.0  # the last tenth of 20 steps are 2
    study["log_velocity"].loc[{"walk": "sampling"}] = 7.0
    late = findings.late_energy(study)
    assert late.dims == ("series", "sample")
    # means of 2 steps and 4 rings of 1 % of noise
    np.testing.assert_allclose(late.mean("sample"), list(LATE.values()), atol=0.01)


def test_claims_that_hold_are_supported_and_nothing_is_claimed_of_methods_that_are_left_out(
    found: dict[str, xr.Dataset],
) -> None:
    made = findings.claims(found)
    assert [claim.side for claim in made] == ["holds"] * 2
    late = findings.late_energy(found["one"])
    late = late.sel(series="standard") - late.sel(series="white noise")
    assert f"One x8 {statistics.text(statistics.interval(late), 2)}" in made[0].measured
    fewer = {name: study.sel(series=list(SERIES[:2])) for name, study in found.items()}
    assert [claim.claim[:12] for claim in findings.claims(fewer)] == ["The standard"]


def test_updates_as_large_as_white_noises_do_not_vanish(found: dict[str, xr.Dataset]) -> None:
    for study in found.values():
        study["log_velocity"].loc[{"series": "standard"}] = study["log_velocity"].sel(series="white noise") + 0.5
        study["noise_norm"].loc[{"series": "standard", "step": [0, 1]}] += 1.0
    assert [claim.side for claim in findings.claims(found)] == ["fails"] * 2


def test_data_sets_that_disagree_make_a_verdict_depend(found: dict[str, xr.Dataset]) -> None:
    found["two"]["log_velocity"] = -found["two"]["log_velocity"]
    assert [claim.side for claim in findings.claims(found)] == ["mixed", "holds"]
    one = found["one"].assign_coords(sample_group=("sample", ["same"] * found["one"].sizes["sample"]))
    assert {claim.side for claim in findings.claims({"one": one})} == {"too few data"}  # one picture has no interval


def test_the_answer_has_the_ratio_of_amplitudes_in_thirds(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    study["log_velocity"].loc[{"series": "standard"}] = study["log_velocity"].sel(series="white noise")
    study["log_velocity"].loc[{"series": "standard", "step": slice(0, 6)}] -= 1.0
    answer = findings.answer({"one": study})
    assert (answer["early"], answer["late"]) == ("0.10 to 1.00", "1.00 times")
    study["noise_norm"].loc[{"series": "standard", "step": [0, 1]}] = 0.3
    assert findings.answer({"one": study})["first"] == "0.30"


def test_the_answer_names_data_sets_on_the_rarer_side_of_1(found: dict[str, xr.Dataset]) -> None:
    for name, shift in (("one", 1.0), ("two", -1.0), ("three", 1.2)):
        study = trajectories(name.title())
        study["log_velocity"].loc[{"series": "standard"}] = study["log_velocity"].sel(series="white noise") + shift
        found[name] = study
    assert findings.answer(found)["late"] == "10.00 to 15.85 times (on Two 0.10)"


def test_noise_of_the_first_step_stands_beside_that_of_the_steps_that_taba_asks(found: dict[str, xr.Dataset]) -> None:
    for study in found.values():
        study["noise_norm"].loc[{"series": "standard", "walk": "inversion", "step": 0}] = 0.1
        study["noise_norm"].loc[{"series": "standard", "walk": "inversion", "step": 1}] = 0.3
    found["two"]["noise_norm"].loc[{"series": "taba", "walk": "inversion", "step": 0}] = 1.0
    measured = findings.claims(found)[-1].measured
    assert measured.count("in the first step 0.10 [0.10, 0.10])") == 2
    # TABA asks for the first step of two on the second data set alone
    first, second = measured.split("Two x8 ")
    assert "(standard 0.30 [0.30, 0.30], TABA " in first
    assert "from step 2 on" in first
    assert "(standard 0.20 [" in second
    assert "from step 1 on" in second


def test_tables_have_a_row_for_each_place_that_was_measured(found: dict[str, xr.Dataset]) -> None:
    heat = findings.heat(found["one"])
    assert len(heat) == len(SERIES) * 2 * STEPS * RINGS
    assert heat["step"].min() == 1
    norm = findings.noise_norm(found)
    assert set(norm["series"]) == {"standard", "TABA", "OVG"}  # the yardstick asks nothing
    assert norm[norm["series"] == "TABA"]["step"].min() == 2
    assert set(norm["groups"]) == {3}
    assert len(findings.high_energy(found, "sampling")) == 2 * len(SERIES) * STEPS
    errors = findings.clean_error(found)
    assert list(errors["panel"].unique()) == [findings.BAND_TITLES[name] for name in BANDS]
    assert errors[errors["step"] == STEPS]["mean"].to_numpy() == pytest.approx(1, abs=0.02)
    assert findings.label_sensitivity(found)["mean"].to_numpy() == pytest.approx(0.5, abs=0.02)


def test_neighbouring_rings_share_a_row_of_the_heat_map(
    found: dict[str, xr.Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST_RINGS", 3)
    table = findings.heat(found["one"])
    assert sorted(table["frequency"].unique()) == [0.125, 0.3125, 0.46875]  # 3, 3 and 2 of 8 rings
    first = table.query("series == 'OVG' and walk == 'sampling' and step == 1")
    # rings 4 to 6 of 8: one of low frequencies, 0.1, and two of high ones, 0.3
    assert first["mean"].tolist() == pytest.approx([0.1, 0.7 / 3, 0.3], abs=0.02)
