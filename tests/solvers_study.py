"""A made-up result of `studies.solvers`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies.solvers import ENTRIES, LAYOUT, SOLVERS, TOLD

STARTS = ("standard", "noise floor", "TABA, 4%", "OVG")
SAMPLES, SIDE = 6, 8


def solvers(title: str = "Textures x8") -> xr.Dataset:
    """Each image lacks so much log energy: 2, less 0.5 for second order on the way up and 1 on the way down, less 0.25
    per place of the entry; latents told the next timestep have a quarter of the power of those told their own."""
    rng = np.random.default_rng(0)
    sizes = {
        **{"entry": len(ENTRIES), "up": len(SOLVERS), "down": len(SOLVERS), "told": len(TOLD), "start": len(STARTS)},
        **{"sample": SAMPLES, "picture": 5, "shown": 2, "row": SIDE, "col": SIDE, "rgb": 3},
    }
    arrays = {
        name: rng.integers(0, 256, [sizes[dim] for dim in row.dims.split()]).astype(np.uint8)
        if "image" in name
        else np.full([sizes[dim] for dim in row.dims.split()], 0.5)
        for name, row in LAYOUT.items()
    }
    arrays["calls_up"][:] = 50
    second = np.array(SOLVERS) == "second order"
    lack = 2 - 0.25 * np.arange(len(ENTRIES))[:, None, None] - 0.5 * second[:, None] - second
    arrays["hf_ratio"] = -lack[..., None] + np.linspace(-0.05, 0.05, SAMPLES)
    arrays["told_high_power"] *= np.array([1, 0.25])[:, None, None]
    arrays["told_s_dc"] *= np.array([1, 0.25])[:, None, None]
    run = [[up == down or "Euler" in (up, down) for down in SOLVERS] for up in SOLVERS]
    for name in ("hf_ratio", "st_lpips", "s_lf", "psnr"):
        arrays[name] = np.where(np.array(run)[..., None], arrays[name], np.nan)
    names = [f"{picture}/{number}" for picture in "ab" for number in range(SAMPLES // 2)]
    pictures = [*(f"standard, told {told}" for told in TOLD), *SOLVERS[1:]]
    coordinates = {
        **{"entry": list(ENTRIES), "up": list(SOLVERS), "down": list(SOLVERS), "told": list(TOLD)},
        **{"start": list(STARTS), "picture": pictures, "sample": names, "shown": names[:2]},
    }
    return LAYOUT.dataset(arrays, coordinates, {"title": title, "data_source": "real"})
