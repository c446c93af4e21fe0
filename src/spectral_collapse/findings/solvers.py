"""What `studies.solvers` says: what the solver and the timestep that the network is told do to latents and images.

Functions of `found` take the results of several data sets by their names.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import QUESTION, Claim, Rule, is_below, is_lower, judge
from spectral_collapse.findings.intervals import as_table, bounds_of, gap, means, stacked
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import by_data, each, span
from spectral_collapse.processes import Process
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.solvers import EULER, FINE, FLOOR, LOG_SNR, NOTHING, NULL_SPACE, SECOND, TABA

OWN, NEXT, PREDICTED = "told its own timestep", "told the next timestep", "told the next, ideal denoiser"
TELLING = {"own": OWN, "next": NEXT}

ENTRY, SOLVER, BOTH = "entry", "solver", "entry and solver"
STANDARD = "the standard inversion"
CHANGES = {
    STANDARD: (SOLVER, NOTHING, EULER, EULER),
    "second order, in the inversion": (SOLVER, NOTHING, SECOND, EULER),
    "second order, in sampling": (SOLVER, NOTHING, EULER, SECOND),
    "second order, both ways": (SOLVER, NOTHING, SECOND, SECOND),
    "four times the steps, in the inversion": (SOLVER, NOTHING, FINE, EULER),
    "four times the steps, in sampling": (SOLVER, NOTHING, EULER, FINE),
    "four times the steps, both ways": (SOLVER, NOTHING, FINE, FINE),
    "even in log SNR, both ways": (SOLVER, NOTHING, LOG_SNR, LOG_SNR),
    "noise floor": (ENTRY, FLOOR, EULER, EULER),
    "TABA": (ENTRY, TABA, EULER, EULER),
    "null-space noise": (ENTRY, NULL_SPACE, EULER, EULER),
    "noise floor, second order both ways": (BOTH, FLOOR, SECOND, SECOND),
    "TABA, second order both ways": (BOTH, TABA, SECOND, SECOND),
    "null-space noise, second order both ways": (BOTH, NULL_SPACE, SECOND, SECOND),
}
"""What is changed of the standard inversion: title -> kind, entry, solver up and down."""


def left(process: Process, num_steps: int, entered: int) -> float:
    """Power that latents have where the data has none, if the network is told the
    next timestep; white noise has 1. entered: the level at which an image enters
    with that level's noise.

    Told its own timestep, an ideal denoiser predicts the noise x / sigma there, and
    the step multiplies x by sigma' / sigma. Told the next one, it takes x for noise
    of standard deviation sigma', and predicts x / sigma', which is too little.
    """
    power = 1.0
    for low, high in itertools.pairwise(process.levels(num_steps)[entered:]):
        ratio, shrink = low.sigma / high.sigma, high.alpha / low.alpha
        power *= (ratio * (1 + shrink * (1 - ratio))) ** 2
    return power


@each(stacked, "panel")
def latents(study: xr.Dataset, process: Process) -> pd.DataFrame:
    """Power of latents at high frequencies: columns panel, series, share of the steps that is replaced by forward
    diffusion, mean, low, high; with `PREDICTED`, what `left` says."""
    starts = [name for name in study["start"].to_numpy() if "TABA" in name]  # 'TABA, 4%'
    shares = {"noise floor": 0.0} | {name: float(name.split(", ")[1].rstrip("%")) / 100 for name in starts}
    values = study["told_high_power"].sel(start=list(shares))
    table = means(values, bounds=(0, math.inf)).assign(share=lambda rows: rows["start"].map(shares))
    table = table.assign(series=table["told"].map(TELLING))
    num_steps = int(study["calls_up"].sel(entry=NOTHING, up=EULER))
    known = [left(process, num_steps, round(num_steps * share)) for share in shares.values()]
    closed = pd.DataFrame({"share": shares.values(), "series": PREDICTED, "mean": known, "low": known, "high": known})
    return pd.concat([table, closed], ignore_index=True)


@each(stacked, "panel")
def told(study: xr.Dataset, score: str) -> pd.DataFrame:
    """A score of each start told either timestep: columns panel, row (start), series, mean, low, high."""
    table = means(study[f"told_{score}"], bounds=bounds_of(score))
    return table.assign(series=table["told"].map(TELLING)).rename(columns={"start": "row"})


def changes(study: xr.Dataset) -> dict[str, xr.DataArray]:
    """The result of each of `CHANGES` whose solvers were run: title -> scores along sample."""
    ran = set(study["up"].to_numpy())
    return {
        title: study.sel(entry=entry, up=up, down=down)
        for title, (_, entry, up, down) in CHANGES.items()
        if {up, down} <= ran
    }


def off(study: xr.Dataset) -> xr.DataArray:
    """How far each image's fine detail is from its true target's: |log of the ratio of energies|."""
    return np.abs(study["hf_ratio"])


@each(stacked, "panel")
def gains(study: xr.Dataset) -> pd.DataFrame:
    """`off` of each change (row) minus the standard inversion's; below 0: nearer to the target. series: its kind."""
    given = {title: off(one) for title, one in changes(study).items()}
    found = {title: one - given[STANDARD] for title, one in given.items() if title != STANDARD}
    values = xr.concat(found.values(), pd.Index(found, name="row"), coords="minimal", compat="override")
    table = as_table(statistics.interval(values), values)
    return table.assign(series=[CHANGES[title][0] for title in table["row"]])


@each(stacked, "panel")
def detail(study: xr.Dataset) -> pd.DataFrame:
    """Log energy over its true target's, each entry and one solver both ways: columns panel, row (entry), series."""
    both = [study["hf_ratio"].sel(up=solver, down=solver, drop=True) for solver in study["up"].to_numpy()]
    values = xr.concat(both, study["up"].rename(up="series"), coords="minimal", compat="override")
    return means(values.transpose("entry", "series", "sample")).rename(columns={"entry": "row"})


def _ahead(change: str, of: str) -> Callable[[xr.Dataset], Interval]:
    """`off` of one change minus that of another on the same images."""
    return lambda study: statistics.interval(off(changes(study)[change]) - off(changes(study)[of]))


def _telling(score: str, start: str) -> Callable[[xr.Dataset], Interval]:
    """A score told the next timestep minus that told its own."""
    return lambda study: gap(study[f"told_{score}"].sel(start=start), told=("next", "own"))


@each(by_data)
def table(study: xr.Dataset) -> dict[str, str]:
    """A row per data set: fine detail over its true targets' of the standard inversion, and with one thing changed."""
    return {name: text(statistics.geometric_mean(values), 2) for name, values in _detail(study).items()}


def _changes_of_detail(found: Found) -> dict[str, list[float]]:
    """By which factor the timestep, the solver and TABA change fine detail on each data set."""
    columns = {"next": "next timestep", "second": "second order", "taba": "TABA"}
    of = [{name: float(values.mean()) for name, values in _detail(study).items()} for study in found.values()]
    return {key: [math.exp(one[name] - one["standard"]) for one in of] for key, name in columns.items()}


def answer(found: Found) -> dict[str, str]:
    """The smallest and the largest of these factors; yes: whether the timestep changes detail more than TABA does."""
    factors = _changes_of_detail(found)
    most = {key: max(abs(math.log(one)) for one in of) for key, of in factors.items()}
    return {key: span(of) for key, of in factors.items()} | {
        "yes": "Yes" if most["next"] > most["taba"] else "Not quite"
    }


def raised(found: Found) -> list[str]:
    """The data sets on which the next timestep adds detail to images although it takes power from latents."""
    more = zip(found.values(), _changes_of_detail(found)["next"], strict=True)
    power = _telling("high_power", "standard")
    return [title_of(study) for study, factor in more if factor > 1 and power(study).high < 0]


def _detail(study: xr.Dataset) -> dict[str, xr.DataArray]:
    """Log energy over its true target's along sample: of the standard inversion, then with one thing changed."""
    of = {title: one["hf_ratio"] for title, one in changes(study).items()}
    return {
        "standard": of[STANDARD],
        "next timestep": study["told_hf_ratio"].sel(start="standard", told="next"),
        "second order": of["second order, both ways"],
        "four times the steps": of["four times the steps, both ways"],
        "TABA": of["TABA"],
    }


def claims(found: Found) -> list[Claim]:
    """What this book asks of timesteps and solvers; each claim holds where the whole interval is below 0."""
    rows = [
        Rule("Told the next timestep, the standard inversion leaves less power at high frequencies", QUESTION,
             "power of latents, next timestep minus own", _telling("high_power", "standard"), is_below(0),
             "fig-solvers-latents"),
        Rule("Told the next timestep, latents of TABA at 4 % are less decorrelated", QUESTION,
             "S_DC, next timestep minus own",
             _telling("s_dc", "TABA, 4%"), is_lower("s_dc"), "fig-solvers-latents"),
    ]  # fmt: skip
    nearer, standard_steps = "fine detail nearer to that of the target", "than TABA with standard steps"
    solved = [
        (f"A solver of second order both ways brings {nearer}", "second order, both ways", STANDARD),
        (f"A solver of second order on the way up alone brings {nearer}", "second order, in the inversion", STANDARD),
        (f"A solver of second order on the way down alone brings {nearer}", "second order, in sampling", STANDARD),
        (f"Four times the steps both ways bring {nearer}", "four times the steps, both ways", STANDARD),
        (f"Without any noise, a solver of second order comes nearer {standard_steps}", "second order, both ways",
         "TABA"),
        ("TABA comes nearer with a solver of second order than with standard steps", "TABA, second order both ways",
         "TABA"),
    ]  # fmt: skip
    rows += [
        Rule(claim, QUESTION, f"distance to the log energy of the target, minus that of {of}", _ahead(change, of),
             is_lower("hf_ratio"), "fig-solvers-gains", 2)
        for claim, change, of in solved
    ]  # fmt: skip
    return judge(rows, found)
