"""diffusers is imported beside a CPU build of torch, whoever comes first."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import torch

from spectral_collapse import compat


def test_diffusers_may_be_imported_first() -> None:
    subprocess.run([sys.executable, "-c", "from diffusers import UNet2DModel"], check=True, capture_output=True)


def test_torch_calls_the_repair_itself() -> None:
    found = {entry.name: entry.load() for entry in entry_points(group="torch.backends")}
    assert found["spectral_collapse"] is compat.on_torch_import


@pytest.mark.skipif(torch.version.cuda is not None, reason="this build of torch needs no repair")
def test_operators_are_declared_once() -> None:
    import torchvision

    kept = list(compat._kept)
    compat.on_torch_import()
    assert compat._kept == kept
    assert torchvision.ops.nms is not None
    assert torch.ops.torchvision.nms.default._schema.name == "torchvision::nms"


def test_other_builds_of_torch_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(compat, "_kept", [])
    compat.on_torch_import()
    assert compat._kept == []
