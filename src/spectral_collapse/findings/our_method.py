"""What a method of our own is worth, part by part: null-space noise with second-order steps.

A selection of the benchmark. All goals were set before any result: with S_LF counted up to the true targets' own, an
area of at least 110 % of OVG + TABA's where there is room for it and never below, a smaller distance to real targets
at no worse PSNR, at most 1.1 times the standard inversion's calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.findings import cells, fine_detail
from spectral_collapse.findings.benchmark import called, difference, points, value
from spectral_collapse.findings.cells import Cells
from spectral_collapse.findings.claims import Claim, Rule, from_cases, is_above, judge
from spectral_collapse.findings.latents import Found, counted, stacked
from spectral_collapse.findings.measured import Measured, all_of, at_least, judged, outlined, title_of
from spectral_collapse.findings.tidy import each
from spectral_collapse.findings.tuning import area_draws, area_of
from spectral_collapse.statistics import Interval, groups_of, resampled, text
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.benchmark import TARGET, Selection
from spectral_collapse.studies.published import CHOSEN

OURS, RIVAL, OTHER = "nullspace+dpm", "ovg+taba", "cycle_diffusion"
PARTS = ("standard", "dpm_solver", "noise_floor", "taba", "nullspace", OURS)
"""From nothing to the whole: second order alone, noise alone (at the first level everywhere, later everywhere, later
where the source is empty), both."""
TUNED = tuple(f"{name}{CHOSEN}" for name in ("taba", RIVAL, OURS))
_OUTLINES = "S_LF compares outlines, by the paper's rule for drawings: this area supports no claim."
COMPARED = ("standard", "taba", RIVAL, OURS, RIVAL + CHOSEN, OURS + CHOSEN)
"""What is compared on a second network."""
SELECTION = Selection((*PARTS, RIVAL, *TUNED), datasets=("textures_x8", "bbbc021_x8", "edges2shoes"))

MORE, CALLS, WORSE = 1.1, 1.1, 0.1
"""The goals for the area over the rival's and for the calls over the standard inversion's, and by how many dB PSNR may
be lower without being called worse."""


def on_networks(networks: Mapping[str, str], **given: Any) -> Found:
    """Results of `COMPARED` on other checkpoints, data set -> name, named in titles; without those that nobody has."""
    asked = benchmark.BenchmarkParameters.checked(profile=given.get("profile", "quick"))
    given |= {"methods": COMPARED, "shown": 1}
    found: Found = {}
    for dataset, checkpoint in networks.items():
        if benchmark.has_results(checkpoint, datasets.info(dataset).family, asked.size, asked.profile):
            [study] = benchmark.STUDY.each(**given | {"datasets": dataset, "checkpoint": checkpoint}).values()
            found[dataset] = study.assign_attrs(title=f"{title_of(study)}, {checkpoint}")
    return found


@each(stacked)
def areas(study: xr.Dataset) -> pd.DataFrame:
    """Every method's area, draws averaged: columns panel, method, series, mean, low, high, target."""
    area = area_of(*_parts(study, points(study)))._asdict()
    return _rows(study).assign(**area, target=room(study))


@each(stacked)
def details(study: xr.Dataset) -> pd.DataFrame:
    """By which factor every method's fine detail misses the targets', `fine_detail.miss`: columns as of `areas`."""
    missed = pd.DataFrame([fine_detail.miss(study, name) for name in points(study)])
    return _rows(study).join(missed).assign(target=1.0)


def _rows(study: xr.Dataset) -> pd.DataFrame:
    ours = ["ours" if name.removesuffix(CHOSEN) == OURS else "others" for name in points(study)]
    return pd.DataFrame({"method": map(called, points(study)), "series": ours})


def room(study: xr.Dataset) -> float:
    """The area that the true targets have."""
    return value(study, "s_hf", TARGET).mean * value(study, "s_lf", TARGET).mean


def gain(study: xr.Dataset, ours: str, rival: str) -> Interval:
    """The area of a method over that of another, on the same images."""
    draws = area_draws(*_parts(study, [ours, rival]))
    ratios = draws[0] / draws[1]
    return Interval(*map(float, resampled(ratios[0], ratios[1:], groups_of(study))))


def gains(found: Found) -> Measured:
    """`gain` at chosen settings, of the results whose S_LF can support a claim."""
    return Measured({title_of(pair[0]): gain(*pair) for pair in pairs(judged(found)[0], [CHOSEN])})


def pairs(found: Found, endings: Sequence[str] = ("", CHOSEN)) -> Iterator[tuple[xr.Dataset, str, str]]:
    """Each result with what is compared on it: ours and the rival with published settings, and with chosen ones."""
    for study in found.values():
        for ending in endings:
            if {OURS + ending, RIVAL + ending} <= {*study["point"].to_numpy()}:
                yield study, OURS + ending, RIVAL + ending


def against(found: Found) -> Cells:
    """Ours beside OVG + TABA, both at chosen settings: by which factor fine detail misses, areas, differences of PSNR
    and of the distance to real targets, costs."""
    rows = [
        {
            "Data": title_of(study),
            "Detail, ours": (fine_detail.miss(study, ours), 1),
            "Detail, OVG + TABA": (fine_detail.miss(study, rival), 1),
            "Area ratio": (gain(study, ours, rival), 3, "", _OUTLINES * outlined(study)),
            "PSNR gap (dB)": (difference(study, ours, rival, "psnr"), 2),
            "SWD gap": (float(_distance(study, ours, rival).mean()), 3),
            "Cost ratio": (_calls(study, ours) / _calls(study, rival), 2),
        }
        for study, ours, rival in pairs(found, [CHOSEN])
    ]
    return pd.DataFrame(map(cells.row, rows))


def answer(found: Found, usual: Found) -> str:
    """At chosen settings: what ours costs beside OVG + TABA, how often its fine detail is nearer to the targets' and
    farther from them, and what cycle diffusion does at the same cost, as Markdown. usual: of the benchmark."""
    fair = list(pairs(found, [CHOSEN]))
    if not fair:
        return "**Answer.** None of these data sets has results of both methods with chosen settings."
    cost = sum(_calls(study, ours) / _calls(study, rival) for study, ours, rival in fair) / len(fair)
    held = [fine_detail.closer(*pair) for pair in fair]
    as_a_set = sum(bool((_distance(*pair) > 0).all()) for pair in fair)
    both = {name: one for name, one in usual.items() if {OURS, OTHER} <= {*one["point"].to_numpy()}}
    count = f"On {len(held) - held.count(False)} of {len(held)}" if False in held else "On all"
    words = (
        f"**Answer.** {count} data sets it does. At {cost:.2f} times the cost of OVG + TABA, both with settings chosen "
        f"on validation images, our inversion's fine detail is significantly nearer to the targets' on "
        f"{held.count(True)} and farther on {held.count(False)}. All its images together are farther from real ones "
        f"(SWD, every seed) on {as_a_set}."
    )
    if not both:
        return words
    ours, other = (fine_detail.average(both, name) for name in (OURS, OTHER))
    advice = ", so use ours where you need a single latent" * (other < ours)
    return (
        f"{words} {called(OTHER).capitalize()} costs as little. On these data sets, at default settings, its detail "
        f"is off by a factor of {other:.1f} on average, ours by {ours:.1f}{advice}."
    )


def on_others(found: Found) -> pd.DataFrame:
    """`gains` as a table to show, a row per network."""
    rows = {name: text(one, 2) for name, one in gains(found).items()}
    return pd.DataFrame({"Area, ours over OVG + TABA": rows}).rename_axis("Data and network")


def claims(found: Found) -> list[Claim]:
    """The goals; room for more area is where the true targets' own is as large as the goal."""
    where, figure, ours_is = "a goal of this project", "fig-our-areas", "Null-space noise with second-order steps"
    every, roomy, near = {}, {}, {}
    for study, ours, rival in pairs(found):
        name = f"{counted(study)}, {'chosen' if ours.endswith(CHOSEN) else 'default'} settings"
        if not outlined(study):
            every[name] = gain(study, ours, rival)
            if room(study) / float(area_draws(*_parts(study, [rival]))[0, 0]) >= MORE:
                roomy[name] = every[name]
        psnr, farther = difference(study, ours, rival, "psnr"), _distance(study, ours, rival)
        closer = True if (farther < 0).all() else False if (farther > 0).all() else None
        held = all_of(closer, at_least(psnr, 0, WORSE), _calls(study, ours) <= CALLS)
        near[name] = f"SWD {farther.mean():+.3f}, PSNR {text(psnr, 2)} dB", held
    what = f"area over that of OVG + TABA{judged(found)[1]}"
    rules = [
        Rule(f"{ours_is} has at least {MORE:.0%} of OVG + TABA's area where the true targets' area is that large",
             where, what, Measured(roomy), is_above(MORE), figure, 2),
        Rule(f"{ours_is} never has less area than OVG + TABA", where, what, Measured(every), is_above(1), figure, 2),
    ]  # fmt: skip
    words = (
        f"{ours_is} comes closer to real targets than OVG + TABA (SWD, every seed) without losing {WORSE:g} dB of "
        f"PSNR, for at most {CALLS:g} times the standard inversion's calls"
    )
    return [*judge(rules), from_cases(words, where, near, figure=figure)]


def _parts(study: xr.Dataset, names: list[str]) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """S_HF and S_LF of methods, draws averaged, (point, sample), and S_LF of the true targets, (sample,)."""
    of = study.sel(point=names, reference=TARGET)
    return *(of[name].mean("seed").transpose("point", "sample") for name in ("s_hf", "s_lf")), of["reference_s_lf"]


def _distance(study: xr.Dataset, ours: str, rival: str) -> np.ndarray:
    """Sliced Wasserstein distance to real targets, ours minus the rival's, of each draw, (seed,)."""
    distances = study["sliced_wasserstein"]
    return (distances.sel(point=ours) - distances.sel(point=rival)).to_numpy()


def _calls(study: xr.Dataset, name: str) -> float:
    return float(study["inversion_cost"].sel(point=name))
