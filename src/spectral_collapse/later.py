"""Modules that take seconds to import, torch and diffusers above all, each imported when something of it is used.

Whoever asks for a stored result computes nothing, and so waits for none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any


class Later:
    """A module that may not be imported yet. names: of it and of further ones that are imported with it."""

    __slots__ = ("__dict__", "_names")

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getattr__(self, attribute: str) -> Any:
        module, *_ = map(import_module, self._names)
        self.__dict__ = vars(module)  # from here on it is as quick as the module itself
        return getattr(module, attribute)


def members(package: str, names: Sequence[str], modules: Sequence[str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package, for those of its names that are in modules which are imported later."""

    def find(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        for module in modules if name in names else ():
            if name in (found := vars(import_module(f"{package}.{module}"))):
                return found[name]
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find


@contextmanager
def _no_grad() -> Iterator[None]:
    with import_module("torch").no_grad():
        yield


if TYPE_CHECKING:
    import accelerate
    import diffusers
    import safetensors.torch
    import torch
    import torch.nn.functional as F
    from torch import nn
else:
    accelerate, diffusers = Later("accelerate"), Later("diffusers")
    safetensors = Later("safetensors", "safetensors.torch")
    torch, nn, F = Later("torch"), Later("torch.nn"), Later("torch.nn.functional")
    torch.no_grad = _no_grad  # until torch is imported: it stands above functions

__all__ = ["F", "Later", "accelerate", "diffusers", "members", "nn", "safetensors", "torch"]
