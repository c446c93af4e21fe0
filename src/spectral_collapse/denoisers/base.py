"""What every denoiser is: its call and its answer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch

from spectral_collapse.processes import Level, Process


class Prediction(NamedTuple):
    """The two halves of a noisy image, both N x C x H x W: x = alpha * clean + sigma * noise."""

    noise: torch.Tensor
    clean: torch.Tensor


class Denoiser(Protocol):
    """What inversion and sampling need of a model.

    x is N x C x H x W, label a LongTensor of N domain labels, level a `processes.Level`.
    """

    process: Process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction: ...
