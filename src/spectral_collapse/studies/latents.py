"""What the studies of latents share: the sources of one data set, inverted by several methods, beside white noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

import torch
from pydantic import AfterValidator

from spectral_collapse.denoisers import gaussian_denoiser
from spectral_collapse.errors import unknown
from spectral_collapse.inversion import METHODS, InversionMethod, Standard
from spectral_collapse.studies import published
from spectral_collapse.studies.parameters import NetworkParameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.translation import inverted

WHITE = "white noise"
"""The series of drawn noise, the yardstick of all others."""
CLOSED = "closed form"
"""The series of the standard inversion with the optimal denoiser of Gaussian data that has the mean and the spectrum of
encoded training sources."""


def known(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of methods, each once. Raises InvalidParameterError for an unknown one."""
    for name in names:
        if name not in METHODS:
            raise unknown("method", name, METHODS)
    return tuple(dict.fromkeys(names))


class LatentParameters(NetworkParameters):
    """Test images of one data set, a network, and the methods that invert them."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 16, "quick": 256, "paper": 2000}

    methods: Annotated[tuple[str, ...], AfterValidator(known)] = by_profile(
        ("standard", "taba"),
        ("standard", "taba", "ovg", "noise_floor", "nullspace", "white_norm"),
        ("standard", "taba", "ovg", "noise_floor", "nullspace", "white_norm"),
        min_length=1,
        description="inversion methods, with the papers' settings for the data set",
    )


def series(request: Request[LatentParameters]) -> list[str]:
    """Names of all series: white noise, the methods, the closed form."""
    return [WHITE, *request.parameters.methods, CLOSED]


def latents(request: Request[LatentParameters], name: str) -> torch.Tensor:
    """The latents of a series on the CPU, N x c x h x w: as many as there are test images, for each the same image."""
    if name == WHITE:
        return white_noise(request)
    return closed_form(request) if name == CLOSED else request.inverted(published.method(request, name))


def white_noise(request: Request[NetworkParameters]) -> torch.Tensor:
    """As many drawn latents as there are test images, always the same."""
    return torch.randn(request.encoded.shape, generator=torch.Generator().manual_seed(0))


def closed_form(request: Request[NetworkParameters]) -> torch.Tensor:
    """The test sources, inverted by the standard method with `CLOSED`'s denoiser."""
    label, given = request.info.source_label, request.parameters
    perfect = gaussian_denoiser(request.model.denoiser.process, request.training_sources(given.reference), label)
    model = dataclasses.replace(request.model, denoiser=perfect, hash="")
    return inverted(model, Standard(), request.pair.source, label, given.num_steps)


def uses(request: Request[LatentParameters]) -> Iterable[InversionMethod]:
    """The methods, for the key."""
    return [published.method(request, name) for name in request.parameters.methods]
