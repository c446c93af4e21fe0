"""Standard (DDIM) inversion."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import StandardSteps


@dataclass(frozen=True)
class Standard(StandardSteps):
    """The probability-flow ODE from image to noise with Euler steps (Song et al. 2020; paper, Eq. 13).

    On a variance-exploding process this is EDM's Euler inversion without its initial noise. With told='next' it is
    diffusers' DDIMInverseScheduler.
    """

    name = "standard"
