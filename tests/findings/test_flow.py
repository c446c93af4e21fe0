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
    text = findings.answer(found)
    assert text.count("on 1 of 1 data sets (Made up)") == 2
    assert "by 0.10 [" in text
    assert "with TABA (a significant gain) and by 0.20 [" in text
    same = {"textures_x8": made({"standard": {"s_dc": 0.6, "hf_excess": 0.5}, "taba": {}, "ovg": {}})}
    text = findings.answer(dict.fromkeys(found, same))
    assert text.count("on 0 of 1 data sets") == 2
    assert "by -0.50 [" in text
    both = {name: {"same": same["textures_x8"], **studies} for name, studies in found.items()}
    assert findings.answer(both).count("on 1 of 2 data sets (Made up)") == 2


def test_a_path_is_entered_where_its_first_level_is() -> None:
    flow, preserving = processes.FlowMatching(first=0.001), processes.VariancePreserving()
    first, second = findings.entries({"flow": flow, "epsilon": preserving}).splitlines()
    assert "= 0.001. With the ideal denoiser, a coefficient of variance 1e-06 ends with half the power" in first
    assert "**epsilon**" in second
