from __future__ import annotations

import numpy as np

from spectral_collapse.findings import solvers as findings
from spectral_collapse.processes import VariancePreserving
from tests.solvers_study import solvers

FOUND = {"one": solvers(), "two": solvers("Edges to shoes")}


def test_each_change_is_measured_against_the_standard_inversion_on_the_same_images() -> None:
    table = findings.gains({"one": solvers()}).set_index("row")["mean"]
    expected = {
        "second order, in the inversion": -0.5,
        "second order, in sampling": -1,
        "second order, both ways": -1.5,
        "four times the steps, both ways": 0,
        "noise floor": -0.25,
        "TABA": -0.5,
        # 2 - 0.25 - 1.5 = 0.25 is left of 2
        "noise floor, second order both ways": -1.75,
    }
    for change, gain in expected.items():
        np.testing.assert_allclose(table[change], gain, atol=1e-12, err_msg=change)


def test_claims_hold_where_the_whole_interval_is_below_nothing() -> None:
    told = [claim.told for claim in findings.claims(FOUND)]
    assert told == ["holds, 2 of 2"] * 5 + ["fails, 0 of 2"] + ["holds, 2 of 2"] * 2
    grown = {name: study.assign(told_s_dc=1 - study["told_s_dc"]) for name, study in FOUND.items()}
    assert findings.claims(grown)[1].told == "fails, 0 of 2"


def test_the_closed_form_stands_beside_what_was_measured() -> None:
    process = VariancePreserving(1000, 1e-4, 0.02, "linear")
    table = findings.latents({"one": solvers()}, process).set_index(["series", "share"])["mean"]
    np.testing.assert_allclose(table[findings.OWN, 0.04] / table[findings.NEXT, 0.04], 4)
    np.testing.assert_allclose(table[findings.PREDICTED, 0.04], findings.left(process, 50, 2))
    assert 0 < table[findings.PREDICTED, 0] < table[findings.PREDICTED, 0.04] < 1


def test_the_answer_has_the_factors_by_which_detail_changes() -> None:
    """Told the next timestep, detail halves on one data set; second order adds 1.5 to its logarithm, TABA 0.5."""
    one, other = solvers(), solvers("Made up")
    standard = one["hf_ratio"].sel(entry="no noise", up="Euler", down="Euler", drop=True)
    for study, factor in ((one, 0.5), (other, 1.0)):
        study["told_hf_ratio"].loc[{"start": "standard", "told": "next"}] = standard + np.log(factor)
    changed = {"next": "0.50 to 1.00", "second": f"{np.exp(1.5):.2f}", "taba": f"{np.exp(0.5):.2f}"}
    assert findings.answer({"one": one, "other": other}) == changed | {"yes": "Yes"}  # log 2 is more than 0.5
    assert findings.raised({"one": one, "other": other}) == []
    other["told_hf_ratio"].loc[{"start": "standard", "told": "next"}] = standard + np.log(2)
    assert findings.raised({"one": one, "other": other}) == ["Made up"]  # its latents have a quarter of the power
    row = findings.table({"one": one}).iloc[0]
    assert row["standard"].startswith(f"{np.exp(-2):.2f} [")
    assert row["next timestep"].startswith(f"{np.exp(-2) / 2:.2f} [")
