"""Which properties of white noise inverted latents have: one table of three studies, and one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import xarray as xr

from spectral_collapse.findings import decorrelation, gaussianity, latents, pca
from spectral_collapse.findings.latents import Found, called
from spectral_collapse.findings.tidy import enumerated, span
from spectral_collapse.studies.latents import CLOSED

_SAID = {
    "Mean norm": "the mean norm",
    "Law of norms": "the law of norms",
    "S_DC": "the roughness of neighbours (S_DC)",
    "Dimensions": "the number of dimensions",
}
"""Properties: columns of the table, and how a sentence says them."""
_NAMED = ("ovg", "taba")


def kept(norms: Found, places: Found, dimensions: Found) -> dict[str, dict[str, tuple[int, int]]]:
    """Method -> property -> on how many data sets its latents have it, of how many. Norms, places and dimensions are
    results of `studies.gaussianity`, `decorrelation` and `pca`."""
    tests: dict[str, tuple[Found, Callable[[xr.Dataset, str], bool]]] = {
        "Mean norm": (norms, gaussianity.has_mean_norm),
        "Law of norms": (norms, gaussianity.has_law),
        "S_DC": (places, decorrelation.is_independent),
        "Dimensions": (dimensions, pca.has_dimensions),
    }
    every = [study for found in (norms, places, dimensions) for study in found.values()]
    return {
        name: {
            column: (sum(has(one, name) for one in found.values()), len(found))
            for column, (found, has) in tests.items()
        }
        for name in latents.methods(*every)
        if name != CLOSED
    }


def table(norms: Found, places: Found, dimensions: Found) -> pd.DataFrame:
    """`kept` for a page: a row per method."""
    rows = {
        called(name): {column: f"{count} of {of}" for column, (count, of) in one.items()}
        for name, one in kept(norms, places, dimensions).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Latents")


def restored(norms: Found, places: Found, dimensions: Found) -> str:
    """Which properties the papers' methods restore on most data sets, and which no method does, as sentences."""
    found = kept(norms, places, dimensions)
    most = {name: [column for column, (count, of) in one.items() if 2 * count > of] for name, one in found.items()}
    told = [
        f"{called(name)} restores {enumerated(_SAID[column] for column in most[name]) or 'none of the properties'}"
        for name in _NAMED
        if name in most
    ]
    highest = {column: max(one[column][0] for one in found.values()) for column in _SAID}
    nowhere = [said for column, said in _SAID.items() if not highest[column]]
    often = {column for columns in most.values() for column in columns}
    rarely = [said for column, said in _SAID.items() if highest[column] and column not in often]
    sentences = [f"On most data sets {'; '.join(told)}."] * bool(told)
    sentences += [f"None of these methods restores {enumerated(nowhere, 'or')} on any data set."] * bool(nowhere)
    sentences += [f"None of these methods restores {enumerated(rarely, 'or')} on most data sets."] * bool(rarely)
    return " ".join(sentences)


def variance_alone(places: Found) -> str:
    """How much of what OVG adds to S_DC white norm adds, too, as a sentence; '' without either."""
    of = [
        [decorrelation.s_dc(one, name).mean for name in ("standard", "ovg", "white_norm")]
        for one in places.values()
        if {"ovg", "white_norm"} <= set(one["series"].to_numpy())
    ]
    if not of:
        return ""
    standard, ovg, norm = (span(values) for values in zip(*of, strict=True))
    return (
        f"By data set, S_DC is {standard} with the standard inversion, {ovg} with OVG, and {norm} with *white norm*, "
        "which only multiplies the standard latent by a number."
    )
