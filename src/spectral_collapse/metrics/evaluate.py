"""Many scores in one call: inputs by keyword, one xarray.Dataset out."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
import xarray as xr
from scipy import stats

from spectral_collapse import metrics, paths
from spectral_collapse.checks import check_name, described
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.metrics import weights as weight_files
from spectral_collapse.metrics.base import Arity, Score
from spectral_collapse.metrics.ms_ssim import scales
from spectral_collapse.metrics.ranges import check_images, check_latents
from spectral_collapse.metrics.s_hf import HFReference, check_reference
from spectral_collapse.metrics.s_lf import Structure, check_cutoff

Inputs = Mapping[str, tuple[str, ...]]
"""A function's parameter -> the arguments of `evaluate` that can fill it, the first given one first."""

INPUTS: dict[Arity, Inputs] = {
    "latent": {"latents": ("latents",)},
    "noise, image and latent": {"noises": ("noise",), "images": ("clean",), "latents": ("latents",)},
    "noise and image": {"noises": ("noise",), "images": ("clean",)},
    "image": {"images": ("images",)},
    "image and reference": {"images": ("images",), "references": ("references",)},
    "image and source": {"images": ("images",), "sources": ("sources",)},
    "image and set": {"images": ("images",), "reference": ("hf_reference", "reference_set")},
    "two sets": {"images": ("images",), "references": ("reference_set",)},
}
"""What a card's arity asks for. Scores of trajectories watch a run (`metrics.trajectories`) and take no such inputs."""

SETTINGS = ("cutoff", "structure", "weights")
"""Arguments that are passed on under their own name to each function that has a parameter of that name."""

MEANINGS = {
    "images": "the images to score",
    "references": "the true targets, one per image",
    "sources": "the source images, one per image",
    "reference_set": "a set of real images",
    "hf_reference": "the result of metrics.hf_reference",
    "latents": "inverted latents",
    "noise": "the noise that images were sampled from",
    "clean": "the images in the latents' space, as they were inverted",
    "cutoff": "a fraction of the Nyquist frequency",
}

MATCHED = ("images", "references", "sources", "latents", "noise", "clean")
"""Batches with one entry per sample, in the same order."""

PIXELS = ("images", "references", "sources", "reference_set")
"""Batches of images in [-1, 1]."""

WEIGHTS = {
    **{f"lpips_{network}": network for network in ("alex", "vgg", "squeeze")},
    **dict.fromkeys(("fid", "kid", "precision", "recall"), "inception"),
}
"""Scores that need pretrained weights -> the name of these in `weights.SOURCES`."""

NOTES: dict[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
    "s_dc": lambda given: {"white_noise": metrics.white_noise_level(given["latents"].shape[1])},
    "s_g": lambda given: {"white_noise": 1 - _kolmogorov_mean(len(given["latents"]))},
    "effective_rank": lambda given: {
        "white_noise": metrics.white_noise_rank(len(given["latents"]), given["latents"][0].numel())
    },
    "map_effective_rank": lambda given: {
        "white_noise": metrics.white_noise_rank(
            given["latents"].shape[1] * given["latents"].shape[2], given["latents"].shape[3]
        )
    },
    "patch_correlation": lambda given: {"white_noise": metrics.white_noise_correlation(*given["latents"].shape[:2])},
    "shapiro_wilk": lambda given: {"white_noise": 0.05},
    "kl_divergence": lambda given: {"white_noise": metrics.white_noise_kl(len(given["latents"]))},
    "noise_of_image": lambda given: {"chance": 1 / len(given["noise"])},
    "image_of_noise": lambda given: {"chance": 1 / len(given["noise"])},
    "ms_ssim": lambda given: {"scales": scales(*given["images"].shape[-2:])},
}
"""What belongs beside a value and depends on the inputs' shape: its expectation where there is no defect
(`white_noise` for latents, `chance` for what is found by luck), or how it was computed."""


def evaluate(
    names: Sequence[str] | Literal["all"],
    *,
    images: torch.Tensor | None = None,
    references: torch.Tensor | None = None,
    sources: torch.Tensor | None = None,
    reference_set: torch.Tensor | None = None,
    hf_reference: HFReference | None = None,
    latents: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
    clean: torch.Tensor | None = None,
    cutoff: float | None = None,
    structure: Structure = "color",
    weights: str | Path | None = None,
    device: torch.device | str | None = None,
) -> xr.Dataset:
    """Scores by name, each called once with what it needs of the inputs.

    Args:
        names: names of `metrics.SCORES`, or of functions that compute several of them ('pca', 'moments',
            'triangle', 'nearest_noise', 'plain_error'); 'all' is everything that the inputs allow.
        images: N x C x H x W in [-1, 1], what is scored.
        references: the true targets, as many, in the same order.
        sources: the source images, likewise (S_LF).
        reference_set: M x C x H x W, real images (S_HF and the distances of sets).
        hf_reference: what S_HF knows of the real images; without it it is computed from reference_set.
        latents: N x c x h x w, inverted.
        noise, clean: as many noise maps and the images sampled from them, in the latents' space.
        cutoff, structure: of S_LF, as in `metrics.s_lf`.
        weights: a folder with weights of LPIPS and Inception, beside the places of `weights.find`.
        device: where to compute; without it, where the inputs are.

    Returns:
        A variable per score, named as its card: along `sample` where the score is per sample, a scalar
        where it is of the set. Its attrs are the card's (long_name, units, direction, arrow, range,
        arity, unit, source, and target if there is one), n, and where they apply: `white_noise` or
        `chance`, the value without any defect at this n and shape; the score's other numbers (pvalue,
        standard_error, n_references, ...); its settings; the weights' file, sha256 and whether that is
        the published one; `missing`, why all values are NaN: the weights are not there, or, with
        'all', the sentence with which the score refused these inputs.

    Raises:
        InvalidParameterError: an unknown name, a missing input, batches of different lengths or out of
            range, or what a named score refuses. DataError, NotFiniteError, CheckpointError likewise.
    """
    batches = {
        "images": images,
        "references": references,
        "sources": sources,
        "reference_set": reference_set,
        "latents": latents,
        "noise": noise,
        "clean": clean,
    }
    given: dict[str, Any] = {name: _moved(name, batch, device) for name, batch in batches.items() if batch is not None}
    _check(given)
    _check_settings(cutoff, structure, hf_reference, weights)
    others = {"hf_reference": hf_reference, "cutoff": cutoff, "structure": structure, "weights": weights}
    given |= {name: value for name, value in others.items() if value is not None}
    cards = _cards(names, given)
    refused = (DataError, InvalidParameterError) if isinstance(names, str) else weight_files.MissingWeightsError
    results: dict[str, object] = {}
    for function in dict.fromkeys(_function(card) for card in cards):
        arguments = _arguments(next(card for card in cards if _function(card) == function), given)
        try:
            results[function] = getattr(metrics, function)(**arguments)
        except refused as error:
            results[function] = error
    count = next((len(given[name]) for name in MATCHED if name in given), 0)
    variables = {card.name: _variable(card, results[_function(card)], given, count) for card in cards}
    shapes = {name: " x ".join(map(str, given[name].shape)) for name in batches if name in given}
    return xr.Dataset(variables, {"sample": np.arange(count)}, {"title": "Scores", **shapes})


def _function(card: Score) -> str:
    return card.function or card.name


@functools.cache
def _kolmogorov_mean(count: int) -> float:
    """The mean of the Kolmogorov-Smirnov statistic of `count` samples of the very law.

    Exact under 16, in a second; beyond, to 0.3 %, the limit law's sqrt(pi / 2) log 2 / sqrt(n) with Vrbik's
    correction (2018).
    """
    if count < 16:
        return float(stats.kstwo.mean(count))
    return math.sqrt(math.pi / 2 / count) * math.log(2) - 1 / (6 * count)


def _moved(name: str, batch: torch.Tensor, device: torch.device | str | None) -> torch.Tensor:
    if not isinstance(batch, torch.Tensor):
        raise InvalidParameterError(f"evaluate: {name} must be a torch.Tensor, got {type(batch).__name__}")
    try:
        return batch if device is None else batch.to(torch.device(device))
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:  # no such device here
        raise InvalidParameterError(
            f"device {described(device)} is not there; leave device out or name another"
        ) from error


def _check(given: Mapping[str, torch.Tensor]) -> None:
    """Range, finiteness and number of all batches, so that no score can be blamed for a bad input."""
    for name, batch in given.items():
        (check_images if name in PIXELS else check_latents)("evaluate", batch, name)
    counts = {name: len(given[name]) for name in MATCHED if name in given}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise InvalidParameterError(f"evaluate: batches must have one entry per sample, got {found}")


def _check_settings(cutoff: object, structure: object, hf_reference: object, weights: object) -> None:
    """Impossible settings are errors, with 'all' too: what is wrong with them is not wrong with a score."""
    if cutoff is not None:
        check_cutoff(cutoff)
    check_name("structure", structure, get_args(Structure))
    if hf_reference is not None:
        check_reference(hf_reference)
    if weights is not None:
        paths.expanded(weights, "weights")


def _cards(names: Sequence[str] | str, given: Mapping[str, Any]) -> list[Score]:
    """The cards that are asked for, once each, and all of whose inputs are there."""
    if isinstance(names, str) and names == "all":
        cards = [card for card in metrics.SCORES.values() if not _lacking(card, given)]
        if not cards:
            wanted = ", ".join(f"{name}=" for name in MEANINGS)
            raise InvalidParameterError(f"evaluate: no score can do with what was given; give some of {wanted}")
        return cards
    if isinstance(names, str | torch.Tensor) or not isinstance(names, Iterable):
        raise InvalidParameterError(f"names must be a list of scores or 'all'; {described(names)} was given")
    known = dict.fromkeys([*metrics.SCORES, *map(_function, metrics.SCORES.values())])
    found: dict[str, Score] = {}
    for name in names:
        check_name("score", name, known)
        found |= {card.name: card for card in metrics.SCORES.values() if name in (card.name, _function(card))}
    for card in found.values():
        for choices in _lacking(card, given):
            wanted = " or ".join(f"{name}= ({MEANINGS[name]})" for name in choices)
            raise InvalidParameterError(f"evaluate: {card.name!r} needs {wanted}, which was not given")
    return list(found.values())


def _inputs(card: Score) -> Inputs:
    """Where each parameter of the card's function comes from, settings among them."""
    parameters = inspect.signature(getattr(metrics, _function(card))).parameters
    settings = {name: (name,) for name in SETTINGS if name in parameters}
    return {**INPUTS[card.arity], **settings}


def _lacking(card: Score, given: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The choices for each parameter that nothing fills and that has no default."""
    parameters = inspect.signature(getattr(metrics, _function(card))).parameters
    return [
        choices
        for parameter, choices in _inputs(card).items()
        if parameters[parameter].default is inspect.Parameter.empty and not any(name in given for name in choices)
    ]


def _arguments(card: Score, given: Mapping[str, Any]) -> dict[str, Any]:
    filled = {
        parameter: next((name for name in choices if name in given), None)
        for parameter, choices in _inputs(card).items()
    }
    return {parameter: given[name] for parameter, name in filled.items() if name is not None}


def _variable(card: Score, result: object, given: Mapping[str, Any], count: int) -> xr.Variable:
    attrs = {
        "long_name": card.symbol,
        "units": card.measured_in,
        "direction": _direction(card),
        "arrow": card.arrow,
        "range": list(card.range),
        "arity": card.arity,
        "unit": card.unit,
        "source": card.source,
        "n": count,
    }
    if card.target is not None:
        attrs["target"] = card.target
    settings = {name: given[name] for name in ("cutoff", "structure") if name in _inputs(card)}
    dims, shape = (("sample",), (count,)) if card.unit == "sample" else ((), ())
    if isinstance(result, Exception):
        return xr.Variable(dims, np.full(shape, np.nan), {**attrs, **settings, "missing": str(result)})
    if card.name in NOTES:
        attrs |= NOTES[card.name](given)
    if card.name in WEIGHTS:
        found = weight_files.find(WEIGHTS[card.name], given.get("weights"))
        attrs |= {
            "weights": found.path.name,
            "weights_sha256": found.sha256,
            "weights_published": "yes" if found.published else "no",
        }
    value = getattr(result, card.field) if card.field else result
    values = torch.as_tensor(value, dtype=torch.float64).cpu().numpy()
    return xr.Variable(dims, values, {**attrs, **settings, **_others(card, result)})


def _direction(card: Score) -> str:
    if card.higher_is_better is None:
        return "none" if card.target is None else f"best at {card.target:g}"
    return "higher is better" if card.higher_is_better else "lower is better"


def _others(card: Score, result: object) -> dict[str, object]:
    """A result's plain numbers that no card speaks of: p-values, standard errors, the bias of small n."""
    if not hasattr(result, "_asdict"):
        return {}
    known = {other.field for other in metrics.SCORES.values() if _function(other) == _function(card)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in result._asdict().items()
        if name not in known and isinstance(value, int | float | tuple)
    }
