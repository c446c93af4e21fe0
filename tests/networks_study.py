"""Networks that were never trained, and a made-up result of `studies.networks`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from spectral_collapse import networks as library
from spectral_collapse import paths
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import networks
from spectral_collapse.training.history import History
from spectral_collapse.training.validation import Record
from tests.made_results import drawn

VP = {"kind": "variance_preserving"}
VE = {"kind": "variance_exploding"}
KINDS = ("prediction", "network", "space", "autoencoder")
MODELS = {
    "photos": ("epsilon", "U-Net", "latents", "autoencoder"),
    "mine": ("epsilon", "U-Net", "latents", "autoencoder"),  # alike in all but the name
    "photos-dit": ("sample", "DiT", "latents", "another"),
    "photos-pixel": ("epsilon", "U-Net", "pixels", ""),
}


def checkpoint(
    folder: Path,
    prediction: str,
    process: dict[str, str],
    steps: int = 8,
    autoencoder: str = "",
    family: str = "photos",
    **about: object,
) -> Path:
    """An untrained U-Net with the curves of a training that never was, in pixel space or on latents of 4 x 16 x 16.

    about: what its card says besides, or in place of the usual."""
    torch.manual_seed(0)
    size, channels = (16, 4) if autoencoder else (64, 3)
    network = library.create("small_unet", size, channels, 6, widths=[16, 16], attention=0)
    card = {
        "family": family,
        "image_size": 64,
        "prediction": prediction,
        "process": process,
        "autoencoder": autoencoder,
        "recipe": {"steps": steps},
        "seconds": 3,
    }
    history = History(VariancePreserving().levels(2))
    history.losses = [float(step) for step in range(steps)]
    for step in range(4, steps + 1, 4):
        images = torch.zeros(8, 3, 16, 16)
        record = Record(torch.full((8,), 0.1 * step), images, None, None, torch.full((3,), 1 / step))
        history.add(step, record)
    attrs = {"study": "training", "parameters": json.dumps({"prediction": prediction})}
    library.save_network(network, folder, card | about, history.files(attrs))
    return folder


def two_checkpoints() -> list[str]:
    """One with a process of each kind, the second trained for longer; their names in the order of the study."""
    checkpoint(paths.checkpoints() / "photos-edm", "edm", VE, 16)
    checkpoint(paths.checkpoints() / "photos", "epsilon", VP)
    return ["photos", "photos-edm"]


def made_up() -> xr.Dataset:
    """A small result of `studies.networks`."""
    sizes = {"draw": 2, "drawn": 3, "sample": 3, "level": 4, "shown": 2, "row": 8, "col": 8, "rgb": 3}
    found = drawn(
        networks.Layout(**networks._PER_MODEL, **networks._REAL),
        {
            "model": list(MODELS),
            **{kind: ("model", [about[index] for about in MODELS.values()]) for index, kind in enumerate(KINDS)},
            **{dim: range(size) for dim, size in sizes.items()},
            "domain": list(networks.DOMAINS),
            "predictor": ["network", "closed form"],
            "frequency": np.linspace(0.1, 0.5, 5),
            "parameters": ("model", [3e6, 1e6, 1e6, 1e6]),
            "steps": ("model", [2500, 5000, np.nan, 10]),
            "start": ("model", ["", "photos", "", ""]),
            "train_images": ("model", [100, 100, np.nan, 100]),
            "train_source": ("model", ["real", "rendered", "", "rendered"]),
            "train_seconds": ("model", [600.0, 600, np.nan, 3]),
        },
        {"title": "Made up", "data_source": "rendered"},
    )
    found["ratio"][:] = np.geomspace(0.03, 14, 4)
    found["swd_real"][()] = 0.1
    found["kid"][:] = np.nan
    for name in ("image", "real_image"):
        found[name] = found[name].astype(np.uint8)
    return found
