"""What a result of `studies.scores` says: tables for charts, and the numbers in words.

The unit of every mean is the image; intervals are 95 % bootstrap intervals that
resample what images are taken from (`statistics.bootstrap_counts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from spectral_collapse import statistics
from spectral_collapse.findings import comparison, paper_tables
from spectral_collapse.findings.claims import Claim, above, from_cases
from spectral_collapse.findings.intervals import mean_text, means
from spectral_collapse.findings.measured import attr, title_of
from spectral_collapse.metrics import SCORES
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.common import images
from spectral_collapse.studies.scores import CORRUPTIONS, LOUD, STANDARD, TABA, WHITE

Kind = Literal["image", "latent"]
KINDS: tuple[Kind, ...] = get_args(Kind)

BLIND = 0.1
"""A score whose mean moves by less than this share of its whole range in the study counts as blind to a corruption."""

REDUNDANT = 0.9
"""Two scores whose correlation's interval lies above this in magnitude say the same."""


def images_and_network(study: xr.Dataset) -> str:
    """One Markdown sentence: which images, how many, which network."""
    return (
        f"**{title_of(study)}**, {images(study)}: "
        f"{attr(study, 'origin')}. {study.attrs['references']} {attr(study, 'data_source')} training targets for the "
        f"reference of $S_{{HF}}$, "
        f"{study.sizes['latent_sample']} inverted latents, network `{attr(study, 'checkpoint_hash')}`, "
        f"$\\kappa$ = {study.attrs['cutoff']:g} for $S_{{LF}}$."
    )


def answer(study: xr.Dataset) -> str:
    """Which damages scores of images and of latents miss, whether variance alone moves S_DC, and which scores agree."""
    missed = {kind: _missed(study, kind)[0] for kind in KINDS}
    listed = [f"of {kind}s: {'; '.join(which) or 'none'}" for kind, which in missed.items()]
    joint = {kind: correlations(study, kind) for kind in KINDS}
    alike = [f"of {kind}s: {'; '.join(_alike(one)) or 'none'}" for kind, one in joint.items()]
    return (
        f"**Answer.** Damages that a score does not see (its mean moves by less than {BLIND:.0%} of its range) are, "
        f"{'; '.join(listed)}. {_scaled(study)} Scores that order the damages alike are, {'; '.join(alike)}."
    )


def _scaled(study: xr.Dataset) -> str:
    """What S_DC makes of white noise that is only too weak: a sentence."""
    at, most = {"latent_corruption": "scaling", "latent_score": "s_dc"}, study["grade"].max().item()
    weak, intact = (study["latent_response"].sel(at | {"grade": grade}, drop=True) for grade in (most, 0))
    lost = study["latent_strength"].sel(latent_corruption="scaling", grade=most).item()
    falls = "falls" if statistics.bootstrap_mean(weak - intact).high < 0 else "does not fall"
    return (
        f"$S_{{DC}}$ {falls} with variance alone: independent noise that lost {lost:.0%} of its amplitude has "
        f"{mean_text(weak)}."
    )


def evaluated(study: xr.Dataset) -> xr.Dataset:
    """The scores of the blurred targets and of the inverted latents, as `metrics.evaluate` gave them."""
    return study[[name for name in SCORES if name in study]].drop_vars("shown", errors="ignore")


def normalised(study: xr.Dataset, kind: Kind) -> pd.DataFrame:
    """The mean response of each score, from 0 at the worst mean that it has in the study to 1 at the best.

    Columns: score, corruption, grade; mean, low and high, normalised; strength and value, texts. Left out
    are scores with neither direction nor target, those without values, and single means that are not finite
    (PSNR of an undamaged image). A sample for which a score does not exist does not count.
    """
    response, strengths = study[f"{kind}_response"], study[f"{kind}_strength"]
    known = CORRUPTIONS[kind]
    tables = []
    for name in response[f"{kind}_score"].to_numpy():
        card = SCORES[name]
        if not card.directed:
            continue
        rows = []
        values = response.sel({f"{kind}_score": name})
        for corruption in values[f"{kind}_corruption"].to_numpy():
            for grade in values["grade"].to_numpy():
                at = {f"{kind}_corruption": corruption, "grade": grade}
                one = values.sel(at).dropna("sample")
                if not one.size or not np.isfinite(one).all():
                    continue
                interval = statistics.bootstrap_mean(card.goodness(one))
                unit = known[corruption].units
                rows.append(
                    {
                        "score": name,
                        "corruption": corruption,
                        "grade": grade,
                        **interval._asdict(),
                        "strength": f"{strengths.sel(at).item():.3g} {unit if unit != '1' else ''}".strip(),
                        "value": mean_text(one),
                    }
                )
        if rows:
            table = pd.DataFrame(rows)
            worst, best = table["mean"].min(), table["mean"].max()
            ends = ["mean", "low", "high"]
            table[ends] = (table[ends] - worst) / (best - worst if best > worst else 1)
            tables.append(table)
    found = pd.concat(tables, ignore_index=True)
    found.attrs = {"title": title_of(study), "kind": kind}
    return found


def correlations(study: xr.Dataset, kind: Kind) -> xr.Dataset:
    """Fig. 14: rank correlations of the scores over all corruptions and grades, a result of `comparison.correlation`.

    A point is one corruption at one grade above 0, a sample an image. Left out are points at which a score
    is infinite (PSNR where a corruption left an image as it was), and scores that lack a value anywhere.
    """
    response = study[f"{kind}_response"].sel(grade=study["grade"] > 0)
    points = response.stack(point=(f"{kind}_corruption", "grade"))
    labels = [f"{corruption} {grade:g}" for corruption, grade in points["point"].to_numpy()]
    points = points.drop_vars(["point", f"{kind}_corruption", "grade"]).assign_coords(point=labels)
    points = points.isel(point=~np.isinf(points).any((f"{kind}_score", "sample")).to_numpy())
    known = {
        str(name): points.sel({f"{kind}_score": name}, drop=True)
        for name in points[f"{kind}_score"].to_numpy()
        if points.sel({f"{kind}_score": name}).notnull().all()
    }
    return comparison.correlation(xr.Dataset(known, attrs=study.attrs))


def missing(study: xr.Dataset) -> dict[str, str]:
    """Score -> why it has no value, for those of the chapter that have none."""
    found = evaluated(study)
    return {str(name): found[name].attrs["missing"] for name in found if "missing" in found[name].attrs}


def filtered(study: xr.Dataset) -> pd.DataFrame:
    """S_HF and S_LF of filtered images: columns filter_score, filter, filter_cutoff, and those of `intervals.means`."""
    return means(study["filtered"], title=title_of(study))


def decorrelation(study: xr.Dataset) -> pd.DataFrame:
    """S_DC of each kind of latent: columns latent_series, and those of `intervals.means`."""
    return means(study["latent_s_dc"], "latent_sample", statistics.SHARE)


def norm_law(study: xr.Dataset) -> pd.DataFrame:
    """The density of the squared norm over d of white noise, within four standard deviations: value, density."""
    dimension = study.attrs["dimension"]
    width = 4 * (2 / dimension) ** 0.5
    value = np.linspace(max(1 - width, 0), 1 + width, 160)
    return pd.DataFrame({"value": value, "density": dimension * stats.chi2(dimension).pdf(dimension * value)})


def filters_verdict(study: xr.Dataset) -> str:
    """S_HF and S_LF of images that lost their high, or their low, frequencies, at the lowest cutoff."""
    cutoff = study["filter_cutoff"].min().item()
    whole = _whole_s_hf(study)
    at = study["filtered"].sel(filter_cutoff=cutoff)

    def text_of(score: str, name: str) -> str:
        return mean_text(at.sel(filter_score=score, filter=name))

    gaps = _filter_gaps(study)
    lowered = [name for name, gap in gaps.items() if gap.high < 0]
    agrees = {("low-pass",): "The other way round", ("high-pass",): "As printed"}.get(tuple(lowered), "Neither way")
    lines = [
        f"**$S_{{HF}}$** is {mean_text(whole)} for the whole images, "
        f"{text_of('s_hf', 'low-pass')} after the low-pass at {cutoff:g} of Nyquist and "
        f"{text_of('s_hf', 'high-pass')} after the high-pass there: "
        f"differences of {text(gaps['low-pass'])} and {text(gaps['high-pass'])}.",
        f"**$S_{{LF}}$** against the whole image is {text_of('s_lf', 'low-pass')} after the low-pass and "
        f"{text_of('s_lf', 'high-pass')} after the high-pass.",
        f"**Does this agree with the paper's words on its Fig. 12?** {agrees}: $S_{{HF}}$ is lowered here by "
        f"{' and '.join(lowered) or 'neither filter'}.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _whole_s_hf(study: xr.Dataset) -> xr.DataArray:
    """S_HF of the whole images, (sample)."""
    return study["image_response"].sel(image_score="s_hf", grade=0).isel(image_corruption=0)


def _filter_gaps(study: xr.Dataset) -> dict[str, Interval]:
    """S_HF after each filter at the lowest cutoff, minus that of the whole images."""
    at = study["filtered"].sel(filter_cutoff=study["filter_cutoff"].min().item(), filter_score="s_hf")
    return {
        str(name): statistics.bootstrap_mean(at.sel(filter=name) - _whole_s_hf(study))
        for name in study["filter"].to_numpy()
    }


def claims(found: Mapping[str, xr.Dataset]) -> list[Claim]:
    """What the paper's appendix says of its scores, as printed.

    The words on Fig. 12 hold on a data set where S_HF is lowered (whole 95 % interval below 0) by the high-pass filter
    and not by the low-pass one, and fail where it is lowered by the low-pass filter. The printed definition of S_DC
    fits 'near 1 is white' where the interval of white noise's value by it lies above 0.5.
    """
    filters, printed = {}, {}
    for study in found.values():
        title, gaps = title_of(study), _filter_gaps(study)
        low, high = gaps["low-pass"], gaps["high-pass"]
        held = False if low.high < 0 else True if high.high < 0 else None
        filters[title] = f"{text(low)} after the low-pass, {text(high)} after the high-pass", held
        flagged = statistics.bootstrap_mean(1 - study["latent_s_dc"].sel(latent_series=WHITE))
        printed[title] = text(flagged), above(flagged, 0.5)
    paper = "Spectral Collapse"
    return [
        from_cases(
            "S_HF stays high for images after the low-frequency filter and drops after the high-frequency filter.",
            f"{paper}, App. B.4 and Fig. 12",
            filters,
            "S_HF minus that of the whole images; a low-pass keeps low frequencies",
            "fig-filtered-scores",
        ),
        from_cases(
            "S_DC is the share of flagged patches (Eq. 36), and near 1 for white noise.",
            f"{paper}, App. B.3 and Tables 2 to 11",
            printed,
            "white noise by Eq. 36",
            "fig-flags",
        ),
    ]


def pipeline_verdict(study: xr.Dataset) -> str:
    """S_LF of a source to its own target and to the least similar other one, per data set: single examples."""
    lines = []
    for name in study["pipeline"].to_numpy():
        _, own, other = study["pipeline_s_lf"].sel(pipeline=name).to_numpy()
        kind = study["structure"].sel(pipeline=name).item()
        lines.append(f"- **{name}** ({kind}): {own:.3f} to its own target, {other:.3f} to the other one shown.")
    return "\n".join(lines)


def decorrelation_verdict(study: xr.Dataset) -> str:
    """S_DC of the three kinds of latent."""
    values = decorrelation(study)
    listed = ", ".join(f"{text(row)} for {row.latent_series}" for row in values.itertuples())
    expected = study.attrs["white_s_dc"]
    gap = statistics.bootstrap_mean(
        study["latent_s_dc"].sel(latent_series=TABA) - study["latent_s_dc"].sel(latent_series=STANDARD)
    )
    told = "higher" if gap.low > 0 else "lower" if gap.high < 0 else "not significantly different"
    return (
        f"$S_{{DC}}$ is {listed}, over {study.sizes['latent_sample']} latents; white noise has {expected:.3f} in "
        f"expectation. TABA's is {told} on the same images, by {text(gap)}."
    )


def norms_verdict(study: xr.Dataset) -> str:
    """Squared norms, and what the number of latents does to the test."""
    lines = []
    for name in study["latent_series"].to_numpy():
        values = study["norm"].sel(latent_series=name)
        norm, spread = statistics.bootstrap_mean(values), float(values.std(ddof=1))
        count, distance, pvalue = _last(study, name, study.sizes["latent_sample"])
        lines.append(
            f"- **{name}**: $\\|x\\|^2 / d$ is {text(norm)}, with a standard deviation of {spread:.3f}; with {count} "
            f"latents $S_G$ = {1 - distance:.3f}, p = {pvalue:.1e}."
        )
    law = (2 / study.attrs["dimension"]) ** 0.5
    lines.append(f"- The law of white noise has mean 1 and standard deviation {law:.3f}.")
    (few, _, first), (many, distance, last) = _last(study, LOUD, study.sizes["latent_sample"]), _last(study, LOUD)
    lines.append(
        f"- **{LOUD}**: p falls from {first:.2g} with {few} latents to {last:.1e} with {many}, while the distance "
        f"settles at {distance:.3f}."
    )
    return "\n".join(lines)


def _last(study: xr.Dataset, series: str, most: int | None = None) -> tuple[int, float, float]:
    """The largest number of latents, at most `most`, that the test was made with; its distance and p-value."""
    one = study[["ks_distance", "ks_pvalue"]].sel(ks_series=series).dropna("count")
    one = one.sel(count=one["count"] <= most) if most else one
    end = one.isel(count=-1)
    return int(end["count"]), end["ks_distance"].item(), end["ks_pvalue"].item()


def responses_verdict(study: xr.Dataset, kind: Kind) -> str:
    """Which scores are blind to which corruption, and which rate a corrupted sample above an intact one."""
    blind, fooled = _missed(study, kind)
    lines = [
        f"**Blind** (the mean moves by less than {BLIND:.0%} of the score's range in this study): "
        f"{'; '.join(blind) or 'none'}.",
        f"**Better than intact** at the strongest grade, intervals apart: {'; '.join(fooled) or 'none'}.",
    ]
    absent = [SCORES[name].symbol for name in missing(study) if name in study[f"{kind}_score"].to_numpy()]
    if absent:
        lines.append(f"**Missing**, for the reasons in the first table: {', '.join(absent)}.")
    return "\n".join(f"- {line}" for line in lines)


def _missed(study: xr.Dataset, kind: Kind) -> tuple[list[str], list[str]]:
    """Which scores are blind to which corruption, and which rate a corrupted sample above an intact one.

    A score without a value for what is intact is blind where it does not move from grade to grade.
    """
    table = normalised(study, kind)
    blind, fooled = [], []
    for (name, corruption), rows in table.groupby(["score", "corruption"], sort=False):
        symbol = SCORES[name].symbol
        start = rows["mean"].iloc[0]
        intact = rows["grade"].iloc[0] == 0
        whole = study[f"{kind}_response"].sel({f"{kind}_score": name, f"{kind}_corruption": corruption, "grade": 0})
        if np.isinf(whole).any():  # of PSNR: any damage at all is seen
            continue
        if len(rows) > 1 and (rows["mean"] - start).abs().max() < BLIND:
            blind.append(f"{symbol} to {corruption}" + ("" if intact else " (from its weakest grade on)"))
        elif intact and rows["low"].iloc[-1] > rows["high"].iloc[0]:
            fooled.append(f"{symbol} under {corruption}")
    return blind, fooled


def redundancy_verdict(found: xr.Dataset) -> str:
    """Pairs of scores whose rank correlation is near 1 in magnitude; `found` is a result of `correlations`."""
    pairs = _pairs(found)
    surest = max(pairs, key=lambda pair: max(pairs[pair].low, -pairs[pair].high))
    listed = "; ".join(_alike(found)) or f"none; the nearest to it are {surest} ({text(pairs[surest], 2)})"
    return (
        f"Scores that order these {found.attrs['points']} damages alike (whole interval beyond {REDUNDANT:g} in "
        f"magnitude): {listed}."
    )


def _alike(found: xr.Dataset) -> list[str]:
    """The pairs of scores whose whole interval lies beyond `REDUNDANT` in magnitude, with their correlation."""
    return [f"{pair} ({text(r, 2)})" for pair, r in _pairs(found).items() if r.low > REDUNDANT or r.high < -REDUNDANT]


def _pairs(found: xr.Dataset) -> dict[str, Interval]:
    """The rank correlation of each pair of scores, of a result of `correlations`."""
    names = [str(name) for name in found["score"].to_numpy()]
    return {
        f"{SCORES[first].symbol} and {SCORES[second].symbol}": Interval(
            *(found[end].sel(score=first, other=second).item() for end in ("r", "r_low", "r_high"))
        )
        for index, first in enumerate(names)
        for second in names[index + 1 :]
    }


def readings_verdict(study: xr.Dataset) -> str:
    """What each choice changes, beside the paper's own tables."""
    tables = paper_tables.benchmark()

    def value(score: str, label: str, case: str) -> Interval:
        mask = (study["reading_score"] == score) & study["reading_label"].str.startswith(label)
        one = study["reading_value"].isel(reading=int(mask.to_numpy().argmax())).sel(case=case)
        return statistics.bootstrap_mean(one.dropna("reading_sample"))

    used = study["reading_label"].where(study["reading_used"], drop=True)
    scores = study["reading_score"].where(study["reading_used"], drop=True)
    first = dict(zip(scores.to_numpy().tolist(), used.to_numpy().tolist(), strict=True))
    wavelet = study.attrs["wavelet"]
    share = study["found_own"].dropna("reading", how="all").dropna("reading_sample")
    found = "; ".join(f"{one['reading_label'].item()} {mean_text(one, 2)}" for one in share)
    drops = "; ".join(
        f"{one['reading_label'].item().partition(' (')[0]} {mean_text((one[0] - one[1]).dropna('reading_sample'))}"
        for one in study["reading_value"].isel(reading=(study["reading_score"] == "s_hf").to_numpy())
    )
    in_use = share.isel(reading=share["reading_used"].to_numpy())[0]
    best = share.isel(reading=int(share.mean("reading_sample").argmax("reading")))
    gap = mean_text(best - in_use, 2)
    most = (
        "no other reading finds more than the one in use"
        if best["reading_used"]
        else f"{best['reading_label'].item()} finds the most, {gap} more than the one in use"
    )
    on_bytes, on_unit = f"{wavelet} of", f"{wavelet}, intensities 0..1"
    flagged, kept = (value("s_dc", f"share of patches {word}", "first") for word in ("flagged", "not"))
    lines = [
        f"**$S_{{DC}}$**: the tables' values run from {tables['s_dc'].min():.2f} to {tables['s_dc'].max():.2f}, "
        f"high ones for good methods; white noise has {text(flagged)} by Eq. (36) and {text(kept)} by 1 - Eq. (36). "
        f"Used: the latter.",
        f"**$S_{{HF}}$**: a target scores {text(value('s_hf', on_bytes, 'first'))} on 0..255 and "
        f"{text(value('s_hf', on_unit, 'first'))} on 0..1, a blurred one {text(value('s_hf', on_bytes, 'second'))} and "
        f"{text(value('s_hf', on_unit, 'second'))}. The tables' values run from {tables['s_hf'].min():.2f} to "
        f"{tables['s_hf'].max():.2f}. What the blur costs, by reading: {drops}. Used: 0..255, and the wavelet of "
        f"Eq. (37).",
        f"**$S_{{LF}}$ on drawings**, share of drawings that are closest to their own photo, by chance "
        f"{1 / share.sizes['reading_sample']:.2f}: {found}. On these pairs {most}.",
        f"**MS-SSIM** of blurred targets: {text(value('ms_ssim', first['ms_ssim'], 'first'))} with "
        f"{first['ms_ssim'].partition(',')[0]}, {text(value('ms_ssim', '5 scales', 'first'))} with five.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def readings_table(study: xr.Dataset) -> pd.DataFrame:
    """A row per reading of an ambiguous definition: its means on two cases, with 95 % intervals."""
    rows = []
    for number in study["reading"].to_numpy():
        one = study.sel(reading=number)
        first, second = (
            f"{one['reading_case'].sel(case=case).item()}: "
            + mean_text(one["reading_value"].sel(case=case).dropna("reading_sample"))
            for case in one["case"].to_numpy()
        )
        found = one["found_own"].dropna("reading_sample")
        rows.append(
            {
                "Score": SCORES[one["reading_score"].item()].symbol,
                "Reading": one["reading_label"].item(),
                "Used": "yes" if one["reading_used"].item() else "",
                "First case": first,
                "Second case": second,
                "Own pair is closest": mean_text(found, 2) if found.size else "",
            }
        )
    return pd.DataFrame(rows).set_index(["Score", "Reading"])
