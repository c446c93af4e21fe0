"""Whether what is asked for can fit at all: said before it is tried."""

from __future__ import annotations

import psutil
import torch

from spectral_collapse.errors import InvalidParameterError


def check(needed: float, what: str, advice: str, device: torch.device | None = None) -> None:
    """Raises InvalidParameterError for what needs more bytes than the machine, or the GPU, has altogether.

    What else is in use does not count, so what passes may still be too much.
    """
    if device is not None and device.type == "cuda":
        there, where = torch.cuda.get_device_properties(device).total_memory, "the GPU"
    else:
        there, where = psutil.virtual_memory().total, "this machine"
    if needed > there:
        raise InvalidParameterError(
            f"{what} needs at least {needed / 1e9:.3g} GB, and {where} has {there / 1e9:.3g} GB; {advice}"
        )
