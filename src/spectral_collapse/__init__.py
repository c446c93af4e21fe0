"""Spectral collapse in diffusion inversion: methods, measures and studies.

Submodules load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

# OpenMP's threads spin while they wait; beside one other busy process that made a chapter 14 times slower. libgomp
# reads this when torch loads, so it counts where this package is imported first. What you set yourself stays.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.2.0"

_SUBMODULES = (
    "charts",
    "checks",
    "compat",
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
