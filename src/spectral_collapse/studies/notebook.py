"""What the notebooks need around a study: the parameters of their first cell, checked by name."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spectral_collapse.checks import check_is
from spectral_collapse.errors import SpectralCollapseError, unknown
from spectral_collapse.store.shipping import SHOWN
from spectral_collapse.studies.study import Study

_INJECTED = "# Parameters"
"""The first line of the cell that papermill adds below the one tagged `parameters`."""
_RUN = ("executor", "progress", "datasets")
"""What `Study.run` and `Study.each` take beside the study's own parameters."""


def parameters(
    study: Study,
    namespace: Mapping[str, Any],
    history: Iterable[str] | None = None,
    beside: Sequence[Study] = (),
    own: Sequence[str] = (),
) -> dict[str, Any]:
    """The parameters that a notebook's first cell sets, for `study.run` or `study.each`.

    Args:
        study: the study that the notebook calls.
        namespace: the notebook's variables, `globals()`.
        history: as in `check_parameters`.
        beside: further studies that the notebook calls, whose parameters its first cell may set too.
        own: parameters of the notebook itself.

    Raises InvalidParameterError for a parameter that papermill was given and neither a study nor the notebook has.
    """
    for one in (study, *(beside if isinstance(beside, Sequence) else [beside])):
        check_is("study", one, Study, "a Study")
    history, known = _cells(history), [*study.parameters.model_fields, *_RUN]
    if {"dataset", "datasets"} <= namespace.keys():  # the notebook has one of them, and papermill was given the other
        known = [name for name in known if name not in {"dataset", "datasets"} & {*_given(history)}]
    further = [name for one in beside for name in one.parameters.model_fields if name not in known]
    check_parameters([*known, *further, *own], history)
    found = {name: namespace[name] for name in known if name in namespace}
    if found.get("source_images") is not None:  # two folders of the reader's stand in place of the page's data set
        found.pop("dataset", None)
    return found


def check_parameters(known: Sequence[str], history: Iterable[str] | None = None) -> None:
    """Refuses parameters that the notebook does not have; papermill itself only warns of them.

    Args:
        known: the names of the notebook's parameters.
        history: the sources of the cells run so far; without it those of the running kernel. In JupyterLab, where
            nothing is injected, nothing is refused.

    From here on the notebook shows an error that its reader can fix as one sentence, without a traceback.

    Raises InvalidParameterError, with the known names, for the first unknown one.
    """
    check_is("known", known, list | tuple, "a list of names")
    for name in _given(_cells(history)):
        if name not in known:
            raise unknown("notebook parameter", name, known)


def _cells(history: Iterable[str] | None) -> list[str]:
    """`history`, or the cells that the running kernel has run, which from here on shows sentences of errors, and what
    ships although other code made it (`shipping.SHOWN`)."""
    if history is not None:
        return [*history]
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return []
    shell.set_custom_exc((SpectralCollapseError,), _show_sentence)
    os.environ.setdefault(SHOWN, "show")
    return list(shell.user_ns.get("In", []))


def _given(history: Sequence[str]) -> list[str]:
    """The parameters that papermill was given."""
    return [name for cell in history if cell.lstrip().startswith(_INJECTED) for name in _assigned(cell)]


def _show_sentence(
    shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: int | None = None
) -> list[str]:
    """As IPython wants it of `set_custom_exc`: shows an error, and returns the lines that stand for its traceback."""
    lines = [f"{kind.__name__}: {error}"]
    shell._showtraceback(kind, error, lines)
    return lines


def _assigned(source: str) -> list[str]:
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError):  # which the kernel has said already
        return []
    targets = [target for node in statements if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]
