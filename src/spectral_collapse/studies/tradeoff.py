"""What the Pareto study's result says: means with intervals, the front, the points worth a picture.

Nothing here is stored: it follows from the scores. The unit of every mean and interval is the image:
seeds are averaged within an image first, and intervals are 95 % bootstrap intervals over images.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from spectral_collapse.errors import DataError
from spectral_collapse.studies import front
from spectral_collapse.studies.common import text
from spectral_collapse.studies.front import HypervolumeGain, Interval

SCORES = ("s_hf", "s_lf", "s_dc", "psnr")
BASELINES = ("standard", "taba")
OVG = ("ovg", "ovg+taba")
REFERENCES = ("target", "autoencoder")


def summary(study: xr.Dataset) -> pd.DataFrame:
    """One row per point, and one for each reference (true target, autoencoder).

    Columns: point, method, eta_hf, eta_lf, fraction, stochastic, images, seeds; network_calls, clipped_hf and
    s_g, means over seeds; for each of s_hf, s_lf, s_dc, psnr and norm (of the latents over sqrt(d)) the mean and
    its interval (`_low`, `_high`), NaN where a score has no meaning; hf_energy likewise, the geometric mean of the
    high-frequency energy over the usual of real targets; on_front, whether no other point is better in both S_LF
    and S_HF; on_baseline_front, the same among the baselines.
    """
    rows = [_point_row(study, label) for label in study["point"].to_numpy()]
    rows += [_reference_row(study, name) for name in REFERENCES]
    table = pd.DataFrame(rows)
    for column, methods in (("on_front", set(table["method"]) - set(REFERENCES)), ("on_baseline_front", BASELINES)):
        among = table["method"].isin(methods)
        table[column] = False
        table.loc[among, column] = front.pareto_front(table.loc[among, ["s_lf", "s_hf"]].to_numpy())
    return table


def per_image(study: xr.Dataset, point: str, score: str) -> np.ndarray:
    """A point's score of each image, (N,), seeds averaged; `point` may be a reference's name."""
    if point in REFERENCES:
        return study[f"reference_{score}"].sel(reference=point).to_numpy()
    return study[score].sel(point=point).mean("seed").to_numpy()


def difference(study: xr.Dataset, point: str, other: str, score: str) -> Interval:
    """How much higher a point scores than another on the same images, with its interval."""
    return front.bootstrap_mean(per_image(study, point, score) - per_image(study, other, score))


def hypervolume_gain(study: xr.Dataset) -> HypervolumeGain:
    """The area, from (0, 0), under the front of OVG's points (with and without TABA) minus that under
    the baselines' front, in the plane of S_LF and S_HF, with an interval over images.

    A side with more points profits more from chance: OVG has a grid and the baselines have a line.
    """
    values = np.stack([study[score].mean("seed").to_numpy() for score in ("s_lf", "s_hf")], axis=-1)
    ovg, baseline = (study["method"].isin(kinds).to_numpy() for kinds in (OVG, BASELINES))
    return front.hypervolume_gain(values[ovg], values[baseline])


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
    """The point of OVG's grid with the largest product of mean S_LF and mean S_HF.

    The paper takes 'the values that yield the best joint performance' (Sec. 5.2) and does not say how
    they are joined; the product is the area under a single point.
    """
    grid = study.isel(point=np.flatnonzero(study["method"] == "ovg"))
    joint = grid["s_lf"].mean(("seed", "sample")) * grid["s_hf"].mean(("seed", "sample"))
    return str(grid["point"].to_numpy()[int(joint.to_numpy().argmax())])


def chosen_on_others(study: xr.Dataset, score: str) -> np.ndarray:
    """A score of each image, (N,), at the point of OVG's grid that is best on all the *other* images.

    The mean is that of a grid search judged on images that it has not seen (leave one out), which
    `best_ovg`, chosen and judged on the same ones, is not. Raises DataError for fewer than two images.
    """
    images = study.sizes["sample"]
    if images < 2:
        raise DataError("a choice on the other images needs 2 images at least; run the study with more")
    grid = study.isel(point=np.flatnonzero(study["method"] == "ovg")).mean("seed")
    values = {name: grid[name].transpose("point", "sample").to_numpy() for name in {"s_lf", "s_hf", score}}
    left_out = {name: one.sum(1, keepdims=True) - one for name, one in values.items()}  # N - 1 times the mean
    best = (left_out["s_lf"] * left_out["s_hf"]).argmax(0)
    return values[score][best, np.arange(images)]


def others(study: xr.Dataset) -> list[str]:
    """The points of further methods, in their order."""
    return [str(label) for label in study["point"].to_numpy()[~study["method"].isin((*BASELINES, *OVG))]]


def choose(study: xr.Dataset) -> list[str]:
    """The points to show as pictures: the standard inversion, the published settings, the first of the
    further methods, and the best of OVG's grid."""
    known = published(study)
    labels = ["standard", known.get("taba"), *others(study)[:3], known.get("ovg"), best_ovg(study), known["ovg+taba"]]
    return list(dict.fromkeys(label for label in labels if label is not None))


def setting(study: xr.Dataset) -> str:
    """One sentence, as Markdown, on what was run: images and their origin, seeds, steps, network, time."""
    parameters = json.loads(study.attrs["parameters"])
    seeds = "1 seed" if study.sizes["seed"] == 1 else f"{study.sizes['seed']} seeds"
    kind = "" if study.attrs["data_source"] == "real" else " **These images are rendered, not real.**"
    return (
        f"*{study.attrs['title']}*: {study.sizes['sample']} {study.attrs['data_source']} test images "
        f"({study.attrs['origin']}), {study.sizes['point']} points, {seeds}, {parameters['num_steps']} steps each way, "
        f"guidance {parameters['guidance']:g}, network `{study.attrs['checkpoint_hash']}`; "
        f"{study.attrs['seconds']:.0f} s of computing on {study.attrs['device']}, {study.attrs['created']}.{kind}"
    )


def verdict(study: xr.Dataset) -> str:
    """What the numbers say to the paper's questions, as a Markdown list: only what the intervals carry."""
    known, best = published(study), best_ovg(study)
    taba = known.get("taba", known["ovg+taba"])
    ovg = dict.fromkeys([known.get("ovg", best), best])
    noise = study.attrs["white_s_dc"]
    s_dc = front.bootstrap_mean(per_image(study, "standard", "s_dc"))
    white = "not white" if s_dc.high < noise else "not told apart from white noise"
    gain = hypervolume_gain(study)
    area = _direction(gain.gain, "larger than", "smaller than", "not told apart from")
    after, true = "the targets after the autoencoder", "the true targets"
    lines = [
        f"**Does the standard inversion collapse?** Its latents are {white}: S_DC is {text(s_dc)}; white noise has "
        f"{noise:.3f}. S_HF is {_compared(study, 'standard', 'autoencoder', 's_hf', after)}; the outputs have "
        f"{_times(study, 'standard')} times the usual high-frequency energy of real targets, {after} "
        f"{_times(study, 'autoencoder')} times. S_LF is {_compared(study, 'standard', 'target', 's_lf', true)}.",
        f"**Does noise in the first steps restore texture, and what does it cost in structure?** With {taba} S_HF is "
        f"{_compared(study, taba, 'standard', 's_hf')}, with {_times(study, taba)} times the usual energy, and S_LF is "
        f"{_compared(study, taba, 'standard', 's_lf')}.",
        *(f"**And {point}?** {_placed(study, point, taba)}" for point in others(study)),
        f"**Where does OVG lie?** {' '.join(_placed(study, point, taba) for point in ovg)} Of the grid, {best} is the "
        f"best by S_LF times S_HF, chosen on these same images, so its intervals flatter it. {_unseen(study)}",
        f"**Does OVG expand the front?** The area under its front is {area} the baselines' ({text(gain.gain)}; "
        f"{gain.candidates:.3f} against {gain.baselines:.3f}).",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _placed(study: xr.Dataset, point: str, taba: str) -> str:
    return (
        f"{point}: S_HF is {_compared(study, point, 'standard', 's_hf')} and "
        f"{_compared(study, point, taba, 's_hf', taba)}, with {_times(study, point)} times the usual energy; "
        f"S_LF is {_compared(study, point, 'standard', 's_lf')} and "
        f"{_compared(study, point, taba, 's_lf', taba)}."
    )


def _times(study: xr.Dataset, point: str) -> str:
    return text(hf_energy(study, point), 2)


def _unseen(study: xr.Dataset) -> str:
    if study.sizes["sample"] < 2:
        return ""
    gaps = {score: chosen_on_others(study, score) - per_image(study, "standard", score) for score in ("s_hf", "s_lf")}
    found = [f"{score.upper()} is {_in_words(front.bootstrap_mean(gap))}" for score, gap in gaps.items()]
    return f"With the point chosen for each image on all the others instead, {' and '.join(found)}."


def _compared(study: xr.Dataset, point: str, other: str, score: str, name: str = "the standard inversion") -> str:
    """The difference of two points in words."""
    return _in_words(difference(study, point, other, score), name)


def _in_words(gap: Interval, name: str = "the standard inversion") -> str:
    return f"{_direction(gap, 'above', 'below', 'not told apart from')} that of {name} ({text(gap)})"


def _direction(gap: Interval, above: str, below: str, neither: str) -> str:
    """The word for a difference; `neither` where its interval holds 0."""
    if gap.low <= 0 <= gap.high:
        return neither
    return above if gap.mean > 0 else below


def _point_row(study: xr.Dataset, label: str) -> dict[str, object]:
    at = study.sel(point=label)
    return {
        "point": label,
        **{name: at[name].item() for name in ("method", "eta_hf", "eta_lf", "fraction", "stochastic")},
        **{name: at[name].mean().item() for name in ("network_calls", "clipped_hf", "s_g")},
        "images": study.sizes["sample"],
        "seeds": study.sizes["seed"] if at["stochastic"].item() else 1,
        **_means(study, label, SCORES),
        **_energy(study, label),
        **_means(study, label, ["norm"]),
    }


def _reference_row(study: xr.Dataset, name: str) -> dict[str, object]:
    scores = [score for score in SCORES if f"reference_{score}" in study]
    row = {"point": name, "method": name, "images": study.sizes["sample"]}
    return {**row, **_means(study, name, scores), **_energy(study, name)}


def hf_energy(study: xr.Dataset, point: str) -> Interval:
    """Geometric mean over images of a point's high-frequency energy over the usual of real targets."""
    return Interval(*np.exp(front.bootstrap_mean(per_image(study, point, "hf_excess"))))


def _energy(study: xr.Dataset, point: str) -> dict[str, float]:
    found = hf_energy(study, point)
    return {"hf_energy": found.mean, "hf_energy_low": found.low, "hf_energy_high": found.high}


def _means(study: xr.Dataset, point: str, scores: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for score in scores:
        interval = front.bootstrap_mean(per_image(study, point, score))
        found |= {score: interval.mean, f"{score}_low": interval.low, f"{score}_high": interval.high}
    return found
