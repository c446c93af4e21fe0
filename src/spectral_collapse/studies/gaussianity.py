"""Whether inverted latents are normal: squared norms, energies in bands, values, each against its law.

Appendix B.2 and Fig. 7 of 'Spectral Collapse' (squared norms against chi-square), the same in bands of frequencies,
and the tests of 'There and Back Again' (Shapiro-Wilk and the divergence from N(0, 1), of each element over latents).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import xarray as xr

from spectral_collapse import metrics
from spectral_collapse.executors import Arrays
from spectral_collapse.later import torch
from spectral_collapse.metrics.radial_spectrum import ENERGY_BANDS, band_energy
from spectral_collapse.studies import common, latents
from spectral_collapse.studies.parameters import Count, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

ALL = "all"
"""The band of all frequencies: its energy is the squared norm."""

_VARIABLES = {
    "energy": (("band", "sample"), "energy per degree of freedom", "1"),
    "ks_distance": (("count", "draw"), "KS distance of squared norms", "1"),
    "ks_pvalue": (("count", "draw"), "p-value of the KS test", "1"),
    "element_rejected": (("left_out",), "share of elements that Shapiro-Wilk rejects over latents", "1"),
    "latent_rejected": (("sample",), "Shapiro-Wilk rejection of a latent", "1"),
    "kl_excess": (("left_out",), "divergence from N(0, 1) above white noise's", "nat per element"),
    "skewness": (("sample",), "skewness of a latent", "1"),
    "kurtosis": (("sample",), "excess kurtosis of a latent", "1"),
}


class GaussianityParameters(latents.SetParameters):
    """Sets of latents, and how many of their elements are tested."""

    elements: Count = by_profile(
        64, 1024, 4096, ge=1, description="elements whose values over latents are tested, at random places, at most"
    )


Given = Request[GaussianityParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per series, white noise among them."""
    return {name: functools.partial(measured, request, name) for name in latents.series(request)}


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """All begin with `series`.

    - `energy` (band, sample): over the band's degrees of freedom, the coordinate `freedom` (band); the band 'all' has
      the squared norm.
    - `ks_distance`, `ks_pvalue` (count, draw): of the squared norms of random subsets of the latents.
    - `element_rejected` (left_out): Shapiro-Wilk at 5 %, of the values of an element over all latents and over those
      without parts of them, NaN for fewer than three latents; `latent_rejected` (sample): of the values of a latent.
    - `kl_excess` (left_out): `metrics.kl_divergence` minus `white_noise_kl`, of all latents and without parts of them,
      NaN for fewer than two latents.
    - `skewness`, `kurtosis` (sample).

    The attributes `dimension` and `white_kl` are the elements of a latent and what the fit alone costs.
    """
    stacked = {name: np.stack([part[name] for part in parts.values()]) for name in _VARIABLES}
    result = xr.Dataset(
        {
            name: common.variable(("series", *dims), stacked[name], title, units)
            for name, (dims, title, units) in _VARIABLES.items()
        },
        latents.coordinates(request)
        | {
            "band": [ALL, *ENERGY_BANDS],
            "freedom": common.variable("band", next(iter(parts.values()))["freedom"], "degrees of freedom"),
        },
    )
    result.attrs = {
        "dimension": int(result["freedom"].sel(band=ALL)),
        "white_kl": metrics.white_noise_kl(max(2, result.sizes["sample"])),
    }
    return result


def measured(request: Given, name: str) -> Arrays:
    """All of a series."""
    found, parts = latents.latents(request, name), latents.left_out(request)
    energy, freedom = band_energy(found)
    energy, freedom = (torch.cat([x.sum(-1, keepdim=True), x], -1) for x in (energy, freedom))
    tests = [[metrics.s_g(found[kept])[1:] for kept in sets] for sets in latents.subsets(request)]
    distance, pvalue = np.moveaxis(np.array(tests), -1, 0)
    skewness, kurtosis = metrics.moments(found)
    return {
        "energy": (energy / freedom).T.numpy(),
        "freedom": freedom.numpy(),
        "ks_distance": distance,
        "ks_pvalue": pvalue,
        "element_rejected": np.array([_rejected(found[kept], request.parameters.elements) for kept in parts]),
        "latent_rejected": metrics.shapiro_wilk(found).rejected.numpy(),
        "kl_excess": np.array([_excess(found[kept]) for kept in parts]),
        "skewness": skewness.numpy(),
        "kurtosis": kurtosis.numpy(),
    }


def _rejected(found: torch.Tensor, elements: int) -> float:
    """The share of rejections of `metrics.shapiro_wilk`, which tests latents, where elements take their place."""
    if len(found) < 3:
        return np.nan
    chosen = torch.randperm(found[0].numel(), generator=torch.Generator().manual_seed(0))[:elements]
    return float(metrics.shapiro_wilk(found.flatten(1).T[chosen][..., None, None]).rejected.mean())


def _excess(found: torch.Tensor) -> float:
    return metrics.kl_divergence(found) - metrics.white_noise_kl(len(found)) if len(found) > 1 else np.nan


STUDY = Study("gaussianity", "Are inverted latents normal?", GaussianityParameters, jobs, combine, uses=latents.uses)
