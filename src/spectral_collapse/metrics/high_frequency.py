"""The deficit of a latent's high-frequency variance."""

from __future__ import annotations

import math

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_latents, pieces
from spectral_collapse.metrics.s_lf import low_pass

CUTOFF = 0.5
"""Where high frequencies begin, as a fraction of the Nyquist frequency: 0.25 cycles per pixel."""


def high_frequency_deficit(latents: torch.Tensor) -> torch.Tensor:
    """1 - mean power above half the Nyquist frequency, per sample, (N,) float64, of latents (N, C, H, W).

    Power is the squared magnitude of the orthonormal FFT, averaged over channels and over all
    frequencies with hypot(f_x, f_y) > 0.25 cycles per pixel, the corners beyond the Nyquist
    frequency included. White noise of variance 1 has mean power 1: the deficit is 0 up to a standard
    deviation of sqrt(2 / (number of those coefficients)), a collapsed latent's lies near 1, and a
    negative one is an excess.

    Raises InvalidParameterError (under 4 x 4, not a batch), DataError (empty), NotFiniteError.
    """
    latents = check_latents("high-frequency deficit", latents)
    channels, height, width = latents.shape[1:]
    if min(height, width) < 4:
        raise InvalidParameterError(
            f"high-frequency deficit: latents {height} x {width} are too small; use 4 x 4 or more"
        )
    down, across = (torch.fft.fftfreq(side, dtype=torch.float64) for side in (height, width))
    coefficients = channels * int((torch.hypot(down[:, None], across) > CUTOFF / 2 + 1e-9).sum())
    # The FFT is orthonormal, so the power above the cutoff is that of the latent without what lies below.
    energy = [(x.double() - low_pass(x.double(), CUTOFF)).square().sum((1, 2, 3)) for (x,) in pieces(latents)]
    return 1 - torch.cat(energy) / coefficients


SCORE = ScoreInfo(
    name="high_frequency_deficit",
    function=high_frequency_deficit,
    symbol="HF deficit",
    higher_is_better=None,
    range=(-math.inf, 1.0),
    inputs="latent",
    per="sample",
    source="spectral collapse as Fig. 1 of Spectral Collapse shows it",
    target=0.0,
)
