"""What was registered before the results were computed: the primary outcome, margins, populations and tests."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any


@functools.cache
def registered() -> dict[str, Any]:
    """The content of registered.toml."""
    return tomllib.loads(Path(__file__).with_name("registered.toml").read_text("utf-8"))


def margin(score: str) -> float:
    """Within which two values of a score count as equal; 0 where none is registered."""
    return registered()["margins"].get(score, {"margin": 0.0})["margin"]
