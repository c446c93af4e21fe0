"""What every denoiser is: its call and its answer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from spectral_collapse.checks import described
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
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


def check_values(name: str, value: object, shape: str, dimensions: tuple[int, ...]) -> None:
    """Raises InvalidParameterError unless value is a dense tensor of finite real numbers with so many dimensions."""
    allowed, given = f"{name} must be {shape}, a tensor of finite real numbers", described(value)
    if not isinstance(value, torch.Tensor):
        raise InvalidParameterError(f"{allowed}; {given} was given")
    if value.is_complex() or value.dtype == torch.bool or value.layout is not torch.strided or value.is_meta:
        raise InvalidParameterError(f"{allowed}; {given} of {value.dtype} was given")
    if value.ndim not in dimensions:
        raise InvalidParameterError(f"{allowed}; {tuple(value.shape)} was given")
    if not bool(torch.isfinite(value.double()).all()):
        raise InvalidParameterError(f"{allowed}; {given} with NaN or infinity was given")


def check_process(process: object) -> None:
    """Raises InvalidParameterError for what has no levels."""
    if isinstance(process, type) or not callable(getattr(process, "levels", None)):
        raise InvalidParameterError(
            f"process must be a noise process, such as processes.VariancePreserving(); {described(process)} was given"
        )
