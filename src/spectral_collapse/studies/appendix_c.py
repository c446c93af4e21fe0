"""Appendix C of 'Spectral Collapse in Diffusion Inversion': measurements that test its claims.

The appendix derives the collapse from a network that predicts no noise where its input is smooth (Eq. 47 to 51 and 56),
argues that predicting the clean image instead amplifies what little is there (Eq. 52 to 55), and draws two corollaries.
Every claim predicts a number; the closed form, an optimal denoiser of Gaussian data, predicts another one. Here both
are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
import xarray as xr
from pydantic import Field

from spectral_collapse.denoisers import Denoiser, FromClean
from spectral_collapse.executors import Arrays
from spectral_collapse.inversion import FixedPoint, Standard
from spectral_collapse.later import torch
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.sampling import sample
from spectral_collapse.studies import common
from spectral_collapse.studies.decomposition import DENOISERS, MEASURES, denoiser, enter, measure, network_attrs
from spectral_collapse.studies.layout import Layout
from spectral_collapse.studies.parameters import NetworkParameters, Number, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study

LAYOUT = Layout(
    cross=("denoiser frequency sample", "latent times conjugate input"),
    input_power=("denoiser frequency sample", "power of the input"),
    latent_power=("denoiser frequency sample", "power of the latent"),
    entered=("denoiser gamma measure sample", "measure of the latent"),
    reconstruction_error=("inverse sample", "relative error of the image after inversion and sampling"),
    rebuilt_high_power=("inverse sample", MEASURES["high_power"]),
    contraction=("", "C of Eq. 56, the gain where no noise is predicted"),
    parameterisation_gap=("", "largest difference between latents of both readings"),
)


class AppendixCParameters(NetworkParameters):
    """Test images of one data set, a network to invert them with, and the amount of noise that is added to them."""

    gammas: tuple[Annotated[Number, Field(ge=0)], ...] = by_profile(
        (0.0, 1.0),
        (0.0, 0.5, 1.0, 2.0),
        (0.0, 0.25, 0.5, 1.0, 2.0, 4.0),
        description="noise that images enter with, in units of the first level's; 0 and 1 are always measured",
    )

    @property
    def entering(self) -> list[float]:
        """`gammas` in order and to six digits, with 0 and 1."""
        return sorted({0.0, 1.0, *(float(f"{gamma:g}") for gamma in self.gammas)})


Given = Request[AppendixCParameters]


def jobs(request: Given) -> Mapping[str, Job]:
    """A job per denoiser and amount of added noise, and one for each of the other claims."""
    found: dict[str, Job] = {
        f"{name}-gamma-{gamma:g}": lambda n=name, g=gamma: _entered(request, n, g)
        for name in DENOISERS
        for gamma in request.parameters.entering
    }
    return found | {
        "network-gamma-0": lambda: _standard(request),
        "fixed_point": lambda: _fixed_point(request),
        "parameterisation": lambda: _parameterisation(request),
    }


def combine(request: Given, parts: Mapping[str, Arrays]) -> xr.Dataset:
    """The measures of sources inverted under their own label.

    Spectra of input and latent are means over the Fourier coefficients of a ring. The measures of latents are of images
    that start with gamma times the first level's noise.
    """
    gammas = request.parameters.entering
    levels = request.model.denoiser.process.levels(request.parameters.num_steps)
    standard = [parts[f"{name}-gamma-0"] for name in DENOISERS]
    back = [parts["network-gamma-0"], parts["fixed_point"]]
    measures = [[parts[f"{name}-gamma-{gamma:g}"]["measures"] for gamma in gammas] for name in DENOISERS]
    arrays = {
        **LAYOUT.stacked("denoiser", standard),
        "entered": np.array(measures),
        "reconstruction_error": np.stack([part["error"] for part in back]),
        "rebuilt_high_power": np.stack([part["measures"][list(MEASURES).index("high_power")] for part in back]),
        "contraction": levels[-1].alpha / levels[0].alpha / levels[-1].norm,
        "parameterisation_gap": parts["parameterisation"]["gap"],
    }
    coordinates = {
        "denoiser": list(DENOISERS),
        "frequency": common.frequencies(standard[0]["frequency"]),
        "sample": request.images.names,
        "gamma": common.variable("gamma", gammas, "entering noise over the level's"),
        "measure": list(MEASURES),
        "inverse": ["standard", "fixed_point"],
    }
    return LAYOUT.dataset(arrays, coordinates, network_attrs(request))


def _standard(request: Given) -> Arrays:
    """The latent of the usual inversion as all studies share it, and the image that sampling makes of it."""
    latent = request.translated(Standard()).latents.to(request.encoded)
    rebuilt = sample(request.model.denoiser, latent, request.info.source_label, request.parameters.num_steps)
    return _measured(request, latent) | _error(request, rebuilt)


def _entered(request: Given, name: str, gamma: float) -> Arrays:
    """The latent of images that enter with gamma times the noise of the first level."""
    asked = denoiser(request, name)
    # without noise the image enters as the standard inversion lets it in, not scaled by alpha
    level = asked.process.levels(request.parameters.num_steps)[0]
    return _measured(request, _latent(request, asked, enter(request, level, gamma) if gamma else request.encoded))


def _fixed_point(request: Given) -> Arrays:
    """An inversion whose every step sampling undoes, and sampling under the same label."""
    asked, label, method = request.model.denoiser, request.info.source_label, FixedPoint()
    inverted = method.invert(asked, request.encoded, label, request.parameters.num_steps)
    return _measured(request, inverted.latent) | _error(request, method.sample(asked, inverted, label))


def _measured(request: Given, latent: torch.Tensor) -> Arrays:
    """The measures of a latent, and its spectra against the input's."""
    return {
        "measures": measure(request, latent),
        "frequency": radial_spectrum(latent)[0][1:].cpu().numpy(),
        "cross": ring_products(latent, request.encoded),
        "input_power": ring_products(request.encoded, request.encoded),
        "latent_power": ring_products(latent, latent),
    }


def _error(request: Given, rebuilt: torch.Tensor) -> Arrays:
    error, size = (images.flatten(1).norm(dim=1) for images in (rebuilt - request.encoded, request.encoded))
    return {"error": (error / size).cpu().double().numpy()}


def _parameterisation(request: Given) -> Arrays:
    """The closed form as a predictor of noise and as one of clean images."""
    closed, start = denoiser(request, "covariance"), request.encoded.double()
    gap = (_latent(request, closed, start) - _latent(request, FromClean(closed), start)).abs().max()
    return {"gap": gap.cpu().numpy()}


def _latent(request: Given, asked: Denoiser, start: torch.Tensor) -> torch.Tensor:
    return Standard().invert(asked, start, request.info.source_label, request.parameters.num_steps).latent


def ring_products(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Real part of the product of two batches' Fourier coefficients, averaged over rings: (frequency, N).

    By polarisation: |a + b|^2 - |a - b|^2 is four times the real part of a times conjugate b.
    """
    first, second = first.double(), second.double()  # a weak ring must survive the difference
    (_, plus), (_, minus) = radial_spectrum(first + second), radial_spectrum(first - second)
    return ((plus - minus) / 4)[:, 1:].T.cpu().numpy()


STUDY = Study(
    "appendix_c",
    "Which steps of the argument of Appendix C hold for a trained network?",
    AppendixCParameters,
    jobs,
    combine,
)
