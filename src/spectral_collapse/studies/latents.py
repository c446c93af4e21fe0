"""What the studies of latents share: the sources of one data set, inverted by several methods, beside white noise."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, field_validator

from spectral_collapse.denoisers import gaussian_denoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import METHODS, InversionMethod, Standard
from spectral_collapse.later import torch
from spectral_collapse.statistics import without_blocks
from spectral_collapse.studies import common, published
from spectral_collapse.studies.parameters import Count, NetworkParameters, by_profile, known
from spectral_collapse.studies.request import Request
from spectral_collapse.translation import inverted

WHITE = "white noise"
"""The series of random noise, with which all others are compared."""
CLOSED = "closed form"
"""The series of the standard inversion with the optimal denoiser of Gaussian data that has the mean and the spectrum of
encoded training sources."""


Methods = Annotated[tuple[str, ...], AfterValidator(functools.partial(known, "method", among=METHODS))]
"""Names of inversion methods, each once."""


def with_standard(methods: tuple[str, ...]) -> tuple[str, ...]:
    """The names of methods, the standard inversion among them. Raises InvalidParameterError without it."""
    if Standard.name not in methods:
        raise InvalidParameterError("methods must hold 'standard', which the others are compared with")
    return methods


class LatentParameters(NetworkParameters):
    """Test images of one data set, a network, and the methods that invert them."""

    default_images: ClassVar[Mapping[str, int]] = {"smoke": 16, "quick": 256, "paper": 2000}

    methods: Methods = by_profile(
        ("standard", "taba"),
        ("standard", "taba", "ovg", "noise_floor", "nullspace", "white_norm"),
        ("standard", "taba", "ovg", "noise_floor", "nullspace", "white_norm"),
        min_length=1,
        description="inversion methods, with the papers' settings for the data set",
    )


class SetParameters(LatentParameters):
    """Sets of latents of several methods, the standard inversion one of them, and of random subsets."""

    draws: Count = Field(8, ge=2, description="random subsets of the latents, of each size")
    _with_standard = field_validator("methods")(with_standard)


PARTS = 20
"""Parts of the independent pictures that the jackknife leaves out in turn, at most."""


def series(request: Request[LatentParameters]) -> list[str]:
    """Names of all series: white noise, the methods, the closed form."""
    return [WHITE, *request.parameters.methods, CLOSED]


def latents(request: Request[LatentParameters], name: str) -> torch.Tensor:
    """The latents of a series on the CPU, N x c x h x w: as many as there are test images, for each the same image."""
    if name == WHITE:
        return white_noise(request)
    return closed_form(request) if name == CLOSED else request.inverted(published.method(request, name))


def white_noise(request: Request[NetworkParameters]) -> torch.Tensor:
    """As many random latents as there are test images, always the same."""
    return torch.randn(request.encoded.shape, generator=torch.Generator().manual_seed(0))


def closed_form(request: Request[NetworkParameters]) -> torch.Tensor:
    """The test sources, inverted by the standard method with `CLOSED`'s denoiser."""
    label, given = request.info.source_label, request.parameters
    perfect = gaussian_denoiser(request.model.denoiser.process, request.training_sources(given.reference), label)
    model = dataclasses.replace(request.model, denoiser=perfect, hash="")
    return inverted(model, Standard(), request.pair.source, label, given.num_steps)


def left_out(request: Request[LatentParameters]) -> list[torch.Tensor]:
    """All latents, then those without each of several parts: boolean, N each. Parts have whole clusters."""
    places = torch.arange(len(request.images.names))
    kept = without_blocks(request.images.clusters, PARTS)
    return [torch.ones_like(places, dtype=torch.bool), *(torch.isin(places, torch.from_numpy(rows)) for rows in kept)]


def subsets(request: Request[SetParameters]) -> list[list[torch.Tensor]]:
    """Random subsets of the latents, indices: `draws` of each of the sizes 8, 16, 32, ..., N."""
    generator, count = torch.Generator().manual_seed(0), len(request.images.names)
    orders = [torch.randperm(count, generator=generator) for _ in range(request.parameters.draws)]
    sizes = [*(size for size in (2**power for power in range(3, 20)) if size < count), count]
    return [[order[:size] for order in orders] for size in sizes]


def coordinates(request: Request[SetParameters]) -> dict[str, object]:
    """The coordinates series, sample, left_out (parts) and count (sizes of subsets) of a result."""
    parts = [f"part {number + 1}" for number in range(len(left_out(request)) - 1)]
    sizes = [len(sets[0]) for sets in subsets(request)]
    return {
        "series": series(request),
        "sample": request.images.names,
        "left_out": ["nothing", *parts],
        "count": common.variable("count", sizes, "latents"),
    }


def uses(request: Request[LatentParameters]) -> Iterable[InversionMethod]:
    """The methods, for the key."""
    return [published.method(request, name) for name in request.parameters.methods]
