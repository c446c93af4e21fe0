"""Table 1 of Spectral Collapse in Diffusion Inversion: how often a method that draws beats one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings import comparison, paper_tables
from spectral_collapse.findings.benchmark import kinds, title
from spectral_collapse.findings.claims import Claim, Rule, is_above, is_below, judge
from spectral_collapse.findings.intervals import stored
from spectral_collapse.findings.latents import Found, counted
from spectral_collapse.findings.measured import Measured, title_of
from spectral_collapse.studies.benchmark import Selection

SELECTION = Selection()

PAPER_DRAWS, PAPER_FIXED = ("taba", "renoise"), ("standard", "direct", "null_class")
"""The stochastic and the deterministic methods of Table 1."""

CASES = ("s_hf", "s_lf", "s_dc")
"""Scores of Table 1 that are of single images."""

PAPER, PAPER_METHODS, ALL_METHODS = "the paper, Table 1", "here, the paper's methods", "here, all methods"


def cases(found: Found) -> pd.DataFrame:
    """Table 1: shares of cases in which a method that draws is better than one that does not. A case is a data set, a
    seed and a pair of methods. series: the paper, our numbers for its methods, and for all methods."""
    studies, printed = list(found.values()), paper_tables.counts()
    shares = [paper_tables.value(printed, "improved", table=1, score=score) for score in CASES]
    rows = [(PAPER, title(score), share, share, share, np.nan) for score, share in zip(CASES, shares, strict=True)]
    methods = {PAPER_METHODS: (PAPER_DRAWS, PAPER_FIXED), ALL_METHODS: _kinds(studies)}
    for series, (ours, theirs) in methods.items():
        of_all = comparison.cases(studies, ours, theirs, scores=CASES)
        for score in CASES:
            rows.append((series, title(score), *stored(of_all, "improved", score=score), of_all.attrs["cases"]))
    table = pd.DataFrame(rows, columns=["series", "score", "mean", "low", "high", "cases"])
    return table.assign(panel="all data sets" if len(studies) > 1 else counted(studies[0]))


def recount() -> str:
    """Table 1 beside what the means of Tables 8 to 11 of the same paper give for it."""
    printed, lines = paper_tables.counts(), []
    for score in CASES:
        won, pairs = paper_tables.recounted(score)
        share = paper_tables.value(printed, "improved", table=1, score=score)
        lines.append(f"{title(score, False)} {won} of {pairs} ({won / pairs:.1%}; printed {share:.1%})")
    return "; ".join(lines)


def answer(found: Found) -> dict[str, Any]:
    """In how many pairs of methods the one that draws is better, by each score: the most often first. Seeds are
    averaged, since a method that draws nothing has the same images at each."""
    averaged = [study[list(CASES)].mean("seed") for study in found.values()]
    of_all = comparison.cases(averaged, *_kinds(averaged), scores=CASES).sortby("improved", ascending=False)
    listed = []
    for score in map(str, of_all["score"].to_numpy()):
        share, low, high = stored(of_all, "improved", score=score)
        listed.append(f"by {title(score, False)} in {share:.0%} [{low:.0%}, {high:.0%}]")
    sets = f"{len(found)} data set{'s' * (len(found) > 1)}"
    return {"listed": ", ".join(listed), "cases": of_all.attrs["cases"], "sets": sets}


def claims(found: Found) -> list[Claim]:
    """Table 1's shares, on each data set: TABA better in more (or less) than half of the cases."""
    of_each = {title_of(one): comparison.cases([one], PAPER_DRAWS, PAPER_FIXED, scores=CASES) for one in found.values()}
    made = []
    for score in CASES:
        theirs = paper_tables.value(paper_tables.counts(), "improved", table=1, score=score)
        more, side = ("more", is_above(0.5)) if theirs > 0.5 else ("less", is_below(0.5))
        share = Measured({name: stored(one, "improved", score=score) for name, one in of_each.items()})
        words = (
            f"TABA is better than the standard and the direct inversion by {title(score, False)} in {more} than half "
            f"of the cases (stochastic methods in the paper: {theirs:.1%})"
        )
        what = "share of cases, three seeds each"
        made.append(Rule(words, "Spectral Collapse, Table 1", what, share, side, "fig-cases", 2))
    return judge(made)


def _kinds(studies: Sequence[xr.Dataset]) -> list[list[str]]:
    """The methods of all data sets that draw, and those that draw nothing."""
    return [[name for study in studies for name in kinds(study)[kind]] for kind in ("stochastic", "deterministic")]
