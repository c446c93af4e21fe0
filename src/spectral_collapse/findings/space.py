"""Table 4 of Spectral Collapse in Diffusion Inversion: pixels and latents."""

from __future__ import annotations

from spectral_collapse.findings.claims import Claim, is_above
from spectral_collapse.findings.measured import title_of
from spectral_collapse.findings.selections import Networks, collapse_claims, networks_answer, networks_claims
from spectral_collapse.findings.tidy import enumerated
from spectral_collapse.statistics import geometric_mean
from spectral_collapse.studies.benchmark import AUTOENCODER, TARGET, Selection

SELECTION = Selection(("standard", "taba", "ovg", "ovg+taba"), ("latent", "pixel"))
PICTURES = 1
"""How many pictures its results hold: its gallery shows one of each data set."""


def answer(found: Networks) -> str:
    """`selections.networks_answer`, and how much fine detail the autoencoder keeps of true targets."""
    kept = []
    for study in (one for one in found.get("latent", {}).values() if AUTOENCODER in one["reference"]):
        coded, target = (study["reference_hf_excess"].sel(reference=name) for name in (AUTOENCODER, TARGET))
        kept.append(f"{geometric_mean(coded - target).mean:.2f} on {title_of(study)}")
    told = f" Encoded and decoded, true targets keep this share of their fine detail: {enumerated(kept)}."
    return networks_answer(found) + told * bool(kept)


def claims(found: Networks) -> list[Claim]:
    """The collapse and its cure in latents (`collapse_claims`), and where it is worse (`networks_claims`)."""
    where, figure = "Spectral Collapse, Sec. 6.3 and Table 4", "fig-space-levels"
    missing = "the share of high-frequency power that the standard inversion's latents lack is larger"
    words = f"Pixel space collapses too, and more: {missing}"
    worse = (words, "pixel", "standard", "high_frequency_deficit", is_above(0))
    return [
        *collapse_claims(found, "latent", where, "In latent space", figure),
        *networks_claims(found, "latent", [worse], where, figure),
    ]
