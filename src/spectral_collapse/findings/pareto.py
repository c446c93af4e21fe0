"""What the Pareto study's result says: means with intervals, the front, the points worth a picture.

Nothing here is stored: it follows from the scores. The unit of every mean is the image: seeds are
averaged within an image first. Intervals are 95 % bootstrap intervals that resample what images are taken
from, such as photographs (`statistics.bootstrap_counts`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.errors import DataError
from spectral_collapse.findings.benchmark import cut
from spectral_collapse.findings.claims import Claim, Rule, is_above, judge
from spectral_collapse.findings.intervals import bounds_of
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import Measured, images, label, title_of
from spectral_collapse.findings.tidy import items, tell
from spectral_collapse.statistics import HypervolumeGain, Interval, groups_of, text

SCORES = ("s_hf", "s_lf", "s_dc", "psnr")
BASELINES = ("standard", "taba")
OVG = ("ovg", "ovg+taba")
REFERENCES = ("target", "autoencoder")


def summary(study: xr.Dataset) -> pd.DataFrame:
    """One row per point, and one for each reference (true target; after the autoencoder, where there is one).

    Columns: point, method, eta_hf, eta_lf, fraction, stochastic, images, seeds; network_calls, clipped_hf and
    s_g, means over seeds; for each of s_hf, s_lf, s_dc, psnr and norm (of the latents over sqrt(d)) the mean and
    its interval (`_low`, `_high`), NaN where a score has no meaning; hf_energy likewise, the geometric mean of the
    high-frequency energy over the usual of training targets; on_front, whether no other point is better in both S_LF
    and S_HF; on_baseline_front, the same among the baselines.
    """
    table = pd.DataFrame([_row(study, str(name)) for name in (*study["point"].data, *study["reference"].data)])
    for column, methods in (("on_front", set(table["method"]) - set(REFERENCES)), ("on_baseline_front", BASELINES)):
        among = table["method"].isin(methods)
        table[column] = False
        table.loc[among, column] = statistics.pareto_front(table.loc[among, ["s_lf", "s_hf"]].to_numpy())
    return table


def _row(study: xr.Dataset, name: str) -> dict[str, object]:
    """A row of `summary`."""
    row: dict[str, object] = {"point": name, "method": name, "images": study.sizes["sample"]}
    scores = [score for score in SCORES if f"reference_{score}" in study]
    if name in study["point"]:
        at, scores = study.sel(point=name), [*SCORES, "norm"]
        row |= {key: at[key].item() for key in ("method", "eta_hf", "eta_lf", "fraction", "stochastic")}
        row |= {key: at[key].mean().item() for key in ("network_calls", "clipped_hf", "s_g")}
        row["seeds"] = study.sizes["seed"] if at["stochastic"].item() else 1
    means = {score: mean(study, name, score) for score in scores} | {"hf_energy": hf_energy(study, name)}
    for score, (middle, low, high) in means.items():
        row |= {score: middle, f"{score}_low": low, f"{score}_high": high}
    return row


def per_image(study: xr.Dataset, point: str, score: str) -> xr.DataArray:
    """A point's score of each image (sample), seeds averaged; `point` may be a reference's name."""
    if point in REFERENCES:
        return study[f"reference_{score}"].sel(reference=point, drop=True)
    return study[score].sel(point=point, drop=True).mean("seed")


def mean(study: xr.Dataset, point: str, score: str) -> Interval:
    """The mean of a point's score over images, with its interval."""
    return statistics.bootstrap_mean(per_image(study, point, score), bounds=bounds_of(score))


def difference(study: xr.Dataset, point: str, other: str, score: str) -> Interval:
    """How much higher a point scores than another on the same images, with its interval."""
    return statistics.bootstrap_mean(per_image(study, point, score) - per_image(study, other, score))


def hf_energy(study: xr.Dataset, point: str) -> Interval:
    """Geometric mean over images of a point's high-frequency energy over the usual of training targets."""
    return statistics.geometric_mean(per_image(study, point, "hf_excess"))


def hypervolume_gain(study: xr.Dataset) -> HypervolumeGain:
    """The area, from (0, 0), under the front of OVG's points (with and without TABA) minus that under the baselines'
    front, in the plane of S_LF and S_HF, with an interval. The standard inversion is on both sides: it is OVG with both
    step sizes 0. S_LF of an image counts up to that of its true target (`benchmark.cut`), above it an output copies. A
    side with more points profits more from chance: OVG has a grid and the baselines have a line."""
    limited = cut(study[["s_lf", "s_hf", "reference_s_lf"]].mean("seed"))
    values = np.stack([limited[score].to_numpy() for score in ("s_lf", "s_hf")], axis=-1)
    ovg, baseline = (study["method"].isin(kinds).to_numpy() for kinds in ((*OVG, BASELINES[0]), BASELINES))
    return statistics.hypervolume_gain(values[ovg], values[baseline], groups=groups_of(study))


def published(study: xr.Dataset) -> dict[str, str]:
    """The points at the papers' settings: method -> label, for 'taba', 'ovg' and 'ovg+taba', where they were run."""
    setting = study.isel(point=int((study["method"] == "ovg+taba").to_numpy().argmax()))
    same = {
        "taba": np.isclose(study["fraction"], setting["fraction"]),
        "ovg": np.isclose(study["eta_hf"], setting["eta_hf"]) & np.isclose(study["eta_lf"], setting["eta_lf"]),
        "ovg+taba": np.ones(study.sizes["point"], bool),
    }
    found = {method: np.flatnonzero(mask & (study["method"] == method).to_numpy()) for method, mask in same.items()}
    return {method: str(study["point"].to_numpy()[where[0]]) for method, where in found.items() if len(where)}


def best_ovg(study: xr.Dataset) -> str:
    """The point of OVG's grid with the largest product of mean S_LF and mean S_HF. The paper takes 'the values that
    yield the best joint performance' (Sec. 5.2) and does not say how they are joined; the product is the area under a
    single point."""
    grid = study.isel(point=np.flatnonzero(study["method"] == "ovg"))
    joint = grid["s_lf"].mean(("seed", "sample")) * grid["s_hf"].mean(("seed", "sample"))
    return str(grid["point"].to_numpy()[int(_largest(joint.to_numpy()))])


def _largest(joint: np.ndarray) -> np.ndarray:
    """The first along axis 0 of those that are largest but for rounding, which processors do differently."""
    return (joint >= joint.max(0) * (1 - 1e-9)).argmax(0)


def chosen_on_others(study: xr.Dataset, score: str) -> xr.DataArray:
    """A score of each image (sample), at the point of OVG's grid that is best on all images of *other* groups. The mean
    is that of a grid search judged on images that it has not seen (leave one group out), which `best_ovg`, chosen and
    judged on the same ones, is not. Raises DataError for fewer than two groups."""
    group = groups_of(study)
    if len(set(group)) < 2:
        raise DataError("a choice on the other images needs 2 independent ones at least; run the study with more")
    grid = study.isel(point=np.flatnonzero(study["method"] == "ovg")).mean("seed")
    values = {name: grid[name].transpose("point", "sample").to_numpy() for name in {"s_lf", "s_hf", score}}
    others = (group[:, None] != group[None, :]).astype(float)  # sums over the others, up to their number a mean
    best = _largest((values["s_lf"] @ others) * (values["s_hf"] @ others))
    return grid[score].isel(point=0, drop=True).copy(data=values[score][best, np.arange(len(group))])


def others(study: xr.Dataset) -> list[str]:
    """The points of further methods, in their order."""
    return [str(label) for label in study["point"].to_numpy()[~study["method"].isin((*BASELINES, *OVG))]]


def another(dataset: str, beside: Sequence[str]) -> list[str]:
    """The first of some data sets that is not `dataset`, by itself; none where there is none."""
    return [name for name in beside if name != dataset][:1]


def choose(study: xr.Dataset) -> list[str]:
    """The points to show as pictures: standard, published settings, the first further methods, and the best of OVG's
    grid."""
    known = published(study)
    labels = ["standard", known.get("taba"), *others(study)[:3], known.get("ovg"), best_ovg(study), known["ovg+taba"]]
    return list(dict.fromkeys(label for label in labels if label is not None))


def setting(study: xr.Dataset) -> str:
    """One sentence, as Markdown, on what was run: images and their origin, seeds, steps, network, time."""
    return tell(
        "*{title}*: {images} ({origin}), {points} points, {seeds}, {num_steps} steps each way, guidance {guidance:g}, "
        "network `{checkpoint_hash}`; {seconds:.0f} s of computing on {device}, {created}.{kind}",
        study,
        images=images(study),
        points=study.sizes["point"],
        seeds="1 seed" if study.sizes["seed"] == 1 else f"{study.sizes['seed']} seeds",
        kind="" if study.attrs["data_source"] == "real" else " **These images are rendered, not real.**",
        **{name: json.loads(study.attrs["parameters"])[name] for name in ("num_steps", "guidance")},
    )


def answer(found: Found) -> str:
    """What noise and OVG, at published settings, make of texture and structure, and whether OVG expands the front."""

    def told(study: xr.Dataset) -> str:
        known, gain = published(study), hypervolume_gain(study).gain
        points = {"the standard inversion": "standard", "TABA": known.get("taba"), "OVG": known.get("ovg")}
        each = "; ".join(
            f"{said} {text(hf_energy(study, point), 2)} and {text(mean(study, point, 's_lf'))}"
            for said, point in {**points, "the true targets": "target"}.items()
            if point
        )
        area = _direction(gain, "larger", "smaller", "not significantly different")
        words = ", energy at high frequencies over training targets', and S_LF"
        return f"{words}: {each}. OVG's area is {area} ({text(gain)})."

    wider = [title_of(study) for study in found.values() if hypervolume_gain(study).gain.low > 0]
    points = "; ".join("{1} against {0}".format(*_counts(study)) for study in found.values())
    return (
        "**Answer.** Noise and OVG change texture and structure at once, and by how much depends on the data. The area "
        f"under OVG's front is significantly larger than that of the standard inversion and TABA on "
        f"{' and '.join(wider) or 'no data set'}, of {len(found)}; OVG's side has more points ({points}), which "
        f"favours it.\n\n{items(found, told, title_of)}"
    )


def _counts(study: xr.Dataset) -> tuple[int, int]:
    """How many points are on either side of `hypervolume_gain`: of the baselines, and of OVG with the standard one."""
    return int(study["method"].isin(BASELINES).sum()), int(study["method"].isin(OVG).sum()) + 1


def _direction(gap: Interval, above: str, below: str, neither: str) -> str:
    """The word for a difference; `neither` where its interval holds 0, or where there is none."""
    if not (gap.low > 0 or gap.high < 0):
        return neither
    return above if gap.mean > 0 else below


def _told(gap: Interval, name: str = "the standard inversion") -> str:
    """A difference in words."""
    return f"{_direction(gap, 'above', 'below', 'not significantly different from')} that of {name} ({text(gap)})"


def verdict(study: xr.Dataset) -> str:
    """What the numbers say to the paper's questions, as a Markdown list: only what the intervals carry."""
    known, best = published(study), best_ovg(study)
    taba = known.get("taba", known["ovg+taba"])

    def times(point: str) -> str:
        return text(hf_energy(study, point), 2)

    def beside(point: str, score: str, other: str = "standard", name: str = "the standard inversion") -> str:
        return _told(difference(study, point, other, score), name)

    def placed(point: str) -> str:
        return (
            f"{point}: S_HF is {beside(point, 's_hf')} and {beside(point, 's_hf', taba, taba)}, with {times(point)} "
            f"times training targets' energy; S_LF is {beside(point, 's_lf')} and {beside(point, 's_lf', taba, taba)}."
        )

    noise, s_dc = study.attrs["white_s_dc"], mean(study, "standard", "s_dc")
    white = "not white" if s_dc.high < noise else "not significantly different from white noise"
    gain, (baselines, candidates) = hypervolume_gain(study), _counts(study)
    area = _direction(gain.gain, "larger than", "smaller than", "not significantly different from")
    last, true = str(study["reference"].data[-1]), "the true targets"
    after = "the targets after the autoencoder" if last == "autoencoder" else true
    unseen = ""
    if len(set(groups_of(study))) > 1:
        gaps = {one: chosen_on_others(study, one) - per_image(study, "standard", one) for one in ("s_hf", "s_lf")}
        each = [f"{score.upper()} is {_told(statistics.bootstrap_mean(gap))}" for score, gap in gaps.items()]
        unseen = f"With the point chosen for each image on all the others instead, {' and '.join(each)}."
    lines = [
        f"**Does the standard inversion collapse?** Its latents are {white}: S_DC is {text(s_dc)}; white noise has "
        f"{noise:.3f}. S_HF is {beside('standard', 's_hf', last, after)}; the outputs have {times('standard')} times "
        f"the high-frequency energy of training targets, {after} {times(last)} times. S_LF is "
        f"{beside('standard', 's_lf', 'target', true)}.",
        f"**Does noise in the first steps restore texture, and what does it cost in structure?** With {taba} S_HF is "
        f"{beside(taba, 's_hf')}, with {times(taba)} times training targets' energy, and S_LF is "
        f"{beside(taba, 's_lf')}.",
        *(f"**And {point}?** {placed(point)}" for point in others(study)),
        f"**Where does OVG lie?** {' '.join(map(placed, dict.fromkeys([known.get('ovg', best), best])))} Of the grid, "
        f"{best} is the best by S_LF times S_HF, chosen on these same images, so its intervals flatter it. {unseen}",
        f"**Does OVG expand the front?** With S_LF counted up to the true target's own, and the standard inversion on "
        f"both sides, the area under its front, from (0, 0), is {area} the baselines' ({text(gain.gain)}; "
        f"{gain.candidates:.3f} by {candidates} points against {gain.baselines:.3f} by {baselines}, and more points "
        "have more chances).",
        *_over_all(study),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _over_all(study: xr.Dataset) -> list[str]:
    """What holds for how many of the points other than the standard inversion."""
    points = [str(point) for point in study["point"].to_numpy() if point != "standard"]

    def gaps(score: str, other: str = "standard", of: Sequence[str] = points) -> Measured:
        return Measured({point: difference(study, point, other, score) for point in of})

    def named(those: Sequence[str]) -> str:
        return f"{len(those)} ({'; '.join(those)})" if those else "none"

    structure, larger = gaps("s_lf"), gaps("norm").above()
    energy, beyond = gaps("hf_excess", of=larger), gaps("s_hf", "target", ["standard", *points])
    return [
        f"**What is paid in structure?** {'Of' if structure.below() else 'Nothing is, here: of'} {len(points)} points "
        f"beside the standard inversion, S_LF is below that of the standard inversion at {named(structure.below())} "
        f"and above it at {named(structure.above())}; at the others there is no significant difference. The true "
        f"targets' own is {text(mean(study, 'target', 's_lf'))}, and what lies above it is copied from the source: the "
        f"points below it, as far as the intervals tell: {named(gaps('s_lf', 'target').below())}.",
        f"**Does a larger norm bring more energy?** The latents' norm is above that of the standard inversion at "
        f"{len(larger)} points. Of these the outputs have more high-frequency energy at {named(energy.above())} and "
        f"less at {named(energy.below())}.",
        f"**Is the true target's S_HF a ceiling?** {'No' if beyond.above() else 'Not told'}: of {len(beyond)} points, "
        f"{sum(gap.mean > 0 for gap in beyond.values())} have a higher mean than the true targets, "
        f"{len(beyond.above())} of them with the whole interval of the difference, and {len(beyond.below())} lie below "
        "with theirs. S_HF tells how near an image is to the mean energy of its data set, and a method can bring it "
        "nearer than the image's own target is.",
    ]


def claims(found: Found) -> list[Claim]:
    """The paper's claim on the front (`hypervolume_gain`). What else the paper claims of texture and structure,
    `benchmark.claims` judges on more data sets."""
    what = "area under its front minus the baselines', S_LF cut at the true target's"
    gain = Rule("OVG expands the Pareto front", "Spectral Collapse, abstract and Fig. 6", what,
                lambda study: hypervolume_gain(study).gain, is_above(0), "fig-pareto-front")  # fmt: skip
    return judge([gain], found, label)
