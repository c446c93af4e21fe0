"""What the two domains of data sets are like: results of `studies.domains` as tables and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings.claims import Claim, Rule, below, is_below, judge
from spectral_collapse.findings.intervals import concat, exponential, gap, high_mean, mean_text, means
from spectral_collapse.findings.measured import attr, title_of
from spectral_collapse.metrics.radial_spectrum import BAND
from spectral_collapse.statistics import POSITIVE, Interval, bootstrap_mean, text

PAGE = "data"
"""The notebook that shows this study."""


def origin(domains: Sequence[xr.Dataset]) -> str:
    """One Markdown sentence: what kind of images these are, how many, and where they come from."""
    first, attrs = domains[0], domains[0].attrs
    return (
        f"**{attr(first, 'data_source').capitalize()} images**: {attr(first, 'origin')}; {attrs['train_images']} "
        f"for training and {attrs['test_images']} for testing, of which {first.sizes['sample']} are measured here."
    )


def answer(domains: Sequence[xr.Dataset]) -> str:
    """On which data sets sources lack power at high frequencies, and which images are real."""
    ratios = {title_of(one): _high_ratio(one) for one in domains}
    told = []
    for side, words in {True: "below 1", False: "above 1", None: "not significantly different from 1"}.items():
        if which := [f"{name} ({one.mean:.2f})" for name, one in ratios.items() if below(one, 1) is side]:
            told.append(f"{words} on {', '.join(which)}")
    return (
        "**Answer.** Enlarged sources have fewer independent values than their targets (one pixel in 64 at x8), and "
        "drawings have neither shading nor material. But sources need not lack power at high frequencies: their power "
        f"divided by that of the targets is {'; '.join(told)}."
    )


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What the paper says of the data."""
    words = "Sources are spectrally sparse: they lack the energy at high frequencies that targets have"
    where, what = "Spectral Collapse, abstract and Sec. 1", "power at high frequencies, source over target"
    return judge([Rule(words, where, what, _high_ratio, is_below(1), "fig-photos")], found)


def spectra(domains: Sequence[xr.Dataset]) -> pd.DataFrame:
    """Power of both domains: columns dataset, series, frequency, and those of `intervals.means`."""
    tables = [means(one["power"], bounds=POSITIVE).assign(dataset=one.attrs["dataset"]) for one in domains]
    return concat(tables).rename(columns={"domain": "series"})


def table(domains: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per data set: images, slope, and the sources' share of high-frequency power (geometric mean)."""
    rows = [
        {
            "Data set": one.attrs["dataset"],
            "Images": one.attrs["data_source"],
            "Train": one.attrs["train_images"],
            "Test": one.attrs["test_images"],
            "Measured": one.sizes["sample"],
            "Slope of the targets": mean_text(one["slope"], 2),
            "High frequencies, source / target": text(_high_ratio(one), 2),
        }
        for one in domains
    ]
    return pd.DataFrame(rows).set_index("Data set")


def _high_ratio(one: xr.Dataset) -> Interval:
    """Power of sources over targets above half the Nyquist frequency, geometric mean over images."""
    return Interval(*np.exp(gap(np.log(high_mean(one["power"])), domain=("source", "target"))))


def power_laws(domains: Sequence[xr.Dataset]) -> pd.DataFrame:
    """Spectra of targets (geometric means) and, within its band, their power law `fit`, with a label."""
    tables = []
    for one in domains:
        logs = np.log(np.maximum(one["power"].sel(domain="target", drop=True), 1e-12))
        found, slope = means(logs), bootstrap_mean(one["slope"])
        inside, distance = found["frequency"].between(*BAND), np.log(found["frequency"])
        distance -= distance[inside].mean()
        found["fit"] = (found["mean"][inside].mean() + slope.mean * distance).where(inside)
        title = f"{title_of(one)}: slope {text(slope, 2)}, {attr(one, 'wavelet')}"
        tables.append(exponential(found, "fit").assign(label=title))
    return concat(tables)


def wavelets(domains: Sequence[xr.Dataset]) -> str:
    """Slopes of the spectra of test targets and of S_HF's reference, and the wavelets that follow from the latter."""
    return "\n".join(
        f"- **{title_of(one)}** ({one.sizes['sample']} test images): the slope is {mean_text(one['slope'], 2)}. It is "
        f"{one.attrs['reference_slope']:.2f} for the training images that are the reference of $S_{{HF}}$, so we use "
        f"{attr(one, 'wavelet')}."
        for one in domains
    )
