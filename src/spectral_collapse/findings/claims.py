"""Claims of the papers, and what this project measured of them: data, so that one page can list them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from spectral_collapse.statistics import Interval

Verdict = Literal["supported", "refuted", "depends", "not measured"]


@dataclass(frozen=True)
class Claim:
    """One checkable claim.

    claim: in one sentence. where: paper and section, figure or table. measured: the numbers, with interval, number of
    images and data. verdict: by the rule that the function that makes the claim states; where it is 'depends',
    `measured` says on what.
    """

    claim: str
    where: str
    measured: str
    verdict: Verdict


def table(claims: Iterable[Claim]) -> pd.DataFrame:
    """A row per claim, for a page: columns Claim, Where, We measured, Verdict."""
    rows = [(one.claim, one.where, one.measured, one.verdict) for one in claims]
    return pd.DataFrame(rows, columns=["Claim", "Where", "We measured", "Verdict"])


def overall(held: Iterable[bool | None]) -> Verdict:
    """Supported where a claim holds on every data set, refuted where it fails on every one, depends otherwise.

    held: for each data set True or False, None where the numbers leave it open.
    """
    held = list(held)
    return "supported" if all(held) else "refuted" if all(one is False for one in held) else "depends"


def shown(measured: str, held: bool | None) -> str:
    """What was measured on a data set, with 'no' or 'open' where the claim does not hold."""
    return measured if held else f"{measured}: {'open' if held is None else 'no'}"


def above(found: Interval, threshold: float) -> bool | None:
    """Whether a number lies above a threshold: True or False with its whole interval, None where that holds both."""
    return True if found.low > threshold else False if found.high < threshold else None


def below(found: Interval, threshold: float) -> bool | None:
    """Whether a number lies below a threshold, as `above`."""
    return above(Interval(-found.mean, -found.high, -found.low), -threshold)


Case = tuple[str, bool | None]
"""What was measured on a data set, and whether the claim holds there; None where the numbers leave it open."""


def from_cases(claim: str, where: str, cases: Mapping[str, Case], what: str = "") -> Claim:
    """A claim with the verdict of `overall` over data sets, 'not measured' without any.

    cases: title of a data set -> its case. what: stands before all that was measured.
    """
    if not cases:
        return Claim(claim, where, "no data set has what it takes", "not measured")
    listed = "; ".join(shown(f"{title} {measured}", held) for title, (measured, held) in cases.items())
    return Claim(claim, where, f"{what}: {listed}" if what else listed, overall(held for _, held in cases.values()))
