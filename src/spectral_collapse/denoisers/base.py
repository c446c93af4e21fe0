"""The interface of every denoiser: its call and its answer."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from spectral_collapse.checks import check_is, described
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.processes import Level, Process, check_levels


class Prediction(NamedTuple):
    """The two halves of a noisy image, both N x C x H x W: x = alpha * clean + sigma * noise."""

    noise: torch.Tensor
    clean: torch.Tensor


class Denoiser(Protocol):
    """The model that inversion and sampling need.

    x is N x C x H x W, label a LongTensor of N domain labels, level a `processes.Level`.
    """

    process: Process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction: ...


def check_denoiser(value: object) -> None:
    """Raises InvalidParameterError unless the argument can be called as a denoiser."""
    if isinstance(value, type) or not callable(value) or not hasattr(value, "process"):
        raise InvalidParameterError(
            "denoiser must be a denoiser, a function (x, level, label) -> Prediction with a .process, such as "
            f"networks.load_model('photos').denoiser; {described(value)} was given"
        )
    check_process(value.process)


def check_states(**states: object) -> None:
    """Raises InvalidParameterError unless these are dense floating-point tensors N x C x H x W, all of one shape."""
    shapes = []
    for name, x in states.items():
        check_is(name, x, torch.Tensor, "a floating-point tensor N x C x H x W")
        if x.ndim != 4 or not x.is_floating_point() or x.is_meta:
            kind = "no values" if x.is_meta else x.dtype
            raise InvalidParameterError(
                f"{name} must be a floating-point tensor N x C x H x W; {kind} of shape {tuple(x.shape)} was given"
            )
        shapes.append(tuple(x.shape))
    if len(set(shapes)) > 1:
        raise InvalidParameterError(f"{' and '.join(states)} must have one shape; {shapes} were given")


def check_asked(x: object, level: object, label: object) -> None:
    """Raises InvalidParameterError for arguments that no denoiser takes."""
    check_states(x=x)
    check_levels(level)
    check_labels(label, len(x))


def check_labels(label: object, count: int | None = None) -> None:
    """Raises InvalidParameterError unless label is a LongTensor of so many domain labels."""
    whole = isinstance(label, torch.Tensor) and not (label.is_floating_point() or label.is_complex() or label.is_meta)
    if not whole or label.dtype == torch.bool or label.ndim != 1 or count not in (None, len(label)):
        raise InvalidParameterError(
            f"label must be a LongTensor of {count or 'N'} domain labels; {described(label)} was given"
        )


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
    """Raises InvalidParameterError unless the argument is a process with levels."""
    if isinstance(process, type) or not callable(getattr(process, "levels", None)):
        raise InvalidParameterError(
            f"process must be a noise process, such as processes.VariancePreserving(); {described(process)} was given"
        )
