"""Shapiro-Wilk: the share of latents whose values a test for normality rejects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from spectral_collapse.checks import check_number
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.ranges import check_latents

LEVEL = 0.05
"""The default level of the test, and so the rate at which it rejects white noise."""

LIMIT = 5000
"""Values per test: Royston's p-value is valid up to here, and TABA's published code draws as many."""


class ShapiroWilk(NamedTuple):
    """statistic: W, at most 1; pvalue: under independent normal values; rejected: 1 or 0, so that a
    mean over latents is the share of rejections. All float64 (N,).
    """

    statistic: torch.Tensor
    pvalue: torch.Tensor
    rejected: torch.Tensor


def shapiro_wilk(latents: torch.Tensor, level: float = LEVEL) -> ShapiroWilk:
    """Shapiro-Wilk test of each latent of (N, C, H, W), whose C H W values are taken as one sample.

    level: p-values up to it reject; white noise is rejected at this rate. Of larger latents LIMIT
    values are tested, at random positions (fixed, the same for all latents of a shape, without
    repetition; TABA's code repeats some, and ties cost it a little power). The test knows neither
    scale nor mean: it sees tails, and correlation only in so far as too few values are independent.
    A constant latent has no shape and counts as rejected, with W = p = 0.

    Raises InvalidParameterError (level outside (0, 1), fewer than 3 values, not a batch), DataError
    (empty), NotFiniteError.
    """
    latents = check_latents("Shapiro-Wilk", latents)
    check_number("Shapiro-Wilk: level", level, 0, 1, exclude=(0, 1))
    rows = latents.flatten(1)
    if rows.shape[1] < 3:
        raise InvalidParameterError(f"Shapiro-Wilk: needs 3 values per latent, got {tuple(latents.shape[1:])}")
    if rows.shape[1] > LIMIT:
        chosen = torch.randperm(rows.shape[1], generator=torch.Generator().manual_seed(0))[:LIMIT]
        rows = rows[:, chosen.to(rows.device)]
    values = rows.double().cpu().numpy()
    constant = np.ptp(values, axis=1) == 0
    values[constant] = np.arange(values.shape[1])  # anything that varies; replaced below
    test = stats.shapiro(values, axis=1)
    statistic, pvalue = (np.where(constant, 0.0, result) for result in (test.statistic, test.pvalue))
    return ShapiroWilk(*(torch.from_numpy(x).to(latents.device) for x in (statistic, pvalue, (pvalue <= level) * 1.0)))


def _notes(shape: torch.Size) -> dict[str, object]:
    return {"white_noise": LEVEL}


SCORE = ScoreInfo(
    name="shapiro_wilk",
    function=shapiro_wilk,
    symbol="Shapiro-Wilk rejections",
    higher_is_better=False,
    range=(0.0, 1.0),
    inputs="latent",
    per="sample",
    source="There and Back Again, analysis of latents; Shapiro & Wilk, 1965",
    field="rejected",
    notes=_notes,
)
