"""What was registered before the results were computed: the primary outcome, margins, populations and tests."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from spectral_collapse.findings.measured import Held, below, equal
from spectral_collapse.statistics import Interval

FILE = Path(__file__).with_name("registered.toml")


@functools.cache
def registered() -> dict[str, Any]:
    """The content of `FILE`."""
    return tomllib.loads(FILE.read_text("utf-8"))


def margin(score: str) -> float:
    """Within which two values of a score count as equal; 0 where none is registered."""
    return registered()["margins"].get(score, {"margin": 0.0})["margin"]


def smaller(gap: Interval, score: str) -> Held:
    """Whether a distance is significantly smaller than another, from their difference; None where its interval contains
    0, or lies within the registered margin of a score, so that the two count as equal."""
    return None if equal(gap, 0, margin(score)) else below(gap, 0)
