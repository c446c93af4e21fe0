from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from spectral_collapse.findings import claims
from spectral_collapse.findings.claims import Claim, table
from spectral_collapse.findings.measured import Measured, alike
from spectral_collapse.statistics import Interval


def test_a_claim_is_a_row() -> None:
    found = table([Claim("it collapses", "a paper, Fig. 1", "0.1 < 1", "holds")])._repr_html_()
    assert re.findall("<th .*?>(.*?)</th>", found) == ["Claim", "Where", "We measured", "Verdict"]
    assert re.findall("<td>(.*?)</td>", found) == ["it collapses", "a paper, Fig. 1", "0.1 &lt; 1", "holds"]


def test_what_several_data_sets_say_is_a_list_that_is_folded_where_it_is_long() -> None:
    measured = claims.itemized("power: Textures x8 0.3 [0.2, 0.4]; Rendered cells x16 0.4: no. Edges2Shoes, 1; 2")
    items = ["Textures x8 0.3 [0.2, 0.4]", "Rendered cells x16 0.4: no", "Edges2Shoes, 1; 2"]
    assert measured == f"power:<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
    assert claims.itemized("Textures x8 0.3; one < two") == "Textures x8 0.3; one &lt; two"
    few, many = ("; ".join(["Textures x8 0.3"] * count) for count in (claims.MANY, claims.MANY + 1))
    assert "<details>" not in claims.itemized(few)
    assert claims.itemized(many).startswith(f"<details><summary>{claims.MANY + 1} results</summary><ul><li>")


def test_a_conclusion_has_every_claim_once_below_its_verdict() -> None:
    made = [
        Claim(words, "a paper", "0.1", verdict) for words, verdict in (("a", "fails"), ("b", "holds"), ("c", "fails"))
    ]
    holds, fails = (claims.CONCLUDED[words] for words in ("holds", "fails"))
    assert claims.conclusion(made) == f"- **{holds}:**\n  - b\n- **{fails}:**\n  - a\n  - c"
    one_family = [Claim("d", "a paper", "0.1", "one family only", holds=holds, of=1) for holds in (0, 1)]
    assert claims.conclusion(one_family).count("  - d") == 2
    others = set(get_args(claims.Verdict)) - {"one family only"}
    assert set(claims.CONCLUDED) == {*others, *(one.words for one in one_family)}


def test_a_verdict_is_what_two_families_say_that_can_tell() -> None:
    cells, shoes, photos = "BBBC021 x8", "Rendered shoes", "Photos x8"
    verdicts = {
        ((cells, True), (shoes, True)): "holds",
        ((cells, False), (shoes, False), (photos, None)): "fails",
        ((cells, True), (shoes, False)): "mixed",
        ((cells, True), ("BBBC021 x16", True), (shoes, None)): "one family only",
        ((cells, True), ("BBBC021 x16", False)): "mixed",
        ((cells, False),): "one family only",
        ((cells, None), (shoes, None)): "too few data",
        (("a network", True), ("another", True)): "holds",
        (): "not measured",
    }
    assert {one: claims.overall(one) for one in verdicts} == verdicts


def result(title: str, value: float) -> xr.Dataset:
    values = xr.DataArray([value - 0.1, value + 0.1], dims="sample")
    return xr.Dataset({"value": values, "bound": value - 1}, attrs={"title": title, "data_source": "real"})


def test_a_row_is_judged_on_each_data_set_by_the_rule_that_it_shows() -> None:
    found = {"a": result("A", 2.0), "b": result("B", 0.5), "c": result("C", 9.0)}

    def value(one: xr.Dataset) -> Interval | None:
        mean = one["value"].mean().item()
        return Interval(mean, mean - 0.2, mean + 0.2) if mean < 9 else None

    rows = [
        claims.Rule("it is large", "here", "size", value, claims.is_above(1), "fig-a", 1),
        claims.Rule("it is its own", "here", "size", value, lambda one: claims.is_above(one["bound"].item()), digits=1,
                    note=lambda one: f"{one.sizes['sample']} images"),
        claims.Rule("it is known", "there", "size", Measured({}), claims.is_above(1)),
    ]  # fmt: skip
    large, own, known = claims.judge(rows, found)
    assert large.measured == "size (claim: above 1): A 2.0 [1.8, 2.2]; B 0.5 [0.3, 0.7]: no"
    assert (large.verdict, large.told, large.figure) == ("mixed", "mixed, 1 yes and 1 no", "fig-a")
    assert own.measured == "size: A 2.0 [1.8, 2.2] (above 1; 2 images); B 0.5 [0.3, 0.7] (above -0.5; 2 images)"
    assert own.told == "holds, 2 of 2"
    assert (known.verdict, known.told) == ("not measured", "not measured")


def test_parts_of_a_claim_are_judged_together() -> None:
    first = Measured({"A": Interval(2, 1, 3), "B": Interval(2, 1, 3)}), claims.is_above(0)
    second = Measured({"A": Interval(2, 1, 3)}), claims.is_below(0)
    assert claims.joined(first, second, digits=0) == {"A": ("2 [1, 3] and 2 [1, 3]", False)}
    assert claims.joined(first, second, by=alike, digits=0) == {"A": ("2 [1, 3] and 2 [1, 3]", None)}


@pytest.mark.parametrize("errors", [0.5, 1.9, 1.97, 3.0])
@pytest.mark.parametrize("test", [claims.is_above(2), claims.is_below(2)])
def test_a_pvalue_is_that_of_a_normal_mean_so_many_standard_errors_from_the_bound(
    test: claims.Test, errors: float
) -> None:
    mean, half = 2 + 0.1 * errors, 0.1 * norm.isf(0.025)
    p = claims.pvalue(test, Interval(mean, mean - half, mean + half))
    np.testing.assert_allclose(p, 2 * norm.sf(errors), rtol=1e-4)  # the root is found to a millionth


def test_a_pvalue_without_an_interval_says_nothing_and_without_width_all() -> None:
    assert claims.pvalue(claims.is_above(0), Interval(1.0, np.nan, np.nan)) == 1
    assert claims.pvalue(claims.is_above(0), Interval(1.0, 1.0, 1.0)) == 0
    assert claims.pvalue(claims.is_above(1), Interval(1.0, 1.0, 1.0)) == 1
    # inside a margin only the wider half can reach beyond it
    assert claims.pvalue(claims.is_equal(0, 1), Interval(0.0, -0.5, 0.25)) == pytest.approx(
        2 * norm.sf(2 * 1.96), rel=1e-3
    )


def test_cases_of_a_group_are_corrected_for_their_number() -> None:
    def judged(errors: list[float]) -> list[int]:
        half = norm.isf(0.025)
        rows = [
            claims.Rule(str(place), "", "", Measured({"a": Interval(one, one - half, one + half)}), claims.is_above(0))
            for place, one in enumerate(errors)
        ]
        return [claim.holds for claim in claims.judge(rows)]

    # p = 0.036, 0.046: alone each is below 0.05; of two both survive, since the larger is below 0.05; with a third
    # of p = 0.9 the bound of the second is 0.05 * 2 / 3 = 0.033, and none survives
    assert judged([2.1]) == judged([2.0]) == [1]
    assert judged([2.1, 2.0]) == [1, 1]
    assert judged([2.1, 2.0, 0.126]) == [0, 0, 0]
    assert judged([2.1, 3.0, 0.126]) == [0, 1, 0]  # 0.0027 is below 0.05 / 3, 0.036 not below 0.033


def test_sentences_are_told_of_the_claims_that_are_named() -> None:
    made = [Claim("a helps a lot", "", "", "holds"), Claim("b helps", "", "", "mixed"), Claim("c", "", "", "fails")]
    named = {"a helps": ("It does", "It does not"), "b": ("So does b", "b does not"), "c": ("c does", "Nor does c")}
    # nothing on b: data sets disagree, for which no words are given
    assert claims.told(made, named) == "It does. Nor does c."


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (Interval(0.006, 0.002, 0.01), False),  # clear, but within what counts as equal
        (Interval(0.0, -0.01, 0.01), False),
        (Interval(0.015, 0.001, 0.03), True),
        (Interval(0.015, -0.001, 0.03), None),
        (Interval(-0.015, -0.03, -0.001), False),
    ],
)
def test_what_is_equal_within_the_margin_is_neither_above_nor_below(found: Interval, holds: bool | None) -> None:
    above, mirrored = claims.is_higher("s_hf"), Interval(-found.mean, -found.high, -found.low)
    assert above.holds(found) is holds
    assert claims.is_lower("s_hf").holds(mirrored) is holds
    assert above.words == "above 0 and not within 0.02 of it"
    assert claims.is_above(0).holds(Interval(0.006, 0.002, 0.01)) is True
