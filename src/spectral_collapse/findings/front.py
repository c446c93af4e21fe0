"""What the book found, for its first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from spectral_collapse import results
from spectral_collapse.findings import collapse, decomposition, verdicts
from spectral_collapse.findings.benchmark import difference
from spectral_collapse.findings.claims import Claim, below
from spectral_collapse.findings.latents import Found
from spectral_collapse.findings.measured import attr, images, title_of
from spectral_collapse.statistics import Interval, text
from spectral_collapse.studies.benchmark import TARGET

SAME_PICTURES = ("photos", "textures")
"""Families of data sets whose test windows are other parts of the pictures that networks are trained on."""


def answer(study: xr.Dataset, decomposed: xr.Dataset, others: Found, claims: Mapping[str, Sequence[Claim]]) -> str:
    """Whether texture is lost and comes back, there and on other data, where the loss begins, and how the claims fare,
    as Markdown. Of `studies.collapse`, `studies.decomposition` of the same data, the benchmark, and
    `verdicts.collected`."""
    energy, power = collapse.energy(study), collapse.powers(study)
    latent, perfect = power["source, network"], power["source, closed form"]
    lost = {
        True: "Texture is lost: images translated by the standard inversion have only",
        False: "No texture is lost: images translated by the standard inversion have",
        None: "Whether texture is lost is open: images translated by the standard inversion have",
    }[below(energy, 1)]
    begins = {
        True: "The loss is there in the noise that inversion finds: its power at high frequencies is",
        False: "The noise that inversion finds lacks no power at high frequencies: it is",
        None: "Whether the noise that inversion finds lacks power at high frequencies is open: it is",
    }[below(latent, 1)]
    needs = {
        True: "so the loss does not need an imperfect network",
        False: "so the spectrum of these sources is no reason for a loss",
        None: "which does not tell whether the loss needs an imperfect network",
    }[below(perfect, 1)]
    same_pictures = ""
    if str(results.parameters(study.attrs).get("dataset")).startswith(SAME_PICTURES):
        same_pictures = (
            " Test windows are strips of the same pictures that the network was trained on (other parts), so results "
            "hold for these pictures."
        )
    return (
        f"{warning(study)}"
        f"**Answer.** {lost} {text(energy, 2)} times the energy of the true targets at high frequencies; "
        f"{collapse.cured(study)}.\n\n"
        f"{elsewhere(study, others)}\n\n"
        f"{begins} {text(latent, 2)} of white noise's. A denoiser that is perfect for Gaussian data would leave "
        f"{text(perfect, 2)} if it knows the sources' spectrum, and {text(decomposition.left(decomposed), 2)} if it "
        f"knows the covariance of their pixels, {needs}.\n\n"
        f"{verdicts.sentence(claims).removeprefix('**Answer.** ')}\n\n"
        f"Energies are geometric means and powers arithmetic means over {images(study)} of "
        f"**{title_of(study)}**, {attr(study, 'origin')}, with 95 % bootstrap intervals; other data sets differ, "
        f"as the table says.{same_pictures}"
    )


def elsewhere(study: xr.Dataset, others: Found) -> str:
    """The same on other data sets than that of `study`, a line of Markdown each; '' without any."""
    lines = []
    for one in others.values():
        if title_of(one) == title_of(study):
            continue
        pairs = (("standard", TARGET), ("taba", "standard"), ("ovg", "standard"))
        gaps = [difference(one, point, baseline, "hf_excess") for point, baseline in pairs]
        energy, taba, ovg = (text(Interval(*np.exp(gap)), 2) for gap in gaps)
        lines.append(f"- {title_of(one)}, {images(one)}: {energy} times; TABA multiplies it by {taba}, OVG by {ovg}")
    return "The same on other data:\n\n" + "\n".join(lines) if lines else ""


def warning(study: xr.Dataset) -> str:
    """A warning above numbers of the profile smoke, '' at the others."""
    if results.parameters(study.attrs).get("profile") != "smoke":
        return ""
    return (
        "**This copy of the book shows that everything runs, and no more:** it was made at the profile `smoke`, with "
        "few images and few steps. `make book PROFILE=quick` has numbers to read.\n\n"
    )
