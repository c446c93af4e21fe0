from __future__ import annotations

import re
from typing import get_args

from spectral_collapse.findings import claims
from spectral_collapse.findings.claims import Claim, table
from spectral_collapse.statistics import Interval


def test_a_claim_is_a_row() -> None:
    found = table([Claim("it collapses", "a paper, Fig. 1", "0.1 < 1", "supported")])._repr_html_()
    assert re.findall("<th .*?>(.*?)</th>", found) == ["Claim", "Where", "We measured", "Verdict"]
    assert re.findall("<td>(.*?)</td>", found) == ["it collapses", "a paper, Fig. 1", "0.1 &lt; 1", "supported"]


def test_what_several_data_sets_say_is_a_list() -> None:
    measured = claims.itemized(
        "power: Textures, x8 0.3 [0.2, 0.4]; BBBC021, x16 (rendered) 0.4: no. Edges to shoes, 1; 2"
    )
    items = ["Textures, x8 0.3 [0.2, 0.4]", "BBBC021, x16 (rendered) 0.4: no", "Edges to shoes, 1; 2"]
    assert measured == f"power:<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
    assert claims.itemized("Textures, x8 0.3; one < two") == "Textures, x8 0.3; one &lt; two"


def test_a_conclusion_has_every_claim_once_below_its_verdict() -> None:
    verdicts = [("a", "refuted"), ("b", "supported"), ("c", "refuted")]
    made = [Claim(words, "a paper", "0.1", verdict) for words, verdict in verdicts]
    assert claims.conclusion(made) == "- **Our numbers support:**\n  - b\n- **Our numbers refute:**\n  - a\n  - c"
    assert set(claims.CONCLUDED) == set(get_args(claims.Verdict))


def test_a_verdict_needs_whole_intervals_on_all_data_sets() -> None:
    held = [claims.above(Interval(1.0, low, high), 0.5) for low, high in ((0.6, 2), (0.4, 2), (0.2, 0.4))]
    assert held == [True, None, False]
    assert [claims.below(Interval(-1.0, -high, -low), -0.5) for low, high in ((0.6, 2), (0.4, 2), (0.2, 0.4))] == held
    verdicts = {
        (True, True): "supported",
        (False, False): "refuted",
        (True, False): "depends",
        (True, None): "depends",
        (None,): "depends",
    }
    assert {one: claims.overall(one) for one in verdicts} == verdicts
    assert [claims.shown("r 0.1", one) for one in (True, False, None)] == ["r 0.1", "r 0.1: no", "r 0.1: open"]
