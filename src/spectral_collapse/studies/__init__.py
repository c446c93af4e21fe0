"""Studies: one question each, parameters in, one xarray.Dataset out, through the store.

A file of this package that defines `STUDY` is a study; nothing else knows a study by its name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectral_collapse.errors import unknown

if TYPE_CHECKING:
    import xarray as xr

    from spectral_collapse.studies.study import Study

__all__ = ["STUDIES", "run"]


class Studies(Mapping[str, "Study"]):
    """Every study by name. Names and questions are read from the files; a study is imported when it is asked for."""

    @cached_property
    def questions(self) -> dict[str, str]:
        """What each study asks, by its name."""
        found = {}
        for file in sorted(Path(__file__).parent.glob("*.py")):
            text = file.read_text("utf-8")
            for node in ast.parse(text).body if "\nSTUDY" in text else ():
                match node:
                    case ast.Assign([ast.Name("STUDY")], ast.Call(args=[_, ast.Constant(str(question)), *_])):
                        found[file.stem] = question
        return found

    def __getitem__(self, name: str) -> Study:
        if name not in self:
            raise KeyError(name)
        return import_module(f"{__name__}.{name}").STUDY

    def __iter__(self) -> Iterator[str]:
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.questions


STUDIES = Studies()


def run(name: str, **params: Any) -> xr.Dataset:
    """The result of a study, from the store or computed: `STUDIES[name].run(**params)`.

    Raises InvalidParameterError for an unknown study, and what `Study.run` raises.
    """
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    return STUDIES[name].run(**params)
