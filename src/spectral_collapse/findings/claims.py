"""Claims of the papers, and what this project measured of them: data, so that one page can list them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.findings import measured as rules
from spectral_collapse.findings.cells import Page
from spectral_collapse.findings.measured import Held, Measured, above, all_of, below, label, number, said
from spectral_collapse.statistics import Interval

__all__ = ["Case", "Claim", "Rule", "Test", "Verdict", "above", "below", "from_cases", "judge", "overall"]

Verdict = Literal["holds", "fails", "mixed", "one family only", "too few data", "not measured"]


QUESTION = "a question of this book"
"""Where a claim stands that no paper makes: on its own page, and not among the claims of papers."""


@dataclass(frozen=True)
class Claim:
    """One checkable claim.

    claim: in one sentence. where: paper and section, figure or table. measured: the numbers, with interval, number of
    images and data. verdict: of `overall`. figure: the name of the figure, on the chapter's page, that shows it. holds,
    of: on how many data sets it holds, of those on which it was measured.
    """

    claim: str
    where: str
    measured: str
    verdict: Verdict
    figure: str = ""
    holds: int = 0
    of: int = 0

    @property
    def side(self) -> str:
        """The verdict; where one family alone can tell, what that one tells: 'holds' or 'fails'."""
        return ("holds" if self.holds else "fails") if self.verdict == "one family only" else self.verdict

    @property
    def words(self) -> str:
        """The verdict as a page says it: 'holds on one family only' where one alone can tell."""
        return self.verdict if self.side == self.verdict else f"{self.side} on {self.verdict}"

    @property
    def told(self) -> str:
        """`words`, with the number of data sets on which the claim holds."""
        return f"{self.words}, {self.holds} of {self.of}" if self.of else self.words


def table(claims: Iterable[Claim]) -> Page:
    """A row per claim, for a page: claim, where, what was measured, verdict."""
    rows = ([escape(one.claim), escape(one.where), itemized(one.measured), one.told] for one in claims)
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


CONCLUDED = {
    "holds": "Holds wherever the numbers can tell",
    "fails": "Fails wherever the numbers can tell",
    "mixed": "Holds on some data and fails on other",
    "holds on one family only": "Holds on the one family of data sets that can tell",
    "fails on one family only": "Fails on the one family of data sets that can tell",
    "too few data": "Cannot be told with so few images",
    "not measured": "Not measured here",
}
"""What a conclusion says of claims, by `Claim.words`."""


def conclusion(claims: Iterable[Claim]) -> str:
    """What a chapter concludes of its claims, as a Markdown list: the claims of each verdict."""
    found = list(claims)
    items = {heading: [said(one.claim) for one in found if one.words == words] for words, heading in CONCLUDED.items()}
    return "\n".join("\n  - ".join([f"- **{heading}:**", *which]) for heading, which in items.items() if which)


def overall(held: Mapping[str, Held]) -> Verdict:
    """What the data sets say together: 'holds' or 'fails' where all that can tell agree, and they are of two families
    at least; 'one family only' where they are of one; 'mixed' where they disagree; 'too few data' where none can
    tell; 'not measured' where there is none.

    held: title of a data set -> True or False, None where the numbers leave it open. Data sets of one family, as cells
    at x8, x16 and x32 are, show the same pictures to one network.
    """
    told = {title: one for title, one in dict(held).items() if one is not None}
    if not told:
        return "too few data" if held else "not measured"
    if len(set(told.values())) > 1:
        return "mixed"
    if len({family(title) for title in told}) == 1:
        return "one family only"
    return "holds" if all(told.values()) else "fails"


def family(title: str) -> str:
    """The family of a data set by its title, behind which more may stand; of what is no data set, itself."""
    titles = {info.title: info.family for info in datasets.DATASETS.values()}
    return next((titles[one] for one in sorted(titles, key=len, reverse=True) if title.startswith(one)), title)


def shown(measured: str, held: Held) -> str:
    """What was measured on a data set, with 'no' or 'open' where the claim does not hold."""
    return measured if held else f"{measured}: {'open' if held is None else 'no'}"


Case = tuple[str, Held]
"""What was measured on a data set, and whether the claim holds there."""


@dataclass(frozen=True)
class Test:
    """What a claim asks of the interval on a data set; words: as a page says it."""

    words: str
    holds: Callable[[Interval], Held]


def is_above(bound: float) -> Test:
    """`measured.above`."""
    return Test(f"above {bound:.3g}", lambda one: above(one, bound))


def is_below(bound: float) -> Test:
    """`measured.below`."""
    return Test(f"below {bound:.3g}", lambda one: below(one, bound))


def is_at_least(value: float, within: float) -> Test:
    """`measured.at_least`."""
    return Test(f"at least {value:.3g} - {within:g}", lambda one: rules.at_least(one, value, within))


def is_equal(value: float, margin: float) -> Test:
    """`measured.equal`."""
    return Test(f"{value:.3g} within {margin:g}", lambda one: rules.equal(one, value, margin))


@dataclass(frozen=True)
class Rule:
    """A claim as a row of a page's table, for `judge`.

    claim, where, figure: as of `Claim`. what: of which quantity the numbers are. measured: the quantity of a result,
    None where it has not what it takes; or known already. rule: what the claim asks of it; of a result, where it has a
    bound of its own. digits: of the numbers. note: what is said of a result in brackets behind its number.
    """

    claim: str
    where: str
    what: str
    measured: Callable[[xr.Dataset], Interval | None] | Measured
    rule: Test | Callable[[xr.Dataset], Test]
    figure: str = ""
    digits: int = 3
    note: Callable[[xr.Dataset], str] | None = None


def judge(
    rows: Iterable[Rule],
    found: Mapping[str, xr.Dataset] | None = None,
    title: Callable[[xr.Dataset], str] = label,
) -> list[Claim]:
    """A claim per row, with the verdict of `overall` over data sets.

    found: data set -> result; not needed where all is measured already. title: how a result is called.
    """
    studies = {title(one): one for one in (found or {}).values()}
    made = []
    for row in rows:
        known = row.measured if isinstance(row.measured, Measured) else Measured.of(found or {}, row.measured, title)
        single = isinstance(row.rule, Test)
        listed = {}
        for name, one in known.items():
            test = row.rule if single else row.rule(studies[name])
            notes = [*([] if single else [test.words]), *([row.note(studies[name])] if row.note else [])]
            bracket = f" ({'; '.join(notes)})" if notes else ""
            listed[name] = f"{number(one, row.digits)}{bracket}", test.holds(one)
        what = f"{row.what}, {row.rule.words}" if single else row.what
        made.append(from_cases(row.claim, row.where, listed, what, row.figure))
    return made


def cases(measured: Measured, test: Test, digits: int = 3) -> dict[str, Case]:
    """A part of a claim on each data set."""
    return {name: (number(one, digits), test.holds(one)) for name, one in measured.items()}


def joined(*parts: Mapping[str, Case], by: Callable[..., Held] = all_of) -> dict[str, Case]:
    """The parts of one claim as one, on the data sets that have all of them. by: what they say together."""
    shared = [name for name in parts[0] if all(name in one for one in parts)]
    return {
        name: (" and ".join(one[name][0] for one in parts), by(*(one[name][1] for one in parts))) for name in shared
    }


def from_cases(claim: str, where: str, cases: Mapping[str, Case], what: str = "", figure: str = "") -> Claim:
    """A claim with the verdict of `overall` over data sets.

    cases: title of a data set -> its case. what: stands before all that was measured. figure: as of `Claim`.
    """
    if not cases:
        return Claim(claim, where, "no data set has what it takes", "not measured", figure)
    listed = "; ".join(shown(f"{title} {measured}", held) for title, (measured, held) in cases.items())
    held = {title: one for title, (_, one) in cases.items()}
    measured = f"{what}: {listed}" if what else listed
    return Claim(claim, where, measured, overall(held), figure, [*held.values()].count(True), len(held))
