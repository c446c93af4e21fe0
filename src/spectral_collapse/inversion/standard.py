"""Standard (DDIM) inversion."""

from __future__ import annotations

from dataclasses import dataclass

from spectral_collapse.inversion.base import InversionMethod


@dataclass(frozen=True)
class Standard(InversionMethod):
    """The probability-flow ODE walked upwards with Euler steps (Song et al. 2020; paper, Eq. 13).

    On a variance-exploding process this is EDM's Euler inversion without its initial noise.
    """

    name = "standard"
