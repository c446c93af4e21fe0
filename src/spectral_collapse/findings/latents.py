"""What the chapters on latents share: names of data sets and series, tables over several data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.intervals import as_rows
from spectral_collapse.findings.measured import said, title_of
from spectral_collapse.statistics import Interval, pictures_of
from spectral_collapse.studies.latents import WHITE

Found = Mapping[str, xr.Dataset]
"""Data set -> its result, as `Study.each` gives them."""

BBBC021 = ("bbbc021_x8", "bbbc021_x16", "bbbc021_x32")
"""The same cells at growing sparsity."""

_ACRONYMS = ("taba", "ovg", "edm", "bdia", "dpm", "edict", "gnri", "ilvr")
_NAMES = {
    "closed form": "ideal denoiser",
    "ddpm_friendly": "edit-friendly DDPM",
    "dpm_solver": "DPM-Solver++",
    "easy_inv": "EasyInv",
    "fireflow": "FireFlow",
    "nullspace": "null-space noise",
    "o_belm": "O-BELM",
    "renoise": "ReNoise",
    "rf_inversion": "RF inversion",
    "sdedit": "SDEdit",
    "uni_inv": "Uni-Inv",
}


def called(series: str) -> str:
    """A series as pages write it: TABA for 'taba', SDEdit for 'sdedit', 'noise floor' for 'noise_floor'."""
    return series.upper() if series in _ACRONYMS else _NAMES.get(series, said(series.replace("_", " ")))


def counted(study: xr.Dataset) -> str:
    """'Textures, x8 (64 latents, 4 pictures)'."""
    return f"{title_of(study)} ({study.sizes['sample']} latents, {pictures_of(study)} pictures)"


def stacked(found: Found, table: Callable[[xr.Dataset], pd.DataFrame]) -> pd.DataFrame:
    """The tables of all data sets in one: a column `panel`, the label in two lines, and series as pages write them."""
    tables = [table(study).assign(panel=counted(study).replace(" (", "|").rstrip(")")) for study in found.values()]
    result = pd.concat(tables, ignore_index=True)
    return result.assign(series=result["series"].map(called)) if "series" in result else result


def jackknifed(values: xr.DataArray) -> pd.DataFrame:
    """A row per place along all dimensions but `left_out`: mean, low, high."""
    return as_rows(values.isel(left_out=0, drop=True), **jackknife(values)._asdict())


def jackknife(values: xr.DataArray) -> Interval:
    """Values along `left_out`, of which the first is of all latents, as an interval (`statistics.jackknife`)."""
    values = values.transpose(..., "left_out").to_numpy()
    return statistics.jackknife(values[..., 0][()], values[..., 1:])


def methods(first: xr.Dataset, *others: xr.Dataset) -> list[str]:
    """All series but white noise; of several results, those that all of them have."""
    names = [str(name) for name in first["series"].to_numpy() if name != WHITE]
    return [name for name in names if all(name in one["series"] for one in others)]
