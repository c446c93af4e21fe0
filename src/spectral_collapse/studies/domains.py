"""The two domains of a data set side by side: pictures, spectra, how steeply these fall, and the finest details."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pywt
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.errors import unknown
from spectral_collapse.executors import Arrays
from spectral_collapse.later import torch
from spectral_collapse.metrics import spectral_slope
from spectral_collapse.metrics.s_hf import MODE
from spectral_collapse.studies import common
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import ImageParameters
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

BANDS = ("horizontal", "vertical", "diagonal")
"""pywt's order: edges that run horizontally, vertically, diagonally."""


Given = Request[ImageParameters]

LAYOUT = Layout(
    power=("domain sample frequency", "power per coefficient"),
    slope=("sample", "exponent of the target's spectrum"),
    image=("domain shown row col rgb", "picture"),
    detail=("band row col rgb", "picture"),
)


def jobs(request: Given) -> Mapping[str, Job]:
    """A single job: it takes a few seconds."""

    def measured() -> Arrays:
        shown, sides, reference = request.parameters.shown, request.pair._asdict(), request.hf_reference
        frequency, power = common.spectra(sides)
        first = sides["target"][:1]
        return {
            "frequency": frequency,
            "power": power,
            # of each image, for intervals; of targets alone: the rings of a picture of blocks that have no power
            # leave no power law
            "slope": np.array([spectral_slope(image[None]) for image in sides["target"]]),
            "image": np.stack([common.pictures(images[:shown]) for images in sides.values()]),
            "detail": np.concatenate([common.pictures(first), detail_pictures(first, reference.wavelet)]),
            "reference_slope": np.float64(reference.slope),
            "wavelet": np.array(reference.wavelet),
        }

    return {"domains": measured}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """`detail`: the first target and the magnitudes of its finest wavelet coefficients, mean over channels, white at
    the band's 99.5th percentile or above.

    attrs: the data set, the sizes of its splits, and of the reference of S_HF, which is made of training targets, the
    slope and the wavelet.
    """
    found, images = parts["domains"], request.images
    coordinates = {
        "domain": ["source", "target"],
        "sample": images.names,
        "shown": images.names[: found["image"].shape[1]],
        "frequency": common.frequencies(found["frequency"]),
        "band": ["image", *BANDS],
    }
    attrs = {
        "dataset": images.info.name,
        "train_images": len(images.train),
        "test_images": len(images.test),
        "reference_slope": float(found["reference_slope"]),
        "wavelet": str(found["wavelet"]),
    }
    return LAYOUT.dataset(found, coordinates, attrs)


def detail_pictures(images: torch.Tensor, wavelet: str) -> np.ndarray:
    """The finest wavelet details of one image (1, 3, H, W) as pictures of its own size, (3, H, W, 3) bytes."""
    height, width = images.shape[-2:]
    _, bands = pywt.dwt2(images.numpy(), wavelet, mode=MODE, axes=(-2, -1))
    magnitude = np.abs(np.concatenate(bands)).mean(1)  # (3, h, w): the filter's length adds a border
    top, left = (magnitude.shape[1] - height // 2) // 2, (magnitude.shape[2] - width // 2) // 2
    inner = magnitude[:, top : top + height // 2, left : left + width // 2]
    scaled = torch.from_numpy(inner / np.quantile(inner, 0.995)).clamp(0, 1) * 2 - 1
    return common.pictures(scaled.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None].expand(-1, 3, -1, -1))


STUDY = Study("domains", "What do sources lack in comparison with their targets?", ImageParameters, jobs, combine)


def family(name: str, **given: Any) -> list[xr.Dataset]:
    """The results of all data sets that share one network, such as 'photos'; `given` as `STUDY.run` takes it.

    Raises InvalidParameterError for an unknown family, and what `STUDY.run` raises.
    """
    members = [info.name for info in datasets.DATASETS.values() if info.family == name]
    if not members:
        raise unknown("family of data sets", name, dict.fromkeys(info.family for info in datasets.DATASETS.values()))
    return [STUDY.run(dataset=member, **given) for member in members]


def with_companions(dataset: str, beside: list[str] | None = None, **given: Any) -> list[xr.Dataset]:
    """The results of a data set and of those beside it, for a page of another study.

    Args:
        dataset, beside: as in that study; without `beside` those of `datasets.companions`.
        **given: the other parameters of that study; those that say which images are of the first data set alone.

    Raises what `STUDY.run` raises.
    """
    known = {*ImageParameters.model_fields, "executor", "progress"}
    given = {name: value for name, value in given.items() if name in known}
    others = {name: value for name, value in given.items() if name not in ("source", "images")}
    names = datasets.companions(dataset) if beside is None else beside
    return [STUDY.run(dataset=dataset, **given), *(STUDY.run(dataset=name, **others) for name in names)]
