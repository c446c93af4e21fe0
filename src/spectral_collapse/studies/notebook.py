"""What the notebooks need around a study: parameters that papermill was given, checked by name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Sequence

from spectral_collapse.errors import unknown

_INJECTED = "# Parameters"
"""The first line of the cell that papermill adds below the one tagged `parameters`."""


def check_parameters(known: Callable[..., object] | Sequence[str], history: Iterable[str] | None = None) -> None:
    """Refuses parameters that the notebook does not have; papermill itself only warns of them.

    Args:
        known: the names of the notebook's parameters, or the study that it calls with all of them.
        history: the sources of the cells run so far; without it those of the running kernel. In
            JupyterLab, where nothing is injected, there is nothing to refuse.

    Raises InvalidParameterError, with the known names, for the first unknown one.
    """
    names = list(inspect.signature(known).parameters) if callable(known) else known
    if history is None:
        from IPython import get_ipython

        shell = get_ipython()
        history = shell.user_ns.get("In", []) if shell is not None else []
    for source in history:
        if source.lstrip().startswith(_INJECTED):
            for name in _assigned(source):
                if name not in names:
                    raise unknown("notebook parameter", name, names)


def _assigned(source: str) -> list[str]:
    targets = [target for node in ast.parse(source).body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]
