"""Whether samples of a network can be distinguished from real images, and whether they copy training images."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import xarray as xr
from pydantic import Field

from spectral_collapse.executors import Arrays
from spectral_collapse.labels import TARGET
from spectral_collapse.later import torch
from spectral_collapse.metrics.st_lpips import st_lpips_features
from spectral_collapse.metrics.two_sample import C2ST, classified, memorised
from spectral_collapse.sampling import sample
from spectral_collapse.studies import common
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Checkpoint, Count, ImageParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

TRAINING = "training images"
_AREA = "area under the ROC curve of a classifier, {} against test targets"
LAYOUT = Layout(
    c2st=("model", _AREA.format("samples")),
    c2st_error=("model", "its standard error"),
    c2st_training=("", _AREA.format(TRAINING)),
    c2st_training_error=("", "its standard error"),
    memorised=("model", "share of samples nearer to a training image than test targets are"),
    image=("model shown row col rgb", "sample from white noise"),
)
_BATCH = 32


class FidelityParameters(ImageParameters):
    """Test images of one data set, and the networks whose samples are compared with them."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 16, "quick": 256, "paper": 256}

    checkpoints: tuple[Checkpoint, ...] | None = Field(
        None, min_length=1, description="names or folders of networks (default: all that ship for this data set)"
    )
    num_steps: Count = by_profile(5, 50, 50, ge=1, description="steps of the sampling")


Given = Request[FidelityParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per network, and one for the training images, which no classifier should distinguish from test images."""
    networks = {name: functools.partial(_samples, request, name) for name in request.checkpoints}
    return {TRAINING: functools.partial(_training, request), **networks}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """Measures along `model`, of as many samples from white noise as there are test images.

    `metrics.c2st` compares them with test targets, and as many training targets with the same. `metrics.memorised` is
    0.5 if samples are as far from training images as test images are.
    """
    arrays = LAYOUT.stacked("model", [parts[model] for model in request.checkpoints])
    training, names = parts[TRAINING], request.images.names
    arrays |= {"c2st_training": training["c2st"], "c2st_training_error": training["c2st_error"]}
    shown = names[: arrays["image"].shape[1]]
    return LAYOUT.dataset(arrays, {"model": list(request.checkpoints), "sample": names, "shown": shown})


def _samples(request: Given, name: str) -> Arrays:
    """What one network's samples are like."""
    given, model = request.parameters, request.network(request.checkpoints[name])
    shape = model.encode(torch.zeros(1, 3, given.size, given.size)).shape[1:]
    noise = torch.randn(len(request.images.chosen), *shape, generator=torch.Generator().manual_seed(0))
    made = [sample(model.denoiser, part.to(model.device), TARGET, given.num_steps) for part in noise.split(_BATCH)]
    images = torch.cat([model.decode(part).cpu() for part in made])
    features = st_lpips_features(images)
    test, training = _real(request)
    return {
        **_told(classified(features, test)),
        "memorised": np.float64(memorised(features, training, test)),
        "image": common.pictures(images[: given.shown]),
    }


def _training(request: Given) -> Arrays:
    test, training = _real(request)
    return _told(classified(training[common.spread(len(training), min(len(training), len(test)))], test))


@functools.lru_cache(maxsize=1)
def _real(request: Given) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of the test targets and of all training targets, at most `reference`."""
    return st_lpips_features(request.pair.target), st_lpips_features(request.real_targets)


def _told(found: C2ST) -> Arrays:
    return {"c2st": np.float64(found.score), "c2st_error": np.float64(found.standard_error)}


STUDY = Study(
    "fidelity",
    "Can samples be told from real images?",
    FidelityParameters,
    jobs,
    combine,
    made={"image": {}},
)
