"""What a method computes, as something that the key of a stored result can hold.

The code of this package is in the key as a hash of its syntax trees (`keys.code_hash`). Methods and callables
from elsewhere, a notebook say, are told apart here by their parameters and by their compiled code, with all
of the same kind that they refer to: names do not do, since a cell is edited and run again under the same
name, and source texts do not either, since Python finds none for classes of a notebook and the same one
for two lambdas of a line.
"""

from __future__ import annotations

import contextlib
import dataclasses
import dis
import functools
import hashlib
import importlib.util
import json
import sys
import sysconfig
import types
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spectral_collapse.later import torch

_OURS = "spectral_collapse"
_LIBRARIES = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_SKIPPED = {
    *("__annotations__", "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__", "__match_args__"),
    *("__module__", "__weakref__", "_abc_impl"),
}
"""Of a class's namespace what Python fills in; fields and their defaults are read as such."""
_HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: clear for types that are written in C, whose instances may hold more than is seen."""


_references: ContextVar[set[str] | None] = ContextVar("references", default=None)


class Named(NamedTuple):
    """A class of this package by its name, for one whose module takes long to import."""

    module: str
    name: str


class UnidentifiedError(Exception):
    """Something whose computation cannot be told from that of another; the message names it."""


def identity(value: object) -> Any:
    """What distinguishes a value, such as a method with its parameters, as JSON; the same in every process.

    Numbers, texts and containers stand for themselves, arrays for a hash of their values, instances of
    classes for class and fields, but for those of a dataclass with `metadata={"no_value": True}`. Code from
    outside this package and the installed libraries stands for a hash of its compiled code, of what it refers
    to, and of what it has closed over.

    Of a module of one's own its files count, and not what these import.

    Raises UnidentifiedError for what has no code that could be read, such as a builtin function.
    """
    return _identity(value, ())


@contextlib.contextmanager
def references() -> Iterator[set[str]]:
    """Gathers what of this package the values described meanwhile refer to: 'module:name' for a definition, 'module:*'
    for a module of which any name may be used, '.name' for what code from elsewhere may call an attribute by."""
    found: set[str] = set()
    token = _references.set(found)
    try:
        yield found
    finally:
        _references.reset(token)


def _identity(value: object, within: tuple[int, ...]) -> Any:
    """`within`: the ids of what is being described, for code that refers to itself."""
    if value is None or isinstance(value, bool) or type(value) in (int, str):
        return value
    if type(value) is float:
        return value if np.isfinite(value) else {"float": repr(value)}
    if id(value) in within:
        return {"itself": within[::-1].index(id(value))}
    within = (*within, id(value))
    if isinstance(value, type):
        return {"class": _class(value, within)}
    if isinstance(value, Named):
        _refer(f"{value.module}:{value.name}")
        return {"class": f"{value.module}.{value.name}"}
    for kinds, describe in (*_KINDS, *_torchs()):
        if isinstance(value, kinds):
            return describe(value, within)
    return _instance(value, within)


def _container(value: Any, within: tuple[int, ...]) -> Any:
    if type(value) not in (tuple, list, set, frozenset, dict):
        return _instance(value, within)
    if isinstance(value, dict):
        return {"dict": [[_identity(key, within), _identity(one, within)] for key, one in value.items()]}
    found = [_identity(one, within) for one in value]
    return {"set": sorted(found, key=_text)} if isinstance(value, set | frozenset) else found


def _array(value: Any, within: tuple[int, ...]) -> Any:
    if value.dtype.hasobject:
        raise UnidentifiedError("an array of objects")
    return _bytes(value, np.ascontiguousarray(value).tobytes())


def _tensor(value: Any, within: tuple[int, ...]) -> Any:
    if value.layout != torch.strided or value.is_meta:
        raise UnidentifiedError(f"a tensor of the layout {value.layout}")
    return _bytes(value, value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())


def _bytes(value: Any, content: bytes) -> Any:
    return {"array": [str(value.dtype), list(value.shape), hashlib.sha256(content).hexdigest()]}


def _value(value: object, within: tuple[int, ...]) -> Any:
    return {"value": repr(value)}


def _torchs() -> tuple[tuple[Any, Any], ...]:
    """How torch's own are described; nothing is one of them before torch is imported."""
    loaded = "torch" in sys.modules
    return ((torch.Tensor, _tensor), ((torch.dtype, torch.device), _value)) if loaded else ()


def _function(value: types.FunctionType, within: tuple[int, ...]) -> Any:
    if _known(value):
        return {"function": f"{value.__module__}.{value.__qualname__}"}
    read = _read(value.__code__, "LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    names = [name for name in read if name in value.__globals__]
    for code in _codes(value.__code__):
        for name in code.co_names:
            _refer(f".{name}")
    cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
    parts = [
        _code(value.__code__, within),
        _identity((value.__defaults__, value.__kwdefaults__), within),
        [_identity(content, within) for content in cells],
        [[name, _identity(value.__globals__[name], within)] for name in names],
        [_imported(name) for name in _read(value.__code__, "IMPORT_NAME")],
    ]
    return {"function": _hashed(parts)}


def _code(code: types.CodeType, within: tuple[int, ...]) -> Any:
    """Without names of files, numbers of lines and comments."""
    constants = [
        _code(one, within) if isinstance(one, types.CodeType) else _identity(one, within) for one in code.co_consts
    ]
    counts = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags)
    return [code.co_code.hex(), constants, code.co_names, code.co_varnames, code.co_freevars, counts]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Code and that of its inner functions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _read(code: types.CodeType, *instructions: str) -> list[str]:
    """The names that code reads by some instructions, in order."""
    every = (one for inner in _codes(code) for one in dis.get_instructions(inner))
    return sorted({one.argval for one in every if one.opname in instructions})


def _class(value: type, within: tuple[int, ...]) -> str:
    name = f"{value.__module__}.{value.__qualname__}"
    if _known(value):
        return name
    if not value.__flags__ & _HEAP_TYPE:
        raise UnidentifiedError(f"the class {name!r}, which has no Python code")
    parts: list[Any] = [[_class(base, (*within, id(base))) for base in value.__bases__]]
    if dataclasses.is_dataclass(value):
        parts += [
            [field.name, *(_identity(one, within) for one in (field.default, field.default_factory))]
            for field in dataclasses.fields(value)
        ]
    for key, member in sorted(vars(value).items()):
        made = isinstance(member, types.FunctionType) and member.__code__.co_qualname.startswith("__create_fn__")
        if key not in _SKIPPED and not made and not isinstance(member, _SLOTS):
            parts.append([key, _identity(member, within)])
    return f"{name} {_hashed(parts)}"


def _instance(value: object, within: tuple[int, ...]) -> Any:
    kind = type(value)
    if any(not base.__flags__ & _HEAP_TYPE for base in kind.__mro__[:-1]):
        raise UnidentifiedError(f"{getattr(value, '__qualname__', value)!r}, which has no Python code")
    if dataclasses.is_dataclass(value):
        counting = (field.name for field in dataclasses.fields(value) if not field.metadata.get("no_value"))
        fields = {name: getattr(value, name) for name in counting}
        if "__dataclass_fields__" not in vars(kind):  # whose own attributes are no fields
            known = {field.name for field in dataclasses.fields(value)}
            kept = {name: one for name, one in getattr(value, "__dict__", {}).items() if name not in known}
            fields |= {
                name: one
                for name, one in kept.items()
                if not isinstance(getattr(kind, name, None), functools.cached_property)
            }
    elif hasattr(value, "__dict__") and not any("__slots__" in vars(base) for base in kind.__mro__[:-1]):
        fields = vars(value)
    else:
        raise UnidentifiedError(f"an instance of {kind.__qualname__!r}, whose state cannot be read")
    return {"class": _class(kind, (*within, id(kind)))} | {
        name: _identity(one, within) for name, one in sorted(fields.items())
    }


def _imported(name: str) -> Any:
    """The module that code imports by this name when it runs."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # one that is not there, or named relative to another
        spec = None
    if spec is None:
        raise UnidentifiedError(f"the module {name!r}, which is imported when the code runs")
    return _source(name, spec.origin)


def _source(module: str, file: str | None) -> Any:
    """A module's name, and of one's own module a hash of its file, or of all in its folder if it is a package."""
    if _library(module, file):
        _refer(f"{module}:*")
        return {"module": module}
    try:
        files = sorted(Path(file).parent.rglob("*.py")) if Path(file).name == "__init__.py" else [Path(file)]
        return {"module": [module, _hashed([one.read_bytes().hex() for one in files])]}
    except (OSError, TypeError) as error:
        raise UnidentifiedError(f"the module {module!r}, whose file cannot be read") from error


def _library(module: str, file: str | None) -> bool:
    """Whether a module is of this package, whose code is in the key, or of the installed libraries."""
    if module == "__main__":
        return False
    if module.partition(".")[0] == _OURS or module in sys.builtin_module_names:
        return True
    return file is not None and any(folder in Path(file).resolve().parents for folder in _LIBRARIES)


def _refer(name: str) -> None:
    """Notes a reference, for whoever gathers them, if it is one to this package or of an attribute."""
    found = _references.get()
    if found is not None and name.partition(".")[0] in ("", _OURS):
        found.add(name)


def _known(value: Any) -> bool:
    """Whether a class or function is what its name says, in this package or an installed library."""
    module = sys.modules.get(value.__module__ or "")
    if module is None or not _library(module.__name__, getattr(module, "__file__", None)):
        return False
    try:
        known = functools.reduce(getattr, value.__qualname__.split("."), module) is value
    except AttributeError:
        return False
    if known:
        _refer(f"{module.__name__}:{value.__qualname__}")
    return known


def _filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # a name that has no value yet
        return False
    return True


def _text(described: Any) -> str:
    return json.dumps(described, sort_keys=True)


def _hashed(parts: Any) -> str:
    return hashlib.sha256(_text(parts).encode()).hexdigest()[:16]


_SLOTS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_KINDS: tuple[tuple[Any, Any], ...] = (
    ((list, tuple, set, frozenset, dict), _container),
    ((np.ndarray, np.generic), _array),
    (types.FunctionType, _function),
    (types.MethodType, lambda value, within: [_identity(one, within) for one in (value.__func__, value.__self__)]),
    (types.ModuleType, lambda value, within: _source(value.__name__, getattr(value, "__file__", None))),
    ((staticmethod, classmethod), lambda value, within: {"wrapped": _identity(value.__func__, within)}),
    (property, lambda value, within: {"property": [_identity(one, within) for one in (value.fget, value.fset)]}),
    (functools.cached_property, lambda value, within: {"property": _identity(value.func, within)}),
    (
        functools.partial,
        lambda value, within: {"partial": _identity([value.func, list(value.args), value.keywords], within)},
    ),
    ((bytes, complex, type(Ellipsis)), _value),
)
