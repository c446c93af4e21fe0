"""What the latents of several methods say."""

from __future__ import annotations

import xarray as xr

from spectral_collapse.findings.intervals import high_mean, mean_text


def listed(study: xr.Dataset) -> str:
    """Power above half the Nyquist frequency and S_DC of each series, with 95 % bootstrap intervals, as a Markdown
    list."""
    lines = []
    for name in study["series"].to_numpy():
        one = study.sel(series=name)
        power, s_dc = mean_text(high_mean(one["power"])), mean_text(one["s_dc"])
        lines.append(f"- **{name}**: power at high frequencies {power}, $S_{{DC}}$ {s_dc}")
    return "\n".join(lines)
