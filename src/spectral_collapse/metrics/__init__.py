"""Scores of latents and images: one file each, batched, per sample where the score is per sample.

A file that defines a `SCORE`, or `SCORES` where it computes several numbers, is a score; its public functions and
classes are `metrics.NAME` too.

Scores take floating-point tensors of any precision and layout, with or without a gradient. They compute in single
precision at least, change nothing that they are given, and return plain numbers without a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType, ModuleType

from spectral_collapse import discovery
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.evaluate import evaluate
from spectral_collapse.metrics.folders import evaluate_folders
from spectral_collapse.metrics.radial_spectrum import radial_spectrum, spectral_slope
from spectral_collapse.metrics.trajectories import Trajectory

HEADLINE = ("s_hf", "s_lf", "s_dc", "s_g")
"""The scores that the paper introduces."""

SCORES: dict[str, ScoreInfo] = {}
"""Every score by name: those of `HEADLINE`, then the others by the names of their files. Add your own here to have
it in `evaluate`."""


def _cards(module: ModuleType) -> Sequence[ScoreInfo]:
    """What a file says of its scores; nothing in a file of helpers."""
    card = getattr(module, "SCORE", None)
    return getattr(module, "SCORES", ()) if card is None else (card,)


def _register() -> list[str]:
    """Fills the registry; returns the names of all public functions and classes of the scores' files."""
    files = [module for module in discovery.modules(__name__) if _cards(module)]
    public = {
        name: value
        for module in files
        for name, value in vars(module).items()
        if isinstance(value, FunctionType | type) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    cards = {card.name: card for module in files for card in _cards(module)}
    SCORES.update({name: cards[name] for name in dict.fromkeys((*HEADLINE, *cards))})
    globals().update(public)
    return list(public)


__all__ = [
    "SCORES",
    "ScoreInfo",
    "Trajectory",
    "evaluate",
    "evaluate_folders",
    "radial_spectrum",
    "spectral_slope",
    *_register(),
]
