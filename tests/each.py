"""One test of many cases: one id for all of them, and an error that says which case it was."""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable

import pytest
import torch


def each(names: str | tuple[str, ...], cases: Iterable[object]) -> Callable[[Callable], Callable]:
    """Like `pytest.mark.parametrize`, in one test: each case has the same random state, and a folder and patches of
    its own if the test asks for `tmp_path` and `monkeypatch`."""
    several = isinstance(names, tuple)
    known = [dict(zip(names, case, strict=True)) if several else {names: case} for case in cases]

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(*instance: object, **given: object) -> None:
            for number, case in enumerate(known):
                torch.manual_seed(0)
                own = given | case
                if "generator" in given:
                    given["generator"].manual_seed(0)
                if "tmp_path" in given:
                    own["tmp_path"] = given["tmp_path"] / str(number)
                    own["tmp_path"].mkdir()
                with pytest.MonkeyPatch.context() as patch:
                    if "monkeypatch" in given:
                        own["monkeypatch"] = patch
                    try:
                        test(*instance, **own)
                    except BaseException as error:
                        error.add_note(f"case {number} of {len(known)}: {reprlib.repr(case)}")
                        raise

        asked = inspect.signature(test)
        left = [parameter for name, parameter in asked.parameters.items() if name not in known[0]]
        run.__signature__ = asked.replace(parameters=left)
        return run

    return decorate
