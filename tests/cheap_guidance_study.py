"""A made-up result of `studies.cheap_guidance` whose answers are known."""

from __future__ import annotations

import numpy as np
import xarray as xr

from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.studies.cheap_guidance import EXACT, GRADIENTS, KINDS, LAYOUT, STARTS

VARIANTS = ("standard", EXACT, "every 5", "spectral HF", "free HF", "spectral LF", "free LF", "free")
S_HF = (0.70, 0.90, 0.90, 0.90, 0.60, 0.90, 0.90, 0.60)
"""The free direction of g_HF loses texture, all else is as exact OVG."""
S_LF = (0.60, 0.70, 0.70, 0.70, 0.80, 0.65, 0.80, 0.80)
"""The free one of g_LF copies: true targets have 0.70."""
SECONDS = (1.0, 2.8, 1.4, 2.0, 2.0, 2.0, 2.0, 1.05)
COSINE = {"spectral": 0.9, "secant": 0.8, "free": 0.4}
"""Of g_HF; of g_LF 0.1 less."""
STEPS, SAMPLES, FOLLOWED, VALIDATED = 6, 6, 4, 5


def cheap_guidance(title: str = "Made up x8", seed: int = 0) -> xr.Dataset:
    """Images that differ by 1 % or less; S_LF of the targets is 0.70 without noise."""
    generator = np.random.default_rng(seed)

    def near(values: tuple[float, ...], *shape: int) -> np.ndarray:
        places = np.reshape(values, (len(values), *[1] * len(shape)))
        return places + 0.003 * generator.standard_normal(shape)  # the same images for all variants

    tested = (len(STARTS), SAMPLES)
    cosine = np.stack([near(tuple(COSINE.values()), STEPS, FOLLOWED) - lower for lower in (0.0, 0.1)])
    cosine[1, KINDS.index("secant")] = np.nan
    share = np.full((2, 1 + len(KINDS), len(BANDS), STEPS, FOLLOWED), 0.25)
    share[:, :, -1] = 0.5
    share[0, -1] = np.array([0.6, 0.3, 0.1])[:, None, None]  # the free g_HF has little at high frequencies
    pixels = generator.integers(0, 255, (len(VARIANTS), 2, 2, 16, 16, 3), np.uint8)
    arrays = {
        **{name: near(S_HF, *tested) for name in ("s_hf", "s_dc", "norm")},
        "hf_excess": 10 * near(S_HF, *tested) - 9,
        "s_lf": near(S_LF, *tested),
        "psnr": 20 * near(S_HF, *tested),
        "validation_s_hf": near(S_HF, VALIDATED),
        "validation_s_lf": near(S_LF, VALIDATED),
        "target_s_lf": np.full(SAMPLES, 0.7),
        "validation_target_s_lf": np.full(VALIDATED, 0.7),
        "clipped_hf": np.full((len(VARIANTS), 2), 0.5),
        "clipped_lf": np.full((len(VARIANTS), 2), 0.25),
        "cosine": cosine,
        "log_length": np.where(np.isnan(cosine), np.nan, np.log10(2.0)),
        "share": share,
        "calls": np.ones(len(VARIANTS)),
        "products": [0.0, 2.0, 0.4, 1.0, 1.0, 1.0, 1.0, 0.0],
        "seconds": np.outer(SECONDS, [0.5, 1.0, 9.0]) / np.array([0.5, 1.0, 9.0]),
        "image": pixels,
        "source_image": pixels[0, 0],
        "target_image": pixels[0, 1],
    }
    return LAYOUT.dataset(
        arrays,
        {
            "variant": list(VARIANTS),
            "start": list(STARTS),
            "gradient": list(GRADIENTS),
            "kind": list(KINDS),
            "origin": [EXACT, *KINDS],
            "band": list(BANDS),
            "step": range(STEPS),
            "ratio": ("step", np.geomspace(0.03, 14, STEPS)),
            "sample": [f"{n}" for n in range(SAMPLES)],
            "sample_group": ("sample", [f"{n // 2}" for n in range(SAMPLES)]),
            "followed": [f"{n}" for n in range(FOLLOWED)],
            "followed_group": ("followed", [f"{n // 2}" for n in range(FOLLOWED)]),
            "validated": [f"v{n}" for n in range(VALIDATED)],
            "validated_group": ("validated", [f"v{n}" for n in range(VALIDATED)]),
            "shown": ["0", "2"],
        },
        {"title": title, "data_source": "real", "origin": "code", "space": "pixels"},
    )
