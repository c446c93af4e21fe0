"""What the spectra of the standard inversion say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings.intervals import means
from spectral_collapse.studies import common


def image_spectra(study: xr.Dataset) -> pd.DataFrame:
    """Power of sources, targets and outputs: columns series, frequency, and those of `intervals.means`."""
    return _spectra(study, "image")


def latent_spectra(study: xr.Dataset) -> pd.DataFrame:
    """Power of white noise and of the latents: columns series, frequency, and those of `intervals.means`."""
    return _spectra(study, "latent")


def verdict(study: xr.Dataset) -> str:
    """What the numbers say, as a Markdown list, with 95 % bootstrap intervals.

    'High' frequencies are those above half the Nyquist frequency, of latents and of images alike.
    """
    latents = _high(study["latent_power"], "latent_frequency")
    network, perfect, target = (
        statistics.bootstrap_mean(latents.sel(latent_series=series))
        for series in ("source, network", "source, closed form", "target, network")
    )
    images = np.log(_high(study["image_power"], "image_frequency"))
    missing = images.sel(image_series="output") - images.sel(image_series="target")
    decorrelated = {
        series: common.text(statistics.bootstrap_mean(study["latent_s_dc"].sel(latent_series=series)))
        for series in study["latent_series"].to_numpy()
    }
    ratio = statistics.Interval(*np.exp(statistics.bootstrap_mean(missing)))
    if perfect.high < 1:
        even = "so it collapses too"
    elif perfect.low > 1:
        even = "more than white noise has, so it does not collapse"
    else:
        even = "not told apart from white noise: the spectrum of these sources is no reason for a collapse"
    return (
        f"- **Is the latent white?** The mean power of the latents at high frequencies, 1 for white noise, is "
        f"{common.text(network)} for sources inverted with our network and {common.text(target)} for targets. A "
        f"perfect network would give {common.text(perfect)} for Gaussian data with the spectrum of these sources, "
        f"{even}.\n"
        f"- **Are its places independent?** S_DC, the share of places whose neighbours differ as in white noise, is "
        f"{decorrelated['white noise']} for drawn noise, {decorrelated['source, network']} for sources inverted with "
        f"our network, {decorrelated['source, closed form']} for the same with the perfect network of their spectrum, "
        f"and {decorrelated['target, network']} for targets.\n"
        f"- **Is texture missing in the output?** At high frequencies the outputs have {common.text(ratio)} times the "
        f"power of the true targets (geometric mean)."
    )


def _spectra(study: xr.Dataset, kind: str) -> pd.DataFrame:
    power = study[f"{kind}_power"].rename({f"{kind}_series": "series", f"{kind}_frequency": "frequency"})
    return means(power, title=study.attrs["title"])


def _high(power: xr.DataArray, frequency: str) -> xr.DataArray:
    return power.where(power[frequency] > 0.25, drop=True).mean(frequency)
