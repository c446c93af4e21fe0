"""Spectral collapse in diffusion inversion: methods, measures and studies.

Submodules load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.2.0"

_SUBMODULES = (
    "charts",
    "checks",
    "datasets",
    "denoisers",
    "doctor",
    "errors",
    "inversion",
    "labels",
    "metrics",
    "networks",
    "paths",
    "processes",
    "results",
    "sampling",
    "studies",
    "training",
    "translation",
)

__all__ = [*_SUBMODULES, "__version__"]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
