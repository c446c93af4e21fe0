from __future__ import annotations

from spectral_collapse.findings.claims import Claim, table


def test_a_claim_is_a_row() -> None:
    found = table([Claim("it collapses", "a paper, Fig. 1", "0.1 of 1", "supported")])
    assert found.columns.tolist() == ["Claim", "Where", "We measured", "Verdict"]
    assert found.iloc[0].tolist() == ["it collapses", "a paper, Fig. 1", "0.1 of 1", "supported"]
