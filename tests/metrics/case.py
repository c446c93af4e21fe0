"""How one score takes part in `test_battery`: the test of each lists its own as CASES, by the name of the function
and, where it is called in several ways, a second word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from spectral_collapse.errors import SpectralCollapseError

Compare = Callable[[torch.Tensor, torch.Tensor], object]


@dataclass(frozen=True)
class Case:
    """One way of calling a score.

    label: how its errors begin, in any case of letters. evaluate: the score of one batch, textures
    (N, 3, size, size) in [-1, 1]; a score of several batches makes the others from it. per_sample:
    the result is (N, ...) and a sample does not see its batch. images: values outside [-1, 1] are
    refused. compare: the score of two batches, where both can be chosen; then identity is what a
    batch against itself gives, and symmetric says that the order does not matter. matched: the two
    batches are compared one to one. tolerance: of float32 against float64. least: the smallest side
    that is accepted, None where `evaluate` is bound to its own size; fewest: the smallest number of samples. constant:
    whether batches of one constant have a value, have none (NaN), or are refused with this error.
    """

    label: str
    evaluate: Callable[[torch.Tensor], object]
    per_sample: bool = True
    images: bool = False
    size: int = 32
    compare: Compare | None = None
    identity: float | None = None
    symmetric: bool = False
    matched: bool = True
    tolerance: float = 1e-4
    least: int | None = 1
    fewest: int = 1
    constant: Literal["value", "undefined"] | type[SpectralCollapseError] = "value"
