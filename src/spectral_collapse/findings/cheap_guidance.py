"""What `studies.cheap_guidance` says: cheap gradients beside the exact ones, and what each variant of OVG is worth.

Functions of `found` take the results of several data sets by their names. Intervals resample what images are taken
from. S_LF counts up to that of the image's own true target: beyond it a method copies the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings import fine_detail
from spectral_collapse.findings.claims import Claim, from_cases
from spectral_collapse.findings.intervals import beside, bounds_of, means, stacked
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import attr, judged, title_of
from spectral_collapse.findings.tidy import by_data, each, items, often
from spectral_collapse.statistics import HypervolumeGain, text
from spectral_collapse.store import results
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.benchmark import TARGET
from spectral_collapse.studies.cheap_guidance import EXACT, STANDARD

CHEAP, NEXT_TO_NOTHING = 1.6, 1.1
"""Times of the inversion over the standard one's: the goals with products, and without."""
MARGIN = 0.05
"""A loss of area that counts as none, as a share of the exact method's."""

_TERMS = {"g_HF": ("spectral HF", "secant HF", "free HF"), "g_LF": ("spectral LF", "free LF")}
"""Variants that take one of the two gradients from elsewhere."""


@each(stacked, "dataset")
def gradients(study: xr.Dataset, value: str) -> pd.DataFrame:
    """`cosine` or `log_length` along exact OVG's walk, or the `share` of g_HF's energy at high frequencies: columns
    panel, series (origin), step (from 1), and those of `means`."""
    values = study[value].sel(gradient=["g_HF"], band="high", drop=True) if value == "share" else study[value]
    table = means(values, "followed").dropna(subset="mean").rename(columns={"kind": "series", "origin": "series"})
    panel = f"{title_of(study)}, {attr(study, 'space')}|" + table["gradient"]
    return table.assign(step=table["step"] + 1, panel=panel)


@each(stacked, "dataset")
def front(study: xr.Dataset) -> pd.DataFrame:
    """A row per variant and start: columns panel, series, start; s_lf and s_hf with `_low` and `_high`; seconds;
    target, the true targets' mean S_LF."""
    texture, structure = (beside(means(study[name], bounds=bounds_of(name)), name) for name in ("s_hf", "s_lf"))
    table = texture.join(structure[["s_lf", "s_lf_low", "s_lf_high"]]).rename(columns={"variant": "series"})
    about = {"panel": title_of(study), "target": float(study["target_s_lf"].mean())}
    return table.assign(seconds=table["series"].map(seconds(study)), **about)


@each(stacked, "panel")
def costs(study: xr.Dataset) -> pd.DataFrame:
    """A row per cheap variant: columns panel, series, seconds, and mean, low, high of the area minus exact OVG's."""
    rows = [(name, seconds(study)[name], *area_gain(study, name).gain) for name in cheap(study)]
    return pd.DataFrame(rows, columns=["series", "seconds", "mean", "low", "high"])


def with_detail(found: Found) -> Found:
    """The studies with `fine_detail.nearness` as the score `detail`, where a stored result of the benchmark has the
    energies of their true targets; the others are left out."""
    told = {}
    for name, study in found.items():
        given = results.parameters(study.attrs)
        beside = benchmark.STUDY.stored(dataset=given["dataset"], profile=given["profile"])
        if beside is not None and set(study["sample"].data) <= set(beside["sample"].data):
            targets = beside["reference_hf_excess"].sel(sample=study["sample"].data, reference=TARGET).data
            energies = study.assign(reference_hf_excess=(("reference", "sample"), [targets]))
            told[name] = study.assign(detail=fine_detail.nearness(energies.assign_coords(reference=[TARGET])))
    return told


@each(stacked, "panel")
def differences(study: xr.Dataset, score: str) -> pd.DataFrame:
    """A score of each variant minus exact OVG's on the same images, plain starts: columns panel, series, mean, ..."""
    values = study[score].sel(start="plain", drop=True).rename(variant="series")
    return means(values.sel(series=[STANDARD, *cheap(study)]) - values.sel(series=EXACT, drop=True))


def farther(found: Found, variant: str) -> int:
    """On how many data sets a variant's `detail` is significantly below exact OVG's. found: of `with_detail`."""
    table = differences(found, "detail")
    return int((table.loc[table["series"] == variant, "high"] < 0).sum())


def seconds(study: xr.Dataset) -> dict[str, float]:
    """Each variant's time over the standard inversion's, the median over repeats: rough, on whatever machine."""
    return study["seconds"].median("repeat").to_series().to_dict()


def cheap(study: xr.Dataset) -> list[str]:
    """The variants but the exact one."""
    return [str(name) for name in study["variant"].to_numpy() if name not in (STANDARD, EXACT)]


def area_gain(study: xr.Dataset, variant: str) -> HypervolumeGain:
    """The area under the front of a variant with and without TABA's start, minus exact OVG's, from (0, 0). S_LF counts
    up to that of each image's true target only."""
    kept = np.minimum(study["s_lf"], study["target_s_lf"])
    ours, exact = (
        np.stack([of.sel(variant=name).transpose("start", "sample") for of in (kept, study["s_hf"])], -1)
        for name in (variant, EXACT)
    )
    return statistics.hypervolume_gain(ours, exact, groups=statistics.groups_of(study))


def chosen(study: xr.Dataset, at_most: float) -> str | None:
    """The cheap variant that is best on the validation images. at_most: time over the standard inversion's. None where
    no variant is as cheap."""
    return _best(study, [name for name in cheap(study) if seconds(study)[name] <= at_most])


def _best(study: xr.Dataset, variants: Sequence[str]) -> str | None:
    """Of the variants that were run, the one with the largest mean S_HF times mean S_LF (capped at the target's) on
    validation images; test images play no part."""
    kept = np.minimum(study["validation_s_lf"], study["validation_target_s_lf"]).mean("validated")
    values = (study["validation_s_hf"].mean("validated") * kept).to_series()
    return max((name for name in variants if name in values), key=lambda name: values[name], default=None)


def thirds(found: Found) -> pd.DataFrame:
    """Where the free gradients go wrong, a row per data set and third of the steps: means over images and steps."""
    rows = {}
    for study in found.values():
        steps = zip(("first", "middle", "last"), np.array_split(np.arange(study.sizes["step"]), 3), strict=True)
        for third, part in steps:
            at = study[["cosine", "log_length", "share"]].isel(step=part).mean(("step", "followed"))
            free, share = at.sel(kind="free"), at["share"].sel(gradient="g_HF", band="high")
            values = {"Cosine": free["cosine"], "Length": 10 ** free["log_length"]}
            row = {f"{name}, {one}": of.sel(gradient=one) for name, of in values.items() for one in of["gradient"].data}
            row |= {f"High frequencies, {name}": share.sel(origin=name) for name in (EXACT, "spectral", "free")}
            rows[f"{title_of(study)} ({attr(study, 'space')})", third] = {name: float(one) for name, one in row.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").map("{:.2f}".format)
    return table.rename_axis(["Data", "Third of the steps"])


@each(items)
def choices(study: xr.Dataset) -> str:
    """Which origin is best per term, while the other gradient stays exact, and within each budget, a line of Markdown
    per data set, and how it was chosen."""
    best = {gradient: _best(study, variants) for gradient, variants in _TERMS.items()}
    terms = ", ".join(f"'{name.split()[0]}' for {gradient}" for gradient, name in best.items() if name)
    within = [f"'{chosen(study, limit) or 'none'}' within {limit:g} times" for limit in (CHEAP, NEXT_TO_NOTHING)]
    return (
        f", chosen on {study.sizes['validated']} validation images from "
        f"{statistics.pictures_of(study, 'validated')} pictures. Best replacement of a single gradient: "
        f"{terms or 'not run'}. Best variant: {', '.join(within)} the standard inversion's time."
    )


@each(by_data)
def choice(study: xr.Dataset) -> dict[str, str]:
    """A row per data set: what `chosen` picks within `CHEAP`, its time, exact OVG's, and its area minus that."""
    name, times = chosen(study, CHEAP), seconds(study)
    gain = area_gain(study, name) if name else None
    return {
        "Variant": name or "none",
        "Time": f"{times[name]:.1f}" if name else "-",
        "Time of exact OVG": f"{times[EXACT]:.1f}",
        "Area minus exact OVG's": text(gain.gain) if gain else "-",
        "Area of exact OVG": f"{gain.baselines:.3f}" if gain else "-",
    }


def answer(found: Found) -> str:
    """Whether the chosen variants lose area against exact OVG, and at what cost, as Markdown."""
    known = {name: variant for name, study in found.items() if (variant := chosen(study, CHEAP))}
    if not known:
        return f"**Answer.** No: no variant ran in {CHEAP:g} times the standard inversion's time."
    slowest = max(seconds(found[name])[variant] for name, variant in known.items())
    fastest = min(seconds(found[name])[EXACT] for name in known)
    counted, note = judged({name: found[name] for name in known})
    lost = sum(bool(area_gain(study, known[name]).gain.high < 0) for name, study in counted.items())
    slow = len(found) - len(known)
    word = "Nearly" if slowest > NEXT_TO_NOTHING else "Yes"
    if lost or slow:
        word = "Mostly not" if 2 * (lost + slow) > len(found) else "Not on all data sets"
    nowhere, somewhere = "" if lost else "nowhere ", f" on {often(lost, len(counted))} data sets" if lost else ""
    return (
        f"**Answer.** {word}. In structure and texture together{note}, a cheap variant, chosen for each data set on "
        f"validation images, is {nowhere}significantly worse than exact OVG{somewhere}. It takes at most "
        f"{slowest:.1f} times as long as the standard inversion, exact OVG at least {fastest:.1f} times."
    ) + f" On {often(slow, len(found))} data sets no variant is fast enough." * bool(slow)


def direction(found: Found, share: float = 1.0) -> float:
    """The smallest mean cosine of the free variance gradient with the exact one, in the first share of the steps."""
    every = [study["cosine"].sel(kind="free", gradient="g_HF") for study in found.values()]
    return min(float(one.isel(step=slice(round(share * one.sizes["step"]))).mean()) for one in every)


def claims(found: Found) -> list[Claim]:
    """This project's goals, on data sets whose S_LF can support a claim. A goal fails where the variant takes more time
    than its budget, or where the whole 95 % interval of the difference of areas (S_LF capped at each target's own) is
    below 0; it holds where the interval is not, and lies above -5 % of exact OVG's area; else it is open."""
    return [
        _goal(found, "with the gradients chosen on validation images", lambda study: chosen(study, CHEAP), CHEAP),
        _goal(found, "'free', without backward passes,", lambda study: _best(study, ["free"]), NEXT_TO_NOTHING),
    ]


def _goal(found: Found, which: str, pick: Callable[[xr.Dataset], str | None], limit: float) -> Claim:
    cases, (counted, note) = {}, judged(found)
    for study in counted.values():
        name, case = pick(study), ("no such variant", False)
        if name is not None:
            gain, took = area_gain(study, name), seconds(study)[name]
            kept = gain.gain.low > -MARGIN * gain.baselines
            held = False if took > limit or gain.gain.high < 0 else True if kept else None
            case = f"'{name}' {text(gain.gain)}, exact OVG {gain.baselines:.3f}, time {took:.2f}", held
        cases[title_of(study)] = case
    words = (
        f"OVG {which} keeps exact OVG's area under the front (not significantly lower, and less than {MARGIN:.0%} "
        f"lower) within {limit:g} times the standard inversion's time"
    )
    what = f"area minus that of exact OVG (S_LF capped at the targets' own); time over the standard inversion's{note}"
    return from_cases(words, "This project's goal", cases, what, "fig-cheap-cost")
