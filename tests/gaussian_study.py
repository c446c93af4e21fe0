"""A made-up result of `studies.gaussian`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies import gaussian

FREQUENCY = np.arange(1, 17) / 32
VARIANCE = np.logspace(1, -8, 7)


def made_up() -> xr.Dataset:
    """A small result of `studies.gaussian`."""
    random = np.random.default_rng(0)
    sizes = {
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
    variables = {
        "power": ("domain", "sample", "frequency"),
        "power_law": ("frequency",),
        "entry": ("process",),
        "terminal": ("process", "method", "variance"),
        "limit": ("process", "variance"),
        "error": ("process", "method", "steps"),
        "edm_variance": ("entry_noise", "edm_steps", "variance"),
        "edm_drawn": ("entry_noise", "draw", "variance"),
        "ovg_power": ("ovg_series", "frequency"),
        "standard_variance": ("frequency",),
        "variance_expected": ("noise", "replaced", "frequency"),
        "correlation_expected": ("noise", "replaced", "frequency"),
        "variance_drawn": ("noise", "replaced", "draw", "frequency"),
        "correlation_drawn": ("noise", "replaced", "draw", "frequency"),
        "round_trip": ("process", "trip"),
        "calls": ("process", "trip"),
    }
    return xr.Dataset(
        {name: (dims, random.random([len(sizes[dim]) for dim in dims]) + 0.1) for name, dims in variables.items()},
        sizes,
        {"title": "Made up", "data_source": "real", "cutoff": 0.125},
    )
