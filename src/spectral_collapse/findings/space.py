"""Table 4 of Spectral Collapse in Diffusion Inversion: pixels and latents."""

from __future__ import annotations

from spectral_collapse.findings.claims import Claim
from spectral_collapse.findings.selections import Networks, collapse_claims, networks_claims
from spectral_collapse.studies.benchmark import Selection

SELECTION = Selection(("standard", "taba", "ovg", "ovg+taba"), ("latent", "pixel"))
PICTURES = 1
"""How many pictures its results hold: the page has no gallery."""


def claims(found: Networks) -> list[Claim]:
    """The collapse and its cure in each space (`collapse_claims`), and where it is worse (`networks_claims`)."""
    where, figure = "Spectral Collapse, Sec. 6.3 and Table 4", "fig-space-levels"
    worse = ("Pixel space collapses too, and more: S_DC of the standard inversion is lower", "pixel", "standard")
    return [
        *collapse_claims(found, where, "The standard inversion collapses in either space", figure),
        *networks_claims(found, "latent", [(*worse, "s_dc", -1)], where, figure),
    ]
