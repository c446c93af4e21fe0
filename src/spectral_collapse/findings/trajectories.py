"""What `studies.trajectories` says: tables for charts, the claims around Fig. 17, sentences.

All but the heat map take the results of several data sets by their names. Intervals resample what images are taken
from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import Claim, Rule, cases, from_cases, is_above, is_below, joined, judge
from spectral_collapse.findings.intervals import high_mean, means, stacked
from spectral_collapse.findings.measured import Measured, alike, images, title_of
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import POSITIVE, REAL, Bounds, Interval
from spectral_collapse.studies.latents import WHITE

Found = Mapping[str, xr.Dataset]
"""Data set -> its result."""

TITLES = {WHITE: "one white noise", "standard": "standard", "taba": "TABA", "ovg": "OVG"}
"""What tables call series; a method without a title has its own name."""
BAND_TITLES = {name: f"{name}: {low:g} to {high:g} cycles/px" for name, (low, high) in BANDS.items()}
MOST_RINGS = 16
"""Rows of the heat map: with more, a page would be larger and not clearer."""
LATE = EARLY = 0.1
"""The share of the steps that counts as the last, and as the first ones."""

_PAPER = "Spectral Collapse, Appendix E.2, Fig. 17"


def heat(study: xr.Dataset) -> pd.DataFrame:
    """Energy of the updates: columns series, walk, step (from 1), frequency and mean, log10 over the images.

    Of more than `MOST_RINGS` frequencies neighbours are averaged.
    """
    energy = study["log_velocity"].mean("sample")
    width = -(-energy.sizes["frequency"] // MOST_RINGS)
    energy = energy.coarsen(frequency=width, boundary="pad").mean()
    table = energy.to_dataframe("mean").reset_index().round({"mean": 2})
    table = table.assign(step=table["step"] + 1, series=table["series"].map(_title))
    table.attrs = {"title": title_of(study)}
    return table


def high_energy(found: Found, walk: str) -> pd.DataFrame:
    """Energy of the updates above half the Nyquist frequency, log10: columns panel, series, step, and those of
    `intervals.means`."""
    return _steps(found, lambda study: high_mean(study["log_velocity"].sel(walk=walk, drop=True)), REAL)


def noise_norm(found: Found) -> pd.DataFrame:
    """Mean square of the noise predicted in the inversion: columns panel, series, step, and those of `means`."""
    return _steps(found, lambda study: study["noise_norm"].sel(walk="inversion", drop=True))


def label_sensitivity(found: Found) -> pd.DataFrame:
    """Relative change of the predicted noise under the target's label: columns panel, series, step, ..."""
    return _steps(found, lambda study: study["label_sensitivity"])


def clean_error(found: Found) -> pd.DataFrame:
    """Squared error of the predicted clean image: columns row (data set), panel (band), series, step, ..."""
    table = _steps(found, lambda study: study["clean_error"]).rename(columns={"panel": "row"})
    order = list(BANDS)
    table = table.assign(panel=table["band"].map(BAND_TITLES))
    return table.sort_values("band", key=lambda names: names.map(order.index), kind="stable")


def late_energy(study: xr.Dataset) -> xr.DataArray:
    """log10 of the amplitude of the inversion's updates at high frequencies in the last steps: (series, sample)."""
    energy = high_mean(study["log_velocity"].sel(walk="inversion", drop=True))
    return energy.isel(step=slice(-_few(study, LATE), None)).mean("step")


def early_norms(study: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean square of the noise predicted in those of the first steps that TABA asks the network at, (sample), of the
    standard inversion and of TABA."""
    norm = study["noise_norm"].sel(walk="inversion", drop=True).isel(step=slice(_few(study, EARLY)))
    taba = norm.sel(series="taba", drop=True)
    return norm.sel(series="standard", drop=True).where(taba.notnull()).mean("step"), taba.mean("step")


def claims(found: Found) -> list[Claim]:
    """The paper's claims against these measurements. The first has two halves, negative energy *and* less of it than on
    the walk of one white noise: a schedule with small last steps moves little at any frequency, whatever the latent."""
    late = Measured.of(found, lambda one: _late(one, "standard"), title_of)
    lack = Measured.of(found, lambda one: _late(one, "standard", WHITE), title_of)
    end = f"log10 amplitude, high frequencies, last {LATE:.0%} of the steps"
    vanish = from_cases(
        "The standard inversion's updates vanish at high frequencies towards t = T: their log energy is negative.",
        _PAPER,
        joined(cases(late, is_below(0), 2), cases(lack, is_below(0), 2), by=alike),
        f"{end}, and that minus the same of the walk of one white noise, both below 0",
        "fig-way-up",
    )

    def has(one: xr.Dataset, name: str, value: Callable[[], Interval]) -> Interval | None:
        return value() if name in one["series"] else None

    def shorter(one: xr.Dataset) -> Interval:
        standard, taba = early_norms(one)
        return statistics.interval(standard - taba)

    def norms(one: xr.Dataset) -> str:
        standard, taba = (
            statistics.text(statistics.interval(values, bounds=POSITIVE), 2) for values in early_norms(one)
        )
        norm = one["noise_norm"].sel(walk="inversion", drop=True)
        first = statistics.text(statistics.interval(norm.sel(series="standard").isel(step=0), bounds=POSITIVE), 2)
        return f"{standard} and {taba}, from step {_first_asked(norm)} on; in the first step {first}"

    rows = [
        Rule("OVG prevents the log energy from dipping into the negative range.", _PAPER, f"{end}, of OVG",
             lambda one: has(one, "ovg", lambda: _late(one, "ovg")), is_above(0), "fig-way-up", 2),
        Rule("The first inversion steps fail to provide accurate noise.", "There and Back Again, abstract",
             f"mean square of the noise predicted in those of the first {EARLY:.0%} of the steps that TABA does not "
             "replace, minus that of TABA at the same levels, where the state has the noise that its level stands for",
             lambda one: has(one, "taba", lambda: shorter(one)), is_below(0), "fig-way-norm", 2, norms),
    ]  # fmt: skip
    return [vanish, *(claim for claim in judge(rows, found, title_of) if claim.of)]


def _late(study: xr.Dataset, series: str, other: str = "") -> Interval:
    """`late_energy` of a series, or what it has more than another."""
    energy = late_energy(study)
    return statistics.interval(energy.sel(series=series) - (energy.sel(series=other) if other else 0))


def answer(found: Found) -> str:
    """In two sentences: how far the standard inversion moves beside white noise, early and late, and how weak its first
    noise is."""
    first, early, late = [], [], {}
    for study in found.values():
        lack = high_mean(study["log_velocity"].sel(walk="inversion", drop=True))
        lack = lack.sel(series="standard") - lack.sel(series=WHITE)
        thirds = np.array_split(np.arange(study.sizes["step"]), 3)
        *before, late[title_of(study)] = (10 ** float(lack.isel(step=third).mean()) for third in thirds)
        early += before
        norm = study["noise_norm"].sel(walk="inversion", series="standard")
        first.append(float(norm.isel(step=slice(_few(study, EARLY))).mean()))
    return (
        f"**Answer.** At high frequencies the standard inversion moves {_span(early)} times as far per step as the "
        f"walk of one white noise in the first two thirds of the steps, and {_sides(late)} in the last. The noise that "
        f"the network predicts in the first {EARLY:.0%} of the steps has a mean square of {_span(first)}, and 1 would "
        "be white noise (means over images; geometric ones of amplitudes)."
    )


def counted(found: Found) -> str:
    """How many images each data set has, as one sentence of Markdown."""
    texts = (f"{title_of(study)}: {images(study)}" for study in found.values())
    return f"**Counted.** {'; '.join(texts)}."


def verdict(found: Found) -> str:
    """The first and the last steps of each method in numbers, a line of Markdown per data set."""
    lines = []
    for study in found.values():
        first, last = slice(_few(study, EARLY)), slice(-_few(study, LATE), None)
        texts = []
        for name in study["pictured_method"].to_numpy():
            norm = study["noise_norm"].sel(walk="inversion", series=name)
            label = study["label_sensitivity"].sel(series=name)
            ends = [
                statistics.text(statistics.interval(values.isel(step=steps).mean("step"), bounds=POSITIVE), 2)
                for values in (norm, label)
                for steps in (first, last)
            ]
            texts.append(f"{_title(name)} {ends[0]} to {ends[1]}, label {ends[2]} to {ends[3]}")
        lines.append(f"- **{title_of(study)}**, predicted noise's mean square: {'; '.join(texts)}.")
    return "\n".join(lines)


def _steps(found: Found, values: Callable[[xr.Dataset], xr.DataArray], bounds: Bounds = POSITIVE) -> pd.DataFrame:
    def one(study: xr.Dataset) -> pd.DataFrame:
        table = means(values(study), bounds=bounds).dropna(subset="mean")
        return table.assign(step=table["step"] + 1, series=table["series"].map(_title))

    return stacked(found, one, "panel")


def _span(numbers: Iterable[float]) -> str:
    """'0.38 to 0.62', or one number where the ends agree."""
    ordered = sorted(numbers)
    return " to ".join(dict.fromkeys(f"{one:.2f}" for one in (ordered[0], ordered[-1])))


def _sides(factors: Mapping[str, float]) -> str:
    """The span of those factors that lie on the commoner side of 1, and by name the others."""
    farther = [name for name, factor in factors.items() if factor > 1]
    less = [name for name in factors if name not in farther]
    usual, others = (farther, less) if len(farther) >= len(less) else (less, farther)
    named = ", ".join(f"{name} {factors[name]:.2f}" for name in others)
    return f"{_span(factors[name] for name in usual)} times" + (f" ({named})" if named else "")


def _first_asked(norm: xr.DataArray) -> int:
    """The first step, from 1, at which TABA asks the network."""
    return int(norm.sel(series="taba").notnull().all("sample").argmax("step")) + 1


def _few(study: xr.Dataset, share: float) -> int:
    return max(1, round(share * study.sizes["step"]))


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))
