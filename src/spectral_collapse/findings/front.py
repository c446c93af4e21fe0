"""What the book found, for its first page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr

from spectral_collapse import results
from spectral_collapse.findings import collapse, verdicts
from spectral_collapse.findings.claims import Claim, below
from spectral_collapse.statistics import text
from spectral_collapse.studies import common


def answer(study: xr.Dataset, claims: Mapping[str, Sequence[Claim]]) -> str:
    """In a few sentences, as Markdown: whether texture is lost and comes back, where the loss begins, and how the
    claims fare. study: of `studies.collapse`. claims: of `verdicts.collected`."""
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
        True: "so it takes no bad network",
        False: "so the spectrum of these sources is no reason for a loss",
        None: "which does not tell whether it takes a bad network",
    }[below(perfect, 1)]
    return (
        f"{warning(study)}"
        f"**Answer.** {lost} {text(energy, 2)} times the energy of the true targets at high frequencies; "
        f"{collapse.cured(study)}.\n\n"
        f"{begins} {text(latent, 2)} of white noise's. A perfect network for Gaussian data with the spectrum of the "
        f"sources would leave {text(perfect, 2)}, {needs}.\n\n"
        f"{verdicts.sentence(claims).removeprefix('**Answer.** ')}\n\n"
        f"The numbers above are means over {common.images(study)} of **{study.attrs['title']}**, "
        f"{study.attrs['origin']}, with 95 % bootstrap intervals; other data sets differ, as the table says."
    )


def warning(study: xr.Dataset) -> str:
    """A warning above numbers of the profile smoke, '' at the others."""
    if results.parameters(study.attrs).get("profile") != "smoke":
        return ""
    return (
        "**This copy of the book shows that everything runs, and no more:** it was made at the profile `smoke`, with "
        "few images and few steps. `make book PROFILE=quick` has numbers to read.\n\n"
    )
