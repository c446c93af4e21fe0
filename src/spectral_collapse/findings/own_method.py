"""What the latents of several methods say."""

from __future__ import annotations

import xarray as xr

from spectral_collapse.findings.intervals import high_mean, mean_text
from spectral_collapse.studies import common


def verdict(study: xr.Dataset) -> str:
    """Power above half the Nyquist frequency and S_DC of each method, with 95 % bootstrap intervals."""
    high = high_mean(study["power"])
    lines = [
        f"- **{name}**: power at high frequencies "
        f"{mean_text(high.sel(series=name))}, $S_{{DC}}$ "
        f"{mean_text(study['s_dc'].sel(series=name))}"
        for name in study["series"].to_numpy()
    ]
    return "\n".join([*lines, "", f"Means over {common.images(study)} with 95 % bootstrap intervals; one draw."])
