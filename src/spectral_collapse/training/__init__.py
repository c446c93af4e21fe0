"""Training: recipes as data, one loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spectral_collapse.later import members
from spectral_collapse.training.recipes import Recipe

if TYPE_CHECKING:
    from spectral_collapse.training.trainer import train

__all__ = ["Recipe", "train"]

__getattr__ = members(__name__, __all__, ["trainer"])
