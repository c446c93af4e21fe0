"""What the exact inversion of Gaussian data says: orders of convergence, bands, and computed sentences."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.statistics import bootstrap_mean
from spectral_collapse.studies import common
from spectral_collapse.studies.gaussian import EXPLODING, NOISES, PRESERVING, emptied_rings


def orders(study: xr.Dataset) -> xr.DataArray:
    """Orders of convergence (process, method): minus the slope of log error against log steps.

    A least-squares line through the three finest runs; NaN where one of them overflowed.
    """
    finest = np.log(study["error"].isel(steps=slice(-3, None)))
    distance = np.log(finest["steps"]) - np.log(finest["steps"]).mean()
    return -(finest * distance).sum("steps", skipna=False) / (distance**2).sum()


def half_power(study: xr.Dataset) -> xr.DataArray:
    """The lowest frequency at which less than half of a latent's power comes from the source (noise, replaced).

    There the correlation with the source falls below 1 / sqrt(2); NaN where it never does.
    """
    lost = study["correlation_expected"] ** 2 < 0.5
    return study["frequency"].where(lost).min("frequency")


def high(values: xr.DataArray) -> xr.DataArray:
    """The mean over the frequencies above half the Nyquist frequency."""
    return values.where(values["frequency"] > 0.25, drop=True).mean("frequency")


def own_band(study: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """The mean over the frequencies that the source can hold, up to its own Nyquist frequency."""
    return values.where(values["frequency"] <= study.attrs["cutoff"], drop=True).mean("frequency")


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list. Intervals are 95 % bootstrap intervals or draws."""
    preserving = {"process": PRESERVING}
    entry_noise = float(study["entry"].sel(preserving))
    below = study["below_entry"].to_series()
    faint = study.sel(variance=float(study["entry"].sel(process=EXPLODING)) / 10, method="nearest")
    added = bootstrap_mean(faint["edm_drawn"].sel(entry_noise=True))
    edm = faint["edm_variance"].isel(edm_steps=0)
    order = orders(study).sel(process=EXPLODING)
    inside = emptied_rings(study)
    filled = study["ovg_power"].where(inside).max("frequency").to_series()
    guided = high(study["ovg_power"].where(~inside)).to_series()
    most = study["replaced"].to_numpy()[-1]
    everywhere, empty = ({"noise": noise, "replaced": most} for noise in NOISES)
    kept, lowest = own_band(study, study["correlation_expected"]), study["variance_expected"].min("frequency")
    wild = study["error"].max("steps").to_series().unstack("method").max()
    unstable = ", ".join(f"{name} (up to {value:.0e})" for name, value in wild.items() if not value < 1)
    steps = study.attrs["num_steps"]
    at_entry, below_it = (_highest(study, entry_noise * factor) for factor in (1, 0.1))
    return (
        f"- **The data.** The targets' power falls with frequency to the power "
        f"{common.text(bootstrap_mean(study['slope']), 2)} ({study.sizes['sample']} "
        f"{study.attrs['data_source']} images). Of the sources' Fourier coefficients {below[PRESERVING]:.0%} have "
        f"less power than the $s_0^2$ = {entry_noise:.1e} of the variance-preserving process, {below[EXPLODING]:.0%} "
        f"less than the {float(study['entry'].sel(process=EXPLODING)):.0e} of the variance-exploding one, and "
        f"{float(study['empty']):.0%} have none.\n"
        f"- **Collapse of a perfect network.** Above half the Nyquist frequency the latents of the Gaussian data have "
        f"the variance {float(high(study['standard_variance'])):.2f} after {steps} steps of the standard inversion, "
        f"and {float(high(study['data_limit'].sel(preserving))):.2f} in the limit of many steps; white noise has 1. "
        f"Of all methods without noise the highest variance is {at_entry}, and {below_it}.\n"
        f"- **Orders of convergence** (variance exploding): "
        f"{', '.join(f'{name} {value:.2f}' for name, value in order.to_series().items() if value > 0)}. "
        f"With errors above 1 in one of the runs: {unstable or 'none'}.\n"
        f"- **EDM's entry noise.** Where the data has $S$ = {float(faint['variance']):.0e}, the latent's variance is "
        f"{float(edm.sel(entry_noise=False)):.2f} without and {float(edm.sel(entry_noise=True)):.2f} with the noise; "
        f"drawn, {common.text(added, 2)} ({study.sizes['draw']} draws).\n"
        f"- **OVG** raises the high frequencies from {guided['standard']:.2f} to "
        f"{guided['OVG, variance gradient alone']:.2f} with its variance gradient alone, and to {guided['OVG']:.2f} "
        f"with both gradients (one draw). In the emptied band its latent has at most the power {filled['OVG']:.0e}, "
        f"which is rounding error; with TABA the band has up to {filled['OVG + TABA']:.2f}.\n"
        f"- **Structure.** At k = {most} the latent's correlation with the source, averaged over the source's own "
        f"band, is {float(kept.sel(everywhere)):.3f} with noise everywhere and {float(kept.sel(empty)):.3f} with noise "
        f"in the empty band alone; the lowest power of the latent at any frequency is "
        f"{float(lowest.sel(everywhere)):.2f} and {float(lowest.sel(empty)):.2f}."
    )


def _highest(study: xr.Dataset, variance: float) -> str:
    """The most variance that a method without noise reaches where the data has about this one, beside the limit."""
    at = study[["terminal", "limit"]].sel(process=PRESERVING).sel(variance=variance, method="nearest")
    most = at["terminal"].idxmax("method")
    return (
        f"{float(at['terminal'].max('method')):.2f} ({most.item()}) where $S$ = {float(at['variance']):.1e}, with a "
        f"limit of {float(at['limit']):.2f}"
    )
