"""Inversion methods: a file per method, one loop, one registry."""

from __future__ import annotations

import dataclasses

from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.inversion.base import Inversion, InversionMethod
from spectral_collapse.inversion.ovg import OVG
from spectral_collapse.inversion.standard import Standard
from spectral_collapse.inversion.taba import TABA

__all__ = ["METHODS", "OVG", "TABA", "Inversion", "InversionMethod", "Standard", "create"]

METHODS: dict[str, type[InversionMethod]] = {method.name: method for method in (Standard, TABA, OVG)}
"""Every method by name; add your own class here to use it in the studies."""


def create(name: str, **params: float | bool | str) -> InversionMethod:
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
