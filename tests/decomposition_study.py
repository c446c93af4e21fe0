"""Made-up results of the studies `decomposition` and `appendix_c`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies import appendix_c as appendix
from spectral_collapse.studies.decomposition import BANDS, DENOISERS, ENTRIES, LAYOUT, MEASURES, RESOLUTIONS
from tests.made_results import drawn


def decomposition(plain: bool = False) -> xr.Dataset:
    """Three steps of which the first 0, 1 or 4 are true, six levels, five images; plain: with enough plain places."""
    coords = {
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
    }
    attrs = {"title": "Made up", "data_source": "real", "origin": "drawn by chance"}
    found = drawn(LAYOUT, coords, attrs | {"space": "pixels", "prediction": "epsilon"}).assign(empty=0.25)
    for name in () if plain else ("value", "corrected", "ideal", "spaced"):
        found[name].loc[{"measure": "plain"}] = np.nan
    found["area_error"].loc[{"area": "plain"}] = np.nan
    return found


def appendix_c() -> xr.Dataset:
    """The network's gain is 0.5 everywhere, eight rings, two amounts of entering noise, five images."""
    coords = {
        "denoiser": list(DENOISERS),
        "frequency": np.arange(1, 9) / 16,
        "gamma": [0.0, 1.0],
        "measure": list(MEASURES),
        "inverse": ["standard", "fixed_point"],
        "sample": list("abcde"),
    }
    found = drawn(appendix.LAYOUT, coords, {"title": "Made up", "prediction": "epsilon"})
    power = found["input_power"]
    found["cross"] = power * xr.DataArray([0.5, 0.7, 0.9], dims="denoiser")
    found["latent_power"] = power**2
    found["entered"].loc[{"measure": "plain"}] = np.nan
    return found.assign(contraction=0.07, parameterisation_gap=1.5e-12)
