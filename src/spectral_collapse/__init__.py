"""Spectral collapse in diffusion inversion: methods, measures and studies.

Submodules load on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from spectral_collapse.later import members

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

__getattr__ = members(__name__, (), _SUBMODULES)


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
