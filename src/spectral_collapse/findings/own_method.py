"""What the latents of several methods say."""

from __future__ import annotations

import xarray as xr

from spectral_collapse.findings.intervals import high_mean, mean_text
from spectral_collapse.findings.measured import images
from spectral_collapse.studies import own_method


def answer(study: xr.Dataset, method: str) -> str:
    """What a method brings back of the power at high frequencies and of S_DC, beside white noise."""
    values = {"power at high frequencies": high_mean(study["power"]), "$S_{DC}$": study["s_dc"]}
    changed = [
        f"{name} from {mean_text(one.sel(series='standard'), 2)} to {mean_text(one.sel(series=method), 2)} (white "
        f"noise {mean_text(one.sel(series=own_method.WHITE), 2)})"
        for name, one in values.items()
    ]
    return (
        "**Answer.** One call wraps a pipeline and another a network, and a method is a class with one step. Compared "
        f"with the standard inversion, the example `{method}` takes the {' and '.join(changed)}."
    )


def verdict(study: xr.Dataset) -> str:
    """Power above half the Nyquist frequency and S_DC of each method, with 95 % bootstrap intervals."""
    high = high_mean(study["power"])
    lines = [
        f"- **{name}**: power at high frequencies "
        f"{mean_text(high.sel(series=name))}, $S_{{DC}}$ "
        f"{mean_text(study['s_dc'].sel(series=name))}"
        for name in study["series"].to_numpy()
    ]
    return "\n".join([*lines, "", f"Means over {images(study)} with 95 % bootstrap intervals; one draw."])
