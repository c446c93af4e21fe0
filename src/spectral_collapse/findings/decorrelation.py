"""Where latents are not white: tables, sentences and claims from results of `studies.decorrelation`, by data set.

Means over images have bootstrap intervals over independent pictures; scores of a set have jackknife intervals, a block
of pictures left out at a time (`statistics.jackknife`). White noise's value is exact, but for the correlations in
patches, where it is calibrated for the number of latents.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse import metrics, statistics
from spectral_collapse.findings import cells
from spectral_collapse.findings.cells import Cells
from spectral_collapse.findings.claims import Claim, Rule, is_above, judge
from spectral_collapse.findings.intervals import ENDS, beside, gap, means, stacked
from spectral_collapse.findings.latents import Found, called, methods
from spectral_collapse.findings.measured import Measured, at_least, exact, images, title_of
from spectral_collapse.findings.registered import margin
from spectral_collapse.findings.tidy import each
from spectral_collapse.later import torch
from spectral_collapse.statistics import SHARE, Interval, bootstrap_mean, interval, text
from spectral_collapse.studies.decorrelation import PATCH
from spectral_collapse.studies.latents import WHITE

NEAR = margin("s_dc")
"""S_DC this near to white noise's counts as restored."""
STRONG = 0.5
"""From here on a rank correlation counts as strong."""
NEIGHBOURS = 0.1
"""From here on pixels count as strongly correlated: a hundredth of the one's variance is told by the other."""
DEVIATIONS = (1.0, 0.9, 0.8, 0.7, 0.6)
"""Standard deviations of the independent noise of `weak_noise`."""
_DRAWN = 32


def white_s_dc(one: xr.Dataset) -> float:
    """S_DC of white noise with the latents' channels; the same for every patch, by calibration."""
    return metrics.white_noise_level(one.attrs["latent_channels"])


def white_correlation(one: xr.Dataset) -> float:
    """The largest correlations in patches that as many white latents have by chance."""
    return metrics.white_noise_correlation(one.sizes["sample"], one.attrs["latent_channels"])


def set_score(one: xr.Dataset, name: str, series: str) -> Interval:
    """A score of a set of latents with its jackknife interval, cut at 0 and 1."""
    at = one.sel(series=series)
    return statistics.within(statistics.jackknife(at[name].item(), at[f"{name}_left_out"].to_numpy()), 0, 1)


def s_dc(one: xr.Dataset, series: str) -> Interval:
    """S_DC of a series at the usual patch, mean over images."""
    return bootstrap_mean(one["s_dc"].sel(series=series, patch=PATCH), bounds=SHARE)


@each(stacked, "panel")
def scores(one: xr.Dataset) -> pd.DataFrame:
    """Fig. 8: columns panel, series, mean, low, high of S_DC; s_g, s_g_low, s_g_high; white, S_DC of white noise;
    white_low, white_high, where 95 % of sets of as many white latents have their S_G."""
    rows, ends = means(one["s_dc"].sel(patch=PATCH), bounds=SHARE), _set_scores(one, "s_g")[ENDS]
    low, high = 1 - stats.kstwo(one.sizes["sample"]).ppf([0.975, 0.025])
    return rows.join(beside(ends, "s_g")).assign(white=white_s_dc(one), white_low=low, white_high=high)


@each(stacked, "panel")
def correlated_patches(one: xr.Dataset) -> pd.DataFrame:
    """Fig. 2 of TABA: the 20 largest |r| inside patches: columns panel, series, mean, low, high, n, white."""
    return _set_scores(one, "patch_correlation").assign(n=one.sizes["sample"], white=white_correlation(one))


def _set_scores(one: xr.Dataset, name: str) -> pd.DataFrame:
    rows = [(series, *set_score(one, name, series)) for series in one["series"].to_numpy()]
    return pd.DataFrame(rows, columns=["series", *ENDS])


@each(stacked, "panel")
def over_plain_areas(one: xr.Dataset) -> pd.DataFrame:
    """Share of flagged windows by how much of them (area) is plain; windows: the share of windows that lie so."""
    rows, share = means(one["flagged_over"], bounds=SHARE), one["windows"].mean("sample").to_series()
    return rows.assign(windows=rows["area"].map(share)).dropna(subset="mean")


@each(stacked, "panel")
def by_distance(one: xr.Dataset) -> pd.DataFrame:
    """Autocorrelation: columns panel, series, distance, and those of `intervals.means`."""
    return means(one["autocorrelation"])


@each(stacked, "panel")
def by_patch(one: xr.Dataset) -> pd.DataFrame:
    """S_DC by the side of its window: columns panel, series, patch, white, and those of `intervals.means`."""
    return means(one["s_dc"], bounds=SHARE).assign(white=white_s_dc(one))


def calibration(found: Found) -> pd.DataFrame:
    """S_DC of drawn white noise of the first data set's size by channels and patch, and what is expected."""
    drawn = next(iter(found.values()))["white_s_dc"].drop_vars(["sample_group", "sample_stratum"], errors="ignore")
    rows = means(drawn, bounds=SHARE)
    return rows.assign(expected=rows["channels"].map(metrics.white_noise_level))


def scores_correlation(found: Found) -> Interval:
    """Rank correlation of S_DC and S_G over all series but white noise and all data sets; the interval draws series,
    each with all its data sets, and leaves out draws in which a score does not vary."""
    rows = scores(found)
    rows = rows[rows["series"] != WHITE]
    values = rows[["mean", "s_g"]].to_numpy().T

    def r(times: np.ndarray) -> float:
        return float(statistics.correlations(np.repeat(values, times, 1)[..., None], "spearman")[0, 1, 0])

    drawn = np.array([r(times) for times in statistics.bootstrap_counts(rows["series"]).astype(int)])
    once = r(np.ones(len(rows), int))
    return statistics.within(statistics.resampled(once, drawn[np.isfinite(drawn)], rows["series"]), -1, 1)


def in_plain_areas(one: xr.Dataset) -> Interval:
    """How much larger the standard inversion's flagged share is where at least half of a window is plain than where
    less is: mean over the images that have both."""
    share = one["windows"] * one["flagged_over"].sel(series="standard")
    plainer = one["area"].isin(["more than half", "all"])

    def pooled(areas: xr.DataArray) -> xr.DataArray:
        return share.where(areas).sum("area") / one["windows"].where(areas).sum("area")

    return interval(pooled(plainer) - pooled(~plainer))


def strongest(one: xr.Dataset, series: str) -> Interval:
    """The autocorrelation of a series at the distance at which its mean over images is largest in magnitude."""
    values = one["autocorrelation"].sel(series=series)
    return interval(values.sel(distance=np.abs(values.mean("sample")).idxmax("distance")))


def answer(found: Found) -> dict[str, Any]:
    """S_DC, which methods' is within `NEAR` of white noise's and on how many data sets, how far neighbours correlate,
    and on how many data sets S_DC flags plain areas more often than others."""
    near = []
    for name in methods(*found.values()):
        if count := sum(is_independent(one, name) for one in found.values()):
            near.append(f"{called(name)} on {count} of {len(found)} data sets")
    neighbours = Measured.of(found, lambda one: interval(one["autocorrelation"].sel(series="standard", distance=1)))
    return {
        "s_dc": Measured.of(found, lambda one: s_dc(one, "standard")).span(),
        "white": Measured.of(found, lambda one: exact(white_s_dc(one))).span(),
        "margin": NEAR,
        "near": " and ".join(near) or "no methods",
        "neighbours": neighbours.span(),
        "more": len(Measured.of(found, in_plain_areas).above(0)),
        "count": len(found),
    }


def is_independent(one: xr.Dataset, series: str) -> bool:
    """Whether S_DC of a series is not below white noise's by more than `NEAR`."""
    return bool(at_least(s_dc(one, series), white_s_dc(one), NEAR))


def table(found: Found) -> Cells:
    """S_DC, S_G and the largest correlations inside patches: a row per data set and series."""
    rows = [
        {
            "Data": title_of(one),
            "Latents": called(name),
            "S_DC": (s_dc(one, name), 3),
            "S_G": (set_score(one, "s_g", name), 2),
            "20 largest |r|": (set_score(one, "patch_correlation", name), 3),
            "by chance": (white_correlation(one), 3),
            "Images": images(one),
        }
        for one in found.values()
        for name in map(str, one["series"].to_numpy())
    ]
    return pd.DataFrame(map(cells.row, rows))


def scale_gains(found: Found) -> str:
    """How much S_DC of the standard inversion's latents changes when they get the norm of white noise, of how much it
    lacks, on each data set with the method white norm."""
    told = []
    for one in found.values():
        if "white_norm" in one["series"]:
            gain = gap(one["s_dc"].sel(patch=PATCH), series=("white_norm", "standard"))
            told.append(f"{title_of(one)} {text(gain)} of {white_s_dc(one) - s_dc(one, 'standard').mean:.3f}")
    return "; ".join(told)


def weak_noise(found: Found) -> dict[str, Any]:
    """S_DC of drawn independent noise of too little variance: what it says without any correlation."""
    one = next(iter(found.values()))
    side = one.sizes["latent_row"]
    noise = torch.randn(_DRAWN, one.attrs["latent_channels"], side, side, generator=torch.Generator().manual_seed(0))
    listed = ", ".join(f"{metrics.s_dc(noise * sd).mean():.2f} at {sd:g}" for sd in DEVIATIONS)
    return {"listed": listed, "draws": _DRAWN, "side": side}


def calibration_verdict(found: Found) -> dict[str, Any]:
    """Whether white noise has its expected S_DC everywhere, and which pairs of series a patch reorders."""
    rows = calibration(found)
    outside = rows[(rows["expected"] < rows["low"]) | (rows["expected"] > rows["high"])]
    level = rows.groupby("channels")["expected"].first()
    turned = []
    for one in found.values():
        pairs = []
        for pair in itertools.combinations(one["series"].to_numpy(), 2):
            apart = gap(one["s_dc"], series=pair)
            if (apart.low > 0).any() and (apart.high < 0).any():
                pairs.append(" and ".join(map(called, pair)))
        turned += [f"{title_of(one)}: {'; '.join(pairs)}"] if pairs else []
    return {
        "rows": len(rows),
        "outside": len(outside),
        "least": (level.min(), level.idxmin()),
        "most": (level.max(), level.idxmax()),
        "turned": ". ".join(turned) or "none",
    }


def claims(found: Found) -> list[Claim]:
    """Claims of the papers; what is true of S_DC of single methods, the benchmark asks of more images."""
    joint = scores_correlation(found)
    sizes = f"over {len(next(iter(found.values()))['series']) - 1} series on {len(found)} data sets"
    paper, back = "Spectral Collapse", "There and Back Again"
    rows = [
        Rule("S_DC and S_G are strongly correlated", f"{paper}, Sec. 4 and Fig. 14",
             "rank correlation (the interval resamples series)",
             Measured({sizes: joint} if np.isfinite(joint.low) else {}, pooled=len(found) > 1), is_above(STRONG),
             "fig-dc-scores", 2),
        Rule("Standard deterministic inversion leaves strong spatial correlations in the latent", f"{paper}, Sec. 4",
             "largest autocorrelation at any distance, averaged over the whole latent",
             lambda one: strongest(one, "standard"), is_above(NEIGHBOURS), "fig-dc-distance", note=images),
        Rule("DDIM latents are much more correlated than noise, inside 8 x 8 patches", f"{back}, Fig. 2",
             "mean of the 20 largest |r|", lambda one: set_score(one, "patch_correlation", "standard"),
             lambda one: is_above(white_correlation(one)), "fig-dc-patches", note=images),
        Rule("Latents are less diverse over smooth areas of the image than elsewhere", f"{back}, Fig. 1 and 5",
             "share of flagged windows, mostly plain ones minus others", in_plain_areas, is_above(0), "fig-dc-plain",
             note=images),
    ]  # fmt: skip
    return judge(rows, found)
