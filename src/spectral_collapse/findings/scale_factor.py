"""Table 5 of Spectral Collapse in Diffusion Inversion: scores against the factor by which a source is thinned out."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd
import xarray as xr

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.findings import cells
from spectral_collapse.findings.benchmark import called, difference, per_image, points, scores_at, title, value
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import Claim, Rule, above, is_higher, is_lower, judge
from spectral_collapse.findings.intervals import bounds_of, means
from spectral_collapse.findings.latents import BBBC021, Found, counted
from spectral_collapse.findings.measured import Measured, alike, title_of
from spectral_collapse.findings.selections import SHOWN, printed_row
from spectral_collapse.statistics import interval, text
from spectral_collapse.studies.benchmark import Selection
from spectral_collapse.studies.latents import CLOSED

SELECTION = Selection(("standard", "taba", "ovg", "ovg+taba"), datasets=BBBC021)
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""


_DEFICIT = "high_frequency_deficit"


def by_factor(found: Found) -> pd.DataFrame:
    """Table 5: scores (panel) against the scale factor by series."""
    tables, factors = [], factors_of(found)
    for name, study in found.items():
        for score in SHOWN:
            for dim, values in (("point", study[score].mean("seed")), ("known", study.get(f"known_{score}"))):
                if values is not None:
                    rows = means(values, bounds=bounds_of(score))
                    rows = rows.assign(series=rows[dim].map(called), factor=factors[name], panel=title(score))
                    tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def table(found: Found) -> Cells:
    """All scores at each factor, ours / the paper's where Table 5 has a row."""
    rows, factors = [], factors_of(found)
    for name, study in found.items():
        factor = Cell(f"x{factors[name]}", factors[name])
        for point in points(study):
            about = {"Method": called(point), "Data": title_of(study), "Factor": factor}
            row = cells.row(about | scores_at(study, point))
            if name.startswith("bbbc021"):
                row |= printed_row(study, point, 5, factor.text, row["Method"])
            rows.append(row)
    return pd.DataFrame(rows)


def factors_of(found: Found) -> dict[str, int]:
    """Data set -> its scale factor, from its name, the smallest first. Raises InvalidParameterError for one that has
    none in it."""
    tails = {name: name.rpartition("_x")[2] for name in found}
    wrong = [name for name, tail in tails.items() if not tail.isdecimal()]
    if wrong:
        raise InvalidParameterError(
            f"data sets must be of a scale factor, as bbbc021_x8 is; {', '.join(wrong)} was given"
        )
    return {name: int(tails[name]) for name in sorted(tails, key=lambda name: int(tails[name]))}


def answer(found: Found) -> dict[str, Any]:
    """What the latents lack at each factor, with the network and in closed form. Of the same images and two factors at
    least: steps, how that changes from each factor to the next; grows, what these say together; whole, the change from
    the smallest to the largest; known, the one that the sources' spectrum explains; more, whether that is more."""
    factors, about = factors_of(found), dict.fromkeys(("steps", "grows", "whole", "known", "more"))
    order = [found[name] for name in factors]
    for which, point in (("standard", "standard"), ("closed", CLOSED)):
        lacks = zip(order, factors.values(), strict=True)
        about[which] = ", ".join(f"{text(value(study, _DEFICIT, point), 2)} at x{one}" for study, one in lacks)
    if steps := _steps(order, _DEFICIT).values():
        whole, known = (
            per_image(order[-1], point, _DEFICIT) - per_image(order[0], point, _DEFICIT)
            for point in ("standard", CLOSED)
        )
        about["steps"] = [text(step, 2) for step in steps]
        about["grows"] = alike(*(above(step, 0) for step in steps))
        about |= {"whole": interval(whole), "known": interval(known), "more": above(interval(known - whole), 0)}
    return about


def _steps(order: Sequence[xr.Dataset], score: str) -> Measured:
    """The standard inversion's score at each factor minus that at the next smaller one, of different sources of the
    same images; nothing where the images are others."""
    same = len({tuple(study["sample"].to_numpy()) for study in order}) == 1
    of = [(study, per_image(study, "standard", score)) for study in order if same]
    pairs = itertools.pairwise(of)
    return Measured({f"{counted(two)} minus {title_of(one)}": interval(b - a) for (one, a), (two, b) in pairs})


def claims(found: Found) -> list[Claim]:
    """Claims of Sec. 6.3 and Table 5; of two factors at least."""
    order = [found[name] for name in factors_of(found)]
    where, figure, last = "Spectral Collapse, Sec. 6.3 and Table 5", "fig-factors", {"": order[-1]} if order[1:] else {}
    growing = [
        Rule(f"Collapse grows with the factor: {title(score, False)} of the standard inversion falls", where,
             title(score, False), _steps(order, score), is_lower(score), figure)
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
