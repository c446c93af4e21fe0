"""Which code a result depends on: a hash of the syntax trees of definitions, found by following names.

A stored result is found again by all that changes its values. Parameters, data and weights have fingerprints of their
own; this is the code: every function, class and module-level assignment of this package that the roots reach by the
names they use. Of a class those methods count whose names some reached code mentions. Comments, docstrings, warnings
and the order of definitions do not count, and neither do modules that compute no value (`NO_VALUES`), nor what only
refuses: calls of functions called `check...` whose result nobody takes, and conditions that do nothing but raise.
Sources are read and never imported, so those of another commit can be read, too.
"""

from __future__ import annotations

import ast
import builtins
import functools
import io
import json
import subprocess
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spectral_collapse.datasets.files import fingerprint
from spectral_collapse.store.cache import Cache
from spectral_collapse.store.identity import identity, references

PACKAGE = __name__.partition(".")[0]

_EARLIER = "cache folders identity keys rekey results shipping"
"""Where commits have what is in `store` by now."""
NO_VALUES = frozenset(
    f"{PACKAGE}.{name}"
    for name in (
        *("checks", "datasets.download", "datasets.unpack", "discovery", "disk", "errors", "executors", "later"),
        *("memory", "paths", "studies.ledger", "studies.study", *_EARLIER.split()),
        *(f"store.{file.stem}" for file in Path(__file__).parent.glob("*.py")),
    )
)
"""Modules that check, fetch, name, run and keep values and compute none: an edit of theirs leaves stored results as
they are. A test holds that a job runs no function but those that count, those of these modules and a few with a
reason."""

_NO_VALUES = {
    f"{PACKAGE}.{name}"
    for name in (
        "datasets.base:DatasetInfo.publishable",
        "metrics.base:ScoreInfo.__post_init__",
        "metrics.ranges:changes",
        "networks.checkpoints:Model.__getstate__",
        "networks.checkpoints:Model.__post_init__",
        "networks.checkpoints:Model.__setstate__",
        "networks.checkpoints:Model.changes",
        "networks.checkpoints:_OWN_CLASSES",  # the class that a checkpoint names counts with the checkpoint
        "networks.own:current_hash",
        "studies.parameters:Parameters.__init__",
        "studies.request:Request.answered_by",
        "studies.request:Request.attrs",
        "studies.request:Request.code",
        "studies.request:Request.identity",
        "studies.request:loading_once",
        "studies.request:_classes",
        "translation:_CACHE",
        "translation:_key",
    )
}
"""Definitions of other modules, and fields of classes there, that make keys, or check, and compute no value."""
_REGISTRIES = {"inversion": "METHODS", "metrics": "SCORES", "datasets": "DATASETS"}
"""What is chosen from by a name: package -> the dictionary in it."""
_CHOOSING = {"create", "info", "load"}
"""Functions whose first argument is such a name."""
_PLAIN_BASES = {"object", "ABC", "Protocol", "Generic", "NamedTuple", "TypedDict", "Enum", "Mapping", "Exception"}
"""Classes from elsewhere that call no method of a subclass by themselves, but those with underscores."""
_PLAIN_DECORATORS = {
    *("property", "cached_property", "staticmethod", "classmethod", "abstractmethod", "override", "setter"),
    *("cache", "lru_cache", "contextmanager", "no_grad", "inference_mode", "enable_grad"),
}
"""Under any other one a method may be called by whoever defines the decorator."""

_CACHE = Cache("keys")
_Files = tuple[tuple[Path, int, int], ...]
"""The sources, each with the time of its last change and its bytes."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = _Function | ast.ClassDef


def code_hash(*roots: object) -> str:
    """What changes when the code behind functions, classes, methods or modules does: 16 hex digits of the definitions
    of this package that they reach, '-', and 16 of what the roots themselves are as `identity` describes them, such as
    the parameters of a method and code from outside this package.

    Raises UnidentifiedError for a root that cannot be told from another of its kind.
    """
    names, described = roots_of(roots)
    return f"{_definitions_hash(names, _files())}-{fingerprint(described)}"


def roots_of(roots: Iterable[object]) -> tuple[frozenset[str], list[str]]:
    """The names in this package that roots refer to, as `identity.references` gives them, and their descriptions.

    Raises UnidentifiedError.
    """
    with references() as named:
        described = sorted(json.dumps(identity(root), sort_keys=True) for root in roots)
    return frozenset(named), described


@functools.lru_cache(maxsize=256)
def _definitions_hash(names: frozenset[str], files: _Files) -> str:
    """`digest` of what is installed, which takes seconds: kept for other processes while no file changes."""
    key = fingerprint([*sorted(names), *map(str, files)])
    kept = _CACHE.get(key)
    if kept is None:
        kept = {"digest": np.array(digest(_installed(files).reached(names)))}
        _CACHE.put(key, kept)
    return str(kept["digest"])


def digest(reached: Mapping[str, str]) -> str:
    """16 hex digits of definitions, as `Package.reached` gives them."""
    return fingerprint(f"{unit} {text}" for unit, text in sorted(reached.items()))


def installed() -> Package:
    """The package that runs here, read again where a file has changed."""
    return _installed(_files())


def _files() -> _Files:
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return tuple((file, (state := file.stat()).st_mtime_ns, state.st_size) for file in files)


@functools.lru_cache(maxsize=2)
def _installed(files: _Files) -> Package:
    folder = Path(__file__).parents[2]
    return Package({file.relative_to(folder).as_posix(): file.read_text("utf-8") for file, _, _ in files})


@functools.lru_cache(maxsize=16)
def committed(commit: str) -> Package | None:
    """The package at a commit of this checkout; None where that cannot be read, as outside a checkout."""
    source = Path(__file__).parents[2]
    command = ["git", "-C", str(source), "archive", "--format=tar", commit, PACKAGE]
    try:
        packed = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        found = {one.name: files.extractfile(one).read().decode() for one in files if one.name.endswith(".py")}
    return Package(found)


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The definitions that are not the same in two answers of `Package.reached`."""
    return sorted(unit for unit in old.keys() | new.keys() if old.get(unit) != new.get(unit))


class _Bindings(NamedTuple):
    """What the names of a module stand for."""

    imports: dict[str, tuple[str, str]]
    """Name -> (module of this package, name in it; '' for the module itself)."""
    defined: dict[str, list[ast.stmt]]
    looks_up: bool
    """Whether it gets attributes by names that it computes."""


class _Unit(NamedTuple):
    """A definition. uses: the units that it names; attributes: names by which it may call a method."""

    text: str
    uses: frozenset[str]
    attributes: frozenset[str]


class Package:
    """The definitions of this package in some sources: `spectral_collapse/metrics/s_hf.py` -> text.

    A definition is called 'module:name', or 'module:Class.method'; 'module:Class' is the rest of a class.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.files: dict[str, str] = {}
        """Dotted name -> file."""
        for file in sources:
            self.files[file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = file
        self.sources = sources
        self.nodes: dict[str, list[ast.stmt]] = {}
        """Definition -> its statements, of the modules read so far."""
        self._modules: dict[str, _Bindings] = {}
        self._units: dict[str, _Unit] = {}
        self._members: dict[str, tuple[dict[str, list[str]], list[str]]] = {}

    def reached(self, names: Collection[str]) -> dict[str, str]:
        """All definitions that names reach, as text: the same on every version of Python.

        names: 'module:name', 'module:*' for a module of which any name may be used, '.name' for an attribute.
        """
        found: dict[str, _Unit] = {}
        attributes = {name[1:] for name in names if name.startswith(".")}
        anywhere = {name.partition(":")[0] for name in names if name.endswith(":*")}
        waiting = [unit for name in names if ":" in name and name[-1] != "*" for unit in self._named(name)]
        while True:
            while waiting:
                unit = waiting.pop()
                if unit not in found and unit not in _NO_VALUES:
                    found[unit] = self._unit(unit)
                    attributes |= found[unit].attributes
                    waiting += found[unit].uses
            methods, always = zip(*(self._methods(unit) for unit in found), strict=True) if found else ((), ())
            waiting = [unit for units in always for unit in units]
            waiting += [unit for known in methods for name in known.keys() & attributes for unit in known[name]]
            waiting += [unit for module in anywhere for name in attributes for unit in self.resolve(module, name)]
            waiting = [
                unit for unit in waiting if unit not in found and unit not in _NO_VALUES
            ] or self._whole_registries(names, found)
            if not waiting:
                return {unit: known.text for unit, known in found.items()}

    def resolve(self, module: str, name: str) -> list[str]:
        """The definitions behind a name of a module, wherever it was imported from; none where it computes no value."""
        if module not in self.files or module in NO_VALUES:
            return []
        bindings = self._bindings(module)
        if name in bindings.defined:
            return [f"{module}:{name}"]
        if name in bindings.imports:
            base, inner = bindings.imports[name]
            return self.resolve(base, inner) if inner else self._all(base)
        if f"{module}.{name}" in self.files:
            return self._all(f"{module}.{name}")
        if self.files[module].endswith("/__init__.py") and not name.startswith("_"):  # `globals().update(...)` there
            inside = (other for other in self.files if other.rpartition(".")[0] == module and other not in NO_VALUES)
            return [f"{other}:{name}" for other in inside if name in self._bindings(other).defined]
        return []

    def file(self, unit: str) -> str:
        """The file of a definition."""
        return self.files[unit.partition(":")[0]]

    def uses(self, unit: str) -> frozenset[str]:
        """The definitions that one of them names."""
        return self._unit(unit).uses

    def lines(self, unit: str) -> set[int]:
        """The lines of a definition in its file, decorators included; those of a class without its methods'."""
        found: set[int] = set()
        for node in self.nodes[unit]:
            found |= _span(node)
            for member in _class_body([node] if "." not in unit.partition(":")[2] else []):
                found -= _span(member) if _is_method(member) else set()
        return found

    def _named(self, name: str) -> list[str]:
        """The definitions behind 'module:Class.inner'."""
        module, _, qualname = name.partition(":")
        outer, _, inner = qualname.partition(".")
        found = self.resolve(module, outer)
        return found + [f"{unit}.{inner}" for unit in found if f"{unit}.{inner}" in self.nodes]

    def _all(self, module: str) -> list[str]:
        if module not in self.files or module in NO_VALUES:
            return []
        return [f"{module}:{name}" for name in self._bindings(module).defined]

    def _entries(self, package: str) -> list[str]:
        """The definitions that put something into a registry."""
        modules = [name for name in self.files if name.rpartition(".")[0] == f"{PACKAGE}.{package}"]
        if package != "inversion":
            cards = ("SCORE", "SCORES", "DATASETS")
            return [unit for name in modules for unit in self._all(name) if unit.partition(":")[2] in cards]
        units = [unit for name in modules for unit in self._all(name)]
        return [unit for unit in units if any("name" in _stored(node) for node in _class_body(self.nodes[unit]))]

    def _whole_registries(self, names: Collection[str], found: Collection[str]) -> list[str]:
        """All entries of a registry from which something is chosen, where neither the roots nor the code say what."""
        waiting = []
        for package, registry in _REGISTRIES.items():
            if f"{PACKAGE}.{package}:{registry}" in found and not any(f".{package}." in name for name in names):
                entries = self._entries(package)
                waiting += [] if any(entry in found for entry in entries) else entries
        return waiting

    def _chosen(self, name: str) -> Iterator[str]:
        """The entries of all registries of this name."""
        for package in _REGISTRIES:
            for entry in self._entries(package):
                nodes = (one for node in self.nodes[entry] for one in ast.walk(node) if isinstance(one, ast.Constant))
                if any(node.value == name for node in nodes):
                    yield entry

    def _bindings(self, module: str) -> _Bindings:
        if module not in self._modules:
            tree = _parsed(self.sources[self.files[module]])
            defined: dict[str, list[ast.stmt]] = {}
            for node in tree.body:
                if not isinstance(node, ast.Import | ast.ImportFrom) and not (
                    isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
                ):
                    for name in sorted(_stored(node)):  # the order of a set differs from process to process
                        defined.setdefault(name, []).append(node)
            imports = self._imports(module, (one for node in tree.body for one in _outside_definitions(node)))
            self._modules[module] = _Bindings(imports, defined, _looks_up(defined.values()))
            for name, nodes in defined.items():
                self.nodes[f"{module}:{name}"] = nodes
                for member in _class_body(nodes):
                    if _is_method(member):
                        self.nodes.setdefault(f"{module}:{name}.{member.name}", []).append(member)
        return self._modules[module]

    def _imports(self, module: str, nodes: Iterable[ast.AST]) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.partition(".")[0] == PACKAGE:
                        found[alias.asname or PACKAGE] = (alias.name if alias.asname else PACKAGE), ""
            elif isinstance(node, ast.ImportFrom):
                package = module if self.files[module].endswith("/__init__.py") else module.rpartition(".")[0]
                base = resolve_name("." * node.level + (node.module or ""), package)
                if base.partition(".")[0] == PACKAGE:
                    for alias in node.names:
                        inner = f"{base}.{alias.name}"
                        found[alias.asname or alias.name] = (inner, "") if inner in self.files else (base, alias.name)
        return found

    def _unit(self, unit: str) -> _Unit:
        if unit not in self._units:
            module, _, qualname = unit.partition(":")
            self._bindings(module)
            nodes = self.nodes[unit]
            if "." not in qualname:
                nodes = [_without_methods(node, unit) for node in nodes]
            inner = [one for node in nodes for one in ast.walk(node)]
            imports = self._modules[module].imports | self._imports(module, inner)
            uses: dict[str, list[str]] = {}
            attributes: set[str] = set()
            handled: set[int] = set()
            own = _locals(nodes)
            looked_up = self._modules[module].looks_up
            for node in inner:
                if isinstance(node, ast.Attribute):
                    attributes.add(node.attr)
                    chain = _chain(node)
                    if chain and chain[0] in imports and id(node) not in handled:
                        handled |= {id(one) for one in ast.walk(node)}
                        uses[".".join(chain)] = self._along(imports, chain)
                elif isinstance(node, ast.Name) and id(node) not in handled and node.id not in own:
                    base, name = imports.get(node.id, (module, node.id))
                    uses[node.id] = self.resolve(base, name) if name else self._all(base)
                elif looked_up and isinstance(node, ast.Constant) and isinstance(node.value, str):
                    attributes.add(node.value)
                for name in _choice(node):
                    uses[f"'{name}'"] = list(self._chosen(name))
            meant = sorted(f"{name}={','.join(units)}" for name, units in uses.items() if units)
            text = f"{_text(nodes)} {' '.join(meant)}"
            found = {one for units in uses.values() for one in units} - {unit}
            self._units[unit] = _Unit(text, frozenset(found), frozenset(attributes))
        return self._units[unit]

    def _along(self, imports: Mapping[str, tuple[str, str]], chain: list[str]) -> list[str]:
        """What `metrics.s_hf` and the like stand for."""
        base, name = imports[chain[0]]
        for step in chain[1:]:
            if name:  # a definition, of which the rest are attributes
                break
            inner = f"{base}.{step}"
            base, name = (inner, "") if inner in self.files else (base, step)
        return self.resolve(base, name) if name else self._all(base)

    def _methods(self, unit: str) -> tuple[dict[str, list[str]], list[str]]:
        """Methods of a class that count where their name is mentioned, and those that count with the class."""
        if unit not in self._members:
            by_name: dict[str, list[str]] = {}
            always: list[str] = []
            module, _, qualname = unit.partition(":")
            for node in self.nodes[unit] if "." not in qualname else ():
                if isinstance(node, ast.ClassDef):
                    called = any(not self._plain(module, base) for base in node.bases)
                    for member in filter(_is_method, node.body):
                        decorators = {_last(one) for one in member.decorator_list}
                        hidden = member.name.startswith("__") or not decorators <= _PLAIN_DECORATORS
                        name = f"{unit}.{member.name}"
                        (always if called or hidden else by_name.setdefault(member.name, [])).append(name)
            self._members[unit] = by_name, always
        return self._members[unit]

    def _plain(self, module: str, base: ast.expr) -> bool:
        """Whether a base class calls none of a subclass's methods by names that no reached code mentions."""
        chain = _chain(base.value if isinstance(base, ast.Subscript) else base)
        known = self._bindings(module)
        return bool(chain) and (chain[-1] in _PLAIN_BASES or chain[0] in known.defined or chain[0] in known.imports)


@functools.lru_cache(maxsize=1024)
def _parsed(source: str) -> ast.Module:
    return _Silent().visit(ast.parse(source))


class _Silent(ast.NodeTransformer):
    """Takes out what is told or refused and computes nothing: docstrings, the sentences of errors, warnings, checks,
    conditions of these alone, and variables that only these use."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        called = node.value.func if isinstance(node.value, ast.Call) else None
        told = ".".join(_chain(called)) in ("warnings.warn", "print") or _last(called).lstrip("_").startswith("check")
        return None if told or isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.stmt | None:
        node = self.generic_visit(node)
        computes = node.orelse or any(not isinstance(one, ast.Raise) for one in node.body)
        return node if computes or any(isinstance(one, ast.NamedExpr) for one in ast.walk(node.test)) else None

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        if isinstance(node.exc, ast.Call):
            name = _last(node.exc.func)
            if name.endswith("Error") or name == "unknown" or hasattr(builtins, name):
                node.exc.args, node.exc.keywords = [], []
        return node

    def visit_FunctionDef(self, node: _Function) -> ast.stmt:
        before = _loaded(node)
        node = self.generic_visit(node)
        while unused := before - _loaded(node):
            dropped = _Dropped(unused)
            dropped.generic_visit(node)
            if not dropped.any:
                break
            node = self.generic_visit(node)  # conditions of refusals alone have become so by now
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815  (ast names them)


class _Dropped(ast.NodeTransformer):
    """Takes out assignments to variables that nothing reads."""

    def __init__(self, names: Collection[str]) -> None:
        self.names, self.any = names, False

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | None:
        if all(isinstance(target, ast.Name) and target.id in self.names for target in node.targets):
            self.any = True
            return None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        return node


def _loaded(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def _stored(node: ast.AST) -> set[str]:
    """The names that a statement of a module or a class defines or changes; for a call alone all that it mentions."""
    if isinstance(node, ast.Expr):
        return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    found = set()
    for one in _outside_definitions(node):
        match one:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(one.name)
            case ast.Import() | ast.ImportFrom():
                found |= {alias.asname or alias.name.partition(".")[0] for alias in one.names}
            case ast.Name(name, ast.Store()):
                found.add(name)
            case ast.Expr() | ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                found |= _loaded(one)
    return found


def _outside_definitions(node: ast.AST) -> Iterator[ast.AST]:
    """A statement with all below it, but not what is inside functions and classes, nor the variables of
    comprehensions."""
    yield node
    if not isinstance(node, _Definition | ast.Lambda):
        for inner in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.comprehension) and inner is node.target):
                yield from _outside_definitions(inner)


def _locals(nodes: Iterable[ast.stmt]) -> set[str]:
    """The names that are a function's own."""
    found: set[str] = set()
    for node in filter(_is_method, nodes):
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        found |= {one.arg for one in arguments if one is not None}
        inside = [one for statement in node.body for one in _outside_definitions(statement)]
        found |= {one.id for one in inside if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        found |= {one.name for one in inside if isinstance(one, _Definition)}
        found -= {name for one in inside if isinstance(one, ast.Global) for name in one.names}
    return found


def _looks_up(definitions: Iterable[Iterable[ast.stmt]]) -> bool:
    """Whether a module gets attributes by names that it computes."""
    nodes = (one for statements in definitions for node in statements for one in ast.walk(node))
    return any(isinstance(node, ast.Name) and node.id in ("getattr", "attrgetter", "methodcaller") for node in nodes)


def _class_body(nodes: Iterable[ast.stmt]) -> list[ast.stmt]:
    return [member for node in nodes if isinstance(node, ast.ClassDef) for member in node.body]


def _span(node: ast.stmt) -> set[int]:
    first = min(one.lineno for one in (node, *getattr(node, "decorator_list", ())))
    return set(range(first, node.end_lineno + 1))


def _is_method(node: ast.AST) -> bool:
    return isinstance(node, _Function)


def _without_methods(node: ast.stmt, unit: str) -> ast.stmt:
    """Of a class what is not a method, without fields that compute no value."""
    if not isinstance(node, ast.ClassDef):
        return node
    fields = {name: value for name, value in ast.iter_fields(node) if name != "body"}
    counts = (
        one for one in node.body if not _is_method(one) and not {f"{unit}.{name}" for name in _stored(one)} & _NO_VALUES
    )
    return ast.ClassDef(**fields, body=list(counts))


def _chain(node: ast.AST) -> list[str]:
    """['a', 'b'] of a.b; empty where something else than a name begins it."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _last(node: ast.AST) -> str:
    """The last name of a decorator or of what is raised."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _choice(node: ast.AST) -> Iterator[str]:
    """Names that are looked up in a registry, as in `create('taba')` and `SCORES['s_hf']`."""
    match node:
        case ast.Call(args=[ast.Constant(str(name)), *_]) if _last(node.func) in _CHOOSING:
            yield name
        case ast.Subscript(slice=ast.Constant(str(name))) if _last(node.value) in _REGISTRIES.values():
            yield name


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of a statement that hold further statements."""


def head(node: ast.stmt) -> str:
    """A statement as text, without the statements inside."""
    fields = {name: [] if name in BLOCKS else value for name, value in ast.iter_fields(node)}
    return _text(type(node)(**fields))


def _text(node: object) -> str:
    """A syntax tree as text: the same on every version of Python, without positions."""
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for field, value in ast.iter_fields(node):
        if value is None or value == [] or field in ("ctx", "kind", "type_comment", "type_ignores"):
            continue
        fields.append(f"{field}={_text(value)}")
    return f"{type(node).__name__}({','.join(fields)})"
