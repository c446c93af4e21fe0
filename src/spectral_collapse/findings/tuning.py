"""What `studies.tuning` says: every setting that was tried, and which one each method got."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import results, statistics
from spectral_collapse.findings import cells, fine_detail, perception
from spectral_collapse.findings.benchmark import called, capped, per_image, structure
from spectral_collapse.findings.cells import Cells
from spectral_collapse.findings.claims import is_higher, is_lower
from spectral_collapse.findings.intervals import as_table, bounds_of, stacked
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import each, enumerated
from spectral_collapse.statistics import Interval, groups_of, interval, resampled, text
from spectral_collapse.studies import chosen, published

ON_TEST_IMAGES = {"methods": ("standard", "ovg*")}
"""What the benchmark and perception are asked for, to see what OVG's chosen step sizes are worth on test images."""
CHOSEN, PUBLISHED, OTHER = "chosen", "published or default", "another"
"""What a setting is; one that is chosen and published counts as chosen."""


@each(stacked, "panel")
def areas(study: xr.Dataset) -> pd.DataFrame:
    """What the choice goes by: columns panel, method, label (what differs), series, mean, low, high."""
    labels, tries = [], _tries(study)
    for method, settings in tries:
        others = [other for name, other in tries if name == method]
        differing = {key: one for key, one in settings.items() if any(other.get(key) != one for other in others)}
        labels.append(f"{called(method)}: {named(differing)}")
    series = np.where(study["chosen"], CHOSEN, np.where(study["published"], PUBLISHED, OTHER))
    rows = as_table(area(study), study["s_hf"]).drop(columns="try")
    return rows.assign(method=study["method"], label=labels, series=series)


def step_sizes(found: Found, seen: Found, other: Found, other_seen: Found) -> pd.DataFrame:
    """A row per data set: detail, structure and ST-LPIPS of OVG on test images, at published and at chosen step sizes.

    found, seen: of the benchmark and of perception. other, other_seen: the same of `ON_TEST_IMAGES`.
    """
    rows = {}
    for name, study in other.items():
        measured = {
            "Detail off by": (fine_detail.miss, found[name], study, 1),
            "S_LF": (structure, found[name], study, 2),
            "ST-LPIPS": (perception.gap, seen[name], other_seen[name], 2),
        }
        rows[title_of(study)] = {
            f"{what}, {kind}": text(measure(one, method), digits)
            for what, (measure, *both, digits) in measured.items()
            for kind, one, method in zip(("published", "chosen"), both, ("ovg", f"ovg{published.CHOSEN}"), strict=True)
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Data")


def against_taba(found: Found, other: Found) -> dict[str, list[str]]:
    """The data sets on which OVG at the chosen step sizes keeps more structure than TABA, and less, and on which its
    fine detail is nearer to the targets' than TABA's, and farther. found: of the benchmark; other: of
    `ON_TEST_IMAGES`."""
    sides: dict[str, list[str]] = {"more": [], "less": [], "nearer": [], "farther": []}
    for name, study in other.items():
        ovg = f"ovg{published.CHOSEN}"
        gap = per_image(capped(study), ovg, "s_lf") - per_image(capped(found[name]), "taba", "s_lf")
        closer = fine_detail.closer(study, ovg, "taba", found[name])
        held = [side("s_lf").holds(interval(gap)) for side in (is_higher, is_lower)] + [closer, closer is False]
        for titles, one in zip(sides.values(), held, strict=True):
            titles += [title_of(study)] * (one is True)
    return sides


def chosen_settings(found: Found) -> pd.DataFrame:
    """The chosen setting of each method (rows) on each data set (columns), in words; 'default' where it is that."""
    columns = {}
    for study in found.values():
        tries = zip(_tries(study), study["chosen"].to_numpy(), study["published"].to_numpy(), strict=True)
        columns[title_of(study)] = {
            called(method): f"{named(settings) or 'default'}{' (published)' * bool(known)}"
            for (method, settings), kept, known in tries
            if kept
        }
    return pd.DataFrame(columns).rename_axis("Method")


def switched_off(studies: Iterable[xr.Dataset]) -> str:
    """Which of OVG's two corrections the chosen step sizes turn off, on which data sets, as a sentence behind another;
    '' without any. studies: of the benchmark."""
    off: dict[str, list[str]] = {}
    for study in studies:
        given = results.parameters(study.attrs)
        sizes = chosen.settings(given["dataset"], "ovg", given["num_steps"])
        for name, words in (("eta_hf", "variance"), ("eta_lf", "structure")):
            if sizes[name] == 0:
                off.setdefault(words, []).append(title_of(study))
    parts = [f"its {words} gradient on {enumerated(on)}" for words, on in off.items()]
    return f" The chosen ones turn off {enumerated(parts)}." * bool(parts)


def _tries(study: xr.Dataset) -> list[tuple[str, dict[str, object]]]:
    """Method and settings of each try."""
    return [*zip(study["method"].to_numpy(), map(json.loads, study["settings"].to_numpy()), strict=True)]


def area(study: xr.Dataset) -> Interval:
    """`area_of` the tries of a result, (try,)."""
    return area_of(*_parts(study))


def _parts(study: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    return *(study[name].transpose("try", "sample") for name in ("s_hf", "s_lf")), study["target_s_lf"]


def area_of(s_hf: xr.DataArray, s_lf: xr.DataArray, target: xr.DataArray) -> Interval:
    """Mean S_HF times mean S_LF up to the targets' mean, with 95 % intervals: (..., sample) -> (...)."""
    draws = area_draws(s_hf, s_lf, target)
    return resampled(draws[..., 0], draws[..., 1:], groups_of(s_hf))


def area_draws(s_hf: xr.DataArray, s_lf: xr.DataArray, target: xr.DataArray) -> np.ndarray:
    """The area of all samples, and behind it those of the resamples, (..., 1 + resamples). Args as of `area_of`."""
    counts = np.concatenate([np.ones((1, s_hf.sizes["sample"])), statistics.bootstrap_counts(groups_of(s_hf))])
    texture, structure, most = (statistics.resampled_means(one.to_numpy(), counts) for one in (s_hf, s_lf, target))
    return texture * np.minimum(structure, most)


def table(found: Found) -> Cells:
    """A row per setting of every data set: scores and the area with intervals, SWD, published or chosen."""
    rows = []
    for study in found.values():
        areas = area(study)
        for place, (method, settings) in enumerate(_tries(study)):
            one = study.isel({"try": place})
            row = {"Data": title_of(study), "Method": called(method), "Setting": named(settings)}
            for title, name, digits in (("S_HF", "s_hf", 3), ("S_LF", "s_lf", 3), ("PSNR (dB)", "psnr", 1)):
                row[title] = interval(one[name], bounds=bounds_of(name)), digits
            row["SWD"] = float(one["sliced_wasserstein"]), 3
            row["Area"] = Interval(*(end[place] for end in areas)), 3
            row |= {word.title(): "yes" if one[word] else "no" for word in ("published", "chosen")}
            rows.append(cells.row(row))
    return pd.DataFrame(rows)


def answer(found: Found) -> dict[str, Any]:
    """Numbers on how settings were chosen, and in how many cases, a method on a data set each, the papers' own were."""
    first = next(iter(found.values()))
    methods = len(set(first["method"].to_numpy()))
    cases, tries = methods * len(found), first.sizes["try"] // methods
    others = [gap for study in found.values() for gap in gains(study).values()]
    return {
        "methods": methods,
        "tries": tries,
        "images": "; ".join(f"{study.sizes['sample']} of {title_of(study)}" for study in found.values()),
        "kept": sum(int((study["chosen"] & study["published"]).sum()) for study in found.values()),
        "cases": cases,
        "chance": cases / tries,
        "better": sum(gap.low > 0 for gap in others),
        "others": len(others),
    }


def gains(study: xr.Dataset) -> dict[str, Interval]:
    """Method -> the area of its chosen setting minus that of its published one on these images, where they differ."""
    draws, methods = area_draws(*_parts(study)), study["method"].to_numpy()
    chosen, published = (
        {str(methods[place]): place for place in np.flatnonzero(study[name])} for name in ("chosen", "published")
    )
    differing = [name for name in chosen if chosen[name] != published[name]]
    gaps = {name: draws[chosen[name]] - draws[published[name]] for name in differing}
    return {name: resampled(gap[0], gap[1:], groups_of(study)) for name, gap in gaps.items()}


def named(settings: Mapping[str, object]) -> str:
    """Settings in words: 'name value, ...'."""
    return ", ".join(f"{name} {one:g}" if isinstance(one, float) else f"{name} {one}" for name, one in settings.items())
