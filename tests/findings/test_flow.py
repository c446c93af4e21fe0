from __future__ import annotations

import pytest

from spectral_collapse import processes
from spectral_collapse.findings import flow as findings
from spectral_collapse.findings.selections import Networks
from tests.benchmark_study import made

MORE = {"standard": {"hf_excess": -0.5, "s_dc": -0.5}, "taba": {"s_dc": 0.2}, "ovg": {"hf_excess": 0.1}}
LESS = {"standard": {"hf_excess": -0.1, "s_dc": -0.3}, "taba": {"s_dc": 0.2}, "ovg": {"hf_excess": 0.1}}


@pytest.fixture
def found() -> Networks:
    return {findings.EPSILON: {"textures_x8": made(MORE)}, findings.FLOW: {"textures_x8": made(LESS)}}


def test_the_claims_follow_the_numbers(found: Networks) -> None:
    assert [one.side for one in findings.claims(found)] == ["holds"] * 7
    turned = {findings.EPSILON: found[findings.FLOW], findings.FLOW: found[findings.EPSILON]}
    *_, energy, whiteness = findings.claims(turned)
    assert (energy.side, whiteness.side) == ("fails", "fails")
    assert "log HF energy, flow matching minus epsilon" in energy.measured


def test_a_flow_network_by_itself_is_compared_with_nothing(found: Networks) -> None:
    made = findings.claims({findings.FLOW: found[findings.FLOW]})
    assert [one.side for one in made[-2:]] == ["not measured", "not measured"]


def test_the_answer_has_both_networks(found: Networks) -> None:
    answer = findings.answer(found)
    assert answer["collapse"] == answer["lack"] == "1 of 1 data sets (Made up)"
    assert (answer["taba"].mean, answer["ovg"].mean) == (pytest.approx(0.1, abs=0.02), pytest.approx(0.2, abs=0.02))
    assert (answer["taba_gains"], answer["ovg_gains"]) == (True, True)
    same = {"textures_x8": made({"standard": {"s_dc": 0.6, "hf_excess": 0.5}, "taba": {}, "ovg": {}})}
    answer = findings.answer(dict.fromkeys(found, same))
    assert answer["collapse"] == answer["lack"] == "0 of 1 data sets"
    assert (answer["taba"].mean, answer["taba_gains"]) == (pytest.approx(-0.5, abs=0.02), False)
    other = same["textures_x8"].assign_attrs(title="Same")
    both = {name: {"same": other, **studies} for name, studies in found.items()}
    assert findings.answer(both)["collapse"] == "1 of 2 data sets (Made up)"


def test_a_path_is_entered_where_its_first_level_is() -> None:
    flow, preserving = processes.FlowMatching(first=0.001), processes.VariancePreserving()
    first, second = findings.entries({"flow": flow, "epsilon": preserving}).splitlines()
    assert "= 0.001. With the ideal denoiser, a coefficient of variance 1e-06 ends with half the power" in first
    assert "**epsilon**" in second
