"""The saved states of a training run: safetensors and JSON, in folders that are whole or not there.

    data/runs/photos/
        step-0000500/
            progress.json          step, seconds, recipe, rate, and the SHA-256 of the files beside it and of itself
            network.safetensors    the network's weights
            average.safetensors    their average
            optimizer.safetensors  AdamW's two moments and count of steps, per weight
            history.safetensors    losses and validations up to this step
        training.nc                the history, for looking at

Nothing in them is ever unpickled, and only bytes whose digest was checked are read.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pooch
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError

from spectral_collapse import disk, results
from spectral_collapse.errors import first_line, problems
from spectral_collapse.training import history
from spectral_collapse.training.history import History

if TYPE_CHECKING:
    from diffusers.training_utils import EMAModel

_KEEP = 2
_PROGRESS = "progress.json"
_LARGEST = 2**20
"""Bytes of it; it has some thousand."""
_FILES = ("network", "average", "optimizer", "history")
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")
UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)
"""The errors that a damaged or foreign state raises in lower layers."""


class Progress(BaseModel):
    """What progress.json says. learning_rate: of the next step; averaged: the steps that the average counts; digest:
    of all the rest."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)

    format: Literal[2] = 2
    step: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0)]
    learning_rate: Annotated[float, Field(ge=0)]
    averaged: Annotated[int, Field(ge=0)]
    recipe: dict[str, Any]
    files: dict[Literal["network", "average", "optimizer", "history"], str]
    digest: str = ""

    def own_digest(self) -> str:
        """The SHA-256 of everything but `digest`."""
        return hashlib.sha256(results.canonical(self.model_dump(exclude={"digest"})).encode()).hexdigest()


@dataclass(frozen=True)
class Trained:
    """The parts of a run that change as it goes, which a state holds."""

    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    average: EMAModel
    history: History


def saved(run: Path) -> list[Path]:
    """The saved states of a run, oldest first."""
    numbers = {folder: folder.name.removeprefix("step-") for folder in run.glob("step-*")}
    return sorted(
        (folder for folder, number in numbers.items() if number.isdecimal()), key=lambda one: int(numbers[one])
    )


def save(run: Path, trained: Trained, **progress: Any) -> None:
    """Writes a state and drops all but the last two. progress: fields of `Progress`, but for the files.

    OSError, RuntimeError and SafetensorError pass: torch and safetensors have errors of their own for a full disk.
    """
    folder = run / f"step-{progress['step']:07d}"
    with disk.replacing(folder) as new:
        for name, tensors in _tensors(trained).items():
            # safetensors knows no other memory layouts
            plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
            safetensors.torch.save_file(plain, _file(new, name))
        digests = {name: pooch.file_hash(str(_file(new, name))) for name in _FILES}
        said = Progress(files=digests, **progress)
        (new / _PROGRESS).write_text(said.model_copy(update={"digest": said.own_digest()}).model_dump_json())
    for old in saved(run)[:-_KEEP]:
        disk.discard(old)


def readable(run: Path) -> Iterator[tuple[Path, Progress]]:
    """The states whose progress.json can be read, newest first; warns of each other one."""
    for folder in reversed(saved(run)):
        try:
            yield folder, _progress(folder)
        except UNREADABLE as error:
            _pass_over(folder, error)


def resume(
    found: Iterable[tuple[Path, Progress]], trained: Trained, check: Callable[[Path, Progress], None]
) -> Progress | None:
    """Puts back the first of some states that fits, and returns what it says of itself; None where none does.

    check: raises for a state that shall not be gone on from.
    """
    for folder, progress in found:
        check(folder, progress)
        try:
            _restore(folder, progress, trained)
        except UNREADABLE as error:
            _pass_over(folder, error)
        else:
            return progress
    return None


def _restore(folder: Path, progress: Progress, trained: Trained) -> None:
    """Puts a state back. Raises one of `UNREADABLE` if it does not fit; the run may then be partly overwritten.

    Weights and moments are copied into the existing tensors, whose device and memory layout stay.
    """
    read = {name: _read(folder, name, progress) for name in _FILES}
    parameters = dict(trained.network.named_parameters())
    _check(read["network"], trained.network.state_dict())
    _check(read["average"], parameters)
    moments = _moments(read["optimizer"], parameters)
    trained.network.load_state_dict(read["network"])
    like = [torch.empty_like(weight, requires_grad=False) for weight in parameters.values()]
    trained.average.load_state_dict(
        {
            **trained.average.state_dict(),
            "optimization_step": progress.averaged,
            "shadow_params": [empty.copy_(read["average"][name]) for name, empty in zip(parameters, like, strict=True)],
        }
    )
    groups = trained.optimizer.state_dict()["param_groups"]
    trained.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    trained.history.restore(read["history"], progress.step)


def _pass_over(folder: Path, error: Exception) -> None:
    warnings.warn(
        f"the saved state {str(folder)!r} cannot be read ({reason(error)}); trying the one before it", stacklevel=4
    )


def sweep(run: Path) -> None:
    """Cleans up what a killed run left; no other may be under way in this folder."""
    disk.recover(run, "step-*")
    disk.tidy(run.glob(f".{history.FILE}*.tmp"))


def reason(error: Exception) -> str:
    """The first line of what went wrong."""
    if isinstance(error, ValidationError):
        return problems(error, Progress.model_fields)
    return getattr(error, "strerror", None) or first_line(error)


def _progress(folder: Path) -> Progress:
    progress = Progress.model_validate_json(disk.read(folder / _PROGRESS, _LARGEST))
    if set(progress.files) != set(_FILES) or folder.name != f"step-{progress.step:07d}":
        raise ValueError(f"{_PROGRESS} is of another state")
    if progress.digest != progress.own_digest():
        raise ValueError(f"{_PROGRESS} is damaged")
    return progress


def _tensors(trained: Trained) -> dict[str, dict[str, torch.Tensor]]:
    parameters = dict(trained.network.named_parameters())
    moments = {name: trained.optimizer.state.get(weight, {}) for name, weight in parameters.items()}
    return {
        "network": trained.network.state_dict(),
        "average": dict(zip(parameters, trained.average.shadow_params, strict=True)),
        "optimizer": {f"{key}.{name}": one[key] for name, one in moments.items() for key in _MOMENTS if one},
        "history": trained.history.tensors(),
    }


def _read(folder: Path, name: str, progress: Progress) -> dict[str, torch.Tensor]:
    content = _file(folder, name).read_bytes()
    if hashlib.sha256(content).hexdigest() != progress.files[name]:
        raise ValueError(f"{_file(folder, name).name} is damaged")
    return safetensors.torch.load(content)


def _moments(
    found: Mapping[str, torch.Tensor], parameters: Mapping[str, torch.Tensor]
) -> dict[int, dict[str, torch.Tensor]]:
    """AdamW's state of each weight by the weight's number; a weight that no gradient reached has none."""
    moments = {}
    for number, (name, weight) in enumerate(parameters.items()):
        if f"step.{name}" in found:
            own = {key: found[f"{key}.{name}"] for key in _MOMENTS}
            _check(own, {"exp_avg": weight, "exp_avg_sq": weight, "step": torch.empty(())})
            for key in ("exp_avg", "exp_avg_sq"):
                own[key] = torch.empty_like(weight, requires_grad=False).copy_(own[key])
            moments[number] = own
    if len(found) != len(_MOMENTS) * len(moments):
        raise ValueError("its moments are of another network")
    return moments


def _check(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    if {key: tensor.shape for key, tensor in found.items()} != {key: one.shape for key, one in expected.items()}:
        raise ValueError("its weights are of another network")


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"
