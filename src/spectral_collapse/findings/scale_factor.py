"""Table 5 of Spectral Collapse in Diffusion Inversion: scores against the factor by which a source is thinned out."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import cells
from spectral_collapse.findings.benchmark import called, difference, scores_at, title, value
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim, Rule, above, is_higher, is_lower, judge
from spectral_collapse.findings.intervals import bounds_of, means
from spectral_collapse.findings.latents import BBBC021, Found, counted
from spectral_collapse.findings.measured import Measured, alike, title_of
from spectral_collapse.findings.selections import SHOWN, printed_row
from spectral_collapse.findings.tidy import enumerated
from spectral_collapse.statistics import interval, text
from spectral_collapse.studies.benchmark import Selection
from spectral_collapse.studies.latents import CLOSED

SELECTION = Selection(("standard", "taba", "ovg", "ovg+taba"), datasets=BBBC021)
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""


def by_factor(found: Found, factors: Mapping[str, int], scores: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Table 5: scores (panel) against the scale factor by series. factors: data set -> its factor."""
    tables = []
    for name, study in found.items():
        for score in scores:
            rows = means(study[score].mean("seed"), bounds=bounds_of(score))
            rows = [rows.assign(series=rows["point"].map(called))]
            if f"known_{score}" in study:
                known = means(study[f"known_{score}"], bounds=bounds_of(score))
                rows.append(known.assign(series=known["known"].map(called)))
            tables.append(pd.concat(rows).assign(factor=factors[name], panel=title(score)))
    return pd.concat(tables, ignore_index=True)


def table(found: Found, factors: Mapping[str, int]) -> Cells:
    """All scores at each factor, ours / the paper's where Table 5 has a row."""
    rows = []
    for name, study in found.items():
        for point in map(str, study["point"].to_numpy()):
            about = {"Method": called(point), "Data": title_of(study)}
            row = cells.row(about | {"Factor": Cell(f"x{factors[name]}", factors[name])} | scores_at(study, point))
            if name.startswith("bbbc021"):
                row |= printed_row(study, point, 5, f"x{factors[name]}", row["Method"])
            rows.append(row)
    return pd.DataFrame(rows)


def factors_of(found: Found) -> dict[str, int]:
    """Data set -> its scale factor, from its name. Raises InvalidParameterError for one that has none in it."""
    tails = {name: name.rpartition("_x")[2] for name in found}
    wrong = [name for name, tail in tails.items() if not tail.isdecimal()]
    if wrong:
        raise InvalidParameterError(
            f"data sets must be of a scale factor, as bbbc021_x8 is; {', '.join(wrong)} was given"
        )
    return {name: int(tail) for name, tail in tails.items()}


def answer(found: Found) -> dict[str, str]:
    """What the latents lack at each factor, with the network and in closed form, and how that grows."""
    factors = dict(sorted(factors_of(found).items(), key=lambda one: one[1]))
    listed = {
        point: ", ".join(f"{text(value(found[name], _DEFICIT, point), 2)} at x{one}" for name, one in factors.items())
        for point in ("standard", CLOSED)
    }
    growth = _growth([found[name] for name in factors])
    return {"growth": growth, "standard": listed["standard"], "closed": listed[CLOSED]}


def _growth(order: Sequence[xr.Dataset]) -> str:
    """Whether what latents lack grows from each factor to the next on the same images, and whether the sources'
    spectrum explains the change from the smallest to the largest; '' for a single factor or other images."""
    if len(order) < 2 or len({tuple(one["sample"].to_numpy()) for one in order}) > 1:
        return ""
    lacks = [one[_DEFICIT].sel(point="standard", drop=True).mean("seed") for one in order]
    closed = [one[f"known_{_DEFICIT}"].sel(known=CLOSED, drop=True) for one in order]
    steps = [interval(two - one) for one, two in itertools.pairwise(lacks)]
    each = {True: "grows", False: "shrinks", None: "does not grow (or shrink)"}
    grows = each[alike(*(above(step, 0) for step in steps))]
    whole, known = lacks[-1] - lacks[0], closed[-1] - closed[0]
    explained = {True: "more", False: "less", None: "not significantly more or less"}
    steps = enumerated(text(step, 2) for step in steps)
    return (
        f"This deficit {grows} with each factor. It changes by {steps} from one factor to the next, and by "
        f"{text(interval(whole), 2)} from the first to the last. The spectrum of the sources explains a change of "
        f"{text(interval(known), 2)}, which is {explained[above(interval(known - whole), 0)]}. "
    )


_DEFICIT = "high_frequency_deficit"


def claims(found: Found) -> list[Claim]:
    """Claims of Sec. 6.3 and Table 5; of two factors at least. Differences between factors, each minus the next smaller
    one, are of different sources of the same images."""
    order = [found[name] for name, _ in sorted(factors_of(found).items(), key=lambda one: one[1])]
    where, figure, last = "Spectral Collapse, Sec. 6.3 and Table 5", "fig-factors", {"": order[-1]} if order[1:] else {}
    same = len({tuple(study["sample"].to_numpy()) for study in order}) == 1

    def steps(score: str) -> Measured:
        of = [(one, one[score].sel(point="standard", drop=True).mean("seed")) for one in order if same]
        return Measured(
            {f"{counted(two)} minus {title_of(one)}": interval(b - a) for (one, a), (two, b) in itertools.pairwise(of)}
        )

    growing = [
        Rule(f"Collapse grows with the factor: {title(score, False)} of the standard inversion falls", where,
             title(score, False), steps(score), is_lower(score), figure)
        for score in ("s_dc", "s_hf")
    ]  # fmt: skip
    largest = [
        Rule(f"At the largest factor {words}", where,
             f"{title(score, False)} of {called(point)} minus the standard inversion's",
             functools.partial(difference, point=point, baseline="standard", score=score), side(score), figure)
        for words, point, score, side in (
            ("the standard inversion has a higher PSNR than TABA", "taba", "psnr", is_lower),
            ("the standard inversion has a higher PSNR than OVG", "ovg", "psnr", is_lower),
            ("TABA has a higher S_HF than the standard inversion", "taba", "s_hf", is_higher),
            ("OVG has a higher S_HF than the standard inversion", "ovg", "s_hf", is_higher),
        )
    ]  # fmt: skip
    return judge([*growing, *largest], last, counted)
