"""Which results the book's pages show, whether they ship, and how they come to ship.

A page that has the name of a study shows its results for the parameters of the page's first cell. What others ask for
says `_calls`; `.ci/count_book.py` holds the list against what the built pages show.
"""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from spectral_collapse import datasets, inversion, paths
from spectral_collapse.errors import DataError, SpectralCollapseError
from spectral_collapse.injection import injected
from spectral_collapse.store import results, shipping
from spectral_collapse.studies import STUDIES, benchmark, networks
from spectral_collapse.studies.request import Request, loading_once

if TYPE_CHECKING:
    from spectral_collapse.executors import Executor
    from spectral_collapse.studies.study import Study

LIMIT = 20e6
"""Bytes that all results that ship may have together."""
_SUMS = ("choose", "claims", "diagnose", "helps", "index", "verdicts", "whiteness", "why")
"""Pages of what other pages show, or of no result that is stored."""
_FAMILIES = ("photos", "textures", "bbbc021", "edges2shoes")
"""Of the data sets that the page 'data' shows."""
_DEFINES = "method"
"""Tag of a cell that defines a method of the page's own, and needs no other cell."""

Call = tuple[str, Mapping[str, Any]]
"""A study and its parameters, among which there may be others, and `datasets` for several results."""


@dataclass(frozen=True)
class Need:
    """A result that pages show. pages: their names. name: of its file, without a suffix. state: whether it ships."""

    pages: tuple[str, ...]
    name: str
    state: shipping.State
    study: Study = field(repr=False)
    request: Request = field(repr=False)
    identity: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        why = f": {self.state.why}" if self.state.why else ""
        name = self.state.file.name if self.state.file and self.state.kind in ("stored", "other code") else ""
        # images of this machine give another key than those of the one where it was computed
        shown = f" as {name}" if name.removesuffix(".nc.xz") not in ("", self.name) else ""
        return f"{self.name}  {self.state.kind}{shown}{why}  ({', '.join(self.pages)})"


def asked(profile: str = "quick") -> list[tuple[str, Study, dict[str, Any]]]:
    """Page, study and parameters of each result that the book shows. Raises DataError outside a checkout."""
    notebooks = paths.pages()
    if not notebooks:
        raise DataError("there are no notebooks here; run this in a checkout of the project")
    found = []
    for notebook in notebooks:
        for name, given in _calls(notebook.stem, _parameters(notebook, profile)):
            study = STUDIES[name]
            known = {key: value for key, value in given.items() if key in study.parameters.model_fields}
            several = [given["datasets"]] if isinstance(given.get("datasets"), str) else given.get("datasets")
            found += [(notebook.stem, study, known | {"dataset": one}) for one in several or ()]
            found += [(notebook.stem, study, known)] if several is None else []
    return found


def needed(profile: str = "quick") -> list[Need]:
    """What the pages show at a profile, each result once, in the order in which the book runs the pages.

    Raises DataError outside a checkout, and what `Study.run` raises of parameters, data and networks.
    """
    found: dict[str, Need] = {}
    with loading_once():
        for page, study, given in asked(profile):
            with methods_of(page):
                request = Request(study.parameters.checked(**given))
                identity = study.identity(request)
                name = results.path(study.name, identity).stem
                known = found[name].pages if name in found else ()
                state = found[name].state if name in found else study.state(request, identity)
            found[name] = Need(tuple(dict.fromkeys([*known, page])), name, state, study, request, identity)
    return list(found.values())


def update(
    profile: str = "quick", executor: str | Executor = "auto", progress: bool = True
) -> tuple[list[str], list[str]]:
    """Makes all that pages need ship: computes what is stale, damaged or missing, and removes what no page
    needs of this profile.

    What is in the local store is taken from there. It can be killed at any point and goes on where it stopped.

    executor: as of `Study.run`.

    Returns:
        The names of what was made to ship, and a sentence for each result that could not be computed. Then nothing
        is removed.

    Raises what `needed` raises.
    """
    needs = needed(profile)
    files = {need.state.file for need in needs if need.state.kind == "stored"}
    missing = [need for need in needs if need.state.kind != "stored"]
    made, failed = [], []
    with loading_once():
        for need in tqdm(missing, desc="results", **({} if progress else {"disable": True})):
            try:
                with methods_of(need.pages[0]):
                    files.add(results.ship(need.study.run(executor, progress, **dict(need.request.parameters))))
            except SpectralCollapseError as error:
                failed.append(f"{need.name}: {error}")
            else:
                made.append(need.name)
    for file in results.shipped() if not failed else ():
        if file not in files and f"-{profile}-" in file.name:
            file.unlink()
    if made:
        shipping.carry(shipping.rekeyed())  # without those that are gone
    return made, failed


def problems(needs: Sequence[Need]) -> list[str]:
    """What must not be so in a release: a sentence each."""
    found = [str(need) for need in needs if need.state.kind != "stored"]
    unneeded = sorted(set(results.shipped()) - {need.state.file for need in needs})
    found += [f"{file.name}  is shown by no page" for file in unneeded]
    size = sum(file.stat().st_size for file in results.shipped())
    return found + ([f"{size / 1e6:.1f} MB ship, and {LIMIT / 1e6:.0f} MB may"] if size > LIMIT else [])


@contextlib.contextmanager
def methods_of(page: str) -> Iterator[None]:
    """Meanwhile the methods that a page defines are known, as in its kernel."""
    before = dict(inversion.METHODS)
    try:
        for notebook in paths.pages():
            for source, tags in _cells(notebook) if notebook.stem == page else ():
                if _DEFINES in tags:
                    exec(compile(source, str(notebook), "exec", dont_inherit=True), {"__name__": "__main__"})
        yield
    finally:
        inversion.METHODS.clear()
        inversion.METHODS.update(before)


def _cells(notebook: Path) -> Iterator[tuple[str, list[str]]]:
    """Source and tags of the cells of code."""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"]), cell["metadata"].get("tags", [])


def _parameters(notebook: Path, profile: str) -> dict[str, Any]:
    """What a page's first cell sets, and the book's profile."""
    given: dict[str, Any] = {}
    for source, tags in _cells(notebook):
        if "parameters" in tags:
            for node in ast.parse(f"{source}\n{injected(source, tags, profile)}").body:
                match node:
                    case ast.Assign([ast.Name(name)], ast.Subscript()):  # of smoke: the first two
                        given[name] = given[name][:2]
                    case ast.Assign([ast.Name(name)], value):
                        given[name] = ast.literal_eval(value)
    return given


def _calls(page: str, given: dict[str, Any]) -> Iterator[Call]:
    """What a page asks for with the parameters of its first cell."""
    match page:
        case "appendix_c":
            yield from (("appendix_c", given), ("decomposition", given))
        case "backbone" | "prediction_target" | "space":
            compared = _findings(page).SELECTION.networks
            absent = benchmark.not_shipped(compared, **given)
            for network in compared:
                for dataset in given["datasets"]:
                    if (name := benchmark.checkpoint(network, dataset)) not in absent:
                        yield "benchmark", given | {"datasets": dataset, "checkpoint": name}
        case "benchmark":
            yield "benchmark", given
            others = {"datasets": given["datasets"][-1], "methods": _findings(page).OTHERS, "shown": 1}
            yield "benchmark", given | others
            yield "perception", {"profile": given["profile"], "datasets": given["datasets"]}
        case "depends":
            for section in ("backbone", "prediction_target", "space"):
                part = _findings(section)
                yield from _calls(section, given | {"methods": part.SELECTION.methods, "shown": part.PICTURES})
        case "deterministic_stochastic" | "scale_factor":
            yield "benchmark", given
        case "cheap_guidance":
            yield page, given
            yield "benchmark", {"profile": given["profile"], "datasets": given["datasets"]}
        case "data":
            members = [name for name, info in datasets.DATASETS.items() if info.family in _FAMILIES]
            yield "domains", given | {"datasets": members}
        case "flow":
            usual, asked = _findings(page), given | {"methods": _findings("backbone").SELECTION.methods}
            for name in given["datasets"]:
                yield "benchmark", asked | {"datasets": name, "checkpoint": usual.named(usual.EPSILON, name)}
            yield "benchmark", given | {"datasets": given["datasets"][0]}
        case "introduction" | "decomposition":
            study = "collapse" if page == "introduction" else page
            yield study, given
            yield study, {"profile": given["profile"], "datasets": given["beside"]}
            if page != study and (other := _findings("decomposition").ordinary_network(_findings(study).PICTURED)):
                ordinary = {"datasets": _findings(study).PICTURED, "checkpoint": other}
                yield study, ordinary | {"profile": given["profile"]}
            for name in (given["dataset"], *given["beside"]) if page == study else ():
                if other := _findings(page).ordinary_network(name):
                    ordinary = {"profile": given["profile"], "datasets": name, "checkpoint": other}
                    yield from ((study, ordinary), ("benchmark", ordinary | _findings(page).IMAGES))
        case "networks":
            others = {name: value for name, value in given.items() if name not in ("source", "checkpoints", "images")}
            beside = ["bbbc021_x8", "edges2shoes", "textures_x8"]
            rendered = [name for name in beside if networks.twins(name, 64)]
            for study in (page, "fidelity"):
                yield study, given
                yield study, others | {"datasets": beside}
                yield study, others | {"datasets": rendered, "source": "rendered"}
        case "our_method":
            yield "benchmark", given
            compared = {"methods": _findings(page).COMPARED, "shown": 1}
            for dataset, network in given["second"].items():
                yield "benchmark", given | compared | {"datasets": dataset, "checkpoint": network}
        case "own_model":
            yield "own_method", given | {"methods": ["standard", "unit_noise", "taba"]}
        case "pareto":
            yield page, given
            others = _findings(page).another(given["dataset"], given["beside"])
            yield page, {"profile": given["profile"], "datasets": others}
        case "tuning":
            yield page, given
            tested = {"datasets": given["datasets"], "profile": given["profile"]}
            for study in ("benchmark", "perception"):
                yield from ((study, tested), (study, tested | _findings(page).ON_TEST_IMAGES))
        case "definitions":
            yield "scores", given
        case "scores":
            yield page, given
            yield "domains", given
            others = {name: value for name, value in given.items() if name not in ("source", "images")}
            yield "domains", others | {"datasets": datasets.companions(given["dataset"])}
        case _ if page not in _SUMS:
            yield page, given


def _findings(page: str) -> Any:
    return import_module(f"spectral_collapse.findings.{page}")
