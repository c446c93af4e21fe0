"""How much fine detail an image has, compared with its own target."""

from __future__ import annotations

import math

from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_pair
from spectral_collapse.metrics.s_hf import log_energy

WAVELET = "sym4"


def hf_ratio(images: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Natural logarithm of an image's high-frequency energy over that of its own target, (N,) float64.

    0 means as much fine detail as the target, log(1/2) half as much, log 2 twice as much; the absolute value is the
    distance from the target. images and references (their targets): (N, C, H, W) in [-1, 1]. The energy is that of Eq.
    (38) of 'Spectral Collapse', the finest wavelet details of all channels, always by sym4. S_HF compares with the mean
    over all targets, so that a smooth image with ten times its target's detail can be a success there. -inf if the
    image alone has no detail, inf if the target alone has none, 0 if neither has any.

    Raises InvalidParameterError (range, shapes), DataError (no images), NotFiniteError.
    """
    images, references = check_pair("HF ratio", images, references, "references")
    energy, own = log_energy(images, WAVELET), log_energy(references, WAVELET)
    return torch.where(energy == own, 0.0, energy - own)


SCORE = ScoreInfo(
    name="hf_ratio",
    function=hf_ratio,
    symbol="HF ratio",
    higher_is_better=None,
    range=(-math.inf, math.inf),
    inputs="image and reference",
    per="sample",
    source="Eq. (38) of Spectral Collapse, against the own target",
    target=0.0,
)
