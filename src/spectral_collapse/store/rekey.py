"""Carries results that ship over to code that computes the same: old and new code run on the same jobs.

Where no definition that a result's key holds has changed, nothing runs. Else the code of the commit that the result
stands for and that of HEAD run its study at profile smoke and one job of its own, each in a process with one thread.
Where all arrays agree bit for bit, the images that were read among them, and every statement that differs was
executed, the result gets today's key: a line in the index beside the files (`shipping.index`), which stay as they are.
It is evidence, and no proof.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from spectral_collapse import pages, paths
from spectral_collapse.errors import DataError
from spectral_collapse.store import keys, shipping
from spectral_collapse.store.keys import Package
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.parameters import by_profile_names

_ROOT = Path(__file__).resolve().parents[3]
_SENTENCE = 300
"""Characters of another process's error that are shown."""

# Runs under old code, too: of this package it uses only what every version has.
_SCRIPT = """
import hashlib, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import numpy as np
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.request import Request

def digest(values):
    values = np.ascontiguousarray(values)
    content = repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes()
    return hashlib.sha256(f"{values.dtype} {values.shape}".encode() + content).hexdigest()

def answer(asked):
    study, seen, arrays = STUDIES[asked["study"]], {file: set() for file in asked["files"]}, {}
    def lines(frame, event, argument):
        if event == "line":
            seen[frame.f_code.co_filename].add(frame.f_lineno)
        return lines
    def calls(frame, event, argument):
        if frame.f_code.co_filename in seen:
            seen[frame.f_code.co_filename].add(frame.f_code.co_firstlineno)
            return lines
    for given in asked["requests"]:
        request = Request(study.parameters.checked(**given))
        sys.settrace(calls)
        try:
            jobs = study.jobs(request)
            whole = given["profile"] == "smoke"
            done = {name: jobs[name]() for name in (list(jobs) if whole else list(jobs)[:1])}
            found = {(name, one): values for name, job in done.items() for one, values in job.items()}
            if whole:
                result = study.combine(request, {name: job | {"seconds": np.float64(0)} for name, job in done.items()})
                found |= {("result", str(name)): values for name, values in result.variables.items()}
        finally:
            sys.settrace(None)
        fields = type(request.parameters).model_fields
        if "dataset" in fields:
            found |= {("images", name): images.numpy() for name, images in request.pair._asdict().items()
                      if hasattr(images, "numpy")}
        if "reference" in fields:
            found["images", "training"] = request.real_targets.numpy()
        arrays |= {f"{given['profile']}, {job}, {name}": digest(values) for (job, name), values in found.items()
                   if "seconds" not in name}
    code = study.identity(request)["code"]
    return {"code": code, "arrays": arrays, "lines": {file: sorted(found) for file, found in seen.items()}}

for line in sys.stdin:
    try:
        found = answer(json.loads(line))
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(found), file=answers, flush=True)
"""


@dataclass(frozen=True)
class _Wanted:
    """A result that ships with other code than today's. names: what its code is reached from. code: today's key."""

    name: str
    study: str
    parameters: dict[str, Any] | None
    state: shipping.State
    names: frozenset[str]
    code: str


def rekey(since: str | None = None, progress: bool = True, profile: str = "quick") -> tuple[list[str], list[str]]:
    """Carries over what pages show and ships with other code than today's, where that computes the same.

    It can be interrupted at any point; what was carried over is kept.

    Args:
        since: a commit whose code made all these results; without it the one that each of them names.
        progress: whether to show a bar.
        profile: of the pages.

    Returns:
        The names of what was carried over, and a sentence for each result that was not.

    Raises:
        DataError: no git, no checkout, files of the package that differ from HEAD, an unknown commit, no notebooks.
    """
    head = _git("rev-parse", "HEAD")
    if _git("status", "--porcelain", "--", "src"):
        raise DataError("files under src differ from the last commit; commit them, and run this again")
    if since is not None:
        since = _commit(since)
    carried: list[str] = []
    refused: list[str] = []
    groups: dict[tuple[str, str], list[_Wanted]] = {}
    for one in _wanted(profile):
        groups.setdefault((since or one.state.commit, one.study), []).append(one)
    with tqdm(desc="rekey", total=sum(map(len, groups.values())), disable=not progress) as bar:
        for (commit, _), wanted in groups.items():
            with _Pair(commit, head) as pair:
                for one in wanted:
                    bar.set_postfix_str(one.name)
                    try:
                        compared = _compared(one, _commit(commit), pair)
                        _carry(one, [_commit(commit), head], compared)
                    except DataError as error:
                        refused.append(f"{one.name}: {error}")
                    else:
                        carried.append(one.name)
                    bar.update()
    return carried, refused


def _wanted(profile: str) -> list[_Wanted]:
    found = []
    for need in pages.needed(profile):
        if need.state.kind == "stored" or not need.state.code:
            continue
        try:
            parameters = json.loads(json.dumps(need.request.parameters.model_dump(exclude={"root"})))
        except TypeError:  # a network or a method of the page's own
            parameters = None
        with pages.methods_of(need.pages[0]):
            names = keys.roots_of(need.study.roots(need.request))[0]
        found.append(_Wanted(need.name, need.study.name, parameters, need.state, names, need.identity["code"]))
    return found


def _compared(one: _Wanted, commit: str, pair: _Pair) -> str:
    """How a result's old and new code were found to compute the same. Raises DataError where they were not."""
    old, new = keys.committed(commit), keys.installed()
    before, now = old.reached(one.names), new.reached(one.names)
    known, _, objects = one.state.code.partition("-")
    if objects != one.code.partition("-")[2] if objects else _git("diff", "--name-only", commit, "--", *_NO_CODE):
        raise DataError("its methods have other parameters")
    changed = keys.differing(before, now)
    told = not objects or known == keys.digest(before)
    if told and not changed:
        return "definitions"
    if one.parameters is None:
        raise DataError(
            "its page has a study, a method or a network of its own, and "
            f"{_name(changed[0]) if changed else 'what counts as its code'} has changed"
        )
    sides = (old, before), (new, now)
    files = [_files(package, reached, changed) for package, reached in sides]
    found = pair.run(one.study, one.parameters, files)
    if not told and known != found[0]["code"].partition("-")[0]:  # by the rules for keys of its own time
        raise DataError(f"it was not made by the code of commit {commit[:7]}; name another one with --from")
    arrays = [answer["arrays"] for answer in found]
    if unlike := sorted(name for name in {*arrays[0], *arrays[1]} if arrays[0].get(name) != arrays[1].get(name)):
        raise DataError(f"{len(unlike)} of {len(arrays[0])} arrays differ, the first of them {unlike[0]!r}")
    for unit in [unit for unit in changed if unit.split(":")[0].split(".")[1] not in _GIVEN]:
        for (package, reached), other, answer in zip(sides, (new, old), found, strict=True):
            if unit in reached and (line := _not_run(unit, package, other, reached, answer["lines"])):
                raise DataError(f"line {line} of {package.file(unit)} differs, and neither run executed it")
    return f"{len(arrays[0])} arrays"


_NO_CODE = (":(top,glob)src/**/studies/*.toml",)
"""What git calls the files of settings that methods are made with."""

_GIVEN = ("datasets", "networks")
"""Packages that read images and weights: what they read for a result is compared, so that what they did not execute
may differ, such as the code for other kinds of files."""


def _name(unit: str) -> str:
    return unit.removeprefix(f"{keys.PACKAGE}.").replace(":", ".")


def _files(package: Package, reached: Mapping[str, str], changed: list[str]) -> list[str]:
    """The files of definitions that have changed and of those that use them."""
    units = {unit for unit in reached if unit in changed or package.uses(unit) & set(changed)}
    return sorted({package.file(unit) for unit in units})


def _not_run(
    unit: str, package: Package, other: Package, reached: Mapping[str, str], lines: Mapping[str, list[int]]
) -> int | None:
    """The first line of a definition that differs from the other code and was not executed."""
    mine, theirs = _statements(package.nodes[unit]), _statements(other.nodes.get(unit, []))
    same = difflib.SequenceMatcher(None, [one[0] for one in mine], [one[0] for one in theirs], autojunk=False)
    kept = {start + n for start, _, size in same.get_matching_blocks() for n in range(size)}
    for number, (_, first, called) in enumerate(mine):
        if number in kept:
            continue
        if called is None:  # executed by the import: what uses it has to be
            users = [unit, *(user for user in reached if unit in package.uses(user))]
            ran = any(package.lines(user) & set(lines.get(package.file(user), ())) for user in users)
        else:
            ran = not called.isdisjoint(lines.get(package.file(unit), ()))
        if not ran:
            return first
    return None


def _statements(nodes: list[ast.stmt]) -> list[tuple[str, int, set[int] | None]]:
    """All statements in order: text with depth, first line, and the lines of which one is executed with it; None for
    those of modules and classes."""
    found = []

    def walk(node: Any, depth: int, inside: bool) -> None:
        """node: a statement, or a part of one with statements of its own: a handler of exceptions, a case."""
        body = [one for name, value in ast.iter_fields(node) if name in keys.BLOCKS for one in value]
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        first, end = _first(node), getattr(node, "end_lineno", _first(node))
        last = end if function or not body else max(first, min(map(_first, body)) - 1)
        found.append((f"{depth} {keys.head(node)}", first, set(range(first, last + 1)) if inside or function else None))
        for one in body:
            walk(one, depth + 1, inside or function)

    for node in nodes:
        walk(node, 0, False)
    return found


def _first(node: Any) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno


class _Pair(contextlib.ExitStack):
    """Old and new code, each in a process of its own that starts when it is needed."""

    def __init__(self, commit: str, head: str) -> None:
        super().__init__()
        self.commits = commit, head
        self.roots: list[Path] = []
        self.processes: list[subprocess.Popen[str]] = []

    def run(self, study: str, parameters: dict[str, Any], files: list[list[str]]) -> list[Any]:
        """What old and new code answer. Raises DataError for an error of either."""
        if not self.processes:
            self._start()
        fixed = {
            name: value for name, value in parameters.items() if name not in by_profile_names(STUDIES[study].parameters)
        }
        small = {name: value for name, value in fixed.items() if name != "images"} | {"profile": "smoke"}
        found = []
        for commit, root, process, watched in zip(self.commits, self.roots, self.processes, files, strict=True):
            asked = {"study": study, "requests": [small, parameters], "files": [str(root / one) for one in watched]}
            try:
                print(json.dumps(asked), file=process.stdin, flush=True)
                answer = json.loads(process.stdout.readline() or json.dumps({"error": self._last_words(root)}))
            except OSError as error:
                answer = {"error": str(error)}
            if "error" in answer:
                sentence = " ".join(answer["error"].split())[:_SENTENCE]
                raise DataError(f"the code of commit {commit[:7]} cannot run it: {sentence}")
            lines = {os.path.relpath(file, root): numbers for file, numbers in answer["lines"].items()}
            found.append(answer | {"lines": lines})
        return found

    def _last_words(self, root: Path) -> str:
        """Why a process has ended, such as a library that old code needs and that is not installed any more."""
        lines = root.with_suffix(".log").read_text("utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "its process has ended")

    def _start(self) -> None:
        for commit in self.commits:
            root = Path(self.enter_context(tempfile.TemporaryDirectory())).resolve()
            packed = _git("archive", "--format=tar", commit, "src", "pyproject.toml", text=False)
            with tarfile.open(fileobj=io.BytesIO(packed)) as tree:
                tree.extractall(root, filter="data")
            self.roots.append(root / "src")
            known = os.environ | {"PYTHONPATH": str(root / "src"), "SPECTRAL_COLLAPSE_HOME": str(paths.data())}
            known |= {"OMP_NUM_THREADS": "1", "SPECTRAL_COLLAPSE_CACHE_GB": "0"}
            log = self.enter_context((root / "src.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-c", _SCRIPT],
                cwd=root,
                env=known,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            self.enter_context(process)
            self.callback(process.kill)
            self.processes.append(process)


def _carry(one: _Wanted, commits: list[str], compared: str) -> None:
    """Writes into the index that a result stands for today's code."""
    found = shipping.rekeyed()
    noted = {"commits": commits, "compared": compared}
    if not found or {name: found[-1][name] for name in noted} != noted:
        found.append(noted | {"files": {}})
    found[-1]["files"][one.state.file.name] = [one.state.code, one.code]
    shipping.carry(found)


def _commit(name: str) -> str:
    """A commit in full. Raises DataError for one that is unknown or not in the history of HEAD."""
    if name.endswith("+") or not name:
        raise DataError("it was made by code that is in no commit; name one that computes the same with --from")
    try:
        found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        _git("merge-base", "--is-ancestor", found, "HEAD")
    except DataError as error:
        raise DataError(f"commit {name[:40]} is not in the history of this checkout") from error
    return found


def _git(*arguments: str, text: bool = True) -> Any:
    """What git prints. Raises DataError where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise DataError("git is not installed, which knows the code that made the results") from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.decode(errors="replace").split())[:_SENTENCE]
        raise DataError(f"git cannot tell which code made the results; a checkout can ({reason})") from error
    return done.decode().strip() if text else done
