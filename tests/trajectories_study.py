"""A made-up result of `studies.trajectories` whose answers are known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.trajectories import LAYOUT, VIEWS, WALKS

SERIES = (WHITE, "standard", "taba", "ovg")
STEPS, SAMPLES, RINGS = 20, 6, 8
LATE = {WHITE: -0.5, "standard": -0.8, "taba": -0.5, "ovg": 0.3}
"""log10 of the amplitude above 0.25 cycles per pixel; 0.1 at lower frequencies."""


def trajectories(title: str = "Made up x8", seed: int = 0) -> xr.Dataset:
    """`LATE` at high frequencies; noise of mean square 0.2 in the first two steps, but for TABA, and 1 elsewhere."""
    generator = np.random.default_rng(seed)

    def near(*shape: int) -> np.ndarray:
        return 0.01 * generator.standard_normal(shape)

    frequency = np.arange(1, RINGS + 1) / (2 * RINGS)
    velocity = 0.1 + near(len(SERIES), len(WALKS), STEPS, RINGS, SAMPLES)
    for index, energy in enumerate(LATE.values()):
        velocity[index, ..., frequency > 0.25, :] += energy - 0.1
    norm = 1 + near(len(SERIES), len(WALKS), STEPS, SAMPLES)
    norm[[1, 3], 0, :2] -= 0.8
    norm[0, 0], norm[2, 0, 0] = np.nan, np.nan  # steps that ask nothing
    wrong = 10.0 ** np.linspace(-4, 0, STEPS)[:, None, None] * (1 + near(len(SERIES), STEPS, len(BANDS), SAMPLES))
    label = 0.5 + near(len(SERIES), STEPS, SAMPLES)
    wrong[0], label[0], wrong[2, 0], label[2, 0] = np.nan, np.nan, np.nan, np.nan
    pictured = [0, 1, 10, 19]
    pixels = generator.integers(0, 255, (3, len(pictured), len(VIEWS), 16, 16, 3), np.uint8)
    ratio = np.geomspace(0.03, 14, STEPS)
    return LAYOUT.dataset(
        {
            "log_velocity": velocity,
            "noise_norm": norm,
            "clean_error": wrong,
            "label_sensitivity": label,
            "picture": pixels,
        },
        {
            "series": list(SERIES),
            "pictured_method": list(SERIES[1:]),
            "walk": list(WALKS),
            "step": range(STEPS),
            "band": list(BANDS),
            "view": list(VIEWS),
            "pictured": pictured,
            "frequency": frequency,
            "ratio": (("walk", "step"), np.stack([ratio, ratio[::-1]])),
            "sample": [f"{n}" for n in range(SAMPLES)],
            "sample_group": ("sample", [f"{n // 2}" for n in range(SAMPLES)]),
        },
        {"title": title, "data_source": "real", "origin": "code"},
    )
