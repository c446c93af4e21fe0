"""How many dimensions inverted latents use: tables, the share that the closed form predicts, sentences.

Ranks are *relative*: effective rank over that of as many drawn white latents, so that sets of any size compare. Of a
set, intervals are jackknife intervals over parts of the independent pictures; of latents by themselves, bootstrap
intervals over pictures.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings import latents
from spectral_collapse.findings.claims import Claim, Rule, is_below, is_equal, judge
from spectral_collapse.findings.intervals import exponential, means
from spectral_collapse.findings.latents import Found, called, counted, jackknife, jackknifed, stacked
from spectral_collapse.findings.measured import UNKNOWN, Measured, at_least, below, exact
from spectral_collapse.findings.tidy import by_series, each, of_draws
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.latents import CLOSED, WHITE

READINGS = {"set": "the set of latents", "map": "each latent by itself"}
"""Of 'the mean of cumulative explained variance over 2000 noise maps'."""

_NO_POWER = 1e-6
"""Of components, relative to white noise: what is less is rounding."""
FEWER = 0.01
"""A rank that is smaller than white noise's by this share counts as none smaller."""
EQUAL = 0.005
"""White noise 'uses all dimensions equally' where its effective rank is off the law of Marchenko and Pastur, which
equal variances have, by at most this share."""


@each(stacked)
def cumulative(study: xr.Dataset, reading: str) -> pd.DataFrame:
    """Cumulative explained variance: columns panel, series, share, mean, low, high. reading: 'set' or 'map'."""
    return means(study["map_cumulative"]) if reading == "map" else jackknifed(study["cumulative"])


@each(stacked)
def relative_ranks(study: xr.Dataset) -> pd.DataFrame:
    """Relative ranks of all series but white noise: columns panel, series, reading, mean, low, high."""
    return pd.DataFrame(
        {"series": name, "reading": title, **_relative(study, name, reading)._asdict()}
        for reading, title in READINGS.items()
        for name in latents.methods(study)
    )


@each(by_series)
def rank_table(study: xr.Dataset, name: str) -> dict[str, str]:
    """A row per data set and series, for the page: ranks and components for 95 %, and both over white noise's."""
    needed = study["components_95"]
    return {
        "Effective rank": f"{_rank(study, name):.1f}",
        "Largest possible": f"{study.attrs['possible_rank']}",
        "White noise in the limit": f"{study.attrs['white_rank']:.1f}",
        "Rank over white noise's": text(_relative(study, name, "set"), 2),
        "Components for 95 %": f"{needed.sel(series=name, left_out='nothing').item():.0f}",
        "Components over white noise's": text(jackknife(needed.sel(series=name) / needed.sel(series=WHITE)), 2),
        "Effective rank of a latent": text(statistics.interval(study["map_rank"].sel(series=name)), 1),
    }


@each(stacked)
def growth(study: xr.Dataset) -> pd.DataFrame:
    """Effective rank against the number of latents; low, high: the range of 95 % of the random sets of that size."""
    return of_draws(study["subset_rank"])


def component_spectra(study: xr.Dataset) -> pd.DataFrame:
    """Radial spectra of first and last components: columns panel (which), series, frequency, mean, low, high."""
    # of logarithms, since an interval of a power must not reach below 0
    table = exponential(jackknifed(np.log(study["component_power"].clip(_NO_POWER)))).rename(columns={"end": "panel"})
    table = table.assign(panel=table["panel"] + " components", series=table["series"].map(called))
    table.attrs["title"] = counted(study)
    return table


@each(stacked)
def predicted(study: xr.Dataset) -> pd.DataFrame:
    """The closed form's loss of rank as a multiple of the standard inversion's: columns panel, reading, mean, low,
    high; NaN where the standard inversion's rank does not differ significantly from white noise's: there is no loss."""
    rows = [{"reading": title, **_share(study, reading)._asdict()} for reading, title in READINGS.items()]
    return pd.DataFrame(rows)


def answer(study: xr.Dataset) -> dict[str, str]:
    """How many dimensions the standard inversion uses, in both readings, and the closed form's share of the loss."""
    shares = Measured({title: _share(study, reading) for reading, title in READINGS.items()})
    told = " and ".join(f"{text(share, 2)} times ({title})" for title, share in shares.items())
    loss = f"With an ideal denoiser for Gaussian data, the loss of dimensions would be {told} as large."
    return {
        "data": counted(study),
        **{reading: text(_relative(study, "standard", reading), 2) for reading in READINGS},
        "loss": loss if told else "There is no significant loss.",
    }


def lost(study: xr.Dataset) -> dict[str, Interval]:
    """Which frequencies the first and the last components of the standard inversion and of white noise have: the mean
    frequency of a component's power per ring, over that of a flat spectrum."""
    weights = study["component_power"] * study["frequency"]  # rings grow with their radius
    centre = weights.sum("frequency") / study["component_power"].sum("frequency") / study["frequency"].mean()
    return {
        f"{prefix}{end}": jackknife(centre.sel(series=series).isel(end=place))
        for place, end in enumerate(("first", "last"))
        for prefix, series in (("", "standard"), ("white_", WHITE))
    }


def claims(found: Found) -> list[Claim]:
    """Fig. 3 of 'Spectral Collapse' and its text."""
    spectral, figure = "Spectral Collapse, Fig. 3", "fig-pca-ranks"
    sparsest = [found[name] for name in (latents.BBBC021[0], latents.BBBC021[-1]) if name in found]
    named = f"x32 minus x8, {counted(sparsest[0])}" if len(sparsest) == 2 else ""
    rows = [
        *(
            Rule(f"Inverted latents use fewer dimensions than noise ({title})", spectral, "rank over white noise's",
                 functools.partial(_relative, name="standard", reading=reading), is_below(1), figure, 2)
            for reading, title in READINGS.items()
        ),
        *(
            Rule(f"The collapse is stronger the sparser the source is, x32 against x8 ({title})",
                 f"{spectral} and Sec. 4", "rank over white noise's",
                 Measured({named: _difference(*sparsest, reading)} if named else {}), is_below(0), figure)
            for reading, title in READINGS.items()
        ),
        Rule("White noise uses all dimensions equally (as far as a set of this size tells)", spectral,
             "effective rank over that of equal variances",
             lambda one: exact(_rank(one, WHITE) / one.attrs["white_rank"]), is_equal(1, EQUAL), "fig-pca-set", 4),
    ]  # fmt: skip
    return judge(rows, found, counted)


def _rank(study: xr.Dataset, name: str) -> float:
    return study["effective_rank"].sel(series=name, left_out="nothing").item()


def _relative(study: xr.Dataset, name: str, reading: str) -> Interval:
    if reading == "map":
        return statistics.ratio(study["map_rank"].sel(series=name), study["map_rank"].sel(series=WHITE))
    return jackknife(_set_ranks(study).sel(series=name))


def has_dimensions(study: xr.Dataset, name: str) -> bool:
    """Whether the set of latents of a series uses as many dimensions as white noise, but for `FEWER`."""
    return bool(at_least(_relative(study, name, "set"), 1, FEWER))


def _set_ranks(study: xr.Dataset) -> xr.DataArray:
    return study["effective_rank"] / study["effective_rank"].sel(series=WHITE)


def _share(study: xr.Dataset, reading: str) -> Interval:
    if not below(_relative(study, "standard", reading), 1):
        return UNKNOWN
    if reading == "map":
        loss = study["map_rank"].sel(series=WHITE) - study["map_rank"]
        return statistics.ratio(loss.sel(series=CLOSED), loss.sel(series="standard"))
    loss = 1 - _set_ranks(study)
    return jackknife(loss.sel(series=CLOSED) / loss.sel(series="standard"))


def _difference(sparse: xr.Dataset, sparser: xr.Dataset, reading: str) -> Interval:
    """Relative rank of the sparser sources minus that of the same images, less sparse."""
    if reading == "set":
        return jackknife((_set_ranks(sparser) - _set_ranks(sparse)).sel(series="standard"))
    ranks = (study["map_rank"] / study["map_rank"].sel(series=WHITE).mean() for study in (sparser, sparse))
    return statistics.interval(np.subtract(*ranks).sel(series="standard"))
