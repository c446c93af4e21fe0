"""What `studies.tuning` says: every setting that was tried, and which one each method got."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings import cells
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.cells import Cells
from spectral_collapse.findings.intervals import as_table, bounds_of, stacked
from spectral_collapse.findings.measured import title_of
from spectral_collapse.statistics import Interval, bootstrap_counts, groups_of, interval, resampled, resampled_means

Found = Mapping[str, xr.Dataset]
"""Data set -> its result."""

CHOSEN, PUBLISHED, OTHER = "chosen", "published or default", "another"
"""What a setting is; one that is chosen and published counts as chosen."""


def areas(found: Found) -> pd.DataFrame:
    """A row per setting of every data set: panel, method, setting, label (the method, and what of its setting differs
    between its tries), series (`CHOSEN`, `PUBLISHED` or `OTHER`), and what the choice goes by, with its 95 % interval:
    mean, low, high."""

    def one(study: xr.Dataset) -> pd.DataFrame:
        rows = as_table(area(study), study["s_hf"].transpose("try", "sample")).drop(columns="try")
        methods, given = study["method"].to_numpy(), [named(str(row)) for row in study["settings"].to_numpy()]
        series = np.where(study["chosen"], CHOSEN, np.where(study["published"], PUBLISHED, OTHER))
        labels = [
            f"{called(method)}: {differing}" for method, differing in zip(methods, _differing(study), strict=True)
        ]
        return rows.assign(method=methods, setting=given, label=labels, series=series)

    return stacked(found, one, "panel")


def _differing(study: xr.Dataset) -> list[str]:
    """Of each try the settings that are not the same in all tries of its method."""
    tries = list(zip(study["method"].to_numpy(), map(json.loads, study["settings"].to_numpy()), strict=True))

    def differs(method: str, key: str, value: object) -> bool:
        return any(other.get(key) != value for name, other in tries if name == method)

    kept = [{key: value for key, value in given.items() if differs(name, key, value)} for name, given in tries]
    return [named(json.dumps(one)) for one in kept]


def area(study: xr.Dataset) -> Interval:
    """`area_of` the tries of a result, (try,)."""
    return area_of(
        study["s_hf"].transpose("try", "sample"), study["s_lf"].transpose("try", "sample"), study["target_s_lf"]
    )


def area_of(s_hf: xr.DataArray, s_lf: xr.DataArray, target: xr.DataArray) -> Interval:
    """Mean S_HF times mean S_LF, the latter up to the true targets' own mean: (...,) with 95 % intervals over groups.

    s_hf, s_lf: (..., sample). target: S_LF of the true targets, (sample,).
    """
    draws = area_draws(s_hf, s_lf, target)
    return resampled(draws[..., 0], draws[..., 1:], groups_of(s_hf))


def area_draws(s_hf: xr.DataArray, s_lf: xr.DataArray, target: xr.DataArray) -> np.ndarray:
    """The area of all samples, and behind it those of the resamples, (..., 1 + resamples). Args as of `area_of`."""
    counts = np.concatenate([np.ones((1, s_hf.sizes["sample"])), bootstrap_counts(groups_of(s_hf))])
    texture, structure, most = (resampled_means(values.to_numpy(), counts) for values in (s_hf, s_lf, target))
    return texture * np.minimum(structure, most)


def table(found: Found) -> Cells:
    """A row per setting of every data set: scores and the area with intervals, SWD, published or chosen."""
    rows = []
    for study in found.values():
        by_area, distance = area(study), study["sliced_wasserstein"].to_numpy()
        scores = {
            name: interval(study[name].transpose("try", "sample"), bounds=bounds_of(name))
            for name in ("s_hf", "s_lf", "psnr")
        }
        for place, shown in enumerate(areas({"": study}).itertuples(index=False)):
            row = {name: Interval(*(ends[place] for ends in value)) for name, value in scores.items()}
            rows.append(
                {
                    "Data": cells.label(title_of(study)),
                    "Method": cells.label(called(shown.method)),
                    "Setting": cells.label(shown.setting),
                    "S_HF": cells.number(row["s_hf"], 3),
                    "S_LF": cells.number(row["s_lf"], 3),
                    "PSNR (dB)": cells.number(row["psnr"], 1),
                    "SWD": cells.number(float(distance[place]), 3),
                    "Area": cells.number(Interval(*(ends[place] for ends in by_area)), 3),
                    "Published": cells.label("yes" if study["published"].to_numpy()[place] else "no"),
                    "Chosen": cells.label("yes" if study["chosen"].to_numpy()[place] else "no"),
                }
            )
    return pd.DataFrame(rows)


def answer(found: Found) -> str:
    """In two sentences: how settings were chosen, and whether the papers' own were."""
    first = next(iter(found.values()))
    methods = dict.fromkeys(first["method"].to_numpy())
    images = "; ".join(f"{study.sizes['sample']} of {title_of(study)}" for study in found.values())
    kept = sum(int((study["chosen"] & study["published"]).sum()) for study in found.values())
    cases, tries = len(methods) * len(found), first.sizes["try"] // len(methods)
    others = [gap for study in found.values() for gap in gains(study).values()]
    better = sum(gap.low > 0 for gap in others)
    return (
        f"**Answer.** Each of {len(methods)} methods had {tries} tries on validation "
        f"images ({images}), and the largest mean S_HF times mean S_LF won, the latter counted up to the true targets' "
        "own. Its published or default setting was a method's best in "
        f"{kept} of {cases} cases, and would be by chance in {cases / tries:.1f}. In {better} of the other "
        f"{len(others)} the chosen setting has significantly more area on these images, on which it was chosen."
    )


def gains(study: xr.Dataset) -> dict[str, Interval]:
    """Method -> the area of its chosen setting minus that of its published one on these images, where they differ."""
    draws = area_draws(*(study[name].transpose("try", "sample") for name in ("s_hf", "s_lf")), study["target_s_lf"])
    places = {name: np.flatnonzero(study[name].to_numpy()) for name in ("chosen", "published")}
    methods = study["method"].to_numpy()
    chosen, published = ({methods[place]: place for place in found} for found in places.values())
    gaps = {name: draws[chosen[name]] - draws[published[name]] for name in chosen if chosen[name] != published[name]}
    return {str(name): resampled(gap[0], gap[1:], groups_of(study)) for name, gap in gaps.items()}


def named(settings: str) -> str:
    """A setting in words: its JSON object as 'name value, ...'."""
    values = json.loads(settings).items()
    return ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values)
