"""What `studies.trajectories` says: tables for charts, the claims around Fig. 17, sentences.

All but the heat map take the results of several data sets by their names. Intervals resample what images are taken
from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.claims import Claim, Rule, is_below, judge
from spectral_collapse.findings.intervals import BAND_TITLES, concat, gap, high_mean, means, stacked
from spectral_collapse.findings.latents import Found, called
from spectral_collapse.findings.measured import images, title_of
from spectral_collapse.findings.tidy import each, span
from spectral_collapse.statistics import POSITIVE, REAL, Bounds, Interval, text
from spectral_collapse.studies.latents import WHITE

YARDSTICK = "reference: one white noise"
"""What tables call the series of images with the same noise at all levels."""
MOST_RINGS = 16
"""Rows of the heat map: with more, a page would be larger and not clearer."""
EDGE = 0.1
"""The share of the steps that counts as the first, and as the last ones."""

_PAPER = "Spectral Collapse, Appendix E.2, Fig. 17"


def heat(study: xr.Dataset) -> pd.DataFrame:
    """Energy of the updates: columns series, walk, step (from 1), frequency and mean, log10 over the images. Of more
    than `MOST_RINGS` frequencies neighbours are averaged."""
    energy = study["log_velocity"].mean("sample")
    width = -(-energy.sizes["frequency"] // MOST_RINGS)
    energy = energy.coarsen(frequency=width, boundary="pad").mean()
    table = energy.to_dataframe("mean").reset_index().round({"mean": 2})
    table = table.assign(step=table["step"] + 1, series=table["series"].map(_title))
    return concat([table], title=title_of(study))


@each(stacked, "panel")
def high_energy(study: xr.Dataset, walk: str) -> pd.DataFrame:
    """Energy of the updates at high frequencies, log10: columns panel, series, step, and those of `means`."""
    return _steps(_high(study).sel(walk=walk, drop=True), REAL)


@each(stacked, "panel")
def noise_norm(study: xr.Dataset) -> pd.DataFrame:
    """Mean square of the noise predicted in the inversion: columns panel, series, step, and those of `means`."""
    return _steps(study["noise_norm"].sel(walk="inversion", drop=True))


@each(stacked, "panel")
def label_sensitivity(study: xr.Dataset) -> pd.DataFrame:
    """Relative change of the predicted noise under the target's label: columns panel, series, step, ..."""
    return _steps(study["label_sensitivity"])


@each(stacked, "row", {"band": BAND_TITLES})
def clean_error(study: xr.Dataset) -> pd.DataFrame:
    """Squared error of the predicted clean image: columns row (data set), panel (band), series, step, ..."""
    return _steps(study["clean_error"]).assign(panel=lambda table: table["band"].map(BAND_TITLES))


def _steps(values: xr.DataArray, bounds: Bounds = POSITIVE) -> pd.DataFrame:
    table = means(values, bounds=bounds).dropna(subset="mean")
    return table.assign(step=table["step"] + 1, series=table["series"].map(_title))


def late_energy(study: xr.Dataset) -> xr.DataArray:
    """log10 of the amplitude of the inversion's updates at high frequencies in the last steps: (series, sample)."""
    return _high(study).sel(walk="inversion", drop=True).isel(step=slice(-_first(study).stop, None)).mean("step")


def early_norms(study: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean square of the noise predicted in those of the first steps that TABA asks the network at, (sample), of the
    standard inversion and of TABA."""
    norm = study["noise_norm"].sel(walk="inversion", drop=True).isel(step=_first(study))
    standard, taba = (norm.sel(series=name, drop=True) for name in ("standard", "taba"))
    return standard.where(taba.notnull()).mean("step"), taba.mean("step")


def claims(found: Found) -> list[Claim]:
    """The papers' claims against these measurements. Updates are compared with those of one white noise: a schedule
    with small last steps moves little at any frequency, whatever the latent, and the sign of a log energy alone depends
    on how the Fourier transform is scaled."""

    def shorter(one: xr.Dataset) -> Interval | None:
        return statistics.interval(np.subtract(*early_norms(one))) if "taba" in one["series"] else None

    def norms(one: xr.Dataset) -> str:
        norm = one["noise_norm"].sel(walk="inversion", drop=True)
        three = *early_norms(one), norm.sel(series="standard").isel(step=0)
        standard, taba, first = (text(statistics.interval(values, bounds=POSITIVE), 2) for values in three)
        asked = int(norm.sel(series="taba").notnull().all("sample").argmax("step")) + 1
        return f"standard {standard}, TABA {taba}, from step {asked} on; standard in the first step {first}"

    rows = [
        Rule("The standard inversion's updates vanish at high frequencies towards t = T, compared with white noise's",
             _PAPER,
             f"log10 amplitude at high frequencies in the last {EDGE:.0%} of the steps, minus that of white noise",
             lambda one: gap(late_energy(one), series=("standard", WHITE)), is_below(0), "fig-way-up", 2),
        Rule("The first inversion steps fail to provide accurate noise", "There and Back Again, abstract",
             "mean square of the predicted noise minus that of TABA, whose states have the right amount of noise, in "
             f"those of the first {EDGE:.0%} of the steps that TABA does not replace",
             shorter, is_below(0), "fig-way-norm", 2, norms),
    ]  # fmt: skip
    return [claim for claim in judge(rows, found) if claim.of]


def answer(found: Found) -> dict[str, Any]:
    """How far the standard inversion moves at high frequencies beside white noise, in the first two thirds of the steps
    and in the last, as ratios of geometric means of amplitudes; first: the mean square of its first noise."""
    first, early, late = [], [], {}
    for study in found.values():
        up = study.sel(walk="inversion")
        lack = _high(up).sel(series="standard") - _high(up).sel(series=WHITE)
        thirds = np.array_split(np.arange(study.sizes["step"]), 3)
        *before, late[title_of(study)] = (10 ** float(lack.isel(step=third).mean()) for third in thirds)
        early += before
        first.append(float(up["noise_norm"].sel(series="standard").isel(step=_first(study)).mean()))
    farther = 2 * sum(factor > 1 for factor in late.values()) >= len(late)  # on most data sets
    usual = [factor for factor in late.values() if (factor > 1) == farther]
    others = ", ".join(f"on {name} {factor:.2f}" for name, factor in late.items() if (factor > 1) != farther)
    return {
        "early": span(early),
        "late": f"{span(usual)} times{f' ({others})' * bool(others)}",
        "share": EDGE,
        "first": span(first),
    }


def counted(found: Found) -> str:
    """How many images each data set has, as one sentence of Markdown."""
    return f"**Images.** {'; '.join(f'{title_of(study)}: {images(study)}' for study in found.values())}."


def _high(study: xr.Dataset) -> xr.DataArray:
    """log10 of the amplitude of the updates at high frequencies."""
    return high_mean(study["log_velocity"])


def _first(study: xr.Dataset) -> slice:
    return slice(max(1, round(EDGE * study.sizes["step"])))


def _title(series: str) -> str:
    return YARDSTICK if series == WHITE else called(series)
