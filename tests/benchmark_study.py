"""Results of the benchmark, made up: what is better is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from spectral_collapse.studies.benchmark import SCORES, SOURCE, TARGET
from spectral_collapse.studies.latents import CLOSED, WHITE

SAMPLE = (
    "psnr",
    "ssim",
    "ms_ssim",
    "lpips_alex",
    "s_hf",
    "hf_excess",
    "s_lf",
    "s_dc",
    "norm",
    "high_frequency_deficit",
    "reconstruction",
)
LEVELS = {"psnr": 20.0, "reconstruction": 30.0, "s_hf": 0.8, "s_lf": 0.7, "s_dc": 0.6}


def made(
    shifts: Mapping[str, Mapping[str, float]],
    stochastic: Sequence[str] = ("taba",),
    images: int = 12,
    pictures: int = 12,
    spread: float = 0.01,
    seed: int = 0,
    **attrs: object,
) -> xr.Dataset:
    """A result whose methods have the scores of `LEVELS`, or 0.5, plus their `shifts`, plus noise of each image.

    True targets have S_LF = 0.75, and white noise S_DC = 1. An inversion costs as much as the standard one, or its
    `inversion_cost`. A picture of a method is of one grey, 10 times its place among the methods.
    """
    rng, names = np.random.default_rng(seed), list(shifts)
    shared = {name: rng.standard_normal(images) for name in SAMPLE}
    variables: dict[str, object] = {}
    for name in (*SCORES, "hf_excess", "norm", "reconstruction"):
        if name in SAMPLE:
            values = np.array(
                [LEVELS.get(name, 0.5) + shifts[one].get(name, 0.0) + 0.05 * shared[name] for one in names]
            )
            values = values[:, None] + spread * rng.standard_normal((len(names), 2, images))
            variables[name] = (("point", "seed", "sample"), values, {"long_name": name})
            variables[f"reference_{name}"] = (("reference", "sample"), np.ones((2, images)))
            variables[f"known_{name}"] = (("known", "sample"), np.ones((2, images)))
        else:
            variables[name] = (("point", "seed"), np.full((len(names), 2), 0.3), {"long_name": name})
            variables[f"reference_{name}"] = ("reference", np.zeros(2))
    variables["reference_s_lf"] = (("reference", "sample"), np.stack([np.full(images, 0.75), np.ones(images)]))
    for name in ("fid", "kid", "lpips_alex"):
        dims, values, about = variables[name]
        variables[name] = (dims, np.full_like(values, np.nan), {**about, "missing": "there are no weights"})
    variables["network_calls"] = (("point", "seed"), np.full((len(names), 2), 100.0))
    variables["reconstruction"] = (("point", "sample"), variables["reconstruction"][1][:, 0])
    variables["inversion_cost"] = ("point", [shifts[one].get("inversion_cost", 1.0) for one in names])
    variables["seconds"] = (("point", "seed"), np.full((len(names), 2), 1.5))
    shown = [f"image {number}" for number in range(2)]
    pixels = ("row", "col", "rgb")
    grey = np.arange(len(names), dtype=np.uint8)[:, None, None, None, None] * 10
    variables["image"] = (("point", "shown", *pixels), np.broadcast_to(grey, (len(names), 2, 16, 16, 3)).copy())
    random = rng.integers(256, size=(2, 2, 16, 16, 3)).astype(np.uint8)
    variables |= {
        f"{side}_image": (("shown", *pixels), random[place]) for place, side in enumerate(("source", "target"))
    }
    coords = {
        "shown": shown,
        "point": names,
        "method": ("point", names),
        "stochastic": ("point", [name in stochastic for name in names]),
        "seed": [0, 1],
        "sample": [f"image {number}" for number in range(images)],
        "sample_group": ("sample", [f"picture {number % pictures}" for number in range(images)]),
        "reference": [TARGET, SOURCE],
        "known": [WHITE, CLOSED],
    }
    about = {"title": "Made up", "data_source": "real", "origin": "drawn", "checkpoint_hash": "0" * 12}
    about["structure"] = "color"
    return xr.Dataset(variables, coords, {**about, **attrs})


def detailed(**times: object) -> xr.Dataset:
    """A result in which each method's images have so many times their targets' high-frequency energy."""
    found = made({name: {} for name in times})
    target = found["reference_hf_excess"].sel(reference=TARGET, drop=True)
    for name, by in times.items():
        found["hf_excess"].loc[{"point": name}] = target + np.log(by)
    return found
