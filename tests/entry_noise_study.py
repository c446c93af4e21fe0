"""A made-up result of `studies.entry_noise`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies import entry_noise
from tests.made_results import drawn

FREQUENCY = np.arange(1, 17) / 32


def made_up() -> xr.Dataset:
    """A small result of `studies.entry_noise`, whose law holds and whose errors fall as they should to a floor."""
    coords = {
        "entering": list(entry_noise.LAW),
        "ratio": list(entry_noise.RATIOS),
        "draw": range(4),
        "walk": list(entry_noise.WALKS),
        "noise": list(entry_noise.NOISES),
        "replaced": [0, 2, 10],
        "frequency": FREQUENCY,
        "process": list(entry_noise.PROCESSES),
        "solver": list(entry_noise.SOLVERS),
        "spectral_error": [0.0, 0.3],
        "steps": [10, 100, 1000],
    }
    study = drawn(entry_noise.LAYOUT, coords, {"title": "Made up", "cutoff": 0.125, "num_steps": 50})
    study["level_ratio"] = ("entering", [1.0, 1, 1, 1, 4, 4, 1])
    ratio = study["ratio"] / study["level_ratio"]
    study["law_kept"] = (
        study["law_kept"].mean("draw").expand_dims(draw=study["draw"]).transpose(*study["law_kept"].dims)
    )
    study["law_power"] = (ratio / (1 + ratio) / study["law_kept"]).transpose(*study["law_kept"].dims)
    study["power_expected"] = study["carried_expected"] + 0.25
    study["floor"] = xr.full_like(study["floor"], 0.01) * (study["spectral_error"] > 0)
    order = xr.DataArray([1.0, 2.0, 2.0], {"solver": study["solver"]})
    study["calls"] = study["steps"] * xr.DataArray([1, 2, 1], {"solver": study["solver"]})
    error = (1 / study["steps"] ** order + study["floor"]).transpose(*entry_noise.LAYOUT["error"].dims.split())
    return study.assign(error=error)
