"""Claims of the papers, and what this project measured of them: data, so that one page can list them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

import numpy as np
import xarray as xr
from scipy.optimize import bisect
from scipy.stats import false_discovery_control, norm

from spectral_collapse import datasets
from spectral_collapse.findings import measured as rules
from spectral_collapse.findings.cells import Page
from spectral_collapse.findings.comparison import LEVEL
from spectral_collapse.findings.measured import Held, Measured, above, all_of, below, data_title, number, said, title_of
from spectral_collapse.findings.registered import margin
from spectral_collapse.statistics import Interval

Verdict = Literal["holds", "fails", "mixed", "one family only", "too few data", "not measured"]


_WIDEST = 20.0
"""How many times as wide an interval is at most, in `pvalue`."""
QUESTION = "a question of this book"
"""Where a claim stands that no paper makes: on its own page, and not among the claims of papers."""


@dataclass(frozen=True)
class Claim:
    """One checkable claim. where: paper and section, figure or table. measured: the numbers. verdict: of `overall`.
    figure: the name of the figure, on the chapter's page, that shows it. holds, fails, of: on how many data sets it
    holds and fails, of those on which it was measured."""

    claim: str
    where: str
    measured: str
    verdict: Verdict
    figure: str = ""
    holds: int = 0
    of: int = 0
    fails: int = 0

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
        """`words`, with the number of data sets on which the claim holds; where they disagree, of both sides."""
        if self.verdict == "mixed":
            return f"mixed, {self.holds} yes and {self.fails} no"
        return f"{self.words}, {self.holds} of {self.of}" if self.of else self.words


def table(claims: Iterable[Claim]) -> Page:
    """A row per claim, for a page: claim, where, what was measured, verdict."""
    rows = ([escape(one.claim), escape(one.where), itemized(one.measured), one.told] for one in claims)
    body = "".join("<tr><td>" + "</td><td>".join(row) + "</td></tr>" for row in rows)
    columns = head("Claim", "Where", "We measured", "Verdict")
    return Page(f'<table class="dataframe claims">{columns}<tbody>{body}</tbody></table>')


def head(*names: str) -> str:
    columns = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<thead><tr>{columns}</tr></thead>"


MANY = 9
"""A longer list of what was measured is folded."""


def itemized(measured: str, many: int = MANY) -> str:
    """What was measured as HTML, an item per data set where it is of several; more than `many` are folded."""
    titles = "|".join(map(re.escape, _families()))
    before, *items = re.split(rf"(?:^|(?<=[;:.]) )(?=(?:{titles})\b)", measured)
    if len(items) < 2:
        return escape(measured)
    lines = "".join(f"<li>{escape(item.rstrip(';.'))}</li>" for item in items)
    listed = f"<ul>{lines}</ul>"
    if len(items) > many:
        listed = f"<details><summary>{len(items)} results</summary>{listed}</details>"
    return escape(before) + listed


CONCLUDED = {
    "holds": "Holds on all data sets with a clear result",
    "fails": "Fails on all data sets with a clear result",
    "mixed": "Holds on some data sets and fails on others",
    "holds on one family only": "Holds, with a clear result on one family of data sets only",
    "fails on one family only": "Fails, with a clear result on one family of data sets only",
    "too few data": "Undecided, too few data",
    "not measured": "Not measured here",
}
"""What a conclusion says of claims, by `Claim.words`."""


def told(claims: Iterable[Claim], named: Mapping[str, Sequence[str]]) -> str:
    """Sentences on some claims. named: how a claim begins -> what to say where it holds, where it fails and, if at all,
    where data sets disagree; nothing is said of other verdicts. In brackets: on how many data sets, if not on all."""
    found, said = list(claims), []
    for start, words in named.items():
        for one in (one for one in found if one.claim.startswith(start)):
            place = {"holds": 0, "fails": 1, "mixed": 2}.get(one.side, len(words))
            agree = one.fails if place == 1 else one.holds
            mixed = f"on {one.holds} of {one.of}, not on {one.fails}"
            alone = ", all of one family" * (one.verdict == "one family only")
            count = mixed if place == 2 else f"on {agree} of {one.of} data sets{alone}"
            said += [f"{text}{f' ({count})' * (agree < one.of)}." for text in words[place : place + 1]]
    return " ".join(said)


def conclusion(claims: Iterable[Claim]) -> str:
    """What a chapter concludes of its claims: a list, as Markdown, with the claims of each verdict."""
    found, lines = list(claims), []
    for words, heading in CONCLUDED.items():
        if which := [f"  - {said(one.claim)}" for one in found if one.words == words]:
            lines += [f"- **{heading}:**", *which]
    return "\n".join(lines)


def overall(held: Mapping[str, Held], pooled: bool = False) -> Verdict:
    """What the data sets say together, title -> whether the claim holds: 'holds' or 'fails' where all that can tell
    agree and are of two families at least, or are `pooled`, of several data sets each; 'one family only' where they are
    of one family, as cells at x8 and x16 are; 'mixed' where they disagree; 'too few data' where none can tell."""
    told = {title: one for title, one in dict(held).items() if one is not None}
    if not told:
        return "too few data" if held else "not measured"
    if len(set(told.values())) > 1:
        return "mixed"
    if len({family(title) for title in told}) == 1 and not pooled:
        return "one family only"
    return "holds" if all(told.values()) else "fails"


def family(title: str) -> str:
    """The family of a data set by its title, behind which more may stand; of what is no data set, itself."""
    titles = _families()
    return titles.get(max(filter(title.startswith, titles), key=len, default=""), title)


def _families() -> dict[str, str]:
    """The titles of all data sets, of real and of rendered images, with their families."""
    every = datasets.DATASETS.values()
    return {data_title(info.title, source): info.family for info in every for source in ("real", "rendered")}


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


def is_restored(score: str) -> Test:
    """That a difference is not below 0 by more than the registered margin of a score."""
    within = margin(score)
    return Test(f"at least {-within:g}", lambda one: rules.at_least(one, 0, within))


def is_higher(score: str) -> Test:
    """Of a difference of a score: above 0, and not within the margin that is registered for it."""
    return _beyond(is_above(0), margin(score))


def is_lower(score: str) -> Test:
    """Of a difference of a score: below 0, and not within the margin that is registered for it."""
    return _beyond(is_below(0), margin(score))


def _beyond(side: Test, within: float) -> Test:
    """That a difference is on a side of 0, and does not equal 0 within a margin, where there is one."""
    if not within:
        return side
    words = f"{side.words} and not within {within:g} of it"
    return Test(words, lambda one: False if rules.equal(one, 0, within) else side.holds(one))


def is_equal(value: float, margin: float) -> Test:
    """`measured.equal`."""
    return Test(f"{value:.3g} to within {margin:g}", lambda one: rules.equal(one, value, margin))


@dataclass(frozen=True)
class Rule:
    """A claim as a row, for `judge`. what: of which quantity the numbers are. measured: the quantity of a result, None
    where it has not what it takes; or known already. rule: what the claim asks of it; of a result, where it has a bound
    of its own. digits: of the numbers. note: stands in brackets behind a result's number."""

    claim: str
    where: str
    what: str
    measured: Callable[[xr.Dataset], Interval | None] | Measured
    rule: Test | Callable[[xr.Dataset], Test]
    figure: str = ""
    digits: int = 3
    note: Callable[[xr.Dataset], str] | None = None


def judge(
    rows: Iterable[Rule], found: Mapping[str, xr.Dataset] | None = None, title: Callable[[xr.Dataset], str] = title_of
) -> list[Claim]:
    """A claim per row. found: data set -> result, where a row measures; title: how a result is called.

    The claims are one group: a case that is decided by its own interval is open where its p-value does not survive
    Benjamini and Hochberg's correction, at 5 %, among those of all cases of the group.
    """
    studies = {title(one): one for one in (found or {}).values()}
    judged, pvalues = [], []
    for row in rows:
        known = row.measured if isinstance(row.measured, Measured) else Measured.of(studies, row.measured, title)
        tests = {name: row.rule if isinstance(row.rule, Test) else row.rule(studies[name]) for name in known}
        judged.append((row, known, tests))
        pvalues += [pvalue(tests[name], one) for name, one in known.items()]
    decided = iter(false_discovery_control(pvalues) <= LEVEL if pvalues else ())
    made = []
    for row, known, tests in judged:
        single, listed = isinstance(row.rule, Test), {}
        for name, one in known.items():
            notes = [tests[name].words] * (not single) + ([row.note(studies[name])] if row.note else [])
            bracket = f" ({'; '.join(notes)})" if notes else ""
            listed[name] = f"{number(one, row.digits)}{bracket}", tests[name].holds(one) if next(decided) else None
        what = f"{row.what} (claim: {row.rule.words})" if single else row.what
        made.append(from_cases(row.claim, row.where, listed, what, row.figure, known.pooled))
    return made


def pvalue(test: Test, found: Interval) -> float:
    """The p-value of a test on a 95 % interval: of the widest interval around its mean that still decides.

    Each half is taken for 1.96 standard errors of a normal distribution, so that the p-value is below 0.05 where the
    95 % interval decides. 0 where no width leaves it open, as of a number without one; 1 where the mean is not known.
    """

    def decides(factor: float) -> bool:
        low, high = (found.mean + factor * (end - found.mean) for end in found[1:])
        return test.holds(Interval(found.mean, low, high)) is not None

    if not np.isfinite(np.array(found, float)).all() or not decides(0.0):
        return 1.0
    if decides(_WIDEST):
        return 0.0
    widest = bisect(lambda factor: 0.5 - decides(factor), 0.0, _WIDEST, xtol=1e-6)
    return float(2 * norm.sf(widest * norm.isf(0.025)))


def joined(*parts: tuple[Measured, Test], by: Callable[..., Held] = all_of, digits: int = 3) -> dict[str, Case]:
    """The parts of one claim, each a quantity and what is asked of it, on the data sets that have all of them. by: what
    they say together."""
    joint = {}
    for name in (name for name in parts[0][0] if all(name in measured for measured, _ in parts)):
        numbers = " and ".join(number(measured[name], digits) for measured, _ in parts)
        joint[name] = numbers, by(*(test.holds(measured[name]) for measured, test in parts))
    return joint


def from_cases(
    claim: str, where: str, cases: Mapping[str, Case], what: str = "", figure: str = "", pooled: bool = False
) -> Claim:
    """A claim with the verdict of `overall`. what: stands before what was measured on each data set."""
    if not cases:
        return Claim(claim, where, "no data set allows this measurement", "not measured", figure)
    words = {True: "", False: ": no", None: ": open"}
    listed = "; ".join(f"{title} {measured}{words[held]}" for title, (measured, held) in cases.items())
    held = {title: one for title, (_, one) in cases.items()}
    measured = f"{what}: {listed}" if what else listed
    yes, no = ([*held.values()].count(side) for side in (True, False))
    return Claim(claim, where, measured, overall(held, pooled), figure, yes, len(held), no)
