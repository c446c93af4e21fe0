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
from spectral_collapse.findings.intervals import means
from spectral_collapse.findings.latents import (
    Found,
    as_rows,
    called,
    jackknife,
    jackknifed,
    label,
    stacked,
)
from spectral_collapse.findings.measured import Measured, attr, below, exact, title_of
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.latents import CLOSED, WHITE

READINGS = {"set": "the set of latents", "map": "each latent by itself"}
"""Of 'the mean of cumulative explained variance over 2000 noise maps'."""

_NO_POWER = 1e-6
"""Of components, relative to white noise: what is less is rounding."""

EQUAL = 0.005
"""White noise 'uses all dimensions equally' where its effective rank is off the law of Marchenko and Pastur, which
equal variances have, by at most this share."""


def cumulative(found: Found, reading: str) -> pd.DataFrame:
    """Cumulative explained variance: columns panel, series, share, mean, low, high. reading: 'set' or 'map'."""

    def table(study: xr.Dataset) -> pd.DataFrame:
        if reading == "map":
            return means(study["map_cumulative"])
        return jackknifed(study["cumulative"])

    return stacked(found, table)


def relative_ranks(found: Found) -> pd.DataFrame:
    """Relative ranks of all series but white noise: columns panel, series, reading, mean, low, high."""

    def table(study: xr.Dataset) -> pd.DataFrame:
        rows = [
            {"series": name, "reading": title, **_relative(study, name, reading)._asdict()}
            for reading, title in READINGS.items()
            for name in latents.methods(study)
        ]
        return pd.DataFrame(rows)

    return stacked(found, table)


def rank_table(found: Found) -> pd.DataFrame:
    """A row per data set and series, for the page: ranks and components for 95 %, and both over white noise's with
    95 % intervals; the largest possible rank, and white noise's in the limit."""
    rows = []
    for study in found.values():
        attrs = study.attrs
        for name in map(str, study["series"].to_numpy()):
            one = study.sel(series=name, left_out="nothing")
            rows.append(
                {
                    "Data": f"{title_of(study)}, {attr(study, 'data_source')}",
                    "Latents": called(name),
                    "Effective rank": f"{_rank(study, name):.1f}",
                    "Largest possible": f"{attrs['possible_rank']}",
                    "White noise in the limit": f"{attrs['white_rank']:.1f}",
                    "Over white noise's": text(_relative(study, name, "set"), 2),
                    "Components for 95 %": f"{one['components_95'].item():.0f}",
                    "Over white noise's ": text(_components_95(study, name), 2),
                    "Effective rank of a latent": text(statistics.interval(one["map_rank"]), 1),
                }
            )
    return pd.DataFrame(rows).set_index(["Data", "Latents"])


def growth(found: Found) -> pd.DataFrame:
    """Effective rank against the number of latents: columns panel, series, count, mean; low, high: the range of 95 %
    of the random sets of that size."""

    def table(study: xr.Dataset) -> pd.DataFrame:
        low, high = statistics.percentiles(study["subset_rank"].transpose(..., "draw").to_numpy())
        mean = study["subset_rank"].mean("draw")
        return as_rows(mean, mean=mean.to_numpy(), low=low, high=high)

    return stacked(found, table)


def component_spectra(study: xr.Dataset) -> pd.DataFrame:
    """Radial spectra of first and last components: columns panel (which), series, frequency, mean, low, high."""
    table = jackknifed(np.log(study["component_power"].clip(_NO_POWER))).rename(columns={"end": "panel"})
    ends = ["mean", "low", "high"]  # of logarithms, since an interval of a power must not reach below 0
    table[ends] = np.exp(table[ends])
    number = {end: f"{end} components" for end in table["panel"].unique()}
    table = table.assign(panel=table["panel"].map(number), series=table["series"].map(called))
    table.attrs["title"] = label(study)
    return table


def predicted(found: Found) -> pd.DataFrame:
    """The closed form's loss of rank as a multiple of the standard inversion's: columns panel, reading, mean, low,
    high; NaN where the standard inversion's rank does not differ significantly from white noise's: there is no loss."""

    def table(study: xr.Dataset) -> pd.DataFrame:
        rows = [{"reading": title, **_share(study, reading)._asdict()} for reading, title in READINGS.items()]
        return pd.DataFrame(rows)

    return stacked(found, table)


def answer(found: Found) -> str:
    """Two sentences: how many dimensions the standard inversion uses, and how much of the loss the closed form has."""
    study = next(iter(found.values()))
    ranks = {reading: text(_relative(study, "standard", reading), 2) for reading in READINGS}
    shares = {reading: _share(study, reading) for reading in READINGS}
    told = " and ".join(
        f"{text(share, 2)} times ({READINGS[reading]})" for reading, share in shares.items() if not np.isnan(share.mean)
    )
    return (
        f"**Answer.** On {label(study)}, latents of the standard inversion have {ranks['set']} of the effective rank "
        f"of as many white latents, read as a set, and {ranks['map']} read one by one. "
        + (
            f"The perfect network of Gaussian data loses {told} as much."
            if told
            else "There is no loss to explain: the interval of neither reading lies below 1."
        )
    )


def verdict(found: Found) -> str:
    """What each data set says, as a Markdown list."""
    lines = []
    for study in found.values():
        fewer = {
            reading: [
                f"{called(name)} ({_relative(study, name, reading).mean:.3f})"
                for name in latents.methods(study)
                if _fewer(study, name, reading)
            ]
            for reading in READINGS
        }
        of_set, of_map = (", ".join(names) or "none" for names in fewer.values())
        standard, white = (
            study["components_95"].sel(series=name, left_out="nothing").item() for name in ("standard", WHITE)
        )
        lines.append(
            f"- **{label(study)}**: fewer dimensions than white noise (share of its effective rank) in the set of "
            f"latents: {of_set}; in each latent by itself: {of_map}. 95 % of the variance of the set are in "
            f"{standard:.0f} components for the standard inversion, in {white:.0f} for white noise (ratio "
            f"{text(_components_95(study, 'standard'), 2)})."
        )
    return "\n".join(lines)


def lost(study: xr.Dataset) -> str:
    """Which frequencies the first and the last components of the standard inversion have, in one sentence."""
    weights = study["component_power"] * study["frequency"]  # rings grow with their radius
    centre = weights.sum("frequency") / study["component_power"].sum("frequency") / study["frequency"].mean()

    def of(series: str) -> list[str]:
        return [text(jackknife(centre.sel(series=series, end=end)), 2) for end in study["end"].to_numpy()]

    (first, last), (white_first, white_last) = of("standard"), of(WHITE)
    return (
        f"The mean frequency of a component's power per ring, over that of a flat spectrum, is {first} for the first "
        f"components of the standard inversion and {last} for its last ones; white noise has {white_first} and "
        f"{white_last}."
    )


def claims(found: Found) -> list[Claim]:
    """Fig. 3 of 'Spectral Collapse' and its text."""
    spectral, figure = "Spectral Collapse, Fig. 3", "fig-pca-ranks"
    sparsest = [found[name] for name in (latents.BBBC021[0], latents.BBBC021[-1]) if name in found]
    named = f"x32 minus x8, {label(sparsest[0])}" if len(sparsest) == 2 else ""
    rows = [
        *(
            Rule(f"Inverted latents use fewer dimensions than noise ({title})", spectral, "rank over white noise's",
                 functools.partial(_relative, name="standard", reading=reading), is_below(1), figure, 2)
            for reading, title in READINGS.items()
        ),
        *(
            Rule(f"The collapse is stronger the sparser the source is, x32 against x8 ({title})",
                 f"{spectral} and Sec. 3", "rank over white noise's",
                 Measured({named: _difference(*sparsest, reading)} if named else {}), is_below(0), figure)
            for reading, title in READINGS.items()
        ),
        Rule("White noise uses all dimensions equally (as far as a set of this size tells)", spectral,
             "effective rank over that of equal variances",
             lambda one: exact(_rank(one, WHITE) / one.attrs["white_rank"]), is_equal(1, EQUAL), "fig-pca-set", 4),
    ]  # fmt: skip
    return judge(rows, found, label)


def _rank(study: xr.Dataset, name: str) -> float:
    return study["effective_rank"].sel(series=name, left_out="nothing").item()


def _relative(study: xr.Dataset, name: str, reading: str) -> Interval:
    if reading == "map":
        return statistics.ratio(study["map_rank"].sel(series=name), study["map_rank"].sel(series=WHITE))
    return jackknife(_set_ranks(study).sel(series=name))


def _components_95(study: xr.Dataset, name: str) -> Interval:
    needed = study["components_95"]
    return jackknife(needed.sel(series=name) / needed.sel(series=WHITE))


def _set_ranks(study: xr.Dataset) -> xr.DataArray:
    return study["effective_rank"] / study["effective_rank"].sel(series=WHITE)


def _fewer(study: xr.Dataset, name: str, reading: str) -> bool | None:
    return below(_relative(study, name, reading), 1)


def _share(study: xr.Dataset, reading: str) -> Interval:
    if not _fewer(study, "standard", reading):
        return Interval(np.nan, np.nan, np.nan)
    if reading == "map":
        loss = study["map_rank"].sel(series=WHITE) - study["map_rank"]
        return statistics.ratio(loss.sel(series=CLOSED), loss.sel(series="standard"))
    loss = 1 - _set_ranks(study)
    return jackknife(loss.sel(series=CLOSED) / loss.sel(series="standard"))


def _difference(sparse: xr.Dataset, sparser: xr.Dataset, reading: str) -> Interval:
    """Relative rank of the sparser sources minus that of the same images, less sparse."""
    if reading == "set":
        ranks = [_set_ranks(study).sel(series="standard") for study in (sparse, sparser)]
        return jackknife(ranks[1] - ranks[0])
    ranks = [
        study["map_rank"].sel(series="standard") / study["map_rank"].sel(series=WHITE).mean()
        for study in (sparse, sparser)
    ]
    return statistics.interval(ranks[1] - ranks[0])
