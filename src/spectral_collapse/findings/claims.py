"""Claims of the papers, and what this project measured of them: data, so that one page can list them all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from math import isnan
from typing import Literal

from spectral_collapse import datasets
from spectral_collapse.findings.cells import Page
from spectral_collapse.statistics import Interval, text

Verdict = Literal["supported", "refuted", "depends", "not measured"]


@dataclass(frozen=True)
class Claim:
    """One checkable claim.

    claim: in one sentence. where: paper and section, figure or table. measured: the numbers, with interval, number of
    images and data. verdict: by the rule that the function that makes the claim states; where it is 'depends',
    `measured` says on what. figure: the name of the figure, on the chapter's page, that shows it.
    """

    claim: str
    where: str
    measured: str
    verdict: Verdict
    figure: str = ""


def table(claims: Iterable[Claim]) -> Page:
    """A row per claim, for a page: claim, where, what was measured, verdict."""
    rows = ([escape(one.claim), escape(one.where), itemized(one.measured), one.verdict] for one in claims)
    body = "".join("<tr><td>" + "</td><td>".join(row) + "</td></tr>" for row in rows)
    columns = head("Claim", "Where", "We measured", "Verdict")
    return Page(f'<table class="dataframe">{columns}<tbody>{body}</tbody></table>')


def head(*names: str) -> str:
    """The first row of an HTML table."""
    columns = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<thead><tr>{columns}</tr></thead>"


def itemized(measured: str) -> str:
    """What was measured as HTML, with an item for each data set where it is of several."""
    titles = "|".join(re.escape(info.title) for info in datasets.DATASETS.values())
    before, *items = re.split(rf"(?:^|(?<=[;:.]) )(?=(?:{titles})\b)", measured)
    if len(items) < 2:
        return escape(measured)
    lines = "".join(f"<li>{escape(item.rstrip(';.'))}</li>" for item in items)
    return f"{escape(before)}<ul>{lines}</ul>"


CONCLUDED: Mapping[Verdict, str] = {
    "supported": "Our numbers support",
    "refuted": "Our numbers refute",
    "depends": "The data sets disagree, or the intervals leave it open",
    "not measured": "Not measured here",
}
"""What a conclusion says of claims, by their verdict."""


def conclusion(claims: Iterable[Claim]) -> str:
    """What a chapter concludes of its claims, as a Markdown list: the claims of each verdict."""
    found = list(claims)
    items = {said: [one.claim for one in found if one.verdict == verdict] for verdict, said in CONCLUDED.items()}
    return "\n".join("\n  - ".join([f"- **{said}:**", *which]) for said, which in items.items() if which)


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


def from_cases(claim: str, where: str, cases: Mapping[str, Case], what: str = "", figure: str = "") -> Claim:
    """A claim with the verdict of `overall` over data sets, 'not measured' without any.

    cases: title of a data set -> its case. what: stands before all that was measured. figure: as of `Claim`.
    """
    if not cases:
        return Claim(claim, where, "no data set has what it takes", "not measured", figure)
    listed = "; ".join(shown(f"{title} {measured}", held) for title, (measured, held) in cases.items())
    verdict = overall(held for _, held in cases.values())
    return Claim(claim, where, f"{what}: {listed}" if what else listed, verdict, figure)


def of_gaps(claim: str, where: str, gaps: Mapping[str, Interval], sign: int, what: str = "", figure: str = "") -> Claim:
    """A claim on differences: it holds on a data set where the whole interval is above 0 (sign 1) or below it (-1).

    gaps: title of a data set -> the difference; one without a value (NaN) does not count.
    """
    side, known = above if sign > 0 else below, {name: gap for name, gap in gaps.items() if not isnan(gap.mean)}
    return from_cases(claim, where, {name: (text(gap), side(gap, 0)) for name, gap in known.items()}, what, figure)
