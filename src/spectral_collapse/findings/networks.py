"""What the comparison of the networks says: their training, what they know, what they make, what bounds them.

What is called `runs` is a result of `training.records.curves`; all else are results of `studies.networks`. Means
in tables are the columns of `intervals.means`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import datasets, paths, results, statistics
from spectral_collapse.findings import fine_detail, intervals, tidy
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.benchmark import value as mean_of
from spectral_collapse.findings.claims import Claim, from_cases
from spectral_collapse.findings.decomposition import IMAGES
from spectral_collapse.findings.intervals import BAND_TITLES, as_table, concat, exponential, mean_text, means, of_means
from spectral_collapse.findings.measured import attr, data_title, said, title_of
from spectral_collapse.findings.selections import on_shared_images
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.networks.checkpoints import available, ordinary, usual
from spectral_collapse.statistics import POSITIVE, REAL, SHARE, Bounds, Interval, bootstrap_mean, ratio, text
from spectral_collapse.studies import benchmark
from spectral_collapse.studies.networks import DOMAINS
from spectral_collapse.training import records

LEARNT = 0.8
"""Error of the predicted noise, 1 for none, below which a band counts as learnt at all."""

SHARED, ALONE = "photos", "photos-x8only"
"""A network of several data sets, and the recipe that differs from its in having the first of these alone."""

FILTER = "filter by the mean spectrum"
"""What tables call the closed form."""

STAGES = {
    "real": "test targets",
    "ceiling": "… after the autoencoder",
    "noise": "samples from white noise",
    "translated": "translations: samples from inverted sources",
}
"""Images by what may have been lost in them; each stage has one more possible culprit than the one before."""

BARS = {"S_HF": ("≤", 0.03), "SWD": ("≤", 2.0), "PSNR (dB)": ("≥", 28.0)}
"""How good a network is to be, on images that no training saw: the distance of its samples to test targets in mean
S_HF, and their sliced Wasserstein distance to training targets over that of as many test targets, at most; PSNR of its
true targets, inverted and sampled, at least. They are the same for all, and none looks at inverted sources."""

TOLD_APART = 0.1
"""By how much a classifier may tell samples from test targets better than training targets from these, at most."""

LEAKS = 2.0
"""Beyond this distance, in standard deviations of the noise, training hardly saw white noise as a start."""

_PREDICTIONS = {"epsilon": "noise (epsilon)", "sample": "clean image (x0)", "edm": "EDM", "flow": "flow matching"}


def each(found: xr.Dataset | Sequence[xr.Dataset]) -> list[tuple[str, xr.Dataset]]:
    """Every network's name with its part of a result, or of several."""
    studies = [found] if isinstance(found, xr.Dataset) else found
    return [(str(name), study.sel(model=name)) for study in studies for name in study["model"].to_numpy()]


def losses(runs: xr.Dataset) -> pd.DataFrame:
    """Training loss and mean S_HF of samples of every run: columns panel (loss, s_hf), model, step, value."""
    if not runs.sizes["model"]:
        return pd.DataFrame(columns=["panel", "model", "step", "value"])
    curves = {"loss": runs["train_loss"].rename(train_step="step"), "s_hf": runs["s_hf"].mean("sample")}
    return concat(
        [intervals.as_rows(values, value=values).dropna().assign(panel=panel) for panel, values in curves.items()]
    )


def learning(runs: xr.Dataset, name: str) -> pd.DataFrame:
    """Error of the predicted noise of sources during training: columns panel (noise level), band, step, and means."""
    if not records.has_bands(runs, name):
        return pd.DataFrame(columns=["panel", "band", "step", "mean", "low", "high"])
    ratios = runs["ratio"].sel(model=name).to_numpy()
    levels = np.linspace(0, len(ratios) - 2, 4).round().astype(int)
    one = runs["noise_error"].sel(model=name, domain="source", drop=True).dropna("step", how="all").isel(level=levels)
    titles = [f"sigma / alpha = {at:.2g}" for at in ratios[levels]]
    one = one.assign_coords(level=titles, band=list(BAND_TITLES.values())).rename(level="panel")
    return means(one.transpose("panel", "band", "step", "pair"), "pair", POSITIVE, network=name)


def learnt_first(runs: xr.Dataset, name: str) -> pd.DataFrame:
    """Steps until half is learnt of sources (`records.half_learnt`), a row per noise level and band whose last error is
    below `LEARNT`, with 95 % intervals; band 'high over low': their quotient, where both are learnt. No rows without a
    record."""
    if not records.has_bands(runs, name):
        return pd.DataFrame(columns=["ratio", "band", *intervals.ENDS])
    one = runs["noise_error"].sel(model=name, domain="source").dropna("step", how="all")
    values = one.transpose("step", "level", "band", "pair").to_numpy()
    steps, bands = one["step"].to_numpy().astype(float), [str(band) for band in one["band"].data]
    low, high = bands.index("low"), bands.index("high")

    def half(errors: np.ndarray) -> np.ndarray:
        """Steps of each level and band, with the quotient as one more band."""
        found = records.half_learnt(errors, steps)
        return np.concatenate([found, found[:, [high]] / found[:, [low]]], axis=1)

    ends, last = of_means(half, values, groups=statistics.groups_of(one, "pair")), values[-1].mean(-1)
    last = np.column_stack([last, last[:, [low, high]].max(axis=1)])  # both are learnt where the worse one is
    level, band = np.nonzero(last < LEARNT)
    ratios, names = runs["ratio"].sel(model=name).to_numpy(), np.array([*bands, "high over low"])
    shown = {end: values[level, band] for end, values in ends._asdict().items()}
    return pd.DataFrame({"ratio": ratios[level], "band": names[band], **shown})


def learning_order(runs: xr.Dataset, name: str) -> str:
    """Which frequencies a run learns first, as a list of Markdown: what the paper's Eq. 48 speaks of; '' without
    a record."""
    lines = []
    for level, rows in learnt_first(runs, name).groupby("ratio", sort=False):
        listed = ", ".join(f"{row.band} {text(row, 0 if row.band in BANDS else 2)}" for row in rows.itertuples())
        lines.append(f"- sigma / alpha = {level:.2g}: {listed}")
    return "\n".join(lines)


def sharing() -> pd.DataFrame:
    """Error of the predicted noise of `SHARED` over that of `ALONE` on the same held-out images at the end of training,
    mean over bands: columns network, alone, domain, ratio (sigma / alpha), mean, low, high. No rows where a record is
    missing, or where the recipes differ in more than the data sets."""
    rows = []
    if runs := _shared_runs():
        ends = [run["noise_error"].isel(step=-1).mean("band") for run in runs]
        for domain in DOMAINS:
            found = ratio(*(end.sel(domain=domain) for end in ends), dim="pair")
            levels = zip(ends[0]["sigma_over_alpha"].data, *found, strict=True)
            rows += [(SHARED, ALONE, domain, *level) for level in levels]
    return pd.DataFrame(rows, columns=["network", "alone", "domain", "ratio", "mean", "low", "high"])


def sharing_verdict() -> dict[str, Any]:
    """What sharing a network costs, over all noise levels and in the S_HF of samples; names alone without records."""
    runs, names = _shared_runs(), {"network": SHARED, "alone": ALONE}
    if runs is None:
        return names
    errors = [run["noise_error"].isel(step=-1).mean(["band", "level"]) for run in runs]
    scores = [run["s_hf"].isel(step=-1) for run in runs]  # of the same white noise
    pairs, independent = runs[0].sizes["pair"], statistics.pictures_of(runs[0], "pair")
    return names | {
        "source": attr(runs[0], "data_source"),
        "pairs": f"{pairs} pairs" + f" from {independent} pictures" * (independent != pairs),
        "times": {domain: ratio(*(one.sel(domain=domain) for one in errors), dim="pair") for domain in DOMAINS},
        "count": len(scores[0]),
        "scores": [float(score.mean()) for score in scores],
        "gap": bootstrap_mean(scores[0] - scores[1]),
    }


def _shared_runs() -> list[xr.Dataset] | None:
    return records.alike(paths.checkpoints() / SHARED, paths.records() / ALONE)


def answer(study: xr.Dataset) -> dict[str, Any]:
    """Of the first network: lost, the energy of translations over that of samples from white noise; kept, what the
    autoencoder leaves of the targets' energy, None in pixel space; sampled, the energy of samples from white noise over
    that of training targets."""
    name, one = each(study)[0]
    lost, kept = _energies(one["excess_translated"], every_draw(one["excess_noise"])), None
    if str(one["autoencoder"].item()):
        kept = statistics.geometric_mean(one["excess_ceiling"] - study["excess_real"])
    sampled = statistics.geometric_mean(every_draw(one["excess_noise"]))
    return {"network": name, "lost": lost, "loses": lost.high < 1, "kept": kept, "sampled": sampled}


def first_with(study: xr.Dataset) -> dict[str, str]:
    """Each autoencoder ('' for pixel space) -> the first network that works with it."""
    first: dict[str, str] = {}
    for name, one in each(study):
        first.setdefault(str(one["autoencoder"].item()), name)
    return first


def every_draw(values: xr.DataArray) -> xr.DataArray:
    """Values (draw, drawn) of all samples from white noise, one after the other."""
    return values.stack(every=("draw", "drawn"))


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """'Learnt more slowly': the quotients of `learnt_first` whose interval excludes 1 lie above it."""
    order, ships = {}, available()
    for study in found.values():
        names = [name for name, one in each(study) if one["prediction"] == "epsilon" and name in ships]
        runs = records.curves(names)
        rows = [row for name in names for row in learnt_first(runs, name).itertuples() if row.band == "high over low"]
        # without levels at which half of either band was learnt from the first look on
        if times := [row for row in rows if not row.low == row.mean == row.high == 1]:
            under, over = sum(row.high < 1 for row in times), sum(row.low > 1 for row in times)
            order[title_of(study)] = (
                f"interval below 1 at {under} of {len(times)} levels, above 1 at {over}; means "
                f"{min(row.mean for row in times):.2f} to {max(row.mean for row in times):.2f}",
                None if bool(under) == bool(over) else not under,
            )
    steps = "steps until half is learnt about the noise in sources, high over low band, at each noise level"
    slower, equation = "High frequencies are learnt more slowly than low ones", "Spectral Collapse, App. C, Eq. 48"
    return [from_cases(slower, equation, order, steps, "fig-networks-learning")]


def errors(study: xr.Dataset) -> pd.DataFrame:
    """Error of predicted clean images: columns panel (domain and space), network or `FILTER`, ratio, and means."""
    table = _per_predictor(study, "error", POSITIVE).sort_values("domain", kind="stable", ignore_index=True)
    return table.assign(panel=table["domain"] + "s, " + table["panel"])


def responses(study: xr.Dataset) -> pd.DataFrame:
    """Share of a change of the noise's size that is predicted: columns as in `errors`."""
    return _per_predictor(study, "response")


def _per_predictor(study: xr.Dataset, variable: str, bounds: Bounds = REAL) -> pd.DataFrame:
    """Means with intervals per network and level, and of one closed form per autoencoder or pixel space."""
    tables = []
    for name, one in each(study):
        autoencoder = str(one["autoencoder"].item())
        titles = {"network": name} | ({"closed form": FILTER} if name == first_with(study)[autoencoder] else {})
        values = study[variable].sel(model=name, predictor=list(titles), drop=True)
        values = values.assign_coords(predictor=list(titles.values()), level=one["ratio"].to_numpy())
        table = means(values.rename(predictor="network", level="ratio"), bounds=bounds)
        tables.append(table.assign(panel=f"latents of {autoencoder}" if autoencoder else "pixels"))
    return concat(tables, title=title_of(study))


def energies(study: xr.Dataset) -> pd.DataFrame:
    """High-frequency energy over training targets' usual one, geometric means: columns network, stage, and means."""
    tables = []
    for name, one in each(study):
        for stage, title in STAGES.items():
            if stage != "ceiling" or one["autoencoder"].item():
                values = one[f"excess_{stage}"]
                values = every_draw(values) if stage == "noise" else values
                tables.append(means(values, str(values.dims[-1])).assign(network=name, stage=title))
    return exponential(concat(tables, title=title_of(study)))


def decorrelation(study: xr.Dataset) -> pd.DataFrame:
    """S_DC of the latents of the standard inversion: columns network, means, and white, that of white noise."""
    table = means(study["s_dc"], bounds=SHARE, title=title_of(study)).rename(columns={"model": "network"})
    return table.assign(white=study["white_s_dc"].to_numpy())


def norms(study: xr.Dataset) -> pd.DataFrame:
    """A row per sample: network, stage, norm of its start over sqrt(d), times (energy over the usual)."""
    tables = []
    for name, one in each(study):
        for stage in ("noise", "translated"):
            starts, logarithms = (one[f"{what}_{stage}"].to_numpy().ravel() for what in ("norm", "excess"))
            values = {"norm": starts, "times": np.exp(logarithms)}
            tables.append(pd.DataFrame({"network": name, "stage": STAGES[stage], **values}))
    return concat(tables, title=title_of(study))


def ceiling(study: xr.Dataset) -> pd.DataFrame:
    """How much of the targets' power each autoencoder leaves: columns autoencoder, frequency, and means."""
    tables = []
    for autoencoder, name in first_with(study).items():
        if autoencoder:
            power = study["reconstructed_power"].sel(model=name, drop=True)
            tables.append(as_table(ratio(power, study["target_power"]), power).assign(autoencoder=autoencoder))
    nothing = pd.DataFrame(columns=["autoencoder", "frequency", *intervals.ENDS])
    return concat(tables or [nothing], title=title_of(study))


def norm_sensitivity(one: xr.Dataset) -> dict[str, Interval]:
    """How much the high-frequency energy of a network's samples depends on the norm of their white noise: 'elasticity',
    the slope of log energy on log norm, and 'correlation' of both, over samples of all draws. The norm is independent
    of the noise's direction, so the slope is an effect; it is 2 where sampling is linear."""
    x, y = (every_draw(values).to_numpy() for values in (np.log(one["norm_noise"]), one["excess_noise"]))
    x, y = x - x.mean(), y - y.mean()  # centred for the precision of what follows

    def regression(x: np.ndarray, y: np.ndarray, xy: np.ndarray, xx: np.ndarray, yy: np.ndarray) -> np.ndarray:
        """Slope of y on x and their correlation, of means."""
        covariance, variance = xy - x * y, xx - x * x
        return np.stack([covariance / variance, covariance / np.sqrt(variance * (yy - y * y))])

    both = zip(*of_means(regression, x, y, x * y, x * x, y * y, groups=range(x.size)), strict=True)
    return dict(zip(("elasticity", "correlation"), (Interval(*ends) for ends in both), strict=True))


def amplification(one: xr.Dataset, predictor: str = "network") -> Interval:
    """By how many percent noise is too large at the lowest of `RATIOS` that is 1 % too large at the highest, if all
    frequencies did as they do on average: exp of the integral of 1 - response over log(sigma / alpha)."""
    response = one["response"].sel(predictor=predictor).transpose("level", "sample")
    ratios = np.log(one["ratio"].to_numpy())
    return of_means(lambda of: np.exp(np.trapezoid(1 - of, ratios, axis=0)), response, groups=statistics.groups_of(one))


def learnt(study: xr.Dataset) -> str:
    """The networks' errors on sources over the closed form's, at the lowest, middle and highest noise, as a list."""
    lines = []
    for name, one in each(study.sel(domain="source")):
        found = []
        for level in (0, int(np.argmin(np.abs(np.log(one["ratio"].data)))), -1):
            errors = (one["error"].isel(level=level).sel(predictor=who) for who in ("network", "closed form"))
            found.append(f"{text(ratio(*errors), 2)} at {float(one['ratio'][level]):.2g}")
        lines.append(f"- **{name}**: {', '.join(found)}")
    return "\n".join(lines)


def _per_network(found: xr.Dataset | Sequence[xr.Dataset], row: Callable[[xr.Dataset], dict[str, str]]) -> pd.DataFrame:
    """A row of texts per network."""
    rows = [{"Network": name} | row(one) for name, one in each(found)]
    return pd.DataFrame(rows).set_index("Network").rename_axis(index=None, columns="Network")


@tidy.each(_per_network)
def norms_table(one: xr.Dataset) -> dict[str, str]:
    """What the norm of the start does to samples (`norm_sensitivity`, `amplification`), and inverted latents' norms."""
    found = norm_sensitivity(one)
    return {
        "Elasticity": text(found["elasticity"], 0),
        "Correlation": text(found["correlation"], 2),
        "1 % excess at the start becomes (%)": text(amplification(one), 1),
        "with the filter (%)": f"{amplification(one, 'closed form').mean:.1f}",
        "Spread of white noise's norms (%)": f"{100 * float(one['norm_noise'].std()):.1f}",
        "Norm of inverted latents / sqrt(d)": mean_text(one["norm_translated"]),
    }


@tidy.each(_per_network)
def recipes(one: xr.Dataset) -> dict[str, str]:
    """A row per network of all results: what it is, and how it was trained."""
    start = str(one["start"].item())
    return {
        "Predicts": _PREDICTIONS.get(str(one["prediction"].item()), one["prediction"].item()),
        "Architecture": f"{one['network'].item()}, {one['space'].item()}",
        "Weights": f"{one['parameters'].item() / 1e6:.2f} M",
        "Training images": f"{_whole(one['train_images'])} {one['train_source'].item()}".rstrip(),
        "Steps": _whole(one["steps"]) + (" more" if start else ""),
        "Tested on": title_of(one),
    }


def table(studies: Sequence[xr.Dataset]) -> pd.DataFrame:
    """Scores of samples and latents. SWD: mean over draws, smallest, largest; in brackets that of test targets."""

    def scores(one: xr.Dataset) -> dict[str, str]:
        return {
            "S_HF: test targets": _share(one["s_hf_real"]),
            "autoencoder": _share(one["s_hf_ceiling"]) if one["autoencoder"].item() else "-",
            "white noise": _share(every_draw(one["s_hf_noise"])),
            "translated": _share(one["s_hf_translated"]),
            "PSNR of autoencoder (dB)": mean_text(one["psnr_ceiling"], 1),
            "PSNR of reconstructed targets (dB)": mean_text(one["psnr_own"], 1),
            "SWD (test targets)": f"{_extent(one['swd'])} ({float(one['swd_real']):.2f})",
            "KID": "-" if np.isnan(one["kid"]) else f"{float(one['kid']):.4f}",
            "S_DC (white noise)": f"{_share(one['s_dc'])} ({float(one['white_s_dc']):.3f})",
        }

    found = _per_network(studies, scores)
    return found.drop(columns="KID") if (found["KID"] == "-").all() else found


@tidy.each(_per_network)
def bars(one: xr.Dataset) -> dict[str, str]:
    """A row per network of all results: what `BARS` ask of it, which of them its mean misses, and its elasticity."""
    texture = abs(float(every_draw(one["s_hf_noise"]).mean() - one["s_hf_real"].mean()))
    distance, psnr = float(one["swd"].mean() / one["swd_real"]), bootstrap_mean(one["psnr_own"])
    limits = [limit for _, limit in BARS.values()]
    held = texture <= limits[0], distance <= limits[1], psnr.mean >= limits[2]
    texts = f"{texture:.4f}", f"{distance:.2f}", text(psnr, 1)
    missed = ", ".join(name for name, clear in zip(BARS, held, strict=True) if not clear) or "nothing"
    values = {f"{name} {sign} {limit:g}": told for (name, (sign, limit)), told in zip(BARS.items(), texts, strict=True)}
    return values | {"Misses": missed, "Elasticity": text(norm_sensitivity(one)["elasticity"], 0)}


def at_bars(table: pd.DataFrame) -> dict[str, Any]:
    """How many networks a table of `bars` has, how many clear each of them, which miss one and how many those are."""
    missed = table["Misses"].str.split(", ")
    clear = "; ".join(f"{bar}: {sum(bar not in which for which in missed)}" for bar in BARS)
    missing = [f"`{said(name)}`" for name, which in missed.items() if which != ["nothing"]]
    return {"count": len(table), "clear": clear, "missing": ", ".join(missing) or "none", "fail": len(missing)}


@tidy.each(_per_network)
def told_apart(one: xr.Dataset) -> dict[str, str]:
    """How well a classifier tells samples from test targets (`studies.fidelity`), and nearness to training images."""
    areas = [f"{float(one[name]):.3f} ± {float(one[f'{name}_error']):.3f}" for name in ("c2st", "c2st_training")]
    return {
        "Data": title_of(one),
        "Images": f"{one.sizes['sample']}",
        "Samples": areas[0],
        "Training targets": areas[1],
        f"At most {TOLD_APART:g} more": "yes" if one["c2st"] <= one["c2st_training"] + TOLD_APART else "no",
        "Nearer to training images": f"{float(one['memorised']):.2f}",
    }


def counted_apart(studies: Sequence[xr.Dataset]) -> tuple[int, int]:
    """Of how many networks a classifier tells the samples from real images, and of how many there are."""
    gaps = [float(one["c2st"] - one["c2st_training"]) for _, one in each(studies)]
    return sum(gap > TOLD_APART for gap in gaps), len(gaps)


def telling_apart(studies: Sequence[xr.Dataset]) -> dict[str, Any]:
    """`counted_apart`; clear, the networks whose samples are hardly told from real images; least and most, by how much
    the area for samples exceeds that for training images."""
    gaps = {f"`{said(name)}`": float(one["c2st"] - one["c2st_training"]) for name, one in each(studies)}
    (apart, count), least, most = counted_apart(studies), min(gaps.values()), max(gaps.values())
    clear = [name for name, gap in gaps.items() if gap <= TOLD_APART]
    return {"apart": apart, "count": count, "clear": clear, "least": least, "most": most, "allowed": TOLD_APART}


def again(recorded: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Two rows per recorded network, as of `recording.recorded`, for which the result of the network that ships is
    stored on images of the same source. S_DC of standard latents, and fine detail over the true targets' by method."""
    rows = []
    for title, networks in trainings(recorded).items():
        for network, one in networks.items():
            row = {"Data": title, "Network": network, "S_DC, standard": text(mean_of(one, "s_dc", "standard"))}
            methods = ("standard", "taba", "ovg", "ovg+taba")
            rows.append(row | {called(point): text(fine_detail.energy(one, point), 2) for point in methods})
    names = ["Data", "Network"]
    return pd.DataFrame(rows, columns=None if rows else names).set_index(names)


def trainings(recorded: Mapping[str, xr.Dataset]) -> dict[str, dict[str, xr.Dataset]]:
    """Title of the data -> network -> result of the benchmark, on the images that all have: the `ordinary` one and the
    others; without data for which there is one alone."""
    found: dict[str, dict[str, xr.Dataset]] = {}
    for name, study in recorded.items():
        given = results.parameters(study.attrs)
        info = datasets.info(given["dataset"])
        title = data_title(info.title, "real")
        if title not in found:
            network = ordinary(info.family)
            own = {} if network == usual(info.family, "real") else {"checkpoint": network, **IMAGES}
            first = benchmark.STUDY.stored(dataset=given["dataset"], profile=given["profile"], **own)
            other = first is None or first.attrs["data_source"] != study.attrs["data_source"]
            found[title] = {} if other else {network: first}
        found[title][name] = study
    return {title: on_shared_images(networks) for title, networks in found.items() if len(networks) > 1}


@tidy.each(_per_network)
def starts(one: xr.Dataset) -> dict[str, str]:
    """What the noisiest level keeps of the mean target, and SWD to training targets from white and noised starts."""
    return {
        "Space": one["space"].item(),
        "Mean target at the noisiest level (sd of the noise)": f"{float(one['leak']):.1f}",
        "SWD from white noise": _extent(one["swd"]),
        "SWD from noised targets": _extent(one["swd_marginal"]),
        "SWD of test targets": f"{float(one['swd_real']):.2f}",
    }


def far(studies: Sequence[xr.Dataset]) -> list[str]:
    """The networks whose mean targets at the noisiest level are more than `LEAKS` from white noise."""
    return [f"`{said(name)}`" for name, one in each(studies) if float(one["leak"]) > LEAKS]


def sampled(study: xr.Dataset) -> Interval:
    """The high-frequency energy of what the first network samples from white noise, the best latent that there is, over
    that of true targets."""
    return _energies(every_draw(study["excess_noise"].isel(model=0)), study["excess_real"])


def _energies(above: xr.DataArray, below: xr.DataArray) -> Interval:
    """The ratio of the geometric means of two independent sets of images, from log energies."""
    sets = [(values.to_numpy(), statistics.groups_of(values, str(values.dims[-1]))) for values in (below, above)]
    under, over = (
        statistics.resampled_means(values, statistics.bootstrap_counts(groups, seed=seed))
        for seed, (values, groups) in enumerate(sets)
    )
    fewer = min((groups for _, groups in sets), key=lambda groups: len(np.unique(groups)))
    return Interval(*np.exp(statistics.resampled(float(above.mean() - below.mean()), over - under, fewer)))


_share = functools.partial(mean_text, bounds=SHARE)
"""The mean of a score between 0 and 1 with its interval."""


def _extent(values: xr.DataArray) -> str:
    """Mean, smallest and largest."""
    return f"{values.mean().item():.2f} [{values.min().item():.2f}, {values.max().item():.2f}]"


def _whole(value: xr.DataArray) -> str:
    return "-" if np.isnan(value) else f"{value.item():,.0f}"
