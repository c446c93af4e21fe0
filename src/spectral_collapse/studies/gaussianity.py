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
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

ALL = "all"
"""The band of all frequencies: its energy is the squared norm."""

LAYOUT = Layout(
    energy=("series band sample", "energy per degree of freedom"),
    ks_distance=("series count draw", "KS distance of squared norms"),
    ks_pvalue=("series count draw", "p-value of the KS test"),
    element_rejected=("series left_out", "share of elements that Shapiro-Wilk rejects over latents"),
    latent_rejected=("series sample", "Shapiro-Wilk rejection of a latent"),
    kl_excess=("series left_out", "divergence from N(0, 1) above white noise's", "nat per element"),
    skewness=("series sample", "skewness of a latent"),
    kurtosis=("series sample", "excess kurtosis of a latent"),
)


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
    """`energy` is over the band's degrees of freedom, the coordinate `freedom`; the band 'all' has the squared norm.
    `left_out`: values for all latents, and without parts of them; NaN where too few are left. `element_rejected`:
    Shapiro-Wilk at 5 %, of the values of an element over latents; `latent_rejected`: of the values of a latent.
    `kl_excess`: `metrics.kl_divergence` minus `white_noise_kl`.

    The attributes `dimension` and `white_kl` are the elements of a latent and what the fit alone costs.
    """
    series = list(parts.values())
    coordinates = latents.coordinates(request) | {
        "band": [ALL, *ENERGY_BANDS],
        "freedom": common.variable("band", series[0]["freedom"], "degrees of freedom"),
    }
    result = LAYOUT.dataset(LAYOUT.stacked("series", series), coordinates)
    result.attrs = {
        "dimension": int(result["freedom"].sel(band=ALL)),
        "white_kl": metrics.white_noise_kl(max(2, result.sizes["sample"])),
    }
    return result


def measured(request: Given, name: str) -> Arrays:
    """All results of a series."""
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
