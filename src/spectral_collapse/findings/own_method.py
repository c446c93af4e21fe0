"""What the latents of several methods say."""

from __future__ import annotations

import xarray as xr

from spectral_collapse.findings.intervals import high_mean
from spectral_collapse.statistics import Interval, bootstrap_mean, text


def numbers(study: xr.Dataset) -> dict[str, dict[str, Interval]]:
    """Power above half the Nyquist frequency and S_DC of each series, with 95 % bootstrap intervals."""
    values = {"power": high_mean(study["power"]), "s_dc": study["s_dc"]}
    return {
        name: {str(series): bootstrap_mean(one.sel(series=series)) for series in study["series"].to_numpy()}
        for name, one in values.items()
    }


def listed(study: xr.Dataset) -> str:
    """The same as a Markdown list."""
    power, s_dc = numbers(study).values()
    return "\n".join(
        f"- **{name}**: power at high frequencies {text(power[name])}, $S_{{DC}}$ {text(s_dc[name])}" for name in power
    )
