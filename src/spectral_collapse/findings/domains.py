"""What the two domains of data sets are like: results of `studies.domains` as tables and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.findings.claims import Claim, Rule, below, is_below, is_equal, judge
from spectral_collapse.findings.intervals import high_mean, mean_text, means
from spectral_collapse.findings.measured import attr, label, title_of
from spectral_collapse.metrics.radial_spectrum import BAND
from spectral_collapse.statistics import POSITIVE, Interval, bootstrap_mean, geometric_mean, text

PAGE = "data"
"""The notebook that shows this study."""

SLOPE, NEAR = -3.5, 0.5
"""The paper's slope of spectra, and what counts as close to it."""


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
    sides = {True: "below 1 on", False: "above 1 on", None: "not significantly different from 1 on"}
    told = [
        f"{words} {', '.join(f'{name} ({text(one, 2)})' for name, one in ratios.items() if below(one, 1) is side)}"
        for side, words in sides.items()
        if any(below(one, 1) is side for one in ratios.values())
    ]
    kinds = {
        kind: ", ".join(dict.fromkeys(_family(one) for one in domains if attr(one, "data_source") == kind))
        for kind in dict.fromkeys(attr(one, "data_source") for one in domains)
    }
    return (
        "**Answer.** Enlarged sources have fewer independent values than their targets (one pixel in 64 at x8), and "
        "drawings have neither shading nor material. Power at high frequencies need not be missing: that of sources "
        f"over that of targets is {'; '.join(told)}. "
        f"{'. '.join(f'{kind.capitalize()} are {names}' for kind, names in kinds.items())}."
    )


def _family(one: xr.Dataset) -> str:
    """'Photos' for 'Photos, x8'."""
    return title_of(one).partition(",")[0]


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What the paper says of the data. 'Close to -3.5' is asked of real images: the slope of a rendered one is a choice
    of the drawing code."""

    def slope(one: xr.Dataset) -> Interval | None:
        return bootstrap_mean(one["slope"]) if one.attrs["data_source"] == "real" else None

    rows = [
        Rule("The slope of the spectra of real images is typically close to -3.5.", "Spectral Collapse, App. B.4",
             "slope of the targets", slope, is_equal(SLOPE, NEAR), "fig-photos", 2),
        Rule("Sources are spectrally sparse: they lack the energy at high frequencies that targets have.",
             "Spectral Collapse, abstract and Sec. 1", "power at high frequencies, source over target", _high_ratio,
             is_below(1), "fig-photos"),
    ]  # fmt: skip
    return judge(rows, found)


def spectra(domains: Sequence[xr.Dataset]) -> pd.DataFrame:
    """Power of both domains: columns dataset, series, frequency, and those of `intervals.means`."""
    tables = [
        means(one["power"].rename(domain="series"), bounds=POSITIVE).assign(dataset=one.attrs["dataset"])
        for one in domains
    ]
    return pd.concat(tables, ignore_index=True)


def table(domains: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row per data set: kind and number of images, and how their spectra fall, with 95 % intervals.

    The ratio is that of the mean powers above half the Nyquist frequency (geometric mean over images).
    """
    rows = []
    for one in domains:
        rows.append(
            {
                "Data set": one.attrs["dataset"],
                "Images": one.attrs["data_source"],
                "Train": one.attrs["train_images"],
                "Test": one.attrs["test_images"],
                "Measured": one.sizes["sample"],
                "Slope of the targets": mean_text(one["slope"], 2),
                "High frequencies, source / target": text(_high_ratio(one), 2),
            }
        )
    return pd.DataFrame(rows).set_index("Data set")


def _high_ratio(one: xr.Dataset) -> Interval:
    """Power of sources over targets above half the Nyquist frequency, geometric mean over images."""
    high = np.log(high_mean(one["power"]))
    return geometric_mean(high.sel(domain="source") - high.sel(domain="target"))


def power_laws(domains: Sequence[xr.Dataset]) -> pd.DataFrame:
    """Spectra of targets, geometric means over images, and the power laws that fit them.

    Columns: label, the data set with its mean slope and its wavelet; frequency, mean, low, high; fit, the power law
    of the mean slope within the band of the fit, elsewhere NaN.
    """
    tables = []
    for one in domains:
        logs = np.log(np.maximum(one["power"].sel(domain="target", drop=True), 1e-12))
        found, slope = means(logs), bootstrap_mean(one["slope"])
        inside, distance = found["frequency"].between(*BAND), np.log(found["frequency"])
        distance -= distance[inside].mean()
        found["fit"] = (found["mean"][inside].mean() + slope.mean * distance).where(inside)
        ends = ["mean", "low", "high", "fit"]
        found[ends] = np.exp(found[ends])
        tables.append(found.assign(label=f"{label(one)}: slope {text(slope, 2)}, {attr(one, 'wavelet')}"))
    return pd.concat(tables, ignore_index=True)


def wavelets(domains: Sequence[xr.Dataset]) -> str:
    """Slopes of the spectra of test targets and of S_HF's reference, and the wavelets that follow from the latter."""
    return "\n".join(
        f"- **{title_of(one)}** ({one.sizes['sample']} {attr(one, 'data_source')} test images): slope "
        f"{mean_text(one['slope'], 2)}; {one.attrs['reference_slope']:.2f} for the training "
        f"images that $S_{{HF}}$ takes as its reference, hence {attr(one, 'wavelet')}."
        for one in domains
    )
