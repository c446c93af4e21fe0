"""What every score says about itself, as data: charts take arrows, axes and sorting from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Score:
    """The card of one score.

    name: the key in `metrics.SCORES` and in stored results; symbol: how figures write it;
    range: smallest and largest possible value; arity: what one evaluation takes; unit: what one
    value belongs to, a sample or the whole set, and so what a mean or a bootstrap runs over;
    source: the paper's equations; measured_in: physical unit, "1" for a plain number.
    """

    name: str
    symbol: str
    higher_is_better: bool
    range: tuple[float, float]
    arity: Literal["latent", "image", "image and reference", "image and set", "two sets"]
    unit: Literal["sample", "set"]
    source: str
    measured_in: str = "1"

    @property
    def arrow(self) -> str:
        """The direction of better values, as tables print it."""
        return "↑" if self.higher_is_better else "↓"
