"""Inversion methods: a file per method, one loop, one registry.

A file that defines a subclass of `InversionMethod` with a `name` is a method; its class is `inversion.CLASS` too.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from spectral_collapse import discovery
from spectral_collapse.checks import check_name
from spectral_collapse.errors import InvalidParameterError, listed, unknown
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

    Raises InvalidParameterError for an unknown name or parameter (the known ones are listed), for a parameter that has
    no default and is not given, for a value out of range, and for a class that is registered under another name than
    its own.
    """
    check_name("inversion method", name, METHODS)
    _check_registered(name)
    known = [field.name for field in dataclasses.fields(METHODS[name])]
    for given in params:
        if given not in known:
            if not known:
                raise InvalidParameterError(f"method {name!r} has no parameters; {given!r} was given")
            raise unknown(f"parameter of method {name!r}:", given, known)
    bare = [one.name for one in dataclasses.fields(METHODS[name]) if one.default is one.default_factory]  # both missing
    lacking = [one for one in bare if one not in params]
    if lacking:
        raise InvalidParameterError(f"method {name!r} needs {listed(lacking)}, which has no default; give it a value")
    return METHODS[name](**params)


def _check_registered(name: str) -> None:
    """Raises InvalidParameterError for a class whose own name is another one, which results would be called by."""
    own = getattr(METHODS[name], "name", None)
    if own != name:
        raise InvalidParameterError(
            f"the method that is registered as {name!r} calls itself {own!r}; write name = {name!r} into its class"
        )


__all__ = ["METHODS", "InversionState", "Inversion", "InversionMethod", "create", *_register()]
