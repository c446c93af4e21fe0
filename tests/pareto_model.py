"""A model for the tests of the Pareto study: photos' spectrum in closed form, in pixel space, nothing trained."""

from __future__ import annotations

import torch

from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import VariancePreserving

SIZE = 64


def model(hash: str = "closed-form") -> Model:
    """Targets have a power-law spectrum; the source domain of photos_x8 (label 0) has next to none above 4 cycles."""
    frequency = torch.fft.fftfreq(SIZE) * SIZE
    radius = torch.hypot(frequency[:, None], frequency)
    target = 40 / (1 + radius) ** 2
    source = target * (radius < 4) + 1e-6
    denoiser = GaussianDenoiser(VariancePreserving(), {0: source, 1: target, 2: target})
    return Model(denoiser, None, {"family": "photos", "image_size": SIZE}, hash)
