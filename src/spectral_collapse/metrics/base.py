"""What every score says about itself, as data: charts take arrows, axes and sorting from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Arity = Literal[
    "latent",
    "noise, image and latent",
    "noise and image",
    "image",
    "image and reference",
    "image and source",
    "image and set",
    "two sets",
    "trajectory",
]
"""What a score is computed from; every word stands for a batch (N, C, H, W) of such maps, matched one
to one except in 'image and set' and 'two sets'."""


@dataclass(frozen=True)
class Score:
    """The card of one score.

    name: the key in `metrics.SCORES` and in stored results; symbol: how figures write it;
    higher_is_better: None where neither side is; range: smallest and largest possible value; arity:
    what it is computed from; unit: what one value belongs to, a sample or the whole set, and so
    what a mean or a bootstrap runs over; source: the paper's equations; measured_in: physical unit,
    "1" for a plain number; target: the ideal value, where it is neither end of the range; function:
    the name in `metrics` of the function that computes it, if not the score's own; field: where
    that returns a named tuple, the field that holds the value.
    """

    name: str
    symbol: str
    higher_is_better: bool | None
    range: tuple[float, float]
    arity: Arity
    unit: Literal["sample", "set"]
    source: str
    measured_in: str = "1"
    target: float | None = None
    function: str = ""
    field: str = ""

    @property
    def arrow(self) -> str:
        """The direction of better values, as tables print it: up, down, to the target, or nothing."""
        if self.higher_is_better is None:
            return "" if self.target is None else f"→ {self.target:g}"
        return "↑" if self.higher_is_better else "↓"

    @property
    def directed(self) -> bool:
        """Whether some values are better than others."""
        return self.higher_is_better is not None or self.target is not None

    def goodness(self, values: np.ndarray) -> np.ndarray:
        """The values turned so that more is better; as they are where the score has no direction."""
        if self.higher_is_better is None and self.target is not None:
            return -np.abs(values - self.target)
        return -values if self.higher_is_better is False else values
