"""Texture, structure and closeness to the target of translated images, as several studies measure them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spectral_collapse import metrics
from spectral_collapse.later import torch

if TYPE_CHECKING:
    from spectral_collapse.datasets import Pair
    from spectral_collapse.executors import Arrays
    from spectral_collapse.studies.parameters import NetworkParameters
    from spectral_collapse.studies.request import Request

SCORES = {
    "s_hf": ("high-frequency realism S_HF", "1"),
    "hf_excess": ("log high-frequency energy over the usual of training targets", "1"),
    "s_lf": ("low-frequency structural fidelity S_LF", "1"),
    "psnr": ("peak signal-to-noise ratio against the true target", "dB"),
}
"""Name -> title and unit, as `common.variable` takes them."""


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
