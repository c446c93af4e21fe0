"""Repairs for combinations of installed packages that are correct but do not import.

torch calls `on_torch_import` at the end of its own import (entry point `torch.backends`), so that nobody has to.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

_kept: list[torch.library.Library] = []
"""Operators live as long as their library object does."""


def on_torch_import() -> None:
    """Makes `import torchvision`, and so `import diffusers`, work beside a CPU build of torch.

    The compiled part of PyPI's torchvision belongs to the CUDA build. Beside the CPU build it does not load, and
    the import then fails on two detection operators that it would have declared. Nothing here uses them, so
    declaring them is enough. Where that part loads, torch is no CPU build, or torchvision is not installed,
    nothing is declared.
    """
    spec = importlib.util.find_spec("torchvision") if torch.version.cuda is None and torch.version.hip is None else None
    compiled = sorted(Path(spec.origin).parent.glob("_C*.so")) if spec is not None and spec.origin else []
    if not compiled or _kept:
        return
    try:
        torch.ops.load_library(compiled[0])
    except OSError:
        _kept.append(torch.library.Library("torchvision", "DEF"))
        for name in ("nms", "qnms"):
            _kept[0].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


ensure_torchvision = on_torch_import
"""The same under the name that scripts call where the entry point is not installed, as in a checkout on PYTHONPATH."""
