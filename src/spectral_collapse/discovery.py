"""Registries that find their entries by themselves: a new file in a package is enough."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType


def modules(package: str) -> list[ModuleType]:
    """The modules of a package, in the order of their files' names; its sub-packages are left out."""
    folders = import_module(package).__path__
    names = sorted(found.name for found in pkgutil.iter_modules(folders) if not found.ispkg)
    return [import_module(f"{package}.{name}") for name in names]
