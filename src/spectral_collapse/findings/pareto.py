"""What the Pareto study's result says: means with intervals, the front, the points worth a picture.

The unit of every mean is the image: seeds are averaged within an image first. Intervals are 95 % bootstrap intervals
that resample what images are taken from, such as photographs (`statistics.bootstrap_counts`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.errors import DataError
from spectral_collapse.findings import fine_detail
from spectral_collapse.findings.benchmark import called, capped, per_image, with_front
from spectral_collapse.findings.claims import Claim, Rule, is_above, judge
from spectral_collapse.findings.fine_detail import DETAIL
from spectral_collapse.findings.intervals import bounds_of, ends
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import Measured, above, images, title_of
from spectral_collapse.findings.tidy import tell
from spectral_collapse.inversion import METHODS
from spectral_collapse.statistics import HypervolumeGain, Interval, groups_of, text
from spectral_collapse.store import results
from spectral_collapse.studies.benchmark import TARGET

SCORES = ("s_hf", DETAIL, "s_lf", "s_dc", "psnr")
BASELINES = ("standard", "taba")
OVG = ("ovg", "ovg+taba")
REFERENCES = ("target", "autoencoder")
LARGER = 0.01
"""By which share of the standard inversion's a norm has to be larger to count as larger."""


def summary(study: xr.Dataset, texture: str = "s_hf") -> pd.DataFrame:
    """One row per point, and one for each reference (true target; after the autoencoder, where there is one).

    Columns: point, method, eta_hf, eta_lf, fraction, stochastic, images, seeds; network_calls, clipped_hf and
    s_g, means over seeds; for each of `SCORES` and norm (of the latents over sqrt(d)) the mean and its interval
    (`_low`, `_high`), NaN where a score has no meaning; hf_energy likewise, the geometric mean of the high-frequency
    energy over the usual of training targets; on_front, whether no other point is better in both S_LF and texture, S_HF
    or `DETAIL`; on_baseline_front, the same among the baselines.
    """
    study, rows = with_detail(study), []
    for name in map(str, (*study["point"].data, *study["reference"].data)):
        row = {"point": name, "method": name, "images": study.sizes["sample"]}
        scores = [score for score in SCORES if f"reference_{score}" in study]
        if name in study["point"]:
            at, scores = study.sel(point=name), [*SCORES, "norm"]
            row |= {key: at[key].item() for key in ("method", "eta_hf", "eta_lf", "fraction", "stochastic")}
            row |= {key: at[key].mean().item() for key in ("network_calls", "clipped_hf", "s_g")}
            row["seeds"] = study.sizes["seed"] if at["stochastic"].item() else 1
        means = {score: mean(study, name, score) for score in scores} | {"hf_energy": hf_energy(study, name)}
        for score, found in means.items():
            row |= zip((score, *ends(score)), found, strict=True)
        rows.append(row)
    table = pd.DataFrame(rows)
    table = with_front(table, ~table["method"].isin(REFERENCES), texture=texture)
    return with_front(table, table["method"].isin(BASELINES), "on_baseline_front", texture)


def with_detail(study: xr.Dataset) -> xr.Dataset:
    """The study with `DETAIL` as a score."""
    energies = study["reference_hf_excess"]
    references = np.exp(-np.abs(energies - energies.sel(reference=TARGET, drop=True)))
    return study.assign({DETAIL: fine_detail.nearness(study), f"reference_{DETAIL}": references})


def mean(study: xr.Dataset, point: str, score: str) -> Interval:
    """The mean of a point's score over images, with its interval."""
    return statistics.bootstrap_mean(per_image(study, point, score), bounds=bounds_of(score))


def difference(study: xr.Dataset, point: str, other: str, score: str) -> Interval:
    """How much higher a point scores than another on the same images; of a single image without an interval."""
    return statistics.bootstrap_mean(per_image(study, point, score) - per_image(study, other, score))


def hf_energy(study: xr.Dataset, point: str) -> Interval:
    """Geometric mean over images of a point's high-frequency energy over the usual of training targets."""
    return statistics.geometric_mean(per_image(study, point, "hf_excess"))


def hypervolume_gain(study: xr.Dataset, texture: str = "s_hf") -> HypervolumeGain:
    """The area, from (0, 0), under the front of OVG's grid, as in the paper's Fig. 6, minus that under the baselines'
    front, in the plane of S_LF and texture, S_HF or `DETAIL`, with an interval. The standard inversion is on both
    sides: it is OVG with both step sizes 0. S_LF of an image counts up to that of its true target (`benchmark.capped`),
    above it an output copies. A side with more points profits more from chance: OVG has a grid, the baselines a line.
    """
    limited = capped(with_detail(study)[["s_lf", texture, "reference_s_lf"]].mean("seed"))
    values = np.stack([limited[score].transpose("point", "sample") for score in ("s_lf", texture)], axis=-1)
    ovg, baseline = (study["method"].isin(kinds).to_numpy() for kinds in ((OVG[0], BASELINES[0]), BASELINES))
    return statistics.hypervolume_gain(values[ovg], values[baseline], groups=groups_of(study))


def published(study: xr.Dataset) -> dict[str, str]:
    """The points at the papers' settings: method -> label, for 'taba', 'ovg' and 'ovg+taba', where they were run."""
    setting = study.isel(point=int((study["method"] == "ovg+taba").to_numpy().argmax()))
    found = {}
    for method, names in {"taba": ["fraction"], "ovg": ["eta_hf", "eta_lf"], "ovg+taba": []}.items():
        same = [np.isclose(study[name], setting[name]) for name in names]
        places = np.flatnonzero(np.all([study["method"] == method, *same], axis=0))
        if len(places):
            found[method] = str(study["point"].to_numpy()[places[0]])
    return found


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
    known = published(study).get
    labels = ["standard", known("taba"), *others(study)[:3], known("ovg"), best_ovg(study), known("ovg+taba")]
    return list(dict.fromkeys(filter(None, labels)))


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
        **{name: results.parameters(study.attrs)[name] for name in ("num_steps", "guidance")},
    )


def answer(found: Found) -> dict[str, str]:
    """Where OVG expands the front in S_HF and in fine detail, and with how many more points than the baselines; where
    it keeps less structure at the published step sizes."""

    def where(held: Callable[[xr.Dataset], bool]) -> str:
        titles = [title_of(study) for study in found.values() if held(study)]
        return f"on {len(titles) or 'none'} of {len(found)} data sets"

    def costs(study: xr.Dataset) -> bool:
        point = published(study).get("ovg")
        return point is not None and difference(study, point, "standard", "s_lf").high < 0

    counts = ([int(study["method"].isin(kinds).sum()) for kinds in (OVG[:1], BASELINES)] for study in found.values())
    points = dict.fromkeys(f"{ovg + 1} against {baselines}" for ovg, baselines in counts)
    return {
        "where": where(lambda study: hypervolume_gain(study).gain.low > 0),
        "in_detail": where(lambda study: hypervolume_gain(study, DETAIL).gain.low > 0),
        "costs": where(costs),
        "points": " and ".join(points),
    }


def settings(found: Found) -> pd.DataFrame:
    """Energy over training targets', texture and structure at the papers' settings, on each data set."""
    rows = []
    for study in found.values():
        known = published(study)
        points = {"standard": "standard", "TABA": known.get("taba"), "OVG": known.get("ovg"), "true target": "target"}
        for name, point in points.items():
            if point:
                scores = {score.upper(): text(mean(study, point, score)) for score in ("s_hf", "s_lf")}
                about = {"Data": title_of(study), "Point": name, "Energy": text(hf_energy(study, point), 2)}
                rows.append(about | scores)
    return pd.DataFrame(rows).set_index("Data")


def named(point: str) -> str:
    """A point by the name that pages have for its method: 'null-space noise (k 2)' for 'nullspace (k 2)'."""
    method, *setting = point.split(" ", 1)
    return " ".join([called(method), *setting]) if method in METHODS else point


def compared(study: xr.Dataset) -> pd.DataFrame:
    """Points at the papers' settings, further methods and the best of OVG's grid: energy over training targets', and
    paired differences of texture and structure from the standard inversion and from TABA."""
    known = published(study)
    taba = known.get("taba") or known["ovg+taba"]
    points = dict.fromkeys([taba, *others(study), known.get("ovg", best_ovg(study)), best_ovg(study)])
    rows = []
    for point in points:
        row = {"Point": named(point), "Energy": text(hf_energy(study, point), 2)}
        for score, other in itertools.product(("s_hf", "s_lf"), dict.fromkeys(("standard", taba))):
            gap = text(difference(study, point, other, score)) if point != other else ""
            row[f"{score.upper()} minus that of {other}"] = gap
        rows.append(row)
    return pd.DataFrame(rows).set_index("Point")


def numbers(study: xr.Dataset) -> dict[str, object]:
    """What the sentences of the conclusion need: scores of the standard inversion, the difference of areas, the best of
    OVG's grid (`unseen`: as if it had been chosen on other images), and of how many points something is true."""
    best, points = best_ovg(study), [str(point) for point in study["point"].to_numpy() if point != "standard"]

    def gaps(score: str, other: str = "standard", of: Sequence[str] = points) -> Measured:
        return Measured({point: difference(study, point, other, score) for point in of})

    gain, structure = hypervolume_gain(study).gain, gaps("s_lf")
    larger = gaps("norm").above(LARGER * mean(study, "standard", "norm").mean)
    in_detail = hypervolume_gain(study, DETAIL).gain
    areas = {True: "larger than", False: "smaller than", None: "not significantly different from"}
    energy = gaps("hf_excess", of=larger)
    single = len(set(groups_of(study))) < 2
    at_best = per_image(study, best, "s_hf") if single else chosen_on_others(study, "s_hf")
    return {
        "s_dc": mean(study, "standard", "s_dc"),
        "energy": hf_energy(study, "standard"),
        "true_energy": hf_energy(study, "target"),
        "gain": gain,
        "area": areas[above(gain, 0)],
        "gain_in_detail": in_detail,
        "area_in_detail": areas[above(in_detail, 0)],
        "best": best,
        "unseen": statistics.bootstrap_mean(at_best - per_image(study, "standard", "s_hf")),
        "points": len(points),
        "below": len(structure.below()),
        "above": len(structure.above()),
        "larger": len(larger),
        "more": len(energy.above()),
        "less": len(energy.below()),
        "all_points": 1 + len(points),
        "beyond": len(gaps("s_hf", "target", ["standard", *points]).above()),
    }


def claims(found: Found) -> list[Claim]:
    """The paper's claim on the front (`hypervolume_gain`). What else the paper claims of texture and structure,
    `benchmark.claims` judges on more data sets."""
    what = "area under its front minus the baselines', S_LF capped at the true target's"
    gain = Rule("OVG expands the Pareto front", "Spectral Collapse, abstract and Fig. 6", what,
                lambda study: hypervolume_gain(study).gain, is_above(0), "fig-pareto-front")  # fmt: skip
    return judge([gain], found)
