"""A made-up result of `studies.gaussian`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies import gaussian
from tests.made_results import drawn

FREQUENCY = np.arange(1, 17) / 32
VARIANCE = np.logspace(1, -8, 7)


def made_up() -> xr.Dataset:
    coords = {
        "domain": ["source", "target"],
        "sample": list("abc"),
        "process": list(gaussian.PROCESSES),
        "frequency": FREQUENCY,
        "method": list(gaussian.DETERMINISTIC),
        "trip": list(gaussian.ROUND_TRIPS),
        "variance": VARIANCE,
        "steps": [16, 32, 64],
        "entry_noise": [False, True],
        "edm_steps": [10, 50],
        "draw": range(4),
        "ovg_series": list(gaussian.OVG_SERIES),
        "noise": list(gaussian.NOISES),
        "replaced": [0, 2, 5],
    }
    return drawn(gaussian.LAYOUT, coords, {"title": "Made up", "data_source": "real", "cutoff": 0.125})
