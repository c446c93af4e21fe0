"""The registered outcome: how far the fine detail of each translation is from that of its own true target."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.benchmark import called, seeds_averaged, structure
from spectral_collapse.findings.claims import family
from spectral_collapse.findings.intervals import beside, stacked
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import Held, below, title_of
from spectral_collapse.findings.registered import smaller
from spectral_collapse.findings.tidy import by_data, each, enumerated, span
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.benchmark import TARGET

METHODS = ("standard", "dpm_solver", "cycle_diffusion", "nullspace+dpm", "taba", "ovg", "ovg+taba")
"""What is shown, as far as the benchmark has it: the standard inversion, what costs no more, and the papers' cures."""


def ratio(study: xr.Dataset, method: str) -> xr.DataArray:
    """The energy at high frequencies of each image of a method over its own true target's, along `sample`: of methods
    that draw noise, the geometric mean of their runs."""
    return np.exp(seeds_averaged(_log_ratio(study, method))).rename("ratio")


def log_ratio(study: xr.Dataset) -> xr.DataArray:
    """Log energy of every output over its true target's, along `point`, `sample` and, where there is one, `seed`."""
    return study["hf_excess"] - study["reference_hf_excess"].sel(reference=TARGET, drop=True)


def nearness(study: xr.Dataset) -> xr.DataArray:
    """The smaller of an output's and its true target's energy at high frequencies over the larger, in (0, 1], along the
    same as `log_ratio`."""
    return np.exp(-np.abs(log_ratio(study)))


def _log_ratio(study: xr.Dataset, method: str) -> xr.DataArray:
    return log_ratio(study).sel(point=method, drop=True)


def energy(study: xr.Dataset, method: str) -> Interval:
    """The geometric mean of `ratio` over images, with its interval."""
    return statistics.geometric_mean(np.log(ratio(study, method)))


def told(log_ratios: xr.DataArray) -> str:
    """The geometric mean of ratios whose logarithms are along `sample`; where all images are of a few fixed pictures,
    which it hides, the smallest and the largest of a picture, too."""
    mean = f"{np.exp(float(log_ratios.mean())):.2f}"
    if "sample_stratum" not in log_ratios.coords:
        return mean
    return f"{mean} ({span(np.exp(log_ratios.groupby('sample_stratum').mean()).to_numpy())} by picture)"


def distance(study: xr.Dataset, method: str) -> xr.DataArray:
    """How far the fine detail of each image is from its true target's, the registered outcome: |log of an output's
    energy over its target's|, of methods that draw noise the mean of their runs."""
    return seeds_averaged(np.abs(_log_ratio(study, method)))


def miss(study: xr.Dataset, method: str) -> Interval:
    """By which factor fine detail misses its target's, too little or too much alike: exp of the mean `distance`."""
    return Interval(*np.exp(statistics.interval(distance(study, method), bounds=statistics.POSITIVE)))


def misfit(study: xr.Dataset, method: str) -> xr.DataArray:
    """What is left of `distance` when all images of a method get the same factor more or less fine detail, their median
    one. Of TARGET: that of images which all have the targets' median energy, whatever their sources."""
    own = study["reference_hf_excess"].sel(reference=TARGET, drop=True)
    own = own if method == TARGET else _log_ratio(study, method)
    return seeds_averaged(np.abs(own - own.median()))


def left(study: xr.Dataset, method: str) -> Interval:
    """By which factor fine detail would miss its target's at the right amount: exp of the mean `misfit`. Its interval
    takes the median as known."""
    return Interval(*np.exp(statistics.interval(misfit(study, method), bounds=statistics.POSITIVE)))


@each(stacked, "panel")
def amount_and_fit(study: xr.Dataset, methods: Sequence[str] = METHODS) -> pd.DataFrame:
    """The amount (mean, low, high), `energy`, and the fit, `left`, of methods (series) on each data set (panel). same:
    of the targets' median energy in all images."""
    return _measured(study, methods, mean=energy, left=left).assign(same=left(study, TARGET).mean)


@each(stacked, "panel")
def detail_and_structure(study: xr.Dataset) -> pd.DataFrame:
    """The structure (mean, low, high) that methods keep on each data set, minus the standard inversion's; `miss`."""
    return _measured(study, METHODS, mean=structure, miss=miss)


def _measured(study: xr.Dataset, methods: Sequence[str], **quantities: Callable[..., Interval]) -> pd.DataFrame:
    """Quantities of methods (series), each in columns of its name as `intervals.beside` gives them."""
    names = [name for name in methods if name in study["point"]]
    tables = [beside(pd.DataFrame([of(study, one) for one in names]), name) for name, of in quantities.items()]
    return pd.concat(tables, axis=1).assign(series=list(map(called, names)))


def fits(study: xr.Dataset, method: str, other: str = "standard") -> Held:
    """Whether a method's `misfit` is significantly `smaller` than another's."""
    return smaller(statistics.interval(misfit(study, method) - misfit(study, other)), "hf_ratio")


def follows(study: xr.Dataset, method: str = "standard") -> bool:
    """Whether the detail of a method's images follows their targets': its `misfit` is significantly smaller than that
    of the same amount in all images."""
    return below(statistics.interval(misfit(study, method) - misfit(study, TARGET)), 0) is True


def unfitted(found: Found) -> list[str]:
    """The data sets on which the detail of no method `follows` the targets'."""
    return [
        title_of(study)
        for study in found.values()
        if not any(follows(study, name) for name in METHODS if name in study["point"])
    ]


def gap(study: xr.Dataset, method: str, other: str = "standard", beside: xr.Dataset | None = None) -> Interval:
    """`distance` minus that of another method, negative where a method is nearer to the targets. beside: a result on
    the same images that has the other method; without it, the same."""
    return statistics.interval(distance(study, method) - distance(study if beside is None else beside, other))


DETAIL = "detail"
"""In place of a score: fine detail over its true target's, its nearness or its energy."""

_SIDES = {"nearer": True, "farther": False, "neither": None}


def closer(study: xr.Dataset, method: str, other: str = "standard", beside: xr.Dataset | None = None) -> Held:
    """Whether a method's fine detail is significantly `smaller` off the targets' than another's, both as of `gap`."""
    return smaller(gap(study, method, other, beside), "hf_ratio")


def nearer(found: Found, method: str) -> tuple[int, int]:
    """On how many data sets a method is `closer` to the targets than the standard inversion, and on how many it is
    farther from them."""
    held = [closer(study, method) for study in found.values() if method in study["point"]]
    return held.count(True), held.count(False)


def where(found: Found, method: str) -> str:
    """On which data sets a method is `closer` to the targets than the standard inversion, on which farther, and on
    which neither."""
    held = {title_of(study): closer(study, method) for study in found.values() if method in study["point"]}
    sides = {word: [title for title, one in held.items() if one is side] for word, side in _SIDES.items()}
    said = [
        f"{word} on {enumerated(titles) if len(titles) < len(held) else f'all {len(held)} data sets'}"
        for word, titles in sides.items()
        if titles
    ]
    some = sides["nearer"] or sides["farther"]
    return enumerated(said) if some else "neither nearer nor farther on any data set"


def ordinary(found: Found) -> str:
    """How many methods bring fine detail nearer to the targets with ordinary networks, and on which data sets, as a
    sentence behind another; '' without results."""
    told: dict[int, list[str]] = {}
    for study in found.values():
        held = [closer(study, name) for name in METHODS[1:] if name in study["point"]]
        told.setdefault(held.count(True), []).append(title_of(study))
    of = f" of {len(METHODS) - 1} methods bring detail nearer"
    parts = [f"{count or 'none'}{{}} on {enumerated(told[count])}" for count in sorted(told, reverse=True)] or [""]
    nearer = ", ".join([parts[0].format(of), *(part.format("") for part in parts[1:])])
    return f" With ordinary networks {nearer}." * bool(found)


def unharmed(found: Found) -> str:
    """Which methods take fine detail significantly farther from the targets with ordinary networks on no data set, as a
    sentence behind another; '' without results."""
    farther = {
        name: any(closer(study, name) is False for study in found.values() if name in study["point"])
        for name in METHODS[1:]
        if any(name in study["point"] for study in found.values())
    }
    safe = [called(name) for name, harm in farther.items() if not harm]
    takes = f"{enumerated(safe)} never take{'s' * (len(safe) == 1)} detail significantly farther from the targets"
    all_take = "every method takes detail significantly farther from the targets on one data set at least"
    return f" With ordinary networks, {takes if safe else all_take}." * bool(found)


def over_families(found: Found, value: Callable[[xr.Dataset], float]) -> float:
    """The mean over families of data sets, which share images, of the mean over a family's data sets."""
    values = pd.Series([float(value(study)) for study in found.values()])
    return float(values.groupby(_families(found)).mean().mean())


def _families(found: Found) -> list[str]:
    return [family(title_of(study)) for study in found.values()]


def average(found: Found, method: str) -> float:
    """By which factor fine detail misses its target's, the geometric mean `over_families`."""
    return float(np.exp(over_families(found, lambda study: distance(study, method).mean())))


def ranking(found: Found, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, Interval]:
    """The wanted methods that cost no more than the standard inversion on the first data set, and are significantly
    farther from the targets on none, the smallest `average` first: by which factor each misses more than the first.

    The interval is of the mean `over_families`: half-widths are averaged within a family, whose data sets share images,
    and added in quadrature between families.
    """
    costs = next(iter(found.values()))["inversion_cost"].to_series()
    names = [name for name in costs[costs <= 1 + 1e-9].index if all(name in one["point"] for one in found.values())]
    names = [name for name in names if wanted(name) and not nearer(found, name)[1]]
    first, *others = sorted(names, key=functools.partial(average, found))
    return {first: Interval(1.0, 1.0, 1.0)} | {name: more(found, name, first) for name in others}


def more(found: Found, method: str, other: str) -> Interval:
    """How many times as far a method's `average` is from right as another's, with the interval of `ranking`."""
    gaps = pd.DataFrame([gap(study, method, other) for study in found.values()]).groupby(_families(found)).mean()
    low, high = np.linalg.norm(gaps[["low", "high"]].sub(gaps["mean"], axis="index"), axis=0) / len(gaps)
    return Interval(*np.exp(gaps["mean"].mean() + np.array([0, -low, high])))


def tied(found: Found, wanted: Callable[[str], bool] = lambda name: True) -> list[str]:
    """The first of `ranking`, and those that are not significantly farther from the targets on average."""
    return [name for name, more in ranking(found, wanted).items() if not more.low > 1]


def table(
    found: Found,
    measure: Callable[[xr.Dataset, str], Interval],
    methods: Sequence[str] = METHODS,
    digits: int = 2,
) -> pd.DataFrame:
    """`miss` or `energy` on data sets (rows) of methods (columns), as texts."""
    return by_data(
        found,
        lambda study: {called(name): text(measure(study, name), digits) for name in methods if name in study["point"]},
    )
