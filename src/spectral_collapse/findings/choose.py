"""Which method to use: by task and by budget, from results of the benchmark.

The rule. On a data set of the task, those methods are candidates whose inversion costs no more than the budget allows.
The best is the candidate with the highest mean of the task's score. It leads together with all candidates that are not
significantly worse: the 95 % interval of the paired difference holds 0. A task may have a floor: a score in which a
candidate must not be worse than the standard inversion with its whole interval. Where outputs are to be looked at, a
candidate's must not be farther from real targets (sliced Wasserstein distance, every draw) than the standard
inversion's: its score can have the mean structure and energy of images that look like none. Intervals are not
corrected for the number of methods, and the best is chosen on the images that it is judged on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import xarray as xr

from spectral_collapse.errors import DataError, unknown
from spectral_collapse.findings import cells
from spectral_collapse.findings.benchmark import called, cut, difference
from spectral_collapse.findings.cells import Cell, Cells
from spectral_collapse.findings.latents import Found, label
from spectral_collapse.findings.measured import attr, title_of
from spectral_collapse.inversion import METHODS
from spectral_collapse.statistics import Interval, interval, text

BUDGETS = (1.0, 1.1, 1.6, 4.0)
"""What an inversion may cost, in standard inversions: `inversion_cost` of the benchmark."""

JOINT = "joint"
"""S_LF, cut at the true target's own, times S_HF of each image: the area under its point. It wants both."""

AMONG, APART = "among the best", "significantly worse than the best"
"""What `gains` calls a method that leads, and one that does not."""

_SCORES = {
    "psnr": "PSNR to the true target (dB)",
    JOINT: "S_LF (cut) times S_HF",
    "reconstruction": "PSNR to the source (dB)",
    "s_lf": "S_LF (cut)",
}


@dataclass(frozen=True)
class Task:
    """What a reader wants. score: of single images, more is better. structure: of the data sets that it is answered
    from ('color' for thinned-out images, 'edges' for drawings), '' for all. floor: a score that must not fall. near:
    images must not be farther from real targets (SWD) than the standard inversion's."""

    wanted: str
    score: str
    structure: str = ""
    floor: str = ""
    near: bool = False


TASKS = {
    "super-resolution, to measure in": Task("values that are right", "psnr", "color"),
    "super-resolution, to look at": Task("the source's structure with a usual texture", JOINT, "color", near=True),
    "drawing to photo": Task("the drawing's structure with a usual texture", JOINT, "edges", near=True),
    "reconstruction": Task("the source back, under its own label", "reconstruction"),
    "editing": Task("as much of the source as can be, texture not below the standard inversion's", "s_lf", "", "s_hf"),
}


class Choice(NamedTuple):
    """A candidate: cost of its inversion; mean of the score minus the standard inversion's; minus the best's; whether
    it leads."""

    method: str
    cost: float
    gain: Interval
    behind: Interval
    leads: bool


def suited(found: Found, task: str) -> Found:
    """The results that a task is answered from. Raises InvalidParameterError for an unknown task."""
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    wanted = TASKS[task].structure
    return {name: study for name, study in found.items() if wanted in ("", study.attrs["structure"])}


def choices(study: xr.Dataset, task: str, budget: float) -> list[Choice]:
    """All candidates on a data set, the best first. Raises InvalidParameterError for an unknown task, DataError where
    the budget leaves none."""
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    wanted, limited = TASKS[task], cut(study)
    affordable = study["inversion_cost"].to_series()
    affordable = affordable[affordable <= budget * (1 + 1e-9)]
    names = [str(name) for name in affordable.index]
    if wanted.floor:
        floor = study[wanted.floor].mean("seed")
        gaps = interval(floor.sel(point=names) - floor.sel(point="standard", drop=True))
        names = [name for name, high in zip(names, gaps.high, strict=True) if not high < 0]
    if wanted.near:
        names = [name for name in names if not _farther(study, name)]
    if not names:
        least = float(study["inversion_cost"].min())
        raise DataError(f"no method costs {budget:g} standard inversions or less; the cheapest costs {least:g}")
    scores = _score(limited, wanted.score)
    order = sorted(names, key=lambda name: -float(scores.sel(point=name).mean()))
    gains, gaps = (
        zip(*interval(scores.sel(point=order) - scores.sel(point=other, drop=True)), strict=True)
        for other in ("standard", order[0])
    )
    return [
        Choice(name, float(affordable[name]), Interval(*gain), behind := Interval(*gap), not behind.high < 0)
        for name, gain, gap in zip(order, gains, gaps, strict=True)
    ]


def leading(found: Found, task: str, budget: float) -> dict[str, int]:
    """Method -> on how many of the task's data sets it leads, those that do on most of them first."""
    counts: dict[str, int] = {}
    for study in suited(found, task).values():
        for one in choices(study, task, budget):
            counts[one.method] = counts.get(one.method, 0) + one.leads
    return {name: count for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count}


def pick(found: Found, task: str, budget: float) -> str:
    """One method that `inversion.create` makes by its name alone: of those that lead on most data sets, the one with
    the largest mean gain there. Combinations such as 'ovg+taba' are none: their arguments depend on the data.

    Raises InvalidParameterError for an unknown task, DataError where no data set is of it, or no such method leads.
    """
    counts = {name: count for name, count in leading(found, task, budget).items() if name in METHODS}
    if not counts:
        why = "no single method leads" if suited(found, task) else "no result is of a data set"
        raise DataError(f"{why} for {task!r}; run the benchmark on {'more of them' if suited(found, task) else 'one'}")
    most = [name for name, count in counts.items() if count == max(counts.values())]
    listed = [one for study in suited(found, task).values() for one in choices(study, task, budget)]
    gains = {name: [one.gain.mean for one in listed if one.method == name] for name in most}
    return max(most, key=lambda name: sum(gains[name]) / len(gains[name]))


def table(found: Found) -> Cells:
    """A row per task, budget and data set: the best, what it gains over the standard inversion, who else leads."""
    rows = []
    for task, wanted in TASKS.items():
        for study in suited(found, task).values():
            for budget in BUDGETS:
                best, *others = choices(study, task, budget)
                told = [called(one.method) for one in others if one.leads]
                row = {"Task": cells.label(task), "Data": cells.label(title_of(study))}
                row["Budget"] = Cell(f"{budget:g}", budget)
                row |= {"Best": cells.label(called(best.method)), "Cost": cells.number(best.cost, 2)}
                row["Score"] = cells.label(_SCORES[wanted.score])
                row["Minus the standard inversion's"] = cells.number(best.gain, 3)
                row["No significant difference from it"] = Cell(", ".join(told) or "none", len(told))
                rows.append(row)
    return pd.DataFrame(rows)


def gains(found: Found) -> pd.DataFrame:
    """Every method of the largest budget on the first data set of each task: columns panel, method, series (leads or
    not), mean, low, high of the score minus the standard inversion's."""
    rows = []
    for task, wanted in TASKS.items():
        for study in list(suited(found, task).values())[:1]:
            for one in choices(study, task, BUDGETS[-1]):
                ends = dict(zip(("mean", "low", "high"), one.gain, strict=True))
                row = {"panel": f"{task}|{_SCORES[wanted.score]}|{title_of(study)}", "method": called(one.method)}
                rows.append(row | ends | {"series": AMONG if one.leads else APART})
    return pd.DataFrame(rows)


def answer(found: Found) -> str:
    """For each task who leads at the cost of one standard inversion, and who at the largest budget, as Markdown."""
    lines, named = [], dict[str, dict[str, xr.Dataset]]()
    for task, wanted in TASKS.items():
        studies = suited(found, task)
        if not studies:
            lines.append(f"- **{task}**: no data set of this task is among these results.")
            continue
        texts = []
        for budget in (BUDGETS[0], BUDGETS[-1]):
            counts = leading(found, task, budget)
            most = max(counts.values())
            best = [name for name, count in counts.items() if count == most]
            for name in best:
                named.setdefault(name, {}).update(studies)
            listed = ", ".join(map(called, best))
            texts.append(f"{_costing(budget)}: {listed} ({most} of {len(studies)})")
        kinds = " and ".join(sorted({attr(study, "data_source") for study in studies.values()}))
        sets = f"{len(studies)} data set{'s' * (len(studies) > 1)}, {kinds}"
        lines.append(f"- **{task}** ({wanted.wanted}; {sets}): {'; '.join(texts)}.")
    sets = "; ".join(label(study) for study in found.values())
    return (
        "**Answer.** Who is best, or not significantly worse than the best, on most data sets of a task (in brackets: "
        f"on how many):\n\n{chr(10).join(lines)}\n\n{beware(named)}Measured on {sets}."
    )


def beware(named: Mapping[str, Found]) -> str:
    """What the tasks' scores do not see of methods, on at least half of the data sets, as a list of Markdown: images
    that are smoother than the standard inversion's (log energy at high frequencies, whole interval), or farther from
    real targets (SWD, every draw). named: method -> the data sets of the tasks that it is named for."""
    lines = []
    for name, found in named.items():
        smooth = sum(difference(one, name, "standard", "hf_excess").high < 0 for one in found.values())
        far = sum(_farther(one, name) for one in found.values())
        parts = [
            f"{words} on {count} of {len(found)} data sets"
            for count, words in (
                (smooth, "have less energy at high frequencies"),
                (far, "are farther from real targets (SWD)"),
            )
            if 2 * count >= len(found)
        ]
        if parts:
            lines.append(f"- **{called(name)}**: they {', and '.join(parts)}.\n")
    if not lines:
        return ""
    head = "**Beware** of what these scores do not see in the images, beside the standard inversion's"
    return f"{head}:\n\n{''.join(lines)}\n"


def _farther(study: xr.Dataset, name: str) -> bool:
    """Whether images are farther from real targets than the standard inversion's, in every draw."""
    distance = study["sliced_wasserstein"]
    return bool((distance.sel(point=name) > distance.sel(point="standard")).all())


def worth(found: Found) -> str:
    """On how many data sets of all tasks the largest budget has another best than the smallest, and a significantly
    better one, as Markdown."""
    pairs, others, better = 0, 0, []
    for task, wanted in TASKS.items():
        for study in suited(found, task).values():
            cheap, costly = (choices(study, task, budget)[0].method for budget in (BUDGETS[0], BUDGETS[-1]))
            scores = _score(cut(study), wanted.score)
            gain = interval(scores.sel(point=costly, drop=True) - scores.sel(point=cheap, drop=True))
            pairs += 1
            others += cheap != costly
            if cheap != costly and gain.low > 0:
                better.append(f"{task}, {title_of(study)}: {called(costly)} {text(gain, 3)}")
    said = "Mostly" if 2 * len(better) > pairs else "Seldom" if better else "Not shown"
    return (
        f"**Does it pay to spend more?** {said}: the best method of {_costing(BUDGETS[-1])} is another one than the "
        f"best of {_costing(BUDGETS[0])} in {others} of {pairs} cases, and significantly better in "
        f"{len(better)}{': ' * bool(better)}{'; '.join(better)}."
    )


def example(found: Found, task: str, budget: float) -> str:
    """One sentence on `pick`, with its gains on each data set, and one on combinations that lead on more of them."""
    name = pick(found, task, budget)
    gained = [
        f"{title_of(study)} {text(one.gain)}"
        for study in suited(found, task).values()
        for one in choices(study, task, budget)
        if one.method == name
    ]
    counts = leading(found, task, budget)
    combined = [called(other) for other, count in counts.items() if other not in METHODS and count > counts[name]]
    more = f" On more data sets leads {', '.join(combined)}, whose arguments depend on the data." if combined else ""
    return (
        f"For {task}, {_costing(budget)}: **{called(name)}** "
        f"({_SCORES[TASKS[task].score]} minus the standard inversion's: {'; '.join(gained)}).{more}"
    )


def _costing(budget: float) -> str:
    return f"up to {budget:g} standard inversion{'s' * (budget > 1)}"


def _score(limited: xr.Dataset, score: str) -> xr.DataArray:
    """Of each method and image, seeds averaged; `limited` has S_LF cut."""
    values = limited["s_lf"] * limited["s_hf"] if score == JOINT else limited[score]
    return values.mean("seed") if "seed" in values.dims else values
