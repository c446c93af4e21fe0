from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spectral_collapse import inversion
from spectral_collapse.inversion.projectors import HighPass
from spectral_collapse.store.identity import UnidentifiedError, identity
from tests.each import each

CELL = """
from dataclasses import dataclass
import torch
from spectral_collapse.inversion import InversionMethod
{imports}
FACTOR = {factor}

def helper(x):
    return {helper}

@dataclass(frozen=True)
class Mine(InversionMethod):
    "{text}"

    strength: float = {default}
    name = "mine"

    def step(self, run, x):  # {text}
        prediction = run.denoiser(x, run.level, run.labels)
        return helper(prediction.noise) * FACTOR {operator} self.strength, prediction
"""


def cell(**changed: object) -> dict[str, Any]:
    """The names that a cell of a notebook defines, as IPython runs it: from a text without a file."""
    given = {"imports": "", "factor": 1.0, "helper": "2 * x", "text": "a", "default": 0.5, "operator": "*"} | changed
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(CELL.format(**given), "<cell>", "exec"), names)  # the test's own text
    return names


def test_a_class_of_a_notebook_is_told_from_an_edited_one_of_its_name() -> None:
    known = identity(cell()["Mine"]())
    assert identity(cell()["Mine"]()) == known
    for changed in (
        {"factor": 2.0},
        {"helper": "3 * x"},
        {"default": 0.25},
        {"operator": "+"},
    ):
        assert identity(cell(**changed)["Mine"](0.5)) != identity(cell()["Mine"](0.5)), changed
    assert identity(cell()["Mine"](0.75)) != known
    assert identity(cell()["Mine"](0.123456789)) != identity(cell()["Mine"](0.123456788))
    # what changes no value: comments and places
    assert identity(cell(imports="\n\n# a comment")["Mine"]()) == known


def twice(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def made(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: factor * x


def test_callables_are_told_apart() -> None:
    two = [lambda x: x, lambda x: 0 * x]  # one line, and so one source text
    callables = [
        *two,
        made(1.0),
        made(2.0),
        lambda x, factor=1.0: factor * x,
        lambda x, factor=2.0: factor * x,
        functools.partial(twice),
        functools.partial(made, 2.0),
        twice,
        HighPass(0.1),
        HighPass(0.2),
        inversion.create("nullspace", k=1, projector=two[0]),
        inversion.create("nullspace", k=1, projector=two[1]),
        inversion.create("nullspace", k=1, projector=0.1234567),
        inversion.create("nullspace", k=1, projector=0.1234568),
        torch.zeros(3),
        torch.zeros(3, dtype=torch.bfloat16),
        np.zeros(3),
        np.ones(3),
    ]
    found = [repr(identity(one)) for one in callables]
    assert len(set(found)) == len(found)
    assert identity(made(1.0)) == identity(made(1.0))


def test_what_the_package_ships_stands_for_its_name_and_parameters_and_every_method_has_an_identity() -> None:
    assert identity(inversion.create("nullspace", k=2, projector=0.25)) == {
        "class": "spectral_collapse.inversion.nullspace.NullSpace",
        "told": "own",
        "k": 2,
        "projector": 0.25,
        "order": 1,
        "eta_lf": 0.0,
    }
    found = [repr(identity(method())) for method in inversion.METHODS.values()]
    assert len(set(found)) == len(found)


class Scaled(inversion.InversionMethod):
    """A subclass of a dataclass that is none itself."""

    name = "scaled"

    def __init__(self, factor: float) -> None:
        vars(self)["factor"] = factor

    @functools.cached_property
    def twice(self) -> float:
        return 2 * self.factor


def test_what_an_instance_holds_besides_the_fields_of_its_base_counts() -> None:
    method = Scaled(1.0)
    known = identity(method)
    assert known != identity(Scaled(2.0))
    assert method.twice == 2
    assert identity(method) == known  # nothing that is kept on the way counts


@dataclasses.dataclass
class Holds:
    value: object


class Slotted:
    __slots__ = ("value",)


@each(
    "value",
    [
        torch.relu,
        np.tanh,
        torch.Generator(),
        Holds(torch.relu),
        lambda x: RELU(x),
        Slotted(),
        np.array([object()]),
        iter([1]),
    ],
)
def test_what_has_no_code_is_refused(value: object) -> None:
    with pytest.raises(UnidentifiedError):
        identity(value)


RELU = torch.relu


def test_code_that_refers_to_itself_ends() -> None:
    def again(n: int) -> int:
        return again(n - 1) if n else 0

    class Parent:
        def child(self) -> Parent:
            return super().__init__() or Child()

    class Child(Parent):
        pass

    assert identity(again) == identity(again)
    assert identity(Child()) == identity(Child())
    holder: list[object] = []
    holder.append(holder)
    assert identity(holder) == [{"itself": 0}]


@pytest.mark.processes
def test_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text("def scale(x):\n    return 2 * x\n")
    code = (
        "import ours\nfrom spectral_collapse.store.identity import identity\n"
        "def lazily(x):\n    import ours as known\n    return known.scale(x)\n"
        "print(identity([ours.scale, lambda x: ours.scale(x), lazily, {'a', 'b', 'c'}, lambda x: x in {'a', 'b'}]))"
    )

    def run() -> str:
        command = [sys.executable, "-B", "-c", f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{code}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    first = run()
    assert run() == first
    (tmp_path / "ours.py").write_text("def scale(x):\n    return 4 * x\n")
    edited = run()
    assert edited != first
    for before, after in zip(eval(first)[:3], eval(edited)[:3], strict=True):  # our own output, printed above
        assert before != after
