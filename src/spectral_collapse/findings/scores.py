"""What a result of `studies.scores` says: tables for charts, and the numbers in words. The unit is the image."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse.findings import paper_tables
from spectral_collapse.findings.intervals import ENDS, bounds_of, concat, mean_text, means
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.tidy import enumerated, once
from spectral_collapse.metrics import SCORES
from spectral_collapse.metrics.weights import VARIABLE
from spectral_collapse.statistics import SHARE, Interval, bootstrap_mean, text
from spectral_collapse.studies.scores import CORRUPTIONS, LOUD, STANDARD, TABA

_SYMBOLS = {"s_hf": "$S_{HF}$", "s_lf": "$S_{LF}$"}
Kind = Literal["image", "latent"]

BLIND = 0.1
"""A score whose mean moves by less than this share of its whole range in the study counts as blind to a corruption."""


def answer(study: xr.Dataset) -> str:
    """What S_HF and S_LF miss, and whether variance alone moves S_DC, as Markdown."""
    blind, weak, intact = _blind(study, "image"), *_scaled(study)[:2]
    missed = {name: blind[name] for name in _SYMBOLS if name in blind}
    told = " and ".join(f"{_SYMBOLS[name]} misses {enumerated(which)}" for name, which in missed.items())
    told += f" (the score changes by less than {BLIND:.0%} of its range)" * bool(told)
    apart = missed and not set.intersection(*(set(missed.get(name, ())) for name in _SYMBOLS))
    both = "So judge an image by both, and its fine detail by its true target's. "
    falls = "falls" if bootstrap_mean(weak - intact).high < 0 else "does not fall"
    return (
        f"{told or 'Neither $S_{HF}$ nor $S_{LF}$ misses any of these distortions'}. "
        f"{both * bool(apart)}"
        f"$S_{{DC}}$ of latents {falls} for independent noise that is merely too weak."
    )


def _scaled(study: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray, float]:
    """S_DC of independent noise that lost most of its amplitude, and that lost none; the share that it lost."""
    most = study["grade"].max().item()
    scaled = study["latent_response"].sel(latent_corruption="scaling", latent_score="s_dc")
    lost = study["latent_strength"].sel(latent_corruption="scaling", grade=most).item()
    return scaled.sel(grade=most, drop=True), scaled.sel(grade=0, drop=True), lost


@once
def normalised(study: xr.Dataset, kind: Kind) -> pd.DataFrame:
    """The mean response of each score with a direction or target, from 0 at the worst mean that it has in the study to
    1 at the best: columns score, corruption, grade; mean, low and high; strength and value, texts. Left out are single
    means that are not finite (PSNR of an undamaged image), and samples without a score."""
    response, strengths, tables = study[f"{kind}_response"], study[f"{kind}_strength"], []
    places = [*itertools.product(response[f"{kind}_corruption"].to_numpy(), response["grade"].to_numpy())]
    for name in response[f"{kind}_score"].to_numpy():
        card, scored, rows = SCORES[name], response.sel({f"{kind}_score": name}), []
        for corruption, grade in places if card.directed else ():
            at = {f"{kind}_corruption": corruption, "grade": grade}
            values, unit = scored.sel(at).dropna("sample"), CORRUPTIONS[kind][corruption].units
            if values.size and np.isfinite(values).all():
                row = {"score": name, "corruption": corruption, "grade": grade}
                row |= bootstrap_mean(card.goodness(values))._asdict()
                row["strength"] = f"{strengths.sel(at).item():.3g} {unit if unit != '1' else ''}".strip()
                rows.append(row | {"value": mean_text(values, bounds=bounds_of(name))})
        if rows:
            table = pd.DataFrame(rows)
            worst, best = table["mean"].min(), table["mean"].max()
            table[ENDS] = (table[ENDS] - worst) / (best - worst if best > worst else 1)
            tables.append(table)
    return concat(tables, title=title_of(study), kind=kind)


def missing(study: xr.Dataset) -> dict[str, str]:
    """Score -> why it has no value, for those of the chapter that have none."""
    return {name: study[name].attrs["missing"] for name in SCORES if name in study and "missing" in study[name].attrs}


def filtered(study: xr.Dataset) -> pd.DataFrame:
    """S_HF and S_LF of filtered images: columns filter_score, filter, filter_cutoff, and those of `intervals.means`."""
    return means(study["filtered"], title=title_of(study))


def decorrelation(study: xr.Dataset) -> pd.DataFrame:
    """S_DC of each kind of latent: columns latent_series, and those of `intervals.means`."""
    return means(study["latent_s_dc"], "latent_sample", SHARE)


def norm_law(study: xr.Dataset) -> pd.DataFrame:
    """The density of the squared norm over d of white noise, within four standard deviations: value, density."""
    dimension = study.attrs["dimension"]
    width = 4 * (2 / dimension) ** 0.5
    value = np.linspace(max(1 - width, 0), 1 + width, 160)
    return pd.DataFrame({"value": value, "density": dimension * stats.chi2(dimension).pdf(dimension * value)})


def without_frequencies(study: xr.Dataset) -> dict[str, Any]:
    """S_HF and S_LF of images that lost their high, or their low, frequencies, at the lowest cutoff, by filter; S_HF of
    whole images, and the differences; which filters lower it, and whether this agrees with the paper."""
    cutoff, names = study["filter_cutoff"].min().item(), list(map(str, study["filter"].to_numpy()))
    whole = study["image_response"].sel(image_score="s_hf", grade=0).isel(image_corruption=0)
    at = {score: study["filtered"].sel(filter_cutoff=cutoff, filter_score=score) for score in _SYMBOLS}
    found = {
        score: {name: bootstrap_mean(values.sel(filter=name), bounds=bounds_of(score)) for name in names}
        for score, values in at.items()
    }
    gaps = {name: bootstrap_mean(at["s_hf"].sel(filter=name) - whole) for name in names}
    lowered = [name for name, gap in gaps.items() if gap.high < 0]
    return found | {
        "cutoff": cutoff,
        "whole": bootstrap_mean(whole, bounds=bounds_of("s_hf")),
        "gap": gaps,
        "agrees": {("low-pass",): "The opposite", ("high-pass",): "Yes"}.get(tuple(lowered), "Neither way"),
        "lowered": " and ".join(lowered) or "neither filter",
    }


def of_latents(study: xr.Dataset) -> dict[str, Any]:
    """S_DC of the three kinds of latent, and of noise that lost most of its amplitude."""
    taba, standard = (study["latent_s_dc"].sel(latent_series=name) for name in (TABA, STANDARD))
    weak, _, lost = _scaled(study)
    return {
        "listed": ", ".join(f"{text(row)} for {row.latent_series}" for row in decorrelation(study).itertuples()),
        "gap": bootstrap_mean(taba - standard),
        "lost": lost,
        "weak": bootstrap_mean(weak, bounds=SHARE),
    }


def norms_verdict(study: xr.Dataset) -> str:
    """Squared norms, and what the number of latents does to the test."""

    def tested(series: str, most: float = np.inf) -> tuple[int, float, float]:
        """The largest number of latents, at most `most`, that the test was made with; its distance and p-value."""
        one = study[["ks_distance", "ks_pvalue"]].sel(ks_series=series).dropna("count")
        end = one.sel(count=one["count"] <= most).isel(count=-1)
        return int(end["count"]), end["ks_distance"].item(), end["ks_pvalue"].item()

    lines, latents, law = [], study.sizes["latent_sample"], (2 / study.attrs["dimension"]) ** 0.5
    for name in study["latent_series"].to_numpy():
        values = study["norm"].sel(latent_series=name)
        count, distance, _ = tested(name, latents)
        lines.append(
            f"- **{name}**: $\\|x\\|^2 / d$ is {mean_text(values)}, with a standard deviation of "
            f"{float(values.std(ddof=1)):.3f}; of {count} of them $S_G$ = {1 - distance:.3f}.\n"
        )
    (few, _, first), (many, distance, last) = tested(LOUD, latents), tested(LOUD)
    return (
        f"{''.join(lines)}- For white noise the exact mean is 1 and the standard deviation {law:.3f}.\n"
        f"- **{LOUD}**: p falls from {first:.0e} with {few} latents to {last:.0e} with {many}, while the distance "
        f"settles at {distance:.3f}."
    )


def responses_verdict(study: xr.Dataset, kind: Kind) -> str:
    """Which scores are blind to which corruption, and which rate a corrupted sample above an intact one."""
    blind, fooled, unseen = [], [], _blind(study, kind)
    for (name, corruption), rows in normalised(study, kind).groupby(["score", "corruption"], sort=False):
        first, last, intact = rows.iloc[0], rows.iloc[-1], rows["grade"].iloc[0] == 0
        if corruption in unseen.get(name, []):
            blind.append(f"{SCORES[name].symbol} to {corruption}{'' if intact else ' (from its weakest grade on)'}")
        elif intact and last["low"] > first["high"]:
            fooled.append(f"{SCORES[name].symbol} under {corruption}")
    absent = [SCORES[name].symbol for name in missing(study) if name in study[f"{kind}_score"].to_numpy()]
    unknown = f"\n- **Not measured**, since their weights are not included (`{VARIABLE}`): {', '.join(absent)}." * bool(
        absent
    )
    return (
        f"- **Does not see** (the mean changes by less than {BLIND:.0%} of the score's range in this study): "
        f"{'; '.join(blind) or 'none'}.\n"
        f"- **Rated above the undistorted sample** at the strongest grade, with intervals that do not overlap: "
        f"{'; '.join(fooled) or 'none'}.{unknown}"
    )


def _blind(study: xr.Dataset, kind: Kind) -> dict[str, list[str]]:
    """Score -> the corruptions that it is blind to."""
    found: dict[str, list[str]] = {}
    for (name, corruption), rows in normalised(study, kind).groupby(["score", "corruption"], sort=False):
        whole = study[f"{kind}_response"].sel({f"{kind}_score": name, f"{kind}_corruption": corruption, "grade": 0})
        seen = np.isinf(whole).any()  # of PSNR: any damage at all is seen
        if not seen and len(rows) > 1 and (rows["mean"] - rows["mean"].iloc[0]).abs().max() < BLIND:
            found.setdefault(name, []).append(corruption)
    return found


def readings(study: xr.Dataset) -> dict[str, Any]:
    """What each choice changes, beside the paper's own tables."""
    tables, wavelet = paper_tables.benchmark(), study.attrs["wavelet"]
    found = _readings(study)

    def by_case(score: str, begins: str) -> dict[str, Interval]:
        """The means of both cases by the first reading of a score whose label begins so."""
        values = next(one["reading_value"] for of, label, one in found if of == score and label.startswith(begins))
        return {
            str(case): bootstrap_mean(values.sel(case=case).dropna("reading_sample"), bounds=bounds_of(score))
            for case in values["case"].to_numpy()
        }

    gaps = {label: one["reading_value"][0] - one["reading_value"][1] for of, label, one in found if of == "s_hf"}
    drops = (f"{label.partition(' (')[0]} {mean_text(gap.dropna('reading_sample'))}" for label, gap in gaps.items())
    scales = next(label for score, label, one in found[::-1] if one["reading_used"] and score == "ms_ssim")
    return {
        "least": tables[["s_dc", "s_hf"]].min(),
        "most": tables[["s_dc", "s_hf"]].max(),
        "flagged": by_case("s_dc", "share of patches flagged"),
        "unflagged": by_case("s_dc", "share of patches not"),
        "on_bytes": by_case("s_hf", f"{wavelet} of"),
        "on_unit": by_case("s_hf", f"{wavelet}, intensities 0..1"),
        "drops": "; ".join(drops),
        "scales": scales.partition(",")[0],
        "few": by_case("ms_ssim", scales),
        "five": by_case("ms_ssim", "5 scales"),
    }


def readings_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per reading of an ambiguous definition: its means on two cases, with 95 % intervals. Of S_LF on drawings
    the one in use and the paper's."""
    rows = []
    for score, label, one in _readings(study):
        used = one["reading_used"].item()
        if used or label.startswith("the paper's") or one["found_own"].isnull().all():
            first, second = (
                f"{case}: {mean_text(values.dropna('reading_sample'), bounds=bounds_of(score))}"
                for case, values in zip(one["reading_case"].to_numpy(), one["reading_value"], strict=True)
            )
            rows.append((SCORES[score].symbol, label, "yes" if used else "", first, second))
    columns = ["Score", "Interpretation", "Used", "First case", "Second case"]
    return pd.DataFrame(rows, columns=columns).set_index(columns[:2])


def _readings(study: xr.Dataset) -> list[tuple[str, str, xr.Dataset]]:
    """The score, the words and the values of each reading."""
    every = [study.sel(reading=number) for number in study["reading"].to_numpy()]
    return [(one["reading_score"].item(), one["reading_label"].item(), one) for one in every]
