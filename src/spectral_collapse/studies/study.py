"""A study is data: parameters, jobs, and what combines them; one runner for all.

A study names its parameters (a `Parameters`), says which independent jobs answer its question, and puts their arrays
together as one xarray.Dataset. Everything else is done here: the runner checks the parameters, makes the key of all
that changes a value, looks for a stored result, runs the missing jobs on the chosen executor, and stores the result
with its provenance. A killed run goes on with the jobs that are missing.
"""

from __future__ import annotations

import contextlib
import functools
import time
import uuid
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import xarray as xr
from filelock import SoftFileLease
from tqdm.auto import tqdm

from spectral_collapse import datasets, executors, inversion, metrics
from spectral_collapse.checks import check_device, check_flag, check_function, check_is, check_text
from spectral_collapse.errors import InvalidParameterError, described
from spectral_collapse.executors import Arrays, Executor
from spectral_collapse.store import keys, results, shipping
from spectral_collapse.store.identity import UnidentifiedError
from spectral_collapse.store.parts import Parts, parts_of
from spectral_collapse.studies import ledger
from spectral_collapse.studies.parameters import Parameters, check_parameters
from spectral_collapse.studies.request import Request

Job = Callable[[], Arrays]
P = TypeVar("P", bound=Parameters)

_WAIT = 2.0
"""Seconds between two looks at jobs that another run computes."""
_REGISTRIES: tuple[dict[str, Any], ...] = (inversion.METHODS, metrics.SCORES, datasets.DATASETS)
"""The user may have put entries of his own into them; other processes get these with each job."""


@dataclass(frozen=True)
class Study(Generic[P]):
    """One question.

    name: of the study, its notebook and its results. question: one line, for the command line and the book. parameters:
    the type of its parameters. jobs: the request -> name -> a function without arguments that returns arrays; no job
    needs another. combine: the request and every job's arrays (with the `seconds` that it took) -> the result. uses:
    the request -> methods and other objects whose code the jobs run but their modules do not name, for the key. made:
    pictures that a network made, not the data's: name of the variable -> {} for all of them, or their labels along a
    dimension. Other pictures, and those that reproduce the data, such as reconstructions of sources, are not included
    if the data's terms forbid it (`store.withheld`).
    """

    name: str
    question: str
    parameters: type[P]
    jobs: Callable[[Request[P]], Mapping[str, Job]]
    combine: Callable[[Request[P], Mapping[str, Arrays]], xr.Dataset]
    uses: Callable[[Request[P]], Iterable[Any]] = lambda request: ()
    made: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_text("name", self.name)
        check_text("question", self.question)
        check_parameters(self.parameters)
        for name in ("jobs", "combine", "uses"):
            check_function(name, getattr(self, name))
        check_is("made", self.made, Mapping, "a dict")

    def run(self, executor: str | Executor = "auto", progress: bool = True, **given: Any) -> xr.Dataset:
        """The result for these parameters: from the store, or computed and stored.

        Args:
            executor: where jobs run, as in `executors.get`.
            progress: whether to show a bar, a tick for each job.
            **given: the study's parameters.

        Raises:
            InvalidParameterError: a parameter that is unknown or impossible; DataError, CheckpointError,
            NotFiniteError, ExecutorError: one sentence each.
        """
        request = self._request(executor, progress, given)
        identity = self._identity_or_warning(request)
        result = self._look_up(request, identity)
        if result is not None:
            return result
        try:
            result = self._combined(request, identity, self._run_jobs(request, identity, executor, progress))
        except _StoredElsewhereError:
            result = None
        return self._store(request, identity, result)

    def stored(self, **given: Any) -> xr.Dataset | None:
        """The result for these parameters if the present code has made and stored it, else None.

        Raises InvalidParameterError and DataError as `run` does.
        """
        request = Request(self.parameters.checked(**given))
        try:
            return self._look_up(request, self.identity(request))
        except UnidentifiedError:
            return None

    def each(self, datasets: str | Sequence[str], **given: Any) -> dict[str, xr.Dataset]:
        """The results for several data sets by their names, all else alike.

        Raises InvalidParameterError for no data set or one that is named twice, and what `run` raises.
        """
        names = [datasets] if isinstance(datasets, str) else datasets
        texts = isinstance(names, Sequence) and all(isinstance(name, str) for name in names)
        if not texts or not len(names) or len(set(names)) < len(names):
            raise InvalidParameterError(
                f"datasets must name at least one data set, each of them once; {described(datasets)} was given"
            )
        return {name: self.run(dataset=name, **given) for name in names}

    def identity(self, request: Request[P]) -> dict[str, Any]:
        """All that changes a value of the result, as JSON knows it. Raises UnidentifiedError."""
        return request.identity() | {"code": keys.code_hash(*self.roots(request))}

    def roots(self, request: Request[P]) -> list[Any]:
        """The functions, methods and other objects from which all code of a request's jobs is reached."""
        used = self.uses(request)
        check_is(f"what `uses` of the study {self.name!r} gives", used, Iterable, "a list of objects")
        used = list(used)
        if names := [one for one in used if isinstance(one, str)]:
            raise InvalidParameterError(
                f"what `uses` of the study {self.name!r} gives must be objects, such as inversion.create('standard'), "
                f"and no names; {described(names[0])} was given"
            )
        return [self.jobs, self.combine, *request.code(), *used]

    def state(self, request: Request[P], identity: dict[str, Any], named: bool = True) -> shipping.State:
        """Whether the result of a request is included, and if not, why.

        identity: that of the request. named: also name the definitions that have changed, which takes a second.
        """
        names: Collection[str] = ()
        with contextlib.suppress(UnidentifiedError):  # what a function has closed over may have changed since its key
            names = keys.roots_of(self.roots(request))[0] if named else ()
        return shipping.state(self.name, request, identity, names)

    def _request(self, executor: str | Executor, progress: bool, given: Mapping[str, Any]) -> Request[P]:
        request = Request(self.parameters.checked(**given))
        executors.check(executor)
        check_flag("progress", progress)
        if request.parameters.device not in ("auto", "cpu"):  # these are always there, and others take torch to look
            check_device(request.parameters.device)
        return request

    def _identity_or_warning(self, request: Request[P]) -> dict[str, Any] | None:
        """None for what cannot be told from another, and so cannot be stored."""
        try:
            return self.identity(request)
        except UnidentifiedError as error:
            warnings.warn(
                f"this {self.name} result is computed and not stored, since it depends on {error}", stacklevel=3
            )
            return None

    def _look_up(self, request: Request[P], identity: dict[str, Any] | None) -> xr.Dataset | None:
        """What is stored for a request, or ships for one that this machine lacks the images of."""
        if identity is None:
            return None
        result, state = results.get(self.name, identity), self.state(request, identity, named=False)
        rendered = state.shown and identity.get("source") == "rendered"
        if state.shown and (result is None or (rendered and results.attributes(state.file)["data_source"] == "real")):
            result = results.result(state.file)
            if (identity.get("source"), result.attrs.get("data_source")) == ("real", "rendered"):
                _warn_once(
                    f"real images of {identity['dataset']!r} are here, and the result that ships and is shown was "
                    'computed from rendered ones; source="real" asks for yours'
                )
        if result is not None:
            ledger.note(result, "loaded", state)
            if other := results.other_versions(result.attrs):
                _warn_once(f"stored results were made with {other}; --fresh or FRESH=1 computes them anew")
        return result

    def _parts(self, identity: dict[str, Any]) -> Parts:
        return parts_of(self.name, results.key(self.name, identity))

    def _run_jobs(
        self, request: Request[P], identity: dict[str, Any] | None, executor: str | Executor, progress: bool
    ) -> dict[str, Arrays]:
        """The arrays of every job by its name, from the parts where an earlier run got that far.

        Raises _StoredElsewhereError where another run has stored the whole result meanwhile.
        """
        jobs = self.jobs(request)
        check_is(f"what `jobs` of the study {self.name!r} gives", jobs, Mapping, "a dict of functions")
        parts = None if identity is None else self._parts(identity)
        done = {} if parts is None else {name: found for name in jobs if (found := parts.get(name)) is not None}
        missing = [name for name in jobs if name not in done]
        hidden = {} if progress else {"disable": True}  # TQDM_DISABLE counts only where nothing is said here
        with tqdm(desc=self.name, total=len(jobs), initial=len(done), leave=False, **hidden) as bar:
            if missing:
                quick = request.parameters.profile == "smoke"  # takes less than processes take to start
                chosen = executors.get("here" if quick and executor == "auto" else executor, len(missing))
                work = self._work_of(request, identity, chosen)
                if parts is None:
                    running = chosen.run(work, iter(missing))
                else:
                    running = _shared(chosen, work, missing, parts, lambda: results.where(self.name, identity))
                for name, arrays in running:
                    bar.set_postfix_str(name)
                    bar.update()
                    done[name] = arrays
        return {name: done[name] for name in jobs}

    def _work_of(self, request: Request[P], identity: dict[str, Any] | None, executor: Executor) -> executors.Work:
        """What a worker does with the name of a job. Workers of this machine have what it has; those of a cluster are
        asked for the same identity, without code that has none."""
        wanted = None
        if not isinstance(executor, executors.Here | executors.Processes):
            wanted = request.identity() if identity is None else identity
        which = str(uuid.uuid4()) if identity is None else results.key(self.name, identity)
        _latest[:] = [(which, request)]  # it has loaded already what its key is made of
        return functools.partial(_work, self, request.parameters, _REGISTRIES, which, wanted)

    def _combined(self, request: Request[P], identity: dict[str, Any] | None, arrays: dict[str, Arrays]) -> xr.Dataset:
        """The result of all jobs, with what every result has."""
        result = self.combine(request, arrays)
        check_is(f"what `combine` of the study {self.name!r} gives", result, xr.Dataset, "an xarray.Dataset")
        if "sample" in result.dims and hasattr(request.parameters, "dataset"):
            result = result.assign_coords(sample_group=("sample", request.images.clusters))
        colours = {"rgb": ["red", "green", "blue"]}
        bare = {dim: colours.get(str(dim), range(n)) for dim, n in result.sizes.items() if dim not in result.coords}
        result = result.assign_coords(bare)
        result.attrs |= results.provenance(
            study=self.name,
            parameters=results.canonical(request.identity() if identity is None else identity),
            seconds=round(float(sum(part["seconds"] for part in arrays.values())), 1),
            **request.attrs(),
        )
        return result

    def _store(self, request: Request[P], identity: dict[str, Any] | None, result: xr.Dataset | None) -> xr.Dataset:
        """Stores a result, and gives it as it is stored; None stands for what another run has stored."""
        if identity is None:
            return results.of_population(result)
        if result is not None:
            results.save(result)
            self._parts(identity).clear()
        stored = results.get(self.name, identity)
        ledger.note(stored, "computed here", self.state(request, identity, named=False))
        return stored


class _StoredElsewhereError(Exception):
    """Another run has finished the same study meanwhile."""


def _shared(
    executor: Executor, work: executors.Work, missing: list[str], parts: Parts, stored: Callable[[], object]
) -> Iterator[tuple[str, Arrays]]:
    """Runs the jobs, and leaves those to another run that it computes at this moment.

    Raises _StoredElsewhereError when that has `stored` the whole result.
    """
    leases: dict[str, SoftFileLease] = {}
    waiting, ready = list(missing), dict[str, Arrays]()

    def free() -> Iterator[str]:
        """The jobs that nobody else has begun; the others go to `ready` or stay in `waiting`."""
        for name in list(waiting):
            lease = parts.lease(name)
            if lease is None:
                continue
            if stored():
                lease.release()
                raise _StoredElsewhereError
            waiting.remove(name)
            arrays = parts.get(name)
            if arrays is None:
                leases[name] = lease
                yield name
            else:  # done elsewhere since the last look
                lease.release()
                ready[name] = arrays

    try:
        while waiting:
            for name, arrays in executor.run(work, free()):
                parts.put(name, arrays)
                leases.pop(name).release()
                yield name, arrays
            while ready:
                yield ready.popitem()
            if waiting:
                time.sleep(_WAIT)
    finally:
        for lease in leases.values():
            lease.release()


_latest: list[tuple[str, Request]] = []
"""What this process worked at last, if anything, and by which name: its images and its network stay loaded from job to
job. A name, since a network that was given is another object in each process, and with each job."""
_agreed: list[Mapping[str, Any]] = []
"""What this worker has found that it has in common with the machine that asks."""


def _request(study: Study, parameters: Parameters, which: str, wanted: Mapping[str, Any] | None) -> Request:
    """The latest request if it has this name, else one of a worker's own.

    Raises ExecutorError where the worker is one of another machine that has not all that is `wanted`.
    """
    if not _latest or _latest[0][0] != which or wanted not in (None, *_agreed):
        _latest[:], _agreed[:] = [(which, Request(parameters))], []
    if wanted is not None and not _agreed:
        request = _latest[0][1]
        executors.compare(wanted, study.identity(request) if "code" in wanted else request.identity())
        _agreed[:] = [wanted]
    return _latest[0][1]


def _work(
    study: Study,
    parameters: Parameters,
    registries: Sequence[dict[str, Any]],
    which: str,
    wanted: Mapping[str, Any] | None,
    name: str,
) -> Arrays:
    """One job, in whichever process: its arrays and its seconds."""
    for here, there in zip(_REGISTRIES, registries, strict=True):
        here.update(there)
    job = study.jobs(_request(study, parameters, which, wanted))[name]
    started = time.perf_counter()
    arrays = job()
    check_is(f"what the job {name!r} of the study {study.name!r} gives", arrays, dict, "a dict of arrays")
    return arrays | {"seconds": np.float64(time.perf_counter() - started)}


@functools.cache
def _warn_once(sentence: str) -> None:
    """Once per process."""
    warnings.warn(sentence, stacklevel=4)
