"""Which results the book's pages show, and whether they ship.

A page asks its studies in calls; which, with which parameters, the notebook alone knows. So its statements run here as
they stand, while studies compute nothing: each one that is asked is noted (`ledger.asked_by`), and statements that want
to know what came out are left out. A notebook therefore asks no study for something that depends on a result.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from spectral_collapse import datasets, inversion, metrics, paths
from spectral_collapse.errors import DataError, SpectralCollapseError
from spectral_collapse.injection import injected
from spectral_collapse.store import results, shipping
from spectral_collapse.store.identity import UnidentifiedError
from spectral_collapse.studies import ledger
from spectral_collapse.studies.request import loading_once

if TYPE_CHECKING:
    from spectral_collapse.executors import Executor
    from spectral_collapse.studies.request import Request
    from spectral_collapse.studies.study import Study

LIMIT = 20e6
"""Bytes that all results that ship may have together."""


@dataclass(frozen=True)
class Need:
    """A result that pages show. pages: their names. name: of its file, without a suffix. state: whether it ships."""

    pages: tuple[str, ...]
    name: str
    state: shipping.State

    def __str__(self) -> str:
        why = f": {self.state.why}" if self.state.why else ""
        name = self.state.file.name if self.state.file and self.state.kind in ("stored", "other code") else ""
        # images of this machine give another key than those of the one where it was computed
        shown = f" as {name}" if name.removesuffix(".nc.xz") not in ("", self.name) else ""
        return f"{self.name}  {self.state.kind}{shown}{why}  ({', '.join(self.pages)})"


def needed(profile: str = "quick", notebooks: Sequence[Path] | None = None) -> list[Need]:
    """What the pages show at a profile, each result once, in the order in which the book runs the pages.

    notebooks: without them those of the book. Raises DataError without notebooks, and what `Study.run` raises of
    parameters, data and networks.
    """
    return list(each_asked(lambda *asked: None, profile, notebooks).values())


def each_asked(
    tell: Callable[[str, Study, Request, Mapping[str, Any], shipping.State], None],
    profile: str = "quick",
    notebooks: Sequence[Path] | None = None,
) -> dict[str, Need]:
    """`needed` by names. tell: is called once for each with name, study, request, identity and state, while what its
    page has added to the registries is there."""
    found: dict[str, Need] = {}

    def note(page: str, study: Study, request: Request, identity: Mapping[str, Any]) -> None:
        name = results.path(study.name, identity).stem
        if name not in found:
            found[name] = Need((), name, study.state(request, identity))
            tell(name, study, request, identity, found[name].state)
        found[name] = replace(found[name], pages=tuple(dict.fromkeys([*found[name].pages, page])))

    with loading_once():
        _read(notebooks, profile, note, found)
    return found


def update(
    profile: str = "quick",
    executor: str | Executor = "auto",
    progress: bool = True,
    notebooks: Sequence[Path] | None = None,
) -> tuple[list[str], list[str]]:
    """Makes all that pages need ship: computes what is stale, damaged or missing, and removes what no page
    needs of this profile.

    What is in the local store is taken from there. It can be killed at any point and goes on where it stopped.

    executor: as of `Study.run`. notebooks: as of `needed`.

    Returns:
        The names of what was made to ship, and a sentence for each result that could not be computed. Then nothing
        is removed.

    Raises what `needed` raises.
    """
    missing = [need for need in needed(profile, notebooks) if need.state.kind != "stored"]
    seen: dict[str, Path | None] = {}
    made, failed = [], []
    hidden = {} if progress else {"disable": True}
    with tqdm(desc="results", total=len(missing), **hidden) as bar:

        def compute(page: str, study: Study, request: Request, identity: Mapping[str, Any]) -> None:
            name = results.path(study.name, identity).stem
            if name in seen:
                return
            state = study.state(request, identity)
            seen[name] = state.file
            if state.kind == "stored":
                return
            bar.set_postfix_str(name)
            try:
                seen[name] = results.ship(study.answer(request, executor, progress))
            except SpectralCollapseError as error:
                failed.append(f"{name}: {error}")
            else:
                made.append(name)
            bar.update()

        _read(notebooks, profile, compute, seen)
    for file in results.shipped() if not failed else ():
        if file not in seen.values() and f"-{profile}-" in file.name:
            file.unlink()
    if made:
        shipping.carry(shipping.rekeyed())  # without those that are gone
    return made, failed


def unneeded(needs: Sequence[Need]) -> list[Path]:
    """Files that ship although no page shows them."""
    return sorted(set(results.shipped()) - {need.state.file for need in needs})


def problems(needs: Sequence[Need]) -> list[str]:
    """What must not be so in a release: a sentence each."""
    found = [str(need) for need in needs if need.state.kind != "stored"]
    found += [f"{file.name}  is shown by no page" for file in unneeded(needs)]
    size = sum(file.stat().st_size for file in results.shipped())
    return found + ([f"{size / 1e6:.1f} MB ship, and {LIMIT / 1e6:.0f} MB may"] if size > LIMIT else [])


def _read(notebooks: Sequence[Path] | None, profile: str, answer: Any, known: Mapping[str, Any]) -> None:
    """Runs what notebooks say of their studies. answer: called with page, study, request and identity of each result.
    known: names of results; a page that takes only what is stored gets these, too."""
    notebooks = paths.pages() if notebooks is None else notebooks
    if not notebooks:
        raise DataError("there are no notebooks here; run this in a checkout of the project")
    for notebook in notebooks:

        def asked(study: Study, request: Request, only_stored: bool, page: str = notebook.stem) -> Any:
            try:
                identity = study.identity(request)
            except UnidentifiedError:  # is computed and not stored
                return None if only_stored else ledger.Nothing()
            listed = results.path(study.name, identity).stem in known
            if (
                only_stored
                and not listed
                and study.state(request, identity).kind
                not in (
                    "stored",
                    "other code",
                )
            ):
                return None
            answer(page, study, request, identity)
            return ledger.Nothing()

        with ledger.asked_by(asked), _registries_kept(), contextlib.redirect_stdout(io.StringIO()):
            run_calls(notebook, profile)


def run_calls(notebook: Path, profile: str) -> None:
    """Runs the statements of a notebook but those that need results; within `ledger.asked_by`."""
    namespace: dict[str, Any] = {"__name__": "__main__"}  # as in a kernel: the key of a page's own method says so
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        tags = cell["metadata"].get("tags", [])
        for statement in ast.parse(f"{source}\n{injected(source, tags, profile)}").body:
            code = compile(ast.Module([statement], []), str(notebook), "exec", dont_inherit=True)
            try:
                exec(code, namespace)
            except Exception as error:
                read = (namespace.get(name) for name in _names(statement, ast.Load))
                if not (any(map(_unknown, read)) or isinstance(error, ledger.NothingError)):
                    raise
                namespace |= {name: ledger.Nothing() for name in _names(statement, ast.Store)}


def _unknown(value: object) -> bool:
    """Whether a value is, or holds, a result that was not computed."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, ledger.Nothing) or any(map(_unknown, inside))


def _names(statement: ast.stmt, context: type[ast.expr_context]) -> Iterator[str]:
    """The names that a statement reads (ast.Load) or assigns (ast.Store)."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, context):
            yield node.id


@contextlib.contextmanager
def _registries_kept() -> Iterator[None]:
    """What a page adds to the registries goes with it."""
    registries = inversion.METHODS, metrics.SCORES, datasets.DATASETS
    before = [dict(registry) for registry in registries]
    try:
        yield
    finally:
        for registry, entries in zip(registries, before, strict=True):
            registry.clear()
            registry.update(entries)
