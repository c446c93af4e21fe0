"""Which method to use: by task and by budget, from results of the benchmark.

The rule. On a data set of the task, those methods are candidates whose inversion costs no more than the budget. The
best has the highest mean of the task's score; all candidates lead with it that are not significantly worse (paired
difference). Where outputs are to be looked at, a candidate's must not be farther from real targets than the standard
inversion's: neither as a set (sliced Wasserstein distance, every draw) nor, significantly, in the fine detail of each
image. Intervals are not corrected for the number of methods, and the best is chosen on the images that it is judged on.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import results
from spectral_collapse.errors import DataError, unknown
from spectral_collapse.findings import cells, comparison, fine_detail, perception
from spectral_collapse.findings.benchmark import called, capped, points, seeds_averaged, structure
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.claims import is_higher, is_lower
from spectral_collapse.findings.decomposition import by_network
from spectral_collapse.findings.fine_detail import DETAIL
from spectral_collapse.findings.intervals import gap
from spectral_collapse.findings.latents import Found, counted
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import enumerated, once
from spectral_collapse.inversion import METHODS
from spectral_collapse.inversion.noise_maps import NoiseMaps
from spectral_collapse.statistics import Interval, interval, text
from spectral_collapse.studies.published import COMBINED

BUDGETS = (1.0, 1.1, 1.6, 4.0)
"""What an inversion may cost, in standard inversions: `inversion_cost` of the benchmark."""

JOINT = "joint"
"""S_LF, capped at the true target's own, times `fine_detail.nearness` of each image. It wants both."""

AMONG, APART = "among the best", "significantly worse than the best"
"""What `gains` calls a method that leads, and one that does not."""

_SCORES = {
    DETAIL: "nearness in fine detail (minus log of the factor)",
    "psnr": "PSNR to the true target (dB)",
    JOINT: "S_LF (capped) times nearness in fine detail",
    "reconstruction": "PSNR to the source (dB)",
    "s_lf": "S_LF (capped)",
}


@dataclass(frozen=True)
class Task:
    """What is asked of a method. score: of single images, more is better. structures: what S_LF
    compares on its data sets, () for all. near: images must not be farther from real targets."""

    score: str
    structures: tuple[str, ...] = ()
    near: bool = False


TASKS = {
    "fine detail": Task(DETAIL),
    "super-resolution: values": Task("psnr", ("color",)),
    "super-resolution: structure and detail": Task(JOINT, ("color",), near=True),
    "drawing to photo": Task(JOINT, ("silhouette", "edges"), near=True),
    "reconstruction": Task("reconstruction"),
    "keeping structure": Task("s_lf", near=True),
}


_, MEASURING, LOOKING, DRAWING, *_ = TASKS
ENDS = (BUDGETS[0], BUDGETS[-1])
_NAMED, _DRAWN = 3, 6
"""Of methods that lead, a sentence names so many, and the figure has so many."""


class Choice(NamedTuple):
    """A candidate; gain: over the standard inversion; behind: minus the best."""

    method: str
    cost: float
    gain: Interval
    behind: Interval
    leads: bool


def suited(found: Found, task: str) -> Found:
    """The results that a task is answered from."""
    wanted = TASKS[task].structures
    return {name: study for name, study in found.items() if not wanted or study.attrs["structure"] in wanted}


def choices(study: xr.Dataset, task: str, budget: float) -> list[Choice]:
    """All candidates on a data set, the best first; a result is taken not to change from call to call.

    Raises InvalidParameterError for an unknown task, DataError where the budget leaves none.
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    wanted, costs = TASKS[task], study["inversion_cost"].to_series()
    allowed = _allowed(study, wanted)
    names = [str(name) for name, cost in costs.items() if cost <= budget * (1 + 1e-9) and name in allowed]
    if not names:
        raise DataError(f"no method costs {budget:g} standard inversions or less; the cheapest costs {costs.min():g}")
    return _compared(study, wanted.score, tuple(names))


@once
def _allowed(study: xr.Dataset, wanted: Task) -> set[str]:
    """The methods that are no farther from real targets, where a task has this condition; one that equals an earlier
    one on every image is left out."""
    distinct = comparison.distinct(study, ("psnr", "s_hf", "hf_excess"))["point"]
    names = [name for name in points(study) if name in distinct]
    if wanted.near:
        names = [name for name in names if not (_farther(study, name) or fine_detail.closer(study, name) is False)]
    return set(names)


@once
def _compared(study: xr.Dataset, score: str, names: tuple[str, ...]) -> list[Choice]:
    """These methods by their mean score, each compared with the standard inversion and with the first."""
    scores, costs = _score(study, score), study["inversion_cost"].to_series()
    order = sorted(names, key=lambda name: -float(scores.sel(point=name).mean()))
    gains, gaps = (
        zip(*interval(scores.sel(point=order) - scores.sel(point=other, drop=True)), strict=True)
        for other in ("standard", order[0])
    )
    return [
        Choice(name, float(costs[name]), Interval(*gain), behind := Interval(*gap), not behind.high < 0)
        for name, gain, gap in zip(order, gains, gaps, strict=True)
    ]


def leading(found: Found, task: str, budget: float) -> dict[str, int]:
    """Method -> on how many of the task's data sets it leads, those that do on most of them first."""
    counts = Counter[str]()
    for study in suited(found, task).values():
        counts.update({one.method: int(one.leads) for one in choices(study, task, budget)})
    return {name: count for name, count in counts.most_common() if count}


def table(found: Found) -> Cells:
    """A row per task, data set and range of budgets: the best, its gain over the standard inversion, who else leads."""
    rows = []
    for task, wanted in TASKS.items():
        for study in suited(found, task).values():
            leaders = {budget: [one for one in choices(study, task, budget) if one.leads] for budget in BUDGETS}
            same = itertools.groupby(BUDGETS, lambda budget, by=leaders: [one.method for one in by[budget]])
            for (name, *alike), (first, *more) in ((names, list(group)) for names, group in same):
                best = leaders[first][0]
                row = {
                    "Task": task,
                    "Data": title_of(study),
                    "Budget": Cell(" to ".join(f"{one:g}" for one in (first, *more[-1:])), first),
                    "Best": called(name),
                    "Cost": (best.cost, 2),
                    "Score": _SCORES[wanted.score],
                    "Score minus the standard inversion's": (best.gain, 3),
                    "Others not significantly worse": Cell(", ".join(map(called, alike)) or "none", len(alike)),
                }
                rows.append(cells.row(row))
    return pd.DataFrame(rows)


def gains(found: Found) -> pd.DataFrame:
    """Gains at the largest budget, of the methods that lead a task on most data sets first; series: the data set."""
    rows = []
    for task, wanted in TASKS.items():
        every = [(title_of(study), choices(study, task, BUDGETS[-1])) for study in suited(found, task).values()]
        names = (one.method for _, those in every for one in those)
        best = list(dict.fromkeys([*leading(found, task, BUDGETS[-1]), *names]))[:_DRAWN]
        for title, those in every:
            for one in sorted((one for one in those if one.method in best), key=lambda one: best.index(one.method)):
                row = {"panel": f"{task}|{_SCORES[wanted.score]}", "method": called(one.method), "series": title}
                rows.append(row | {"standing": AMONG if one.leads else APART} | one.gain._asdict())
    return pd.DataFrame(rows)


def _most(found: Found, task: str, budget: float) -> tuple[list[str], int]:
    """The methods that lead on most of the task's data sets, and on how many."""
    counts = leading(found, task, budget)
    most = max(counts.values())
    return [name for name, count in counts.items() if count == most], most


def best(found: Found, seen: Found, latent: bool = False) -> str:
    """What to try first: of the methods that are `fine_detail.tied`, the one with the smallest ST-LPIPS on average.

    found, seen: of the benchmark and of the study perception, on the same data sets. latent: of those alone whose
    inversion is one latent, without the noise of every step.
    """
    tied = fine_detail.tied(found, has_latent if latent else lambda name: True)
    return min(tied, key=functools.partial(perception.average, seen))


def has_latent(name: str) -> bool:
    """Whether a method's inversion is one latent, without the noise of every step (`inversion.noise_maps`)."""
    return not issubclass(METHODS[COMBINED.get(name, name)], NoiseMaps)


def answer(found: Found, seen: Found, ordinary: Found) -> str:
    """What to try first, and what to use for correct values, for structure and detail together, and for drawings, as
    Markdown. ordinary: of the benchmark, with ordinary networks."""
    cheap, plain = BUDGETS[0], by_network(found, ordinary)["ordinary"]
    tied, first = fine_detail.tied(found), best(found, seen)
    miss, usual = (fine_detail.average(found, name) for name in (first, "standard"))
    alone = "it is the nearest on average"
    among = f"{len(tied)} are about as near on average, and of these it is the nearest by ST-LPIPS"
    said = (
        f"Try {_bold([first])} first: of the methods that cost no more than the standard inversion and are nowhere "
        f"significantly farther from the true targets' fine detail, {among if len(tied) > 1 else alone}. Its fine "
        f"detail is off by a factor of {miss:.1f} on average, that of the standard inversion by {usual:.1f}."
        f"{fine_detail.unharmed(plain)}"
    )
    lines = []
    if worse := [title_of(one) for one in found.values() if is_lower("s_lf").holds(structure(one, first)) is True]:
        kept = f"keeps significantly less structure than the standard inversion on {enumerated(worse)}"
        lines.append(f"{called(first)[0].upper()}{called(first)[1:]} {kept}.")
    if not has_latent(first):
        steps = results.parameters(next(iter(found.values())).attrs).get("num_steps", "its")
        other = _bold([best(found, seen, latent=True)])
        harmless = fine_detail.tied(plain, has_latent)[:1] if plain else []  # with ordinary networks
        theirs = f"; with an ordinary network it is {_bold(harmless)}" * bool(harmless)
        lines.append(
            f"{called(first)[0].upper()}{called(first)[1:]} stores the noise of all {steps} steps, and its latent "
            f"alone is random. Of the methods with one latent, {other} is the first by the same rule{theirs}. We did "
            "not test edits by prompts."
        )
    if studies := suited(found, MEASURING):
        names, count = _most(found, MEASURING, cheap)
        off = [
            title_of(one) for one in studies.values() if any(fine_detail.closer(one, name) is False for name in names)
        ]
        farther = "fine detail is farther from the targets' than the standard inversion's"
        note = f": on {enumerated(off)} {farther}" * bool(off)
        where = f"{count} of {len(studies)} data sets" if len(studies) > 1 else "the only data set"
        lines.append(
            f"For correct pixel values (PSNR) use {_bold(names, 'or')}, among the best on {where}. PSNR favours smooth "
            f"images, so look at them first{note}."
        )
    if studies := suited(found, LOOKING):
        names, count = _most(found, LOOKING, cheap)
        ours = ", [our own method](our_method.ipynb)," * any(name.startswith("nullspace") for name in names)
        best_of = f"among the best on {count} of {len(studies)}"
        lines.append(f"For structure and detail together use {_bold(names, 'or')}{ours or ','} {best_of}.")
    for study in suited(found, DRAWING).values():
        near, costly, gain = _ends(study, DRAWING)
        if gain.low > 0:
            other = f"than *{called(near.method)}*, the best that costs no more than the standard inversion"
            more = f"significantly better {other}; it costs {costly.cost:.1f} times as much as this"
            lines.append(f"For drawings, as on {title_of(study)}, {_bold([costly.method])} is {more}.")
    return "\n".join([f"**Answer.** {said}", "", *(f"- {line}" for line in lines)])


def ranked(found: Found, seen: Found) -> pd.DataFrame:
    """The methods of `fine_detail.ranking`: by which factor each misses the targets on average, how many times that of
    the first it is, and the mean ST-LPIPS."""
    distinct = comparison.distinct(next(iter(found.values())), ("psnr", "s_hf"))["point"]
    ranking = {name: more for name, more in fine_detail.ranking(found).items() if name in distinct}
    columns = {
        "Off by a factor of": [f"{fine_detail.average(found, name):.2f}" for name in ranking],
        "Times the first": [text(more, 2) if index else "1" for index, more in enumerate(ranking.values())],
        "ST-LPIPS": [f"{perception.average(seen, name):.3f}" for name in ranking],
    }
    return pd.DataFrame(columns, pd.Index(map(called, ranking), name="Method"))


def _bold(names: Sequence[str], last: str = "and") -> str:
    """The first three by their names."""
    others = ["others"] * (len(names) > _NAMED)
    return enumerated([*(f"**{called(name)}**" for name in names[:_NAMED]), *others], last)


def leaders(found: Found) -> pd.DataFrame:
    """A row per task: who leads on most of its data sets at the smallest and at the largest budget."""

    def told(task: str, budget: float) -> str:
        if not (studies := suited(found, task)):
            return "no data set of this task"
        names, most = _most(found, task, budget)
        return f"{', '.join(map(called, names))} ({most} of {len(studies)})"

    columns = {f"Best at cost {budget:g}": [told(task, budget) for task in TASKS] for budget in ENDS}
    return pd.DataFrame(columns, pd.Index(TASKS, name="Task"))


def unseen(found: Found) -> str:
    """What the scores do not see of the methods in `leaders`, and what was measured, as Markdown."""
    named = dict[str, dict[str, xr.Dataset]]()
    for task, budget in itertools.product(TASKS, ENDS):
        studies = suited(found, task)
        for name in _most(found, task, budget)[0] if studies else ():
            named.setdefault(name, {}).update(studies)
    return f"{beware(named)}Measured on {'; '.join(counted(study) for study in found.values())}."


def beware(named: Mapping[str, Found]) -> str:
    """What the tasks' scores do not see of methods on half of their data sets."""
    lines = []
    for name, found in named.items():
        counts = {
            "are farther from real targets (SWD)": sum(_farther(one, name) for one in found.values()),
            "have fine detail farther from that of the targets": fine_detail.nearer(found, name)[1],
        }
        parts = [f"{words} on {n} of {len(found)}" for words, n in counts.items() if 2 * n >= len(found)]
        if parts:
            lines.append(f"- images of **{called(name)}** {enumerated(parts)} data sets.\n")
    head = "**Beware** of what these scores miss. Compared with images of the standard inversion"
    return f"{head}:\n\n{''.join(lines)}\n" if lines else ""


def _farther(study: xr.Dataset, name: str) -> bool:
    """Whether images are farther from real targets than the standard inversion's, in every draw."""
    distance = study["sliced_wasserstein"]
    return bool((distance.sel(point=name) > distance.sel(point="standard")).all())


def worth(found: Found) -> str:
    """In how many cases, a task on a data set each, the largest budget has another best than the smallest, and a
    better one, as Markdown."""
    pairs = [(task, study) for task in TASKS for study in suited(found, task).values()]
    others, better = 0, []
    for task, study in pairs:
        cheap, costly, gain = _ends(study, task)
        others += cheap.method != costly.method
        if is_higher(TASKS[task].score).holds(gain) is True:
            better.append(f"{called(costly.method)} for {task} on {title_of(study)}")
    pays = "Mostly" if 2 * len(better) > len(pairs) else "Seldom" if better else "Not shown"
    return (
        f"**Does it pay to spend more?** {pays}. With a budget of {BUDGETS[-1]:g} instead of {BUDGETS[0]:g} standard "
        f"inversions, another method is best in {others} of {len(pairs)} cases. It is better by more than our "
        f"margins in {len(better)}{': ' * bool(better)}{enumerated(better) if better else ''}."
    )


def _ends(study: xr.Dataset, task: str) -> tuple[Choice, Choice, Interval]:
    """The best of a task at the smallest budget and at the largest, and what the second gains over the first."""
    cheap, costly = (choices(study, task, budget)[0] for budget in ENDS)
    return cheap, costly, gap(_score(study, TASKS[task].score), point=(costly.method, cheap.method))


def _score(study: xr.Dataset, score: str) -> xr.DataArray:
    """Of each method and image, seeds averaged, S_LF capped."""
    if score == DETAIL:
        return seeds_averaged(-np.abs(fine_detail.log_ratio(study)))
    limited = capped(study)
    return seeds_averaged(limited["s_lf"] * fine_detail.nearness(study) if score == JOINT else limited[score])
