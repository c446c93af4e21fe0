"""Lets torchvision be imported in the environment that `make` has set up, beside a torch that it was not built for.

PyPI's torchvision belongs to the CUDA build of torch. Beside the CPU build its compiled part does not load, and its
import, and with it that of transformers and diffusers, fails on two detection operators that this part would have
declared. Nothing here uses them, so declaring them is enough: a few lines at the end of the installed file. Where
torchvision is missing or works, nothing is done.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ADDED = """

import torch

if not _has_ops() and not hasattr(torch.ops.torchvision, "nms"):  # added when spectral-collapse was set up
    _declared = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _declared.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


def works() -> bool:
    """Whether a new process can import torchvision."""
    return not subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True).returncode


found = importlib.util.find_spec("torchvision")
if found and not works():
    file = Path(found.origin).with_name("extension.py")
    file.write_text(file.read_text(encoding="utf-8") + ADDED, encoding="utf-8")
    if not works():
        sys.exit("torchvision cannot be imported: install the one that belongs to this torch")
    print("== torchvision was built for another torch: its detection operators, which nothing here uses, are left out")
