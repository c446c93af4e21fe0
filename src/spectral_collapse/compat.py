"""Repairs for combinations of installed packages that are correct but do not import."""

from __future__ import annotations

import functools
import importlib

import torch


@functools.cache
def ensure_torchvision() -> None:
    """Makes `import torchvision` work beside a CPU build of torch; call it before importing diffusers.

    The compiled part of PyPI's torchvision belongs to the CUDA build. Beside the CPU build it does
    not load, and the import then fails on two detection operators that it would have declared.
    Nothing here uses them, so declaring them is enough. Where torchvision imports as it is, or is
    not installed, nothing happens.
    """
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        ensure_torchvision.library = library  # type: ignore[attr-defined]  # the ops live as long as it does
        importlib.import_module("torchvision")
