"""Which code a result depends on: a hash of syntax trees, found by following imports and uses of names.

A stored result is found again by all that changes its values. Parameters, data and weights have fingerprints of
their own; this is the code. Comments, docstrings, line breaks and the order of files do not count, and neither
does code that nothing here reaches. Inside this package modules count as wholes, and every module is followed from
which one of them uses a name. Those that run studies and keep what comes out do not count (`NO_VALUES`).
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib import import_module, util
from pathlib import Path

from spectral_collapse.identity import identity, references

_PACKAGE = __name__.partition(".")[0]

NO_VALUES = frozenset(
    f"{_PACKAGE}.{name}"
    for name in (
        "cache",
        "discovery",
        "disk",
        "errors",
        "executors",
        "folders",
        "identity",
        "keys",
        "paths",
        "results",
        "shipping",
        "studies.ledger",
        "studies.study",
    )
)
"""Modules that name, run and keep values and compute none: an edit of theirs leaves stored results as they are. A test
holds that a job runs no module but these and those that count."""


def code_hash(*roots: object) -> str:
    """64 hex digits that change when the code behind functions, classes, methods or modules does.

    Roots of this package count with all modules that they reach. Roots from elsewhere count as `identity` describes
    them, with the modules of this package that they refer to.

    Raises UnidentifiedError for a root that cannot be told from another of its kind.
    """
    with references() as named:
        described = sorted(json.dumps(identity(root), sort_keys=True) for root in roots)
    digest = hashlib.sha256()
    for name in sorted(modules(named)):
        digest.update(f"module {name}\n{_tree_text(_source_of(name))}\n".encode())
    for text in described:
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()


def modules(roots: Iterable[str]) -> set[str]:
    """The modules of this package that some of its modules reach and that compute values, by dotted name."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found and name not in NO_VALUES:
            found.add(name)
            waiting.extend(_used_modules(name, _source_of(name)))
    return found


def _is_ours(module: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.")


@functools.cache
def _file_of(name: str) -> Path | None:
    try:
        spec = util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def _source_of(name: str) -> str:
    """The source of a module of this package."""
    return _file_of(name).read_text(encoding="utf-8")


@functools.cache
def _used_modules(name: str, source: str) -> frozenset[str]:
    """The modules of this package from which a module uses names."""
    tree = ast.parse(source)
    is_package = _file_of(name).name == "__init__.py"
    found: set[str] = set()
    aliases: dict[str, str] = {}
    for node in _imports(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if _is_ours(alias.name):
                    aliases[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else _PACKAGE
            continue
        base = node.module or ""
        if node.level:
            parents = name.split(".") if is_package else name.split(".")[:-1]
            parents = parents[: len(parents) - node.level + 1]
            base = ".".join([*parents, base] if base else parents)
        if not _is_ours(base):
            continue
        for alias in node.names:
            if _file_of(f"{base}.{alias.name}") is not None:
                aliases[alias.asname or alias.name] = f"{base}.{alias.name}"
            else:
                found.add(_home(base, alias.name))
    found |= _through_aliases(tree, aliases)
    return frozenset(found - {name, _PACKAGE})


def _through_aliases(tree: ast.Module, aliases: dict[str, str]) -> set[str]:
    """The modules behind `metrics.s_hf` and the like, and modules that are used in any other way."""
    found: set[str] = set()
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            inner.add(id(node.value))
            found.add(_home(aliases[node.value.id], node.attr))
        elif isinstance(node, ast.Name) and node.id in aliases and id(node) not in inner:
            found.add(aliases[node.id])
    return found


def _home(module: str, name: str) -> str:
    """The module of this package in which `name`, found in `module`, is defined."""
    if _file_of(f"{module}.{name}") is not None:
        return f"{module}.{name}"
    home = getattr(getattr(import_module(module), name, None), "__module__", None)
    return home if isinstance(home, str) and _is_ours(home) else module


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports but those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _imports(other)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        else:
            yield from _imports(node)


@functools.cache
def _tree_text(source: str) -> str:
    return _text(ast.parse(source))


def _text(node: object) -> str:
    """A syntax tree as text: the same on every version of Python, without positions and docstrings."""
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for field, value in ast.iter_fields(node):
        if field == "body" and _starts_with_docstring(node):
            value = value[1:]
        if value is None or value == [] or field in ("ctx", "kind", "type_comment", "type_ignores"):
            continue
        fields.append(f"{field}={_text(value)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _starts_with_docstring(node: ast.AST) -> bool:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
