"""Made-up results of the studies `decomposition` and `appendix_c`; no image has enough plain places."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies.decomposition import BANDS, DENOISERS, ENTRIES, MEASURES, RESOLUTIONS


def decomposition() -> xr.Dataset:
    """Three steps of which the first 0, 1 or 4 are true, six levels, five images."""
    random = np.random.default_rng(0)
    walks, noised = ("measure", "sample"), ("denoiser", "step")
    shapes = {
        "value": (("denoiser", "entry", "resolution", *walks), (3, 2, 2, 4, 5)),
        "corrected": (("denoiser", "resolution", "replaced", *walks), (3, 2, 3, 4, 5)),
        "ideal": (("resolution", *walks), (2, 4, 5)),
        "noise_norm": (("denoiser", "entry", "step", "sample"), (3, 2, 6, 5)),
        "error": ((*noised, "band", "sample"), (3, 6, 3, 5)),
        "predicted": ((*noised, "band", "sample"), (3, 6, 3, 5)),
        "area_error": ((*noised, "area", "sample"), (3, 6, 2, 5)),
        "spaced": (("entry", *walks), (2, 4, 5)),
    }
    found = xr.Dataset(
        {name: (dims, random.random(shape) + 0.1) for name, (dims, shape) in shapes.items()} | {"empty": 0.25},
        {
            "denoiser": list(DENOISERS),
            "entry": list(ENTRIES),
            "resolution": list(RESOLUTIONS),
            "num_steps": ("resolution", [50, 200]),
            "replaced": [0, 1, 4],
            "replaced_ratio": ("replaced", [0.03, 0.04, 0.25]),
            "measure": list(MEASURES),
            "sample": list("abcde"),
            "level": ("step", np.geomspace(0.03, 10, 6)),
            "band": list(BANDS),
            "area": ["plain", "other"],
        },
        {
            "title": "Made up",
            "data_source": "real",
            "origin": "drawn by chance",
            "space": "pixels",
            "prediction": "epsilon",
        },
    )
    for name in ("value", "corrected", "ideal", "spaced"):
        found[name].loc[{"measure": "plain"}] = np.nan
    found["area_error"].loc[{"area": "plain"}] = np.nan
    return found


def appendix_c() -> xr.Dataset:
    """The network's gain is 0.5 everywhere, eight rings, two amounts of entering noise, five images."""
    random = np.random.default_rng(0)
    spectral = ("denoiser", "frequency", "sample")
    power = random.random((3, 8, 5)) + 0.1
    entered = random.random((3, 2, 4, 5))
    entered[:, :, list(MEASURES).index("plain")] = np.nan
    return xr.Dataset(
        {
            "cross": (spectral, power * np.array([0.5, 0.7, 0.9])[:, None, None]),
            "input_power": (spectral, power),
            "latent_power": (spectral, power**2),
            "entered": (("denoiser", "gamma", "measure", "sample"), entered),
            "reconstruction_error": (("inverse", "sample"), random.random((2, 5))),
            "rebuilt_high_power": (("inverse", "sample"), random.random((2, 5))),
            "contraction": 0.07,
            "parameterisation_gap": 1.5e-12,
        },
        {
            "denoiser": list(DENOISERS),
            "frequency": np.arange(1, 9) / 16,
            "gamma": [0.0, 1.0],
            "measure": list(MEASURES),
            "inverse": ["standard", "fixed_point"],
            "sample": list("abcde"),
        },
        {"title": "Made up", "prediction": "epsilon"},
    )
