"""A first look at a method of one's own: its latents beside other methods' and white noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr
from pydantic import Field

from spectral_collapse import inversion, metrics
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import InversionMethod
from spectral_collapse.later import torch
from spectral_collapse.studies import common
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

WHITE = "white noise"


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

    def noise() -> Arrays:
        return _measured(torch.randn(request.encoded.shape, generator=torch.Generator().manual_seed(0)))

    methods = {method.name: method for method in uses(request)}
    inverted = {name: lambda one=one: _measured(request.translated(one).latents) for name, one in methods.items()}
    return {WHITE: noise, **inverted}


def uses(request: Given) -> Iterable[InversionMethod]:
    """The methods. Raises InvalidParameterError for an unknown name."""
    return [inversion.create(name) for name in request.parameters.methods]


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """`power` (series, sample, frequency), 1 everywhere for white noise, and `s_dc` (series, sample).

    The first series is 'white noise', the others are the methods.
    """
    power, s_dc = (np.stack([part[name] for part in parts.values()]) for name in ("power", "s_dc"))
    frequency = next(iter(parts.values()))["frequency"]
    return xr.Dataset(
        {
            "power": common.variable(("series", "sample", "frequency"), power, "power per coefficient"),
            "s_dc": common.variable(("series", "sample"), s_dc, "decorrelation of the latent S_DC"),
        },
        {
            "series": list(parts),
            "sample": request.images.names,
            "frequency": common.frequencies(frequency),
        },
    )


def _measured(latents: torch.Tensor) -> Arrays:
    frequency, power = common.spectra({"": latents})
    return {"frequency": frequency, "power": power[0], "s_dc": metrics.s_dc(latents).numpy()}


STUDY = Study(
    "own_method", "How white are the latents of a method of my own?", OwnMethodParameters, jobs, combine, uses
)
