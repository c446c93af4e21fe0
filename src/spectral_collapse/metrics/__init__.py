"""Scores of latents and images: one file each, batched, per sample where the score is per sample."""

from __future__ import annotations

from spectral_collapse.metrics import psnr as _psnr
from spectral_collapse.metrics import s_dc as _s_dc
from spectral_collapse.metrics import s_g as _s_g
from spectral_collapse.metrics import s_hf as _s_hf
from spectral_collapse.metrics import s_lf as _s_lf
from spectral_collapse.metrics.base import Score
from spectral_collapse.metrics.psnr import psnr
from spectral_collapse.metrics.radial_spectrum import radial_spectrum, spectral_slope
from spectral_collapse.metrics.s_dc import s_dc, s_dc_mask, white_noise_level
from spectral_collapse.metrics.s_g import SG, s_g
from spectral_collapse.metrics.s_hf import HFReference, hf_reference, s_hf
from spectral_collapse.metrics.s_lf import low_pass, s_lf, structure_view

SCORES: dict[str, Score] = {module.SCORE.name: module.SCORE for module in (_s_hf, _s_lf, _s_dc, _s_g, _psnr)}
"""Every score's card, by name."""

__all__ = [
    "SCORES",
    "SG",
    "HFReference",
    "Score",
    "hf_reference",
    "low_pass",
    "psnr",
    "radial_spectrum",
    "s_dc",
    "s_dc_mask",
    "s_g",
    "s_hf",
    "s_lf",
    "spectral_slope",
    "structure_view",
    "white_noise_level",
]
