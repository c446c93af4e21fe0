"""What a perceptual network says of translations: the registered score after fine detail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import xarray as xr

from spectral_collapse.findings import fine_detail
from spectral_collapse.findings.benchmark import called, structure
from spectral_collapse.findings.claims import Claim, Rule, is_higher, is_lower, judge
from spectral_collapse.findings.decomposition import by_network
from spectral_collapse.findings.latents import Found, counted
from spectral_collapse.findings.measured import Held, title_of
from spectral_collapse.findings.registered import smaller
from spectral_collapse.findings.tidy import by_data
from spectral_collapse.statistics import POSITIVE, Interval, interval, text
from spectral_collapse.studies.perception import SOURCE, TRAINING

_TABLES = "Spectral Collapse, Sec. 6.2 and Tables 2, 8 to 11"
_NOT_TEN = "Spectral Collapse, Tables 2, 8, 9 and 11 (not 10)"
PAGE = "benchmark"
"""The notebook that shows this study."""


def distance(study: xr.Dataset, method: str) -> xr.DataArray:
    """ST-LPIPS of each image of a method to its own true target, seeds averaged."""
    return study["st_lpips"].sel(point=method, drop=True).mean("seed")


def gap(study: xr.Dataset, method: str, other: str = "standard") -> Interval:
    """`distance` minus that of another method, negative where a method is nearer to the targets."""
    return interval(distance(study, method) - distance(study, other))


def closer(study: xr.Dataset, method: str, other: str = "standard") -> Held:
    """Whether a method is significantly nearer to the targets than another (`registered.smaller`)."""
    return smaller(gap(study, method, other), "st_lpips")


def nearer(found: Found, method: str) -> tuple[int, int]:
    """On how many data sets a method is `closer` than the standard inversion, and on how many it is farther."""
    held = [closer(study, method) for study in found.values() if method in study["point"]]
    return held.count(True), held.count(False)


def average(found: Found, method: str) -> float:
    """The mean `distance` over images, `fine_detail.over_families`."""
    return fine_detail.over_families(found, lambda study: distance(study, method).mean())


def sides(found: Found, seen: Found, ordinary: Found) -> pd.DataFrame:
    """On how many data sets a method is significantly better than the standard inversion, and on how many worse: nearer
    to the targets in fine detail and by ST-LPIPS, and in the structure that it keeps.

    found, seen: of the benchmark and of the study perception, on the same data sets. ordinary: of the benchmark, with
    the networks of `decomposition.ordinary`; fine detail has a score for each kind of network. Columns method, cost,
    score (with the number of data sets), better and worse, which are <NA> where a method was not run.
    """
    costs = next(iter(found.values()))["inversion_cost"].to_series()
    titles = {"preconditioned": "Detail", "ordinary": "Detail, ordinary"}
    kinds = {titles[kind]: some for kind, some in by_network(found, ordinary).items() if some}
    scores = {f"{title} ({len(some)})": (fine_detail.nearer, some) for title, some in kinds.items()}
    scores |= {f"Perceptual ({len(seen)})": (nearer, seen), f"Structure ({len(found)})": (kept, found)}
    rows = []
    for name in (one for one in fine_detail.METHODS[1:] if one in costs):
        for score, (count, some) in scores.items():
            run = any(name in one["point"] for one in some.values())
            rows.append((called(name), costs[name], score, *(count(some, name) if run else (pd.NA, pd.NA))))
    return pd.DataFrame(rows, columns=["method", "cost", "score", "better", "worse"])


def counts(found: Found, seen: Found, ordinary: Found) -> pd.DataFrame:
    """`sides` as a table: a row per method, its cost, and per score better (worse)."""
    table = sides(found, seen, ordinary)
    table["text"] = [f"{row.better} ({row.worse})" if row.better is not pd.NA else "-" for row in table.itertuples()]
    table = table.assign(Method=table["method"], Cost=table["cost"].map("{:.1f}".format))
    table = table.pivot_table(index=["Method", "Cost"], columns="score", values="text", aggfunc="first", sort=False)
    return table.rename_axis(columns=None).reset_index("Cost")


def kept(found: Found, method: str) -> tuple[int, int]:
    """On how many data sets a method keeps significantly more structure than the standard inversion, and on how many
    less. found: of the benchmark."""
    more, less = keeping(found, method)
    return len(more), len(less)


def keeping(found: Found, method: str) -> tuple[list[str], list[str]]:
    """The titles of the data sets that `kept` counts."""
    gaps = [(title_of(one), structure(one, method)) for one in found.values() if method in one["point"]]
    more, less = ([title for title, gap in gaps if side("s_lf").holds(gap) is True] for side in (is_higher, is_lower))
    return more, less


def table(found: Found, methods: Sequence[str]) -> pd.DataFrame:
    """A row per data set: the mean `distance` of methods, and that of the sources."""

    def row(study: xr.Dataset) -> dict[str, str]:
        means = {called(name): distance(study, name) for name in methods if name in study["point"]}
        means["source"] = study["source_st_lpips"]
        return {name: text(interval(values, bounds=POSITIVE), 2) for name, values in means.items()}

    return by_data(found, row)


def sets(found: Found, methods: Sequence[str]) -> pd.DataFrame:
    """A row per data set: a thousand times the kernel distance of all images of methods to the true targets, with its
    standard error, seeds averaged; of sources and training targets too."""

    def row(study: xr.Dataset) -> dict[str, str]:
        seeds = study[["kernel", "kernel_error"]].mean("seed")
        shown = {called(name): seeds.sel(point=name) for name in methods if name in study["point"]}
        known = study[["reference_kernel", "reference_kernel_error"]]
        known = known.rename(reference_kernel="kernel", reference_kernel_error="kernel_error")
        shown |= {name: known.sel(reference=name) for name in (SOURCE, TRAINING)}
        return {
            name: f"{1000 * float(one['kernel']):.1f} \u00b1 {1000 * float(one['kernel_error']):.1f}"
            for name, one in shown.items()
        }

    return by_data(found, row)


def claims(found: Found) -> list[Claim]:
    """What the paper's tables say of LPIPS, with ST-LPIPS in its place: differences on the same images."""
    rows = []
    for one, other in (("ovg", "standard"), ("taba", "standard"), ("ovg", "taba"), ("ovg+taba", "taba")):
        than = "the standard inversion" if other == "standard" else called(other)
        words = f"{called(one)} has a better LPIPS than {than} (here ST-LPIPS)"
        what = f"ST-LPIPS of {called(one)} minus that of {called(other)}"
        measured = partial(gap, method=one, other=other)
        tables = _NOT_TEN if other == "taba" else _TABLES
        rows.append(Rule(words, tables, what, measured, is_lower("st_lpips"), "fig-benchmark-pictures"))
    return judge(rows, found, counted)
