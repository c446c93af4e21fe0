"""Weight files of the right names and shapes, drawn at random: they test the loading, not the scores' values."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import torch
from torch import nn

from spectral_collapse.metrics.weights import SOURCES


class _Layers(nn.Module):
    """Takes what Inception's layers take, 299 x 299 in [-1, 1], and gives 2048 features of colours and edges."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3 * 23 * 23, 2048)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(nn.functional.avg_pool2d(x, 13).flatten(1)).tanh()


class _Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = _Layers()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="made-weights-")


@functools.cache
def made_weights(name: str) -> Path:
    """A folder that lives as long as the tests, with the file called `name` in `weights.SOURCES`."""
    from torchvision import models

    folder = Path(_folder().name)
    path = folder / SOURCES[name].filename
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name == "inception":
            torch.jit.trace(_Inception().eval(), torch.zeros(2, 3, 299, 299)).save(str(path))
        elif name == "squeeze":
            torch.save(models.squeezenet1_1().state_dict(), path)
        else:  # the features alone: the classifiers would be hundreds of megabytes
            features = {
                "alex": lambda: models.AlexNet(num_classes=1).features,
                "vgg": lambda: models.vgg.make_layers(models.vgg.cfgs["D"]),
            }[name]()
            torch.save({f"features.{key}": value for key, value in features.state_dict().items()}, path)
    return folder
