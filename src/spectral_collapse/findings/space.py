"""Table 4 of Spectral Collapse in Diffusion Inversion: pixels and latents."""

from __future__ import annotations

from spectral_collapse.findings.claims import Claim, is_above
from spectral_collapse.findings.selections import Networks, collapse_claims, networks_claims
from spectral_collapse.studies.benchmark import Selection

SELECTION = Selection(("standard", "taba", "ovg", "ovg+taba"), ("latent", "pixel"))
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""


def claims(found: Networks) -> list[Claim]:
    """The collapse and its cure in latents (`collapse_claims`), and where it is worse (`networks_claims`)."""
    where, figure = "Spectral Collapse, Sec. 6.3 and Table 4", "fig-space-levels"
    missing = "the share of high-frequency power that the standard inversion's latents lack is larger"
    words = f"Pixel space collapses too, and more: {missing}"
    worse = (words, "pixel", "standard", "high_frequency_deficit", is_above(0))
    return [
        *collapse_claims(found, "latent", where, "The standard inversion collapses in either space", figure),
        *networks_claims(found, "latent", [worse], where, figure),
    ]
