"""Training: recipes as data, one loop."""

from __future__ import annotations

from spectral_collapse.training.recipes import Recipe
from spectral_collapse.training.trainer import train

__all__ = ["Recipe", "train"]
