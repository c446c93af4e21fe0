"""Denoisers turn a noisy image into noise and a clean image, whatever their network predicts.

A denoiser is any callable `(x, level, label) -> Prediction` with a `.process`. Its Prediction always satisfies
x = alpha * clean + sigma * noise, so nothing downstream asks what kind of network it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectral_collapse.denoisers.base import Denoiser, Prediction
from spectral_collapse.denoisers.composed import FromClean, OnProcess, TrueBelow
from spectral_collapse.denoisers.covariance import CovarianceDenoiser, covariance_denoiser
from spectral_collapse.denoisers.gaussian import GaussianDenoiser, gaussian_denoiser
from spectral_collapse.denoisers.network import (
    PREDICTION_TYPES,
    Coefficients,
    NetworkDenoiser,
    PredictionType,
    coefficients,
    size_multiple,
    unwrapped,
)
from spectral_collapse.later import members

if TYPE_CHECKING:
    from spectral_collapse.denoisers.pipelines import from_pipeline, sides

__all__ = [
    "PREDICTION_TYPES",
    "Coefficients",
    "CovarianceDenoiser",
    "Denoiser",
    "FromClean",
    "GaussianDenoiser",
    "NetworkDenoiser",
    "OnProcess",
    "Prediction",
    "PredictionType",
    "TrueBelow",
    "coefficients",
    "covariance_denoiser",
    "from_pipeline",
    "gaussian_denoiser",
    "sides",
    "size_multiple",
    "unwrapped",
]

__getattr__ = members(__name__, __all__, ["pipelines"])
