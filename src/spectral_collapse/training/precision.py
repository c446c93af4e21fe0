"""Which precision a training computes in, and what the hardware supports."""

from __future__ import annotations

import platform
import warnings
from typing import Literal

import torch

from spectral_collapse.training.recipes import Precision

NAMES = {"no": "float32", "bf16": "bfloat16"}
"""The names of the precisions for readers."""


def choose(asked: Precision, device: torch.device, saved: object = None) -> Literal["no", "bf16"]:
    """The precision of a run: the requested one; for 'auto' that of the saved state, else the device's.

    Warns if the device would only imitate bfloat16, which can take over ten times as long as float32.
    """
    chosen = asked
    if asked == "auto":
        chosen = saved if saved in list(NAMES) else "bf16" if computes_in_bfloat16(device) else "no"
    if chosen == "bf16" and not computes_in_bfloat16(device):
        why = "the saved state was trained in it, so it is kept" if asked == "auto" else "precision 'auto' avoids it"
        warnings.warn(f"this {device.type} only imitates bfloat16, slower than float32 by far: {why}", stacklevel=3)
    return chosen


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16; devices other than CPU and CUDA are assumed not to."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    # on x86, mkldnn says yes to any AVX-512, and imitates what it lacks
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
