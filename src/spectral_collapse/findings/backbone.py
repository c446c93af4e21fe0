"""Table 3 of Spectral Collapse in Diffusion Inversion: U-Net and transformer."""

from __future__ import annotations

from spectral_collapse.findings.claims import Claim
from spectral_collapse.findings.selections import Networks, collapse_claims
from spectral_collapse.studies.benchmark import Selection

SELECTION = Selection(("standard", "taba", "ovg", "ovg+taba"), ("U-Net", "DiT"))
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""


def claims(found: Networks) -> list[Claim]:
    """The collapse and its cure with a transformer (`collapse_claims`); the benchmark's claims are of the U-Net."""
    where, figure = "Spectral Collapse, Sec. 6.3 and Table 3", "fig-backbone-levels"
    return collapse_claims(found, "DiT", where, "With a transformer (DiT)", figure)
