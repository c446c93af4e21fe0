"""Fails early where a request cannot fit in memory."""

from __future__ import annotations

import math
import os
from pathlib import Path

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says how much memory a container has, 'max' for all there is: control groups v2 and v1."""


def total() -> float:
    """The bytes of memory that this process may use: the machine's, or its container's where these are fewer.

    Infinity where the system does not tell.
    """
    found = math.inf
    if {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(getattr(os, "sysconf_names", ())):
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in map(Path, _LIMITS):
        limit = file.read_text().strip() if file.is_file() else ""
        found = min(found, int(limit)) if limit.isdigit() else found
    return found


def check(needed: float, what: str, advice: str, device: torch.device | None = None) -> None:
    """Raises InvalidParameterError for what needs more bytes than the machine, or the GPU, has altogether.

    What else is in use does not count, so what passes may still be too much.
    """
    if device is not None and device.type == "cuda":
        there, where = torch.cuda.get_device_properties(device).total_memory, "the GPU"
    else:
        there, where = total(), "this machine"
    if needed > there:
        raise InvalidParameterError(
            f"{what} needs at least {needed / 1e9:.3g} GB, and {where} has {there / 1e9:.3g} GB; {advice}"
        )
