"""Many scores in one call: inputs by keyword, one xarray.Dataset out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from spectral_collapse import metrics, paths
from spectral_collapse.checks import (
    FEW,
    check_batch,
    check_device,
    check_flag,
    check_name,
    described,
    warn_of_unit_range,
)
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics import weights as weight_files
from spectral_collapse.metrics.base import Inputs, ScoreInfo
from spectral_collapse.metrics.ranges import changes, check_result, check_untouched, image_span, span
from spectral_collapse.metrics.s_hf import HFReference, check_reference
from spectral_collapse.metrics.s_lf import Structure, check_cutoff

Choices = tuple[str, ...]
"""The arguments of `evaluate` that can fill an input, the first given one first."""

INPUTS: dict[Inputs, tuple[Choices, ...]] = {
    "latent": (("latents",),),
    "noise, image and latent": (("noise",), ("clean",), ("latents",)),
    "noise and image": (("noise",), ("clean",)),
    "image": (("images",),),
    "image and reference": (("images",), ("references",)),
    "image and source": (("images",), ("sources",)),
    "image and set": (("images",), ("hf_reference", "reference_set")),
    "two sets": (("images",), ("reference_set",)),
}
"""The arguments of `evaluate` for the inputs of a card, in the order in which its function takes them."""

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
    "weights": "a folder with pretrained weights",
}

MATCHED = ("images", "references", "sources", "latents", "noise", "clean")
"""Batches with one entry per sample, in the same order."""

PIXELS = ("images", "references", "sources", "reference_set")
"""Batches of images in [-1, 1]."""


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
    progress: bool = False,
) -> xr.Dataset:
    """Computes scores by name, each called once with the inputs that it needs.

    Args:
        names: names of `metrics.SCORES`, or of functions that compute several of them ('pca', 'moments',
            'triangle', 'nearest_noise', 'plain_error'); 'all' is everything that the inputs allow.
        images: N x C x H x W in [-1, 1], what is scored. A warning says which of the images here look as if they were
            in [0, 1], alone or beside the others (`checks.warn_of_unit_range`).
        references: the true targets, as many, in the same order.
        sources: the source images, likewise (S_LF).
        reference_set: M x C x H x W, real images (S_HF and the distances of sets).
        hf_reference: the real images' statistics for S_HF; by default they are computed from reference_set.
        latents: N x c x h x w, inverted.
        noise, clean: as many noise maps and the images sampled from them, in the latents' space.
        cutoff, structure: of S_LF, as in `metrics.s_lf`.
        weights: a further folder with weights of LPIPS and Inception, as in `weights.find`.
        device: where to compute; without it, where the inputs are.
        progress: show a bar over the scores.

    Returns:
        A variable per score, named as in `metrics.SCORES`: along `sample` where the score is per sample, a scalar
        where it is of the set. Its attrs are the card's (long_name, units, direction, arrow, range,
        inputs, per, source, and target if there is one), n, and where they apply: `white_noise` or
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
    device = None if device is None else check_device(device)
    check_flag("progress", progress)
    given: dict[str, Any] = {name: _moved(name, batch, device) for name, batch in batches.items() if batch is not None}
    _check(given)
    _check_settings(cutoff, structure, hf_reference, weights)
    others = {"hf_reference": hf_reference, "cutoff": cutoff, "structure": structure, "weights": weights}
    given |= {name: value for name, value in others.items() if value is not None}
    cards = _cards(names, given)
    refused = (DataError, InvalidParameterError) if isinstance(names, str) else weight_files.MissingWeightsError
    results: dict[tuple[Callable[..., Any], Inputs], object] = {}
    for card in tqdm(cards.values(), desc="scores", unit="score", leave=False, disable=not progress):
        if (card.function, card.inputs) not in results:
            before = changes(given)
            try:
                result = card.function(*_batches(card, given), **_settings(card, given))
            except refused as error:
                result = error
            check_untouched(card.name, before, changes(given))
            results[card.function, card.inputs] = result
        check_result(card, results[card.function, card.inputs], len(_batches(card, given)[0]))
    count = next((len(given[name]) for name in MATCHED if name in given), 0)
    variables = {
        name: _variable(card, results[card.function, card.inputs], given, count) for name, card in cards.items()
    }
    shapes = {name: " x ".join(map(str, given[name].shape)) for name in batches if name in given}
    return xr.Dataset(variables, {"sample": np.arange(count)}, {"title": "Scores", **shapes})


def _moved(name: str, batch: torch.Tensor, device: torch.device | None) -> torch.Tensor:
    check_batch(batch, f"evaluate: {name}")
    return batch if device is None else batch.to(device)


def _check(given: Mapping[str, torch.Tensor]) -> None:
    """Range, finiteness and number of all batches, so that no score can be blamed for a bad input."""
    spans = {name: (image_span if name in PIXELS else span)("evaluate", batch, name) for name, batch in given.items()}
    pixels = {name: spans[name] for name in PIXELS if name in given and given[name].numel() > FEW}
    warn_of_unit_range("evaluate", pixels, stacklevel=4)
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


def _cards(names: Sequence[str] | str, given: Mapping[str, Any]) -> dict[str, ScoreInfo]:
    """The cards that are asked for, once each, and all of whose inputs are there."""
    if isinstance(names, str) and names == "all":
        cards = {name: card for name, card in metrics.SCORES.items() if not _lacking(card, given)}
        if not cards:
            wanted = ", ".join(f"{name}=" for name in MEANINGS)
            raise InvalidParameterError(f"evaluate: no score can do with what was given; give some of {wanted}")
        return cards
    if isinstance(names, str | bytes | Mapping | torch.Tensor) or not isinstance(names, Iterable):
        raise InvalidParameterError(f"names must be a list of scores or 'all'; {described(names)} was given")
    known = dict.fromkeys([*metrics.SCORES, *map(_function_name, metrics.SCORES.values())])
    found: dict[str, ScoreInfo] = {}
    for name in names:
        check_name("score", name, known)
        found |= {key: card for key, card in metrics.SCORES.items() if name in (key, _function_name(card))}
    for key, card in found.items():
        for choices in _lacking(card, given):
            wanted = " or ".join(f"{name}= ({MEANINGS[name]})" for name in choices)
            raise InvalidParameterError(f"evaluate: {key!r} needs {wanted}, which was not given")
    return found


def _function_name(card: ScoreInfo) -> str:
    return getattr(card.function, "__name__", card.name)


def _lacking(card: ScoreInfo, given: Mapping[str, Any]) -> list[Choices]:
    """The choices for each batch and each setting without a default that nothing fills."""
    parameters = inspect.signature(card.function).parameters
    needed = [
        (name,) for name in SETTINGS if name in parameters and parameters[name].default is inspect.Parameter.empty
    ]
    return [choices for choices in (*INPUTS[card.inputs], *needed) if not any(name in given for name in choices)]


def _batches(card: ScoreInfo, given: Mapping[str, Any]) -> list[Any]:
    return [next(given[name] for name in choices if name in given) for choices in INPUTS[card.inputs]]


def _settings(card: ScoreInfo, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(card.function).parameters
    return {name: given[name] for name in SETTINGS if name in parameters and name in given}


def _variable(card: ScoreInfo, result: object, given: Mapping[str, Any], count: int) -> xr.Variable:
    attrs = {
        "long_name": card.symbol,
        "units": card.units,
        "direction": _direction(card),
        "arrow": card.arrow,
        "range": list(card.range),
        "inputs": card.inputs,
        "per": card.per,
        "source": card.source,
        "n": count,
    }
    if card.target is not None:
        attrs["target"] = card.target
    settings = {name: value for name, value in _settings(card, given).items() if name != "weights"}
    dims, shape = (("sample",), (count,)) if card.per == "sample" else ((), ())
    if isinstance(result, Exception):
        return xr.Variable(dims, np.full(shape, np.nan), {**attrs, **settings, "missing": str(result)})
    if card.notes is not None:
        attrs |= card.notes(_batches(card, given)[0].shape)
    if card.weights:
        found = weight_files.find(card.weights, given.get("weights"))
        attrs |= {
            "weights": found.path.name,
            "weights_sha256": found.sha256,
            "weights_published": "yes" if found.published else "no",
        }
    value = getattr(result, card.field) if card.field else result
    values = torch.as_tensor(value, dtype=torch.float64).cpu().numpy()
    return xr.Variable(dims, values, {**attrs, **settings, **_others(card, result)})


def _direction(card: ScoreInfo) -> str:
    if card.higher_is_better is None:
        return "none" if card.target is None else f"best at {card.target:g}"
    return "higher is better" if card.higher_is_better else "lower is better"


def _others(card: ScoreInfo, result: object) -> dict[str, object]:
    """A result's plain numbers that no card speaks of: p-values, standard errors, the bias of small n."""
    if not hasattr(result, "_asdict"):
        return {}
    known = {other.field for other in metrics.SCORES.values() if other.function == card.function}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in result._asdict().items()
        if name not in known and isinstance(value, int | float | tuple)
    }
