"""What a perceptual network says of translations: each beside its own true target, and all together beside real ones.

Fine detail is energy and structure is what a low-pass filter keeps; neither sees a wrong colour or a texture of another
kind. Shift-tolerant LPIPS compares what a network for recognising images sees, and forgives a shift by a few pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
import xarray as xr
from pydantic import AfterValidator

from spectral_collapse.executors import Arrays
from spectral_collapse.later import torch
from spectral_collapse.metrics.frechet import kernel_distance
from spectral_collapse.metrics.st_lpips import st_lpips, st_lpips_features
from spectral_collapse.studies import common, latents, published
from spectral_collapse.studies import image_scores as scored
from spectral_collapse.studies.benchmark import CHEAP
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile, known
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

SOURCE, TRAINING = "source", "training targets"
"""What is compared with the true targets beside translations: the sources, and targets of the training split."""

_PER_SET = {
    "kernel": "kernel distance to the true targets, on features of ST-LPIPS",
    "kernel_error": "standard error of the kernel distance",
}
LAYOUT = Layout(
    st_lpips=("point seed sample", "ST-LPIPS to the own true target"),
    source_st_lpips=("sample", "ST-LPIPS of the source to its true target"),
    **{name: ("point seed", title) for name, title in _PER_SET.items()},
    **{f"reference_{name}": ("reference", title) for name, title in _PER_SET.items()},
)


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return latents.with_standard(known("method", names, published.names()))


class PerceptionParameters(NetworkParameters):
    """Test images of one data set, a network, and the methods that translate them."""

    methods: Annotated[tuple[str, ...], AfterValidator(_known)] = by_profile(
        ("standard", "taba", "ovg"),
        CHEAP,
        CHEAP,
        description="inversion methods, as in the benchmark, whose translations are used again",
    )
    seeds: Count = by_profile(2, 3, 3, ge=1, description="draws (seeds 0, 1, ...) of the methods that draw")


Given = Request[PerceptionParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per method and seed (one for all seeds without random noise), and one for sources and training targets."""
    found: dict[str, Job] = {"references": partial(_references, request)}
    for name, seeds in _names(request).items():
        found |= {job: partial(_measured, request, name, seed) for seed, job in enumerate(dict.fromkeys(seeds))}
    return found


def uses(request: Given) -> Iterable[Any]:
    """The methods, for the key."""
    return _methods(request).values()


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Distances of translations to the true targets: of each image to its own, and of all images as a set.

    Values of methods without random noise are repeated along seed. `reference_*` are those of the sources and of as
    many targets of the training split, which nothing should distinguish from targets of the test split.
    """
    runs = [[parts[job] for job in seeds] for seeds in _names(request).values()]
    made = _methods(request)
    return LAYOUT.dataset(
        LAYOUT.stacked("point seed", runs) | parts["references"],
        {
            "point": list(made),
            "stochastic": ("point", [method.stochastic for method in made.values()]),
            "sample": request.images.names,
            "reference": [SOURCE, TRAINING],
        },
    )


def _measured(request: Given, name: str, seed: int) -> Arrays:
    images = request.translated(published.method(request, name), seed, rebuild=seed == 0).images
    return {"st_lpips": _distances(images, request), **_as_a_set(images, request)}


def _references(request: Given) -> Arrays:
    source, training = request.pair.source, request.real_targets
    training = training[common.spread(len(training), min(len(training), len(source)))]
    sets = [_as_a_set(images, request) for images in (source, training)]
    found = {f"reference_{name}": np.stack([one[name] for one in sets]) for name in _PER_SET}
    return found | {"source_st_lpips": _distances(source, request)}


def _distances(images: torch.Tensor, request: Given) -> np.ndarray:
    return st_lpips(images, request.pair.target).cpu().numpy().astype(np.float64)


def _as_a_set(images: torch.Tensor, request: Given) -> Arrays:
    features, targets = st_lpips_features(images), st_lpips_features(request.pair.target)
    distance, error = kernel_distance(features, targets)
    return {"kernel": np.float64(distance), "kernel_error": np.float64(error)}


def _methods(request: Given) -> dict[str, Any]:
    return {name: published.method(request, name) for name in request.parameters.methods}


def _names(request: Given) -> dict[str, list[str]]:
    return scored.by_seed(_methods(request), request.parameters.seeds)


STUDY = Study(
    "perception",
    "What does a perceptual network say of translations?",
    PerceptionParameters,
    jobs,
    combine,
    uses,
)
