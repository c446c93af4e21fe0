"""A made-up result of the study of correlations, whose answers are known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies.correlations import MADE, SCORES

METHODS = ("standard", "taba", "ovg", "noise_floor", "white_norm")


def made_study(between: float = 1.0, within: float = -1.0, images: int = 40) -> xr.Dataset:
    """S_HF against S_DC: over the methods' means with the slope `between`, over the images of one method with the slope
    `within`; S_LF is noise. Of the latents made white only white noise and 'shuffled' have the S_HF of white noise."""
    rng = np.random.default_rng(0)
    points, step = [*METHODS, *MADE], np.linspace(-1, 1, images)
    place = np.append(np.linspace(0.2, 0.9, len(METHODS)), [0.6, 0.98, 0.99, 0.5, 0.55, 0.993])[:, None]
    s_dc = place + 0.004 * step
    s_hf = 0.5 + 0.2 * between * (place - 0.5) + 0.004 * within * step
    s_hf[-4] = s_hf[-1]  # shuffled, as white noise
    values = {name: rng.random((len(points), images)) for name in SCORES} | {
        "s_dc": s_dc,
        "s_hf": s_hf,
        "hf_excess": 150 * (s_hf - 1),  # "patches of noise" lack a third of the energy
    }
    picture = rng.integers(0, 256, (len(points), 2, 16, 16, 3), dtype=np.uint8)
    pixels = ("shown", "row", "col", "rgb")
    return xr.Dataset(
        {name: (("point", "sample"), value) for name, value in values.items()}
        | {"image": (("point", *pixels), picture)}
        | {f"{side}_image": (pixels, picture[0]) for side in ("source", "target")},
        {
            "point": points,
            "made": ("point", [name in MADE for name in points]),
            "sample": [f"image {number}" for number in range(images)],
            "shown": ["image 0", "image 1"],
        },
        {"latent_channels": 3, "title": "Made up", "data_source": "real", "origin": "drawn by a test"},
    )
