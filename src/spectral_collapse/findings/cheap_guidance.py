"""What `studies.cheap_guidance` says: cheap gradients beside the exact ones, and what each variant of OVG is worth.

Functions of `found` take the results of several data sets by their names. Intervals resample what images are taken
from. S_LF counts up to that of the image's own true target: beyond it a method copies the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import Claim, Rule, from_cases, is_below, judge
from spectral_collapse.findings.intervals import as_table, bounds_of, means, stacked
from spectral_collapse.findings.measured import attr, title_of
from spectral_collapse.statistics import HypervolumeGain, Interval, text
from spectral_collapse.studies.cheap_guidance import EXACT, STANDARD

Found = Mapping[str, xr.Dataset]
"""Data set -> its result."""

CHEAP, NEXT_TO_NOTHING = 1.6, 1.1
"""Times of the inversion over the standard one's: the goals with products, and without."""
MARGIN = 0.05
"""A loss of area that counts as none, as a share of the exact method's."""

_GOAL = "This project's goal"
_TERMS = {"g_HF": ("spectral HF", "secant HF", "free HF"), "g_LF": ("spectral LF", "free LF")}
"""Variants that take one of the two gradients from elsewhere."""


def gradients(found: Found, value: str) -> pd.DataFrame:
    """`cosine` or `log_length` along exact OVG's walk: columns panel, series (origin), step (from 1), ..."""
    return _steps(found, lambda study: study[value].rename(kind="series"))


def high_shares(found: Found) -> pd.DataFrame:
    """Share of the energy of g_HF at high frequencies: columns panel, series (origin), step, and those of `means`."""
    return _steps(
        found, lambda study: study["share"].sel(gradient=["g_HF"], band="high", drop=True).rename(origin="series")
    )


def front(found: Found) -> pd.DataFrame:
    """A row per variant and start: columns panel, series, start; s_lf and s_hf with `_low` and `_high`; seconds;
    target, the true targets' mean S_LF."""

    def one(study: xr.Dataset) -> pd.DataFrame:
        table = means(study["s_hf"], bounds=bounds_of("s_hf")).rename(
            columns={"mean": "s_hf", "low": "s_hf_low", "high": "s_hf_high"}
        )
        across = means(study["s_lf"], bounds=bounds_of("s_lf"))
        table = table.assign(s_lf=across["mean"], s_lf_low=across["low"], s_lf_high=across["high"])
        table["seconds"] = table["variant"].map(seconds(study))
        target = float(study["target_s_lf"].mean())
        return table.rename(columns={"variant": "series"}).assign(target=target, panel=title_of(study))

    return stacked(found, one, "dataset")


def costs(found: Found) -> pd.DataFrame:
    """A row per cheap variant: columns panel, series, seconds, and mean, low, high of the area minus exact OVG's."""

    def one(study: xr.Dataset) -> pd.DataFrame:
        rows = [(name, seconds(study)[name], *area_gain(study, name).gain) for name in cheap(study)]
        table = pd.DataFrame(rows, columns=["series", "seconds", "mean", "low", "high"])
        return table.assign(panel=title_of(study))

    return stacked(found, one, "dataset")


def differences(found: Found, score: str) -> pd.DataFrame:
    """A score of each variant minus exact OVG's on the same images, plain starts: columns panel, series, mean, ..."""

    def one(study: xr.Dataset) -> pd.DataFrame:
        values = study[score].sel(start="plain", drop=True)
        gaps = (values - values.sel(variant=EXACT, drop=True)).sel(variant=[STANDARD, *cheap(study)])
        found = statistics.interval(gaps)
        return as_table(found, gaps).rename(columns={"variant": "series"}).assign(panel=title_of(study))

    return stacked(found, one, "dataset")


def seconds(study: xr.Dataset) -> dict[str, float]:
    """Each variant's time over the standard inversion's, the median over repeats: rough, on whatever machine."""
    return study["seconds"].median("repeat").to_series().to_dict()


def cheap(study: xr.Dataset) -> list[str]:
    """The variants but the exact one."""
    return [str(name) for name in study["variant"].to_numpy() if name not in (STANDARD, EXACT)]


def area_gain(study: xr.Dataset, variant: str) -> HypervolumeGain:
    """The area under the front of a variant with and without TABA's start, minus exact OVG's, from (0, 0).

    S_LF counts up to that of each image's true target only.
    """
    kept = np.minimum(study["s_lf"], study["target_s_lf"])
    values = {
        name: np.stack([of.sel(variant=name).transpose("start", "sample") for of in (kept, study["s_hf"])], -1)
        for name in (variant, EXACT)
    }
    return statistics.hypervolume_gain(values[variant], values[EXACT], groups=statistics.groups_of(study))


def chosen(study: xr.Dataset, at_most: float) -> str | None:
    """The cheap variant that is best on the validation images, by mean S_HF times mean S_LF (cut at the target's).

    at_most: time over the standard inversion's. None where no variant is as cheap. Test images play no part.
    """
    values, times = _validated(study), seconds(study)
    within = [name for name in cheap(study) if times[name] <= at_most]
    return max(within, key=lambda name: float(values.sel(variant=name))) if within else None


def chosen_terms(study: xr.Dataset) -> dict[str, str]:
    """For g_HF and g_LF, which origin is best on the validation images while the other gradient stays exact."""
    values, found = _validated(study), {}
    for gradient, variants in _TERMS.items():
        known = [name for name in variants if name in study["variant"]]
        if known:
            found[gradient] = max(known, key=lambda name: float(values.sel(variant=name))).split()[0]
    return found


def numbers(study: xr.Dataset) -> pd.DataFrame:
    """All numbers of a data set, a row per variant and start, for a page; medians of times are rough."""
    times, rows = seconds(study), []
    for variant in study["variant"].to_numpy():
        for start in study["start"].to_numpy():
            at = study.sel(variant=variant, start=start)
            scores = {
                title: text(statistics.interval(at[name]), digits)
                for name, title, digits in (
                    ("s_hf", "S_HF", 3),
                    ("hf_excess", "log HF energy", 2),
                    ("s_lf", "S_LF", 3),
                    ("psnr", "PSNR (dB)", 2),
                    ("s_dc", "S_DC", 3),
                    ("norm", "norm / sqrt(d)", 3),
                )
            }
            clipped = [at[f"clipped_{one}"].item() for one in ("hf", "lf")]
            cost = {"calls": f"{at['calls'].item():.1f}", "products": f"{at['products'].item():.1f}"}
            cost |= {"time": f"{times[variant]:.2f}"} if start == "plain" else {"time": ""}
            cost["clipped HF, LF"] = "-" if np.isnan(clipped[0]) else f"{clipped[0]:.0%}, {clipped[1]:.0%}"
            rows.append({"Variant": variant if start == "plain" else f"{variant} + TABA", **scores, **cost})
    return pd.DataFrame(rows).set_index("Variant")


def why(found: Found) -> str:
    """Where the free gradients go wrong, a line of Markdown per data set: cosine, length and band, in thirds."""
    lines = []
    for study in found.values():
        parts = _thirds(study["share"].sel(gradient="g_HF", band="high", drop=True))
        cosine = _thirds(study["cosine"].sel(kind="free", drop=True))
        length = _thirds(study["log_length"].sel(kind="free", drop=True))
        told = [
            f"{gradient}: cosine {_listed(cosine.sel(gradient=gradient))}, length "
            f"{_listed(10 ** length.sel(gradient=gradient))} times the exact one's"
            for gradient in study["gradient"].to_numpy()
        ]
        bands = [f"{origin} {_listed(parts.sel(origin=origin))}" for origin in (EXACT, "spectral", "free")]
        lines.append(
            f"- **{title_of(study)}** ({attr(study, 'space')}), free gradients in the first, middle and last "
            f"third of the steps: {'; '.join(told)}. Share of g_HF's energy at high frequencies: {'; '.join(bands)}. "
            + _consequence(study)
        )
    return "\n".join(lines)


def choices(found: Found) -> str:
    """Which origin is best per term and within each budget, a line of Markdown per data set, and how it was chosen."""
    lines = []
    for study in found.values():
        terms = "; ".join(f"{gradient} {origin}" for gradient, origin in chosen_terms(study).items())
        within = [f"at most {limit:g} times: {chosen(study, limit) or 'none'}" for limit in (CHEAP, NEXT_TO_NOTHING)]
        groups = len(set(statistics.groups_of(study, "validated")))
        lines.append(
            f"- **{title_of(study)}**, chosen on {study.sizes['validated']} validation images from "
            f"{groups} pictures: {terms or 'no single term was run'}. Best variant at the standard inversion's time "
            f"{'; '.join(within)}."
        )
    return "\n".join(lines)


def answer(found: Found) -> str:
    """In two sentences: what the chosen variants lose against exact OVG, and at what cost."""
    parts = []
    for study in found.values():
        name, times = chosen(study, CHEAP), seconds(study)
        if name is None:
            parts.append(f"{title_of(study)}: no variant ran in {CHEAP:g} times the standard inversion's time")
            continue
        gain = area_gain(study, name)
        parts.append(
            f"{title_of(study)}: '{name}' takes {times[name]:.1f} times the standard inversion's time, exact OVG "
            f"{times[EXACT]:.1f} times, and its area under the front differs by {text(gain.gain)} from "
            f"{gain.baselines:.3f}"
        )
    directions = [float(study["cosine"].sel(kind="free", gradient="g_HF").mean()) for study in found.values()]
    return (
        f"**Answer.** With the variant that is best on validation images within {CHEAP:g} times the standard "
        f"inversion's time: {'; '.join(parts)} (95 % bootstrap intervals). The variance gradient's direction without "
        f"any product has a cosine of {min(directions):.2f} to {max(directions):.2f} with the exact one, a mean over "
        "steps and images."
    )


def claims(found: Found) -> list[Claim]:
    """This project's goals, and what an earlier look at one data set said.

    A goal on area fails on a data set where the variant takes more time than its budget, or where the whole 95 %
    interval of the difference of areas (S_LF cut at each target's own) is below 0; it holds where the interval is not,
    and lies above -5 % of exact OVG's area; else it is open. The claim on a difference holds where the whole
    interval lies on the claimed side of 0.
    """
    made = [
        _goal(
            found, f"chosen on validation images within {CHEAP:g} times the time", lambda one: chosen(one, CHEAP), CHEAP
        ),
        _goal(
            found,
            "'free', without any product,",
            lambda one: "free" if "free" in one["variant"] else None,
            NEXT_TO_NOTHING,
        ),
    ]
    energy = Rule(
        "With the free variance direction in place of the gradient, outputs lack energy at high frequencies.",
        "Earlier runs of this project, one data set",
        "log high-frequency energy, 'free HF' minus exact OVG",
        lambda study: _free_energy(study, "free HF") if "free HF" in study["variant"] else None,
        is_below(0),
        "fig-cheap-energy",
        2,
    )
    return [*made, *judge([energy], found, title_of)]


def _steps(found: Found, values: Callable[[xr.Dataset], xr.DataArray]) -> pd.DataFrame:
    def one(study: xr.Dataset) -> pd.DataFrame:
        table = means(values(study), "followed").dropna(subset="mean")
        panel = f"{title_of(study)} ({attr(study, 'space')})|" + table["gradient"]
        return table.assign(step=table["step"] + 1, panel=panel)

    return stacked(found, one, "dataset")


def _goal(found: Found, which: str, pick: Callable[[xr.Dataset], str | None], limit: float) -> Claim:
    cases = {}
    for study in found.values():
        name, case = pick(study), ("no such variant", False)
        if name is not None:
            gain, took = area_gain(study, name), seconds(study)[name]
            measured = f"'{name}' {text(gain.gain)} of {gain.baselines:.3f} at {took:.2f} times"
            case = measured, _not_worse(gain) if took <= limit else False
        cases[title_of(study)] = case
    return from_cases(
        f"OVG {which} has an area under the front not lower than exact OVG's by {MARGIN:.0%} or more, nor "
        f"significantly lower, at {limit:g} times the standard inversion's time or less.",
        _GOAL,
        cases,
        "difference of areas, S_LF cut at the targets' own, and time",
        "fig-cheap-cost",
    )


def _not_worse(gain: HypervolumeGain) -> bool | None:
    if gain.gain.high < 0:
        return False
    return True if gain.gain.low > -MARGIN * gain.baselines else None


def _free_energy(study: xr.Dataset, variant: str) -> Interval:
    """Log high-frequency energy of the outputs of a variant minus exact OVG's."""
    energy = study["hf_excess"].sel(start="plain")
    return statistics.interval(energy.sel(variant=variant) - energy.sel(variant=EXACT))


def _validated(study: xr.Dataset) -> xr.DataArray:
    """Mean S_HF times mean S_LF (cut) on the validation images, (variant)."""
    kept = np.minimum(study["validation_s_lf"], study["validation_target_s_lf"])
    return study["validation_s_hf"].mean("validated") * kept.mean("validated")


def _thirds(values: xr.DataArray) -> xr.DataArray:
    """Means over images and over thirds of the steps, along `third`."""
    parts = np.array_split(np.arange(values.sizes["step"]), 3)
    return xr.concat([values.isel(step=part).mean(("step", "followed")) for part in parts], "third")


def _listed(values: xr.DataArray) -> str:
    return ", ".join(f"{value:.2f}" for value in values.to_numpy())


def _consequence(study: xr.Dataset) -> str:
    """What one free gradient beside an exact one does to the high-frequency energy."""
    wanted = [variants[-1] for variants in _TERMS.values() if variants[-1] in study["variant"]]
    texts = [f"{text(_free_energy(study, name), 2)} with '{name}'" for name in wanted]
    return f"Log high-frequency energy of the outputs minus exact OVG's: {', '.join(texts)}." if texts else ""
