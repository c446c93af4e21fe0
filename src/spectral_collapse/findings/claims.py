"""Claims of the papers, and what this project measured of them: data, so that one page can list them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

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
