"""The two domains of a data set side by side: pictures, spectra, and how steeply these fall."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.errors import unknown
from spectral_collapse.metrics import spectral_slope
from spectral_collapse.studies import common
from spectral_collapse.studies.profiles import profile as profile_named


def run(
    dataset: str,
    profile: str = "quick",
    source: Literal["auto", "real", "rendered"] = "auto",
    root: str | Path | None = None,
) -> xr.Dataset:
    """Spectra of both domains of a data set's test split; computed in seconds, not stored.

    Args:
        dataset: a name of `datasets.DATASETS`.
        profile: 'smoke', 'quick' or 'paper': how many images, and of which size.
        source, root: as in `datasets.load`.

    Returns:
        `power` (domain, sample, frequency); `slope` (sample), the exponent of the power law that a
        target's spectrum follows; `image` (domain, shown, row, col, rgb), bytes. attrs: dataset, title,
        data_source, origin, and how many images each split has (train_images, test_images).

    Raises InvalidParameterError and DataError as `datasets.load` does.
    """
    size = profile_named(profile)
    test = datasets.load(dataset, "test", size.size, source, root)
    train = datasets.load(dataset, "train", size.size, source, root)
    chosen = common.spread(len(test), min(size.images, len(test)))
    names = [test.ids[index] for index in chosen]
    sides = test.stack(chosen)._asdict()
    frequency, power = common.spectra(sides)
    # an image each, for intervals; targets alone: a picture of blocks has rings without power, and no power law
    slopes = [spectral_slope(image[None]) for image in sides["target"]]
    pictures = np.stack([common.pictures(images[: size.shown]) for images in sides.values()])
    return xr.Dataset(
        {
            "power": (("domain", "sample", "frequency"), power, {"long_name": "power per coefficient", "units": "1"}),
            "slope": ("sample", slopes, {"long_name": "exponent of the target's spectrum", "units": "1"}),
            "image": (("domain", "shown", *common.PIXELS), pictures, {"long_name": "picture", "units": "1"}),
        },
        {
            "domain": list(sides),
            "sample": names,
            "shown": names[: size.shown],
            "frequency": ("frequency", frequency, {"long_name": "spatial frequency", "units": "cycles per pixel"}),
        },
        {
            "dataset": dataset,
            "title": test.info.title,
            "data_source": test.kind,
            "origin": test.origin,
            "train_images": len(train),
            "test_images": len(test),
        },
    )


def family(name: str, profile: str = "quick") -> list[xr.Dataset]:
    """`run` for every data set that shares one network, such as 'photos'.

    Raises InvalidParameterError for an unknown family, and what `run` raises.
    """
    members = [info.name for info in datasets.DATASETS.values() if info.family == name]
    if not members:
        raise unknown("family of data sets", name, dict.fromkeys(info.family for info in datasets.DATASETS.values()))
    return [run(member, profile) for member in members]


def origin(domains: list[xr.Dataset]) -> str:
    """One Markdown sentence: what kind of images these are, how many, and where they come from."""
    attrs = domains[0].attrs
    return (
        f"**{attrs['data_source'].capitalize()} images**: {attrs['origin']}; {attrs['train_images']} for training "
        f"and {attrs['test_images']} for testing, of which {domains[0].sizes['sample']} are measured here."
    )
