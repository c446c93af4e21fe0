"""A first look at a method of your own: its latents beside other methods' and white noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import xarray as xr
from pydantic import Field

from spectral_collapse import inversion, metrics
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.later import torch
from spectral_collapse.studies import common, latents
from spectral_collapse.studies.latents import WHITE
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

LAYOUT = Layout(
    power=("series sample frequency", "power per coefficient"),
    s_dc=("series sample", "decorrelation of the latent S_DC"),
)


class OwnMethodParameters(NetworkParameters):
    """The methods to be compared, on test sources of one data set."""

    num_steps: Count = by_profile(
        13, 50, 50, ge=1, description="steps of the inversion and of the sampling; TABA at 4 % needs 13"
    )
    methods: tuple[str, ...] = Field(
        ("standard", "taba"), min_length=1, description="names of inversion.METHODS; stochastic ones draw from seed 0"
    )


Given = Request[OwnMethodParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per method, and one for white noise."""
    methods = {method.name: method for method in uses(request)}
    inverted = {name: lambda one=one: _measured(request.translated(one).latents) for name, one in methods.items()}
    return {WHITE: lambda: _measured(latents.white_noise(request)), **inverted}


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods. Raises InvalidParameterError for an unknown name."""
    return [inversion.create(name) for name in request.parameters.methods]


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The first series is 'white noise', whose power is 1 everywhere, the others are the methods."""
    found = list(parts.values())
    frequency = common.frequencies(found[0]["frequency"])
    coordinates = {"series": list(parts), "sample": request.images.names, "frequency": frequency}
    return LAYOUT.dataset(LAYOUT.stacked("series", found), coordinates)


def _measured(found: torch.Tensor) -> Arrays:
    frequency, power = common.spectra({"": found})
    return {"frequency": frequency, "power": power[0], "s_dc": metrics.s_dc(found).numpy()}


STUDY = Study(
    "own_method", "How white are the latents of a method of my own?", OwnMethodParameters, jobs, combine, uses
)
