"""Scores of latents and images: one file each, batched, per sample where the score is per sample.

Scores take floating-point tensors of any precision and layout, with or without a gradient. They compute in single
precision at least, change nothing that they are given, and return plain numbers without a gradient.
"""

from __future__ import annotations

from importlib import import_module

from spectral_collapse.metrics.base import Score
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.metrics.frechet import FID, KID, fid, kid
from spectral_collapse.metrics.haarpsi import haarpsi
from spectral_collapse.metrics.high_frequency import high_frequency_deficit
from spectral_collapse.metrics.kl_divergence import kl_divergence, white_noise_kl
from spectral_collapse.metrics.lpips_distance import lpips_alex, lpips_squeeze, lpips_vgg
from spectral_collapse.metrics.moments import Moments, moments
from spectral_collapse.metrics.ms_ssim import ms_ssim
from spectral_collapse.metrics.noise_geometry import NearestNoise, Triangle, nearest_noise, triangle
from spectral_collapse.metrics.patch_correlation import patch_correlation, white_noise_correlation
from spectral_collapse.metrics.pca import PCA, map_pca, pca, white_noise_rank
from spectral_collapse.metrics.plain_error import PlainError, plain_error
from spectral_collapse.metrics.precision_recall import Coverage, precision, recall
from spectral_collapse.metrics.psnr import psnr
from spectral_collapse.metrics.radial_spectrum import radial_spectrum, spectral_slope
from spectral_collapse.metrics.s_dc import s_dc, s_dc_mask, white_noise_level
from spectral_collapse.metrics.s_g import SG, s_g
from spectral_collapse.metrics.s_hf import HFReference, hf_excess, hf_reference, s_hf
from spectral_collapse.metrics.s_lf import low_pass, s_lf, structure_view
from spectral_collapse.metrics.shapiro_wilk import ShapiroWilk, shapiro_wilk
from spectral_collapse.metrics.sliced_wasserstein import SlicedWasserstein, sliced_wasserstein
from spectral_collapse.metrics.ssim import ssim
from spectral_collapse.metrics.trajectories import Trajectory

_FILES = (
    "s_hf",
    "s_lf",
    "s_dc",
    "s_g",
    "psnr",
    "ssim",
    "ms_ssim",
    "haarpsi",
    "lpips_distance",
    "plain_error",
    "high_frequency",
    "pca",
    "patch_correlation",
    "shapiro_wilk",
    "kl_divergence",
    "moments",
    "noise_geometry",
    "frechet",
    "precision_recall",
    "sliced_wasserstein",
)
"""Where the cards are, in the order in which tables show them."""


def _cards(file: str) -> tuple[Score, ...]:
    """What a file says about itself: SCORES where it computes several numbers, SCORE otherwise."""
    module = import_module(f"{__name__}.{file}")
    return getattr(module, "SCORES", None) or (module.SCORE,)


SCORES: dict[str, Score] = {card.name: card for file in _FILES for card in _cards(file)}
"""Every score's card, by name, in the order of the files above."""

__all__ = [
    "FID",
    "KID",
    "PCA",
    "SCORES",
    "SG",
    "Coverage",
    "HFReference",
    "Moments",
    "NearestNoise",
    "PlainError",
    "Score",
    "ShapiroWilk",
    "SlicedWasserstein",
    "Trajectory",
    "Triangle",
    "evaluate",
    "fid",
    "haarpsi",
    "hf_excess",
    "hf_reference",
    "high_frequency_deficit",
    "kid",
    "kl_divergence",
    "low_pass",
    "lpips_alex",
    "lpips_squeeze",
    "lpips_vgg",
    "map_pca",
    "moments",
    "ms_ssim",
    "nearest_noise",
    "patch_correlation",
    "pca",
    "plain_error",
    "precision",
    "psnr",
    "radial_spectrum",
    "recall",
    "s_dc",
    "s_dc_mask",
    "s_g",
    "s_hf",
    "s_lf",
    "shapiro_wilk",
    "sliced_wasserstein",
    "spectral_slope",
    "ssim",
    "structure_view",
    "triangle",
    "white_noise_correlation",
    "white_noise_kl",
    "white_noise_level",
    "white_noise_rank",
]
