"""A made-up result of `studies.plain_areas` whose answers are known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.studies.plain_areas import AREAS, CORNERS, CUTOFFS, LAYOUT, MEASURES, PATH, PICTURES, SERIES

DRAWN, EDITED, SAMPLES, STEPS = 12, 6, 9, 50


def plain_areas(title: str = "Made up x8", seed: int = 0) -> xr.Dataset:
    """Twice the error and half the spread in plain areas; k = 2 of 50 takes S_DC 0.9 of its way, the error 0.02."""
    generator = np.random.default_rng(seed)

    def near(*shape: int) -> np.ndarray:
        return 1 + 0.01 * generator.standard_normal(shape)

    replaced = [0, 1, 2, STEPS]
    steps: dict[str, np.ndarray] = {}
    for prefix, count in (("", SAMPLES), ("drawn_", DRAWN)):
        wrong = np.array([0.6, 0.3])[:, None] * near(STEPS, 2, count)
        wide = np.array([0.9, 0.4])[:, None, None, None] * np.array([0.5, 1.0])[:, None] * near(2, STEPS, 2, count)
        steps |= {f"{prefix}error": wrong, f"{prefix}spread": wide}
    value = np.ones((len(replaced), len(MEASURES), SAMPLES))
    value[:, list(MEASURES).index("s_dc")] = np.array([0.4, 0.8, 0.85, 0.9])[:, None]
    value[:, list(MEASURES).index("reconstruction")] = np.array([0.1, 0.105, 0.106, 0.4])[:, None]
    value *= near(len(replaced), len(MEASURES), SAMPLES)
    edits = np.array([1.0, 0.7, 0.95])[:, None, None] * near(3, 2, EDITED)
    low = np.array([-0.8, 0.1, 0.4, 0.6, 0.8])[:, None] * near(3, len(CUTOFFS), EDITED)
    excess = np.array([0.0, -1.0, 0.1])[:, None, None] * near(3, len(PATH), EDITED)
    pixels = generator.integers(0, 255, (3, 5, 16, 16, 3), np.uint8)
    return LAYOUT.dataset(
        {
            **steps,
            "geometry": 60 * near(3, len(CORNERS), DRAWN),
            "nearest": [1 / DRAWN, 1.0, 0.5],
            "edits": edits,
            "swapped": np.stack([low, 0 * low], 2),
            "path_excess": excess,
            "image": pixels,
            "path_image": pixels,
            "value": value,
        },
        {
            "series": list(SERIES),
            "walk": ["sampling", "inversion"],
            "step": range(STEPS),
            "area": list(AREAS),
            "corner": list(CORNERS),
            "donor": ["low", "high"],
            "measure": list(MEASURES),
            "picture": list(PICTURES),
            "cutoff": list(CUTOFFS),
            "place": list(PATH),
            "replaced": replaced,
            "share": ("replaced", np.array(replaced) / STEPS),
            "sample": [f"{n}" for n in range(SAMPLES)],
            "sample_group": ("sample", [f"{n // 2}" for n in range(SAMPLES)]),
        },
        {"title": title, "num_steps": STEPS, "data_source": "real", "origin": "code"},
    )
