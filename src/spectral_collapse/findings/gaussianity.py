"""Whether inverted latents are normal: tables, laws of white noise for the number of latents at hand, sentences.

Kolmogorov-Smirnov distances stand beside the value that 95 % of sets of as many white latents do not exceed; it is
exact, for any law. Means over latents have bootstrap intervals over independent pictures; what is of a set has
jackknife intervals over parts of them.
"""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import xarray as xr
from scipy import integrate, stats

from spectral_collapse import statistics
from spectral_collapse.findings import latents
from spectral_collapse.findings.claims import Claim, Rule, is_above, is_below, judge
from spectral_collapse.findings.intervals import exponential, means
from spectral_collapse.findings.latents import Found, as_rows, called, counted, jackknife, jackknifed, stacked
from spectral_collapse.findings.measured import below
from spectral_collapse.findings.registered import margin
from spectral_collapse.findings.tidy import by_series, each, items, of_draws
from spectral_collapse.metrics.shapiro_wilk import LEVEL
from spectral_collapse.statistics import COVERAGE, POSITIVE, SHARE, Interval, groups_of, text
from spectral_collapse.studies.gaussianity import ALL

LAW = "chance"
"""The series of what chance gives."""
SMALLEST = 1e-30
"""Of the p-values that charts show."""
TICKS = 64
"""How many norms of a series are drawn at most."""
MARGIN = margin("s_g")
"""The Kolmogorov-Smirnov distance up to which norms count as white noise's: an S_G of 0.8 or more."""
RIGHT, WRONG = 0.02, 0.1
"""A mean energy is right where it is this near to white noise's, and wrong where it is this far from it at least."""


@functools.cache
def chance(count: int) -> Interval:
    """The Kolmogorov-Smirnov distance of `count` independent samples of the very law: mean, and the range of 95 %. The
    range is one-sided, as the test is: a set cannot be too much like its law."""
    # The mean of what is never negative is the area under its survival function; `kstwo.mean` takes ten times as long.
    mean, _ = integrate.quad(stats.kstwo.sf, 0, 1, args=(count,))
    return Interval(mean, 0.0, float(stats.kstwo.ppf(COVERAGE, count)))


@each(stacked)
def norms(study: xr.Dataset) -> pd.DataFrame:
    """Squared norms over d, at most `TICKS` of a series, evenly spread by size; low, high: 95 % of white noise's."""
    values = study["energy"].sel(band=ALL, drop=True)
    rows, count = as_rows(values, value=values.to_numpy()), study.sizes["sample"]
    spread = np.linspace(0, count - 1, min(TICKS, count)).round().astype(int)
    low, high = stats.chi2.ppf(((1 - COVERAGE) / 2, (1 + COVERAGE) / 2), study.attrs["dimension"])
    ticks = pd.concat(one.sort_values("value").iloc[spread] for _, one in rows.groupby("series", sort=False))
    return ticks.assign(low=low / study.attrs["dimension"], high=high / study.attrs["dimension"])


@each(stacked)
def distances(study: xr.Dataset) -> pd.DataFrame:
    """KS distance of squared norms by number of latents; low, high: 95 % of random subsets. `LAW`: `chance`."""
    law = [{"series": LAW, "count": count, **chance(count)._asdict()} for count in study["count"].to_numpy()]
    return pd.concat([of_draws(study["ks_distance"]), pd.DataFrame(law)])


@each(stacked)
def pvalues(study: xr.Dataset) -> pd.DataFrame:
    """The p-values of the same tests, geometric means over subsets: columns as of `distances`, `SMALLEST` at least."""
    return exponential(of_draws(np.log(study["ks_pvalue"].clip(SMALLEST))))


@each(stacked)
def energies(study: xr.Dataset) -> pd.DataFrame:
    """Mean energy per degree of freedom in each band: columns panel, series, band, and those of `intervals.means`."""
    return means(_in_bands(study["energy"].drop_vars("freedom")), bounds=POSITIVE)


@each(stacked)
def band_distances(study: xr.Dataset) -> pd.DataFrame:
    """KS distance of the energy in each band: columns panel, series, band, mean; of the series `LAW` low and high."""
    distance, by_chance = _in_bands(_distances(study)), chance(study.sizes["sample"])
    law = [{"series": LAW, "band": band, **by_chance._asdict()} for band in distance["band"].to_numpy()]
    return pd.concat([as_rows(distance, mean=distance.to_numpy()), pd.DataFrame(law)])


@each(stacked)
def rejections(study: xr.Dataset) -> pd.DataFrame:
    """Shares of Shapiro-Wilk's rejections: columns panel, series, test (of what), mean, low, high."""
    elements = jackknifed(study["element_rejected"])
    elements = elements.assign(low=elements["low"].clip(lower=0), high=elements["high"].clip(upper=1))
    values = means(study["latent_rejected"], bounds=SHARE).assign(test="the values of a latent")
    return pd.concat([elements.assign(test="an element over latents"), values]).dropna(subset=["mean"])


@each(stacked)
def divergences(study: xr.Dataset) -> pd.DataFrame:
    """Divergence from N(0, 1) above white noise's: columns panel, series, mean, low, high in nat per element."""
    return jackknifed(study["kl_excess"])


@each(stacked)
def moments(study: xr.Dataset) -> pd.DataFrame:
    """Skewness and excess kurtosis of latents: columns panel, series, moment, and those of `intervals.means`."""
    kurtosis = means(study["kurtosis"]).assign(moment="excess kurtosis")
    return pd.concat([means(study["skewness"]).assign(moment="skewness"), kurtosis])


@each(by_series)
def score_table(study: xr.Dataset, name: str) -> dict[str, str]:
    """A row per data set and series, for the page: the chapter's numbers with what chance gives for this N."""
    one, distance = study.sel(series=name), _distance(study, name)
    pvalue = one["ks_pvalue"].isel(count=-1, draw=0).item()
    return {
        "Squared norm / d": text(_energy(study, name, ALL), 3),
        "S_G": f"{1 - distance:.3f}",
        "KS distance": f"{distance:.3f}",
        "95 % of white sets are below": f"{chance(study.sizes['sample']).high:.3f}",
        "p": f"{pvalue:.2g}" if pvalue > SMALLEST else f"< {SMALLEST:g}",
        "KL minus white noise's (nat)": text(jackknife(one["kl_excess"]), 3),
        "Excess kurtosis": text(statistics.interval(one["kurtosis"]), 2),
    }


def answer(study: xr.Dataset) -> dict[str, object]:
    """Numbers on the standard inversion's norms and values, and which method restores which: the law of norms, the mean
    norm without the spectrum, the values of elements."""
    excesses = {name: jackknife(study["kl_excess"].sel(series=name)) for name in latents.methods(study)}
    best = min(excesses, key=lambda name: excesses[name].mean)
    nearest = [name for name, one in excesses.items() if name == best or one.low <= excesses[best].high]
    return {
        "data": counted(study),
        "distance": _distance(study, "standard"),
        "count": study.sizes["sample"],
        "most": chance(study.sizes["sample"]).high,
        "norm": _energy(study, "standard", ALL),
        "high": _energy(study, "standard", "high"),
        "excess": excesses["standard"],
        "inside": ", ".join(_inside(study)) or "no method",
        "only_norm": "; ".join(_only_norm(study)) or "no method",
        "nearest": ", ".join(f"{called(name)} {text(excesses[name])}" for name in nearest),
    }


@each(items, counted)
def norms_verdict(study: xr.Dataset) -> str:
    """Whose norms have the law of white noise, and from which N on the test says so, as a Markdown list."""
    rejected = (study["ks_pvalue"].sel(series="standard") < LEVEL).all("draw").to_numpy()
    lasting = np.logical_and.accumulate(rejected[::-1])[::-1]  # from here on in all sizes
    first = (
        f"every random set of {study['count'].data[lasting.argmax()]} or more latents" if lasting.any() else "no set"
    )
    return (
        f": methods whose norms do not differ significantly from white noise's: {', '.join(_inside(study)) or 'none'}. "
        f"At the 5 % level, the test rejects the standard inversion in {first}."
    )


@each(items, counted)
def only_norms(study: xr.Dataset) -> str:
    """Whose norm is right and whose spectrum is not, as a Markdown list."""
    return f": {'; '.join(_only_norm(study)) or 'none'}."


def _only_norm(study: xr.Dataset) -> list[str]:
    """The series whose norm is right and whose spectrum is not, each with the bands that are off."""
    named, distances, most = [], _in_bands(_distances(study)), chance(study.sizes["sample"]).high
    for name in (name for name in latents.methods(study) if has_mean_norm(study, name)):
        off = []
        for band, distance in zip(distances["band"].to_numpy(), distances.sel(series=name), strict=True):
            one = _energy(study, name, band)
            if abs(one.mean - 1) >= WRONG and below(one, 1) is not None and distance > most:
                off.append(f"{'mean colour' if band == 'mean' else band} {text(one, 2)}")
        named += [f"{called(name)} ({', '.join(off)})"] * bool(off)
    return named


def claims(found: Found) -> list[Claim]:
    """Claims on normality of both papers. Squared norms follow white noise's law, or do not, where the whole interval
    of `ks_distance` lies below `MARGIN`, or above: that a test does not reject is no support."""
    spectral, back = "Spectral Collapse", "There and Back Again"

    def closer(one: xr.Dataset) -> Interval | None:
        excess = one["kl_excess"]
        return jackknife(excess.sel(series="taba") - excess.sel(series="standard")) if "taba" in one["series"] else None

    what = "KS distance of squared norms, with an interval for as many norms as pictures, or windows of fixed ones"
    rows = [
        Rule("Squared norms of latents of the standard inversion do not follow chi-square",
             f"{spectral}, Fig. 7 and App. B.2", what, functools.partial(ks_distance, name="standard"),
             is_above(MARGIN), "fig-gaussianity-norms", 2),
        Rule("OVG restores Gaussianity (squared norms)", f"{spectral}, Sec. 1", what,
             functools.partial(ks_distance, name="ovg"), is_below(MARGIN), "fig-gaussianity-ks", 2),
        Rule("A latent of low variance lacks energy at high frequencies (over white noise's)",
             f"{spectral}, Sec. 4", "energy at high frequencies",
             lambda one: _energy(one, "standard", "high"), is_below(1),
             "fig-gaussianity-energy", 2),
        Rule(f"Latents deviate from Gaussian statistics (share of elements that Shapiro-Wilk rejects; white noise "
             f"{LEVEL})", f"{back}, Sec. 1", "share",
             lambda one: jackknife(one["element_rejected"].sel(series="standard")), is_above(LEVEL),
             "fig-gaussianity-shapiro", 2),
        Rule("Forward diffusion in the first steps brings latents closer to Gaussian noise (divergence of TABA minus "
             "that of the standard inversion, nat per element)", f"{back}, Fig. 4", "difference of divergences",
             closer, is_below(0),
             "fig-gaussianity-kl", 2),
    ]  # fmt: skip
    return judge(rows, found, counted)


def ks_distance(study: xr.Dataset, name: str) -> Interval | None:
    """The Kolmogorov-Smirnov distance of the law of squared norms from chi-square; None without the series. Two
    distribution functions are no farther apart than one of them from the sample and the sample from the other, so the
    distance of the sample, give or take what 95 % of samples of the very law do not exceed, holds the distance of the
    law. As independent count pictures, not latents."""
    if name not in study["series"]:
        return None
    distance, apart = _distance(study, name), chance(len(set(groups_of(study)))).high
    return statistics.within(Interval(distance, distance - apart, distance + apart), 0, 1)


def _in_bands(values: xr.DataArray) -> xr.DataArray:
    return values.sel(band=values["band"] != ALL)


def _distances(study: xr.Dataset) -> xr.DataArray:
    """KS distance of the energies of each series and band."""

    def distance(energy: np.ndarray, freedom: np.ndarray) -> float:
        return stats.kstest(energy * freedom, stats.chi2(freedom).cdf).statistic

    return xr.apply_ufunc(distance, study["energy"], study["freedom"], input_core_dims=[["sample"], []], vectorize=True)


def _distance(study: xr.Dataset, name: str) -> float:
    return study["ks_distance"].sel(series=name).isel(count=-1, draw=0).item()


def has_mean_norm(study: xr.Dataset, name: str) -> bool:
    """Whether the mean squared norm of a series is within `RIGHT` of white noise's."""
    return bool(abs(_energy(study, name, ALL).mean - 1) <= RIGHT)


def has_law(study: xr.Dataset, name: str) -> bool:
    """Whether the norms of a series are not told from white noise's."""
    return bool(_distance(study, name) <= chance(study.sizes["sample"]).high)


def _inside(study: xr.Dataset) -> list[str]:
    """The methods whose norms are not told from white noise's."""
    return [called(name) for name in latents.methods(study) if has_law(study, name)]


def _energy(study: xr.Dataset, name: str, band: str) -> Interval:
    return statistics.interval(study["energy"].sel(series=name, band=band), bounds=POSITIVE)
