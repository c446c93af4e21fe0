"""Inversion methods: a file per method, one loop, one registry."""

from __future__ import annotations

import dataclasses
from typing import Any

from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.inversion.base import Ascent, Inversion, InversionMethod
from spectral_collapse.inversion.bdia import BDIA
from spectral_collapse.inversion.cycle_diffusion import CycleDiffusion
from spectral_collapse.inversion.ddpm_friendly import DDPMFriendly
from spectral_collapse.inversion.direct import Direct
from spectral_collapse.inversion.edict import EDICT
from spectral_collapse.inversion.edm import EDM
from spectral_collapse.inversion.fixed_point import FixedPoint
from spectral_collapse.inversion.negative_prompt import NegativePrompt
from spectral_collapse.inversion.noise_floor import NoiseFloor
from spectral_collapse.inversion.null_class import NullClass
from spectral_collapse.inversion.nullspace import NullSpace
from spectral_collapse.inversion.ovg import OVG
from spectral_collapse.inversion.projectors import DownsamplingNullSpace, HighPass
from spectral_collapse.inversion.renoise import ReNoise
from spectral_collapse.inversion.sdedit import SDEdit
from spectral_collapse.inversion.spectral_swap import SpectralSwap
from spectral_collapse.inversion.standard import Standard
from spectral_collapse.inversion.taba import TABA
from spectral_collapse.inversion.white_norm import WhiteNorm

__all__ = [
    "BDIA",
    "EDICT",
    "EDM",
    "METHODS",
    "OVG",
    "TABA",
    "Ascent",
    "CycleDiffusion",
    "DDPMFriendly",
    "Direct",
    "DownsamplingNullSpace",
    "FixedPoint",
    "HighPass",
    "Inversion",
    "InversionMethod",
    "NegativePrompt",
    "NoiseFloor",
    "NullClass",
    "NullSpace",
    "ReNoise",
    "SDEdit",
    "SpectralSwap",
    "Standard",
    "WhiteNorm",
    "create",
]

METHODS: dict[str, type[InversionMethod]] = {
    method.name: method
    for method in (
        Standard,
        EDM,
        NullClass,
        NegativePrompt,
        Direct,
        ReNoise,
        FixedPoint,
        TABA,
        EDICT,
        BDIA,
        SDEdit,
        CycleDiffusion,
        DDPMFriendly,
        OVG,
        NoiseFloor,
        NullSpace,
        SpectralSwap,
        WhiteNorm,
    )
}
"""Every method by name; add your own class here to use it in the studies."""


def create(name: str, **params: Any) -> InversionMethod:
    """A method by name and parameters.

    Raises InvalidParameterError for an unknown name or parameter (the known ones are listed), or a
    value out of range.
    """
    if name not in METHODS:
        raise unknown("inversion method", name, METHODS)
    known = [field.name for field in dataclasses.fields(METHODS[name])]
    for given in params:
        if given not in known:
            if not known:
                raise InvalidParameterError(f"method {name!r} has no parameters; {given!r} was given")
            raise unknown(f"parameter of method {name!r}:", given, known)
    return METHODS[name](**params)
