"""Inversion methods: a file per method, one loop, one registry.

A file that defines a subclass of `InversionMethod` with a `name` is a method; its class is `inversion.CLASS` too.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from spectral_collapse import discovery
from spectral_collapse.checks import check_name
from spectral_collapse.errors import InvalidParameterError, unknown
from spectral_collapse.inversion.base import Inversion, InversionMethod, InversionState

METHODS: dict[str, type[InversionMethod]] = {}
"""Every method by name, the standard one first; add your own class here to use it in the studies."""


def _register() -> list[str]:
    """Fills the registry; returns the names of all public classes of the methods' files."""
    public = {
        name: value
        for module in discovery.modules(__name__)
        for name, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    methods = [cls for cls in public.values() if issubclass(cls, InversionMethod) and "name" in vars(cls)]
    METHODS.update({cls.name: cls for cls in sorted(methods, key=lambda cls: cls.name != "standard")})
    globals().update(public)
    return list(public)


def create(name: str, **params: Any) -> InversionMethod:
    """A method by name and parameters.

    Raises InvalidParameterError for an unknown name or parameter (the known ones are listed), or a
    value out of range.
    """
    check_name("inversion method", name, METHODS)
    known = [field.name for field in dataclasses.fields(METHODS[name])]
    for given in params:
        if given not in known:
            if not known:
                raise InvalidParameterError(f"method {name!r} has no parameters; {given!r} was given")
            raise unknown(f"parameter of method {name!r}:", given, known)
    return METHODS[name](**params)


__all__ = ["METHODS", "InversionState", "Inversion", "InversionMethod", "create", *_register()]
