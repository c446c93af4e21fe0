"""What several studies measure of translations: texture, structure and closeness to the target, and the latents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spectral_collapse import metrics
from spectral_collapse.later import torch
from spectral_collapse.studies import common

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spectral_collapse.datasets import Pair
    from spectral_collapse.executors import Arrays
    from spectral_collapse.inversion import InversionMethod
    from spectral_collapse.studies.parameters import NetworkParameters
    from spectral_collapse.studies.request import Request
    from spectral_collapse.translation import Translation

SCORES = {
    "s_hf": ("high-frequency realism S_HF", "1"),
    "hf_excess": ("log high-frequency energy over the usual of training targets", "1"),
    "s_lf": ("low-frequency structural fidelity S_LF", "1"),
    "psnr": ("peak signal-to-noise ratio against the true target", "dB"),
}
"""Name -> title and unit, as `common.variable` takes them."""

LATENT_SCORES = {
    "s_dc": ("decorrelation of the latent S_DC", "1"),
    "norm": ("norm of the latent over the square root of d", "1"),
}
"""The same for latents."""


def image_scores(request: Request[NetworkParameters], images: torch.Tensor, pair: Pair) -> Arrays:
    """The `SCORES` of N images (N, 3, H, W) in [-1, 1] that were made from the sources of N pairs, (N,) each."""
    cutoff = request.info.structure_cutoff(request.parameters.size)
    found = {
        "s_hf": metrics.s_hf(images, request.hf_reference),
        "hf_excess": metrics.hf_excess(images, request.hf_reference),
        "s_lf": metrics.s_lf(images, pair.source, cutoff=cutoff, structure=request.info.structure),
        "psnr": metrics.psnr(images, pair.target),
    }
    return {name: values.detach().cpu().numpy().astype(np.float64) for name, values in found.items()}


def translation_scores(request: Request[NetworkParameters], translation: Translation) -> Arrays:
    """`SCORES` and `LATENT_SCORES` of a translation of the test images, and `image`, pictures of some."""
    return {
        **image_scores(request, translation.images, request.pair),
        "s_dc": metrics.s_dc(translation.latents).numpy().astype(np.float64),
        "norm": common.norms(translation.latents),
        "image": common.pictures(translation.images[request.shown]),
    }


def rebuilt(request: Request[NetworkParameters]) -> torch.Tensor:
    """The true targets after the autoencoder, of 256 levels, as translations are kept."""
    decoded = request.model.decode(request.model.encode(request.pair.target)).cpu()
    return ((decoded + 1) * 127.5).round() / 127.5 - 1


def finite(psnr: np.ndarray) -> np.ndarray:
    """PSNR without the infinite values of images against themselves."""
    return np.where(np.isinf(psnr), np.nan, psnr)


def by_seed(methods: Mapping[str, InversionMethod], seeds: int) -> dict[str, list[str]]:
    """The job of each method at each seed; methods without random noise have the same job at all seeds."""
    return {
        name: [f"{name}, seed {seed if method.stochastic else 0}" for seed in range(seeds)]
        for name, method in methods.items()
    }
