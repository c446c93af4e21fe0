"""Where latents are not white: tables, sentences and claims from results of `studies.decorrelation`, by data set.

Means over images have bootstrap intervals over independent pictures; scores of a set have jackknife intervals, a block
of pictures left out at a time (`statistics.jackknife`). White noise's value is exact, but for the correlations in
patches, where it is calibrated for the number of latents.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse import datasets, metrics, results, statistics
from spectral_collapse.findings import cells
from spectral_collapse.findings.cells import Cells
from spectral_collapse.findings.claims import Claim, Rule, is_above, is_at_least, is_below, judge
from spectral_collapse.findings.intervals import means
from spectral_collapse.findings.latents import called
from spectral_collapse.findings.measured import Measured, at_least, exact, images, label
from spectral_collapse.findings.registered import margin
from spectral_collapse.later import torch
from spectral_collapse.statistics import SHARE, Interval, text
from spectral_collapse.studies.decorrelation import PATCH
from spectral_collapse.studies.latents import WHITE

Found = Mapping[str, xr.Dataset]
"""Data set -> its result."""

NEAR = margin("s_dc")
"""S_DC this near to white noise's counts as restored."""
STRONG = 0.5
"""From here on a rank correlation counts as strong."""
NEIGHBOURS = 0.1
"""From here on pixels count as strongly correlated: a hundredth of the one's variance is told by the other."""
DEVIATIONS = (1.0, 0.9, 0.8, 0.7, 0.6)
"""Standard deviations of the independent noise of `weak_noise`."""


def per_dataset(found: Found, table: Callable[[xr.Dataset], pd.DataFrame]) -> pd.DataFrame:
    """The tables of all data sets below each other, with the data set's `label` in the column `panel`."""
    return pd.concat([table(one).assign(panel=label(one)) for one in found.values()], ignore_index=True)


def white_s_dc(one: xr.Dataset) -> float:
    """S_DC of white noise with the latents' channels; the same for every patch, by calibration."""
    return metrics.white_noise_level(one.attrs["latent_channels"])


def set_score(one: xr.Dataset, name: str, series: str) -> Interval:
    """A score of a set of latents with its jackknife interval, cut at 0 and 1."""
    at = one.sel(series=series)
    mean, low, high = statistics.jackknife(at[name].item(), at[f"{name}_left_out"].to_numpy())
    return Interval(mean, *np.clip([low, high], 0, 1))


def s_dc(one: xr.Dataset, series: str) -> Interval:
    """S_DC of a series at the usual patch, mean over images."""
    return statistics.bootstrap_mean(one["s_dc"].sel(series=series, patch=PATCH), bounds=SHARE)


def scores(found: Found) -> pd.DataFrame:
    """Fig. 8: columns panel, series, mean, low, high of S_DC; s_g, s_g_low, s_g_high; white, S_DC of white noise;
    white_low, white_high, where 95 % of sets of as many white latents have their S_G."""

    def table(one: xr.Dataset) -> pd.DataFrame:
        rows = means(one["s_dc"].sel(patch=PATCH), bounds=SHARE)
        ends = pd.DataFrame([set_score(one, "s_g", name) for name in rows["series"]])
        ends.columns = ["s_g", "s_g_low", "s_g_high"]
        low, high = 1 - stats.kstwo(one.sizes["sample"]).ppf([0.975, 0.025])
        return rows.join(ends).assign(white=white_s_dc(one), white_low=low, white_high=high)

    return per_dataset(found, table)


def correlated_patches(found: Found) -> pd.DataFrame:
    """Fig. 2 of TABA: the 20 largest |r| inside patches: columns panel, series, mean, low, high, n, white."""

    def table(one: xr.Dataset) -> pd.DataFrame:
        rows = [(name, *set_score(one, "patch_correlation", name)) for name in one["series"].to_numpy()]
        return pd.DataFrame(rows, columns=["series", "mean", "low", "high"]).assign(
            n=one.sizes["sample"], white=white_correlation(one)
        )

    return per_dataset(found, table)


def white_correlation(one: xr.Dataset) -> float:
    """What as many white latents have by chance."""
    return metrics.white_noise_correlation(one.sizes["sample"], one.attrs["latent_channels"])


def over_plain_areas(found: Found) -> pd.DataFrame:
    """Share of flagged windows by how much of them lies over plain areas: columns panel, series, area, those of
    `intervals.means`, and windows, the share of windows that lie so."""

    def table(one: xr.Dataset) -> pd.DataFrame:
        share = one["windows"].mean("sample").to_series()
        rows = means(one["flagged_over"], bounds=SHARE)
        return rows.assign(windows=rows["area"].map(share)).dropna(subset="mean")

    return per_dataset(found, table)


def by_distance(found: Found) -> pd.DataFrame:
    """Autocorrelation: columns panel, series, distance, and those of `intervals.means`."""
    return per_dataset(found, lambda one: means(one["autocorrelation"]))


def by_patch(found: Found) -> pd.DataFrame:
    """S_DC by the side of its window: columns panel, series, patch, white, and those of `intervals.means`."""
    return per_dataset(found, lambda one: means(one["s_dc"], bounds=SHARE).assign(white=white_s_dc(one)))


def calibration(found: Found) -> pd.DataFrame:
    """S_DC of drawn white noise of the first data set's size by channels and patch, and what is expected: columns
    channels, patch, expected, and those of `intervals.means`; its draws are independent."""
    one = next(iter(found.values()))
    values = one["white_s_dc"].drop_vars("sample_group", errors="ignore")
    rows = means(values, bounds=SHARE)
    return rows.assign(expected=rows["channels"].map(metrics.white_noise_level))


def scores_correlation(found: Found) -> Interval:
    """Rank correlation of S_DC and S_G over all series but white noise and all data sets; the interval draws series,
    each with all its data sets, and leaves out draws in which a score does not vary."""
    rows = scores(found)
    rows = rows[rows["series"] != WHITE]
    values = rows[["mean", "s_g"]].to_numpy().T
    counts = statistics.bootstrap_counts(rows["series"]).astype(int)
    drawn = np.array([_rank_correlation(np.repeat(values, times, 1)) for times in counts])
    found = statistics.resampled(_rank_correlation(values), drawn[np.isfinite(drawn)], rows["series"])
    return statistics.within(found, -1, 1)


def _rank_correlation(values: np.ndarray) -> float:
    return float(statistics.correlations(values[..., None], "spearman")[0, 1, 0])


def in_plain_areas(one: xr.Dataset, series: str = "standard") -> Interval:
    """How much larger the flagged share is where at least half of a window is plain than where less is: mean over the
    images that have both."""
    share = one["windows"] * one["flagged_over"].sel(series=series)
    plainer = one["area"].isin(["more than half", "all"])

    def pooled(areas: xr.DataArray) -> xr.DataArray:
        return share.where(areas).sum("area") / one["windows"].where(areas).sum("area")

    return statistics.interval(pooled(plainer) - pooled(~plainer))


def answer(found: Found) -> str:
    """How much of the latents is too smooth, which methods' is not, how far neighbours correlate, and where it lies."""
    gaps = Measured.of(found, in_plain_areas)
    return (
        f"**Answer.** $S_{{DC}}$ of the standard inversion's latents is {_span(found, s_dc)}, where white noise has "
        f"{Measured.of(found, lambda one: exact(white_s_dc(one))).span()}. {_near_white(found)}The correlation of "
        f"nearest neighbours in the standard latents is {_span(found, neighbours)}. "
        f"Windows that lie mostly over plain areas of the source are flagged more often than others "
        f"on {len(gaps.above(0))} of {len(found)} data sets: the difference of the shares is {gaps.span()}."
    )


def _span(found: Found, quantity: Callable[[xr.Dataset, str], Interval], series: str = "standard") -> str:
    return Measured.of(found, lambda one: quantity(one, series)).span()


def neighbours(one: xr.Dataset, series: str = "standard") -> Interval:
    """The autocorrelation of a series at a distance of 1, mean over images."""
    return statistics.interval(one["autocorrelation"].sel(series=series, distance=1))


def _near_white(found: Found) -> str:
    """A sentence on the methods whose S_DC is at least white noise's but for `NEAR`, with their whole interval, on one
    data set at least."""

    def near(one: xr.Dataset, name: str) -> bool:
        return bool(at_least(s_dc(one, name), white_s_dc(one), NEAR))

    shared = [name for name in next(iter(found.values()))["series"].to_numpy() if name != WHITE]
    shared = [str(name) for name in shared if all(name in one["series"] for one in found.values())]
    counts = {name: sum(near(one, name) for one in found.values()) for name in shared}
    told = [
        f"{called(name)} (on {count} of {len(found)} data sets; {_span(found, s_dc, name)})"
        for name, count in counts.items()
        if count
    ]
    return f"Within {NEAR:g} of that, with the whole interval, are {' and '.join(told) or 'no methods'}. "


def replaced(one: xr.Dataset) -> str:
    """'4% of the steps replaced; ': the share of the steps that TABA replaces on a data set of this project."""
    given = results.parameters(one.attrs)
    if given.get("dataset") not in datasets.DATASETS:
        return ""
    share = max(datasets.info(given["dataset"]).published.fraction, 1 / given["num_steps"])
    return f"{share:.0%} of the steps replaced; "


def table(found: Found) -> Cells:
    """S_DC, S_G and the largest correlations inside patches: a row per data set and series."""
    rows = []
    for one in found.values():
        for name in map(str, one["series"].to_numpy()):
            row = {"Data": cells.label(label(one)), "Latents": cells.label(called(name))}
            row |= {"S_DC": cells.number(s_dc(one, name), 3), "S_G": cells.number(set_score(one, "s_g", name), 2)}
            row["20 largest |r|"] = cells.number(set_score(one, "patch_correlation", name), 3)
            row |= {"by chance": cells.number(white_correlation(one), 3), "Images": cells.label(images(one))}
            rows.append(row)
    return pd.DataFrame(rows)


def scale_verdict(found: Found) -> str:
    """How much of the standard inversion's missing S_DC comes back when its latents get the norm of white noise."""
    lines = []
    for one in found.values():
        if "white_norm" not in one["series"]:
            continue
        values = one["s_dc"].sel(patch=PATCH)
        gain = statistics.bootstrap_mean(values.sel(series="white_norm") - values.sel(series="standard"))
        lines.append(f"{label(one)} {text(gain)} of {white_s_dc(one) - s_dc(one, 'standard').mean:.3f}")
    if not lines:
        return "`white_norm` was not run, so too little variance cannot be separated from too much correlation."
    return (
        "**Only too weak?** Scaled to the norm of white noise (`white_norm`), the standard inversion's latents regain "
        f"of what $S_{{DC}}$ lacks: {'; '.join(lines)}."
    )


def weak_noise(found: Found) -> str:
    """S_DC of independent noise of too little variance, drawn with the latents' size: what S_DC says without any
    correlation, as Markdown."""
    one = next(iter(found.values()))
    side = one.sizes["latent_row"]
    noise = torch.randn(_DRAWN, one.attrs["latent_channels"], side, side, generator=torch.Generator().manual_seed(0))
    listed = ", ".join(f"{metrics.s_dc(noise * sd).mean():.2f} at {sd:g}" for sd in DEVIATIONS)
    return (
        f"**Without any correlation.** Independent noise has an $S_{{DC}}$ of {listed} times the standard deviation of "
        f"white noise ({_DRAWN} draws of {side} x {side} pixels). A low $S_{{DC}}$ by itself is no evidence of "
        "correlation; the autocorrelation below does not depend on the variance."
    )


_DRAWN = 32


def strongest(one: xr.Dataset, series: str) -> Interval:
    """The autocorrelation of a series at the distance at which its mean over images is largest in magnitude."""
    values = one["autocorrelation"].sel(series=series)
    largest = int(np.abs(values.mean("sample")).argmax("distance"))
    return statistics.interval(values.isel(distance=largest))


def distance_verdict(found: Found) -> str:
    """How far the correlation of each series reaches: the first distance whose interval holds 0."""
    lines = []
    for one in found.values():
        rows, reach = means(one["autocorrelation"]), {}
        for name, own in rows.groupby("series", sort=False):
            holds = own[(own["low"] <= 0) & (own["high"] >= 0)]
            reach[name] = f"{holds['distance'].iloc[0] - 1} px" if len(holds) else "all distances"
        nearest = rows[(rows["distance"] == 1) & (rows["series"] != WHITE)]
        listed = (f"{row.series} {text(row)} ({reach[row.series]})" for row in nearest.itertuples())
        lines.append(f"- **{label(one)}**: {', '.join(listed)}.")
    return (
        "Autocorrelation of the nearest neighbours, and in brackets up to which distance the 95 % interval leaves 0 "
        "out without a break:\n\n" + "\n".join(lines)
    )


def calibration_verdict(found: Found) -> str:
    """Whether white noise has its expected S_DC at every number of channels and every patch."""
    rows = calibration(found)
    outside = rows[(rows["expected"] < rows["low"]) | (rows["expected"] > rows["high"])]
    level = rows.groupby("channels")["expected"].first()
    turned = [f"{label(one)}: {'; '.join(pairs)}" for one in found.values() if (pairs := _turned(one))]
    return (
        f"- **Calibration.** Of {len(rows)} means over white noise, {len(outside)} have a 95 % interval without the "
        f"expected value; one in twenty is chance. The value itself depends on the channels: {level.min():.3f} at "
        f"{level.idxmin()} and {level.max():.4f} at {level.idxmax()}.\n"
        f"- **Patch.** Pairs of series, one of which has the higher $S_{{DC}}$ with one window and the lower with "
        f"another, intervals of the difference apart from 0: {'. '.join(turned) or 'none'}."
    )


def _turned(one: xr.Dataset) -> list[str]:
    """The pairs of series whose order depends on the side of the window."""
    values, found = one["s_dc"].transpose("series", "patch", "sample"), []
    for first, second in itertools.combinations(values["series"].to_numpy(), 2):
        gap = statistics.bootstrap_mean(values.sel(series=first) - values.sel(series=second))
        if (gap.low > 0).any() and (gap.high < 0).any():
            found.append(f"{first} and {second}")
    return found


def claims(found: Found) -> list[Claim]:
    """Six claims of the papers."""
    joint = scores_correlation(found)
    sizes = f"over {len(next(iter(found.values()))['series']) - 1} series on {len(found)} data sets"
    paper, back = "Spectral Collapse", "There and Back Again"

    def steps(one: xr.Dataset) -> str:
        return f"{replaced(one)}{images(one)}"

    rows = [
        Rule("S_DC and S_G are strongly correlated.", f"{paper}, Sec. 4 and Fig. 14",
             "Rank correlation; the interval draws series", Measured({sizes: joint} if np.isfinite(joint.low) else {}),
             is_above(STRONG), "fig-dc-scores", 2),
        Rule("Standard deterministic inversion leaves strong spatial correlations in the latent.", f"{paper}, Sec. 4",
             "largest autocorrelation at any distance, strong", lambda one: strongest(one, "standard"),
             is_above(NEIGHBOURS), "fig-dc-distance", note=images),
        Rule("Standard deterministic inversion has a low S_DC.", f"{paper}, Tables 8 to 11", "S_DC",
             lambda one: s_dc(one, "standard"), lambda one: is_below(white_s_dc(one)), "fig-dc-scores", note=images),
        Rule("TABA restores the independence of the latent (S_DC towards 0.99).", f"{paper}, Sec. 6", "S_DC",
             lambda one: s_dc(one, "taba") if "taba" in one["series"] else None,
             lambda one: is_at_least(white_s_dc(one), NEAR), "fig-dc-scores", note=steps),
        Rule("DDIM latents are much more correlated than noise, inside 8 x 8 patches.", f"{back}, Fig. 2",
             "top-20 |r|, beside white noise's", lambda one: set_score(one, "patch_correlation", "standard"),
             lambda one: is_above(white_correlation(one)), "fig-dc-patches", note=images),
        Rule("Latents are less diverse over smooth areas of the image than elsewhere.", f"{back}, Fig. 1 and 5",
             "flagged share, mostly plain minus other windows", in_plain_areas, is_above(0), "fig-dc-plain",
             note=images),
    ]  # fmt: skip
    return judge(rows, found)
