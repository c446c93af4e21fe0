"""The metadata of every score: charts take arrows, axes and sorting from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from spectral_collapse.checks import check_function, check_is, check_name, check_text
from spectral_collapse.later import torch

Inputs = Literal[
    "latent",
    "noise, image and latent",
    "noise and image",
    "image",
    "image and reference",
    "image and source",
    "image and set",
    "two sets",
]
"""What a score is computed from; every word stands for a batch (N, C, H, W) of such maps, matched one
to one except in 'image and set' and 'two sets'. The set of the former may come as `metrics.hf_reference` of it."""


@dataclass(frozen=True)
class ScoreInfo:
    """Metadata of one score.

    name: as in stored results, and the key in `metrics.SCORES`; function: computes it, and is given a batch for each
    word of `inputs`, in their order; symbol: how figures write it; higher_is_better: None if neither direction is
    better; range: smallest and largest possible value; inputs: what it is computed from; per: what one value belongs
    to, a sample or the whole set, and so what a mean or a bootstrap runs over; source: the paper's equations; units:
    physical ones, "1" for a plain number; target: the ideal value, where it is neither end of the range; field: where
    the function returns a named tuple, the field that holds the value; weights: the name in `metrics.weights.SOURCES`
    of the pretrained weights that it needs; notes: the shape of the first batch -> what to report beside the value: its
    expectation without any defect (`white_noise` for latents, `chance` for two equal sets), or how it was computed. The
    functions of this package's cards are not lambdas, since keys of results name them.
    """

    name: str
    function: Callable[..., Any]
    symbol: str
    higher_is_better: bool | None
    range: tuple[float, float]
    inputs: Inputs
    per: Literal["sample", "set"]
    source: str
    units: str = "1"
    target: float | None = None
    field: str = ""
    weights: str = ""
    notes: Callable[[torch.Size], Mapping[str, object]] | None = None

    def __post_init__(self) -> None:
        for name in ("name", "symbol", "source", "units", "field", "weights"):
            check_text(name, getattr(self, name))
        check_function("function", self.function)
        check_name("inputs", self.inputs, get_args(Inputs))
        check_name("per", self.per, ("sample", "set"))
        check_is("higher_is_better", self.higher_is_better, bool | None, "True, False or None")
        check_is("range", self.range, tuple, "two numbers")
        check_is("target", self.target, int | float | None, "a number or None")
        if self.notes is not None:
            check_function("notes", self.notes)

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
        check_is("values", values, np.ndarray | np.number | float | xr.DataArray, "an array of numbers")
        if self.higher_is_better is None and self.target is not None:
            return -np.abs(values - self.target)
        return -values if self.higher_is_better is False else values
