"""Where a study's jobs run: in this process, in processes of this machine, or on a dask cluster.

Every job runs on one torch thread, wherever it runs: results are then the same bit for bit, and a small network gains
less from a second thread than a study does from a second process. loky manages the processes of this machine: they
communicate through pipes, so nobody else can reach them. dask manages a cluster, at its scheduler's address and with
dask's security settings. Either way, a job whose worker dies is run again, and the others go on.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import platform
import re
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from importlib import util
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spectral_collapse.checks import check_count
from spectral_collapse.errors import InvalidParameterError, SpectralCollapseError, listed, shown, unknown
from spectral_collapse.store.results import computing_versions

if TYPE_CHECKING:
    from distributed import Client
    from loky import ProcessPoolExecutor

Arrays = dict[str, np.ndarray]
Work = Callable[[str], Arrays]
"""The name of a job -> its arrays; what is sent to a worker."""

SHARED = "SPECTRAL_COLLAPSE_SHARED"
"""Environment variable: how many processes share the cores at the same time, as the kernels of two pages do."""

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "GOMP_SPINCOUNT": "1000",  # OpenMP's threads spin while they wait, which slows busy processes beside them
    "MALLOC_MMAP_THRESHOLD_": "33554432",  # the most that every glibc takes; it gives memory of larger tensors back,
    "MALLOC_TRIM_THRESHOLD_": "8589934592",  # and the system clears each page anew, a tenth of a U-Net's time
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e15",  # a network that stays loaded is no leak
}
"""Environment of the processes of this machine, read when they load torch and loky."""

_PACKAGE = __name__.partition(".")[0]
_INSTALL = f"the scheduler and all workers must have the same version of {_PACKAGE} as this machine"
_LOADED = time.time()
_ADDRESS = re.compile(r"(tcp|tls)://\S+:\d+")
_CONNECT_SECONDS = 10
_LOOK_SECONDS = 2
"""Between two looks at whether a cluster has workers, while its jobs run."""
_IDLE_SECONDS = 300
"""A process without a job ends after so long."""
_WATCH_SECONDS = 1
"""Between two looks of a process at whether the one that started it is there."""
_DEATHS = 3
"""A job that has killed so many workers is given up."""
_BY_MEMORY = "by memory most likely; what was finished is kept: run it again with fewer workers, or more memory"


class ExecutorError(SpectralCollapseError, RuntimeError):
    """The requested executor cannot run the jobs."""


class Executor(Protocol):
    """Runs named jobs and hands over each one's arrays when it is done."""

    workers: int

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        """Takes the next name only when a worker is free for it. Raises what a job raises."""
        ...


class Here:
    """One job after another, in this process."""

    workers = 1

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        for name in names:
            yield name, _on_one_thread(work, name)


class Processes:
    """Processes of this machine, kept for later studies. Objects of the running script that jobs use are sent by value.

    Raises ExecutorError if processes cannot be started.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        try:
            self._pool().submit(os.getpid).result()
        except (OSError, ImportError, NotImplementedError, RuntimeError) as error:
            raise ExecutorError(
                f"processes cannot be started here ({_in_short(error)}): they need semaphores, on Linux in a folder "
                "/dev/shm that can be written; '--workers 1' or executor='here' needs neither"
            ) from error

    def _pool(self) -> ProcessPoolExecutor:
        from loky import get_reusable_executor

        if not _pools:  # a process of multiprocessing waits for its own before what atexit knows is called
            Finalize(None, close, exitpriority=100)
        ending = {"initializer": _end_with, "initargs": (os.getpid(),)}
        _pools[:] = [get_reusable_executor(self.workers, timeout=_IDLE_SECONDS, env=ENVIRONMENT, **ending)]
        return _pools[0]

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        from loky.process_executor import BrokenProcessPool, TerminatedWorkerError

        running: dict[Future[Arrays], str] = {}
        deaths = Counter[str]()
        again: list[str] = []  # a process has ended while they ran: one after the other, to see whose fault it is
        try:
            while True:
                room = 1 if again else self.workers
                while len(running) < room:
                    # whoever has ended fewest processes first, so that all others are done before one is given up
                    name = min(again, key=deaths.__getitem__) if again else next(names, None)
                    if name is None:
                        break
                    running[self._pool().submit(_on_one_thread, work, name)] = name
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                ended = []
                for future in done:
                    name = running.pop(future)
                    try:
                        arrays = future.result()
                    except TerminatedWorkerError:
                        ended.append(name)
                        continue
                    except BrokenProcessPool as error:
                        raise ExecutorError(
                            f"the job {name!r} cannot be sent to another process ({_in_short(error)}); run it with "
                            "'--workers 1', or executor='here'"
                        ) from error
                    again = [one for one in again if one != name]
                    yield name, arrays
                deaths.update(ended)
                if given_up := [name for name in ended if deaths[name] == _DEATHS]:
                    raise ExecutorError(f"the job {given_up[0]!r} ended {_DEATHS} processes, {_BY_MEMORY}")
                again += [name for name in ended if name not in again]
        finally:
            if running:  # nobody waits for them any more
                self._pool().shutdown(kill_workers=True)


class Cluster:
    """The workers of a dask client, on this machine or on many.

    patience: seconds that jobs wait for a new worker after all have been lost.
    """

    def __init__(self, client: Client, patience: float = 60.0) -> None:
        self.client, self.patience = client, patience
        self._known: set[str] = set()  # workers that can import this package

    @property
    def workers(self) -> int:
        return max(len(self._addresses()), 1)

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        from distributed.scheduler import KilledWorker

        named: dict[Any, str] = {}  # futures

        def send(name: str) -> None:
            named[self.client.submit(_on_one_thread, work, name, pure=False)] = name

        def submit() -> None:
            """A job for each worker, those among them that have just joined."""
            with _lost(CancelledError, OSError):
                self._meet()
            for name in itertools.islice(names, max(0, self.workers - len(named))):
                send(name)

        submit()
        try:
            while named:
                for future in self._done(named):
                    name = named.pop(future)
                    try:
                        arrays = self._result(future)
                    except KilledWorker as error:
                        raise ExecutorError(f"the job {name!r} ended several workers, {_BY_MEMORY}") from error
                    except RuntimeError as error:
                        if "deserialization of the task graph" not in str(error):
                            raise
                        raise ExecutorError(
                            f"the scheduler cannot read the jobs ({_in_short(error)}); {_INSTALL}"
                        ) from error
                    if arrays is None:
                        send(name)
                        continue
                    submit()
                    yield name, arrays
        finally:
            with contextlib.suppress(Exception):  # of a scheduler that is lost
                self.client.cancel(list(named))

    def _done(self, futures: Iterable[Any]) -> list[Any]:
        """Those of some futures that are done, one at least, once there is one."""
        from distributed import wait

        while True:
            with _lost(CancelledError, OSError):
                with contextlib.suppress(TimeoutError), self.client.as_current():
                    return list(wait(list(futures), _LOOK_SECONDS, "FIRST_COMPLETED").done)
                self._await_worker()

    def _result(self, future: Any) -> Arrays | None:
        """What a job gives; None where that has been lost with its worker, and the job must be run again."""
        from distributed.comm import CommClosedError

        while True:
            try:
                with _lost(CommClosedError):
                    return future.result(self.patience)
            except (TimeoutError, CancelledError) as error:
                if future.status == "error":  # the job's own
                    raise
                cancelled = isinstance(error, CancelledError)
            with _lost(CancelledError, OSError):
                if cancelled and self.client.status != "running":
                    raise CancelledError
                self._await_worker()
            if cancelled:
                return None

    def _await_worker(self) -> None:
        """Waits for a worker where there is none: for the first one as long as it takes, after that `patience`.

        Raises ExecutorError.
        """
        if self._addresses():
            return
        if not self._known:
            warnings.warn("no worker has joined the dask scheduler yet; the jobs wait for the first one", stacklevel=2)
            self.client.wait_for_workers(1)
            return
        warnings.warn(
            f"all workers of the dask scheduler are lost; the jobs wait {self.patience:g} s for another one",
            stacklevel=2,
        )
        try:
            self.client.wait_for_workers(1, self.patience)
        except TimeoutError as error:
            raise ExecutorError(
                f"all workers of the dask scheduler were lost, and none has joined for {self.patience:g} s; what was "
                "finished is kept: start some, and run it again"
            ) from error

    def _addresses(self) -> set[str]:
        return set(self.client.scheduler_info(n_workers=-1)["workers"])

    def _meet(self) -> None:
        """Waits for the first worker, and looks at those that have joined.

        Raises ExecutorError for workers that lack this package, or have a version of it that knows another way to work.
        """
        self._await_worker()
        joined = self._addresses() - self._known
        if not joined:
            return
        lacking = [one for one, spec in self._asked(joined, util.find_spec, _PACKAGE).items() if spec is None]
        if not self._known and self.client.run_on_scheduler(util.find_spec, _PACKAGE) is None:
            lacking.append("the scheduler")
        if lacking:
            raise ExecutorError(f"{_PACKAGE} cannot be imported at {listed(lacking, 3)}; {_INSTALL}")
        here = computing_versions()
        for address, there in self._asked(joined, computing_versions).items():
            if not isinstance(there, dict):
                raise ExecutorError(f"the worker {address} has another version of {_PACKAGE}; {_INSTALL}")
            other = [f"{name} {there.get(name)} (here {here[name]})" for name in here if there.get(name) != here[name]]
            if other:
                warnings.warn(f"the worker {address} has {', '.join(other)}: last digits may differ", stacklevel=2)
        self._known.update(joined)

    def _asked(self, workers: set[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """The answers of workers by their addresses, errors among them; those that left meanwhile give none."""
        found = self.client.run(function, *arguments, workers=sorted(workers), on_error="return")
        return {one: answer for one, answer in found.items() if not isinstance(answer, OSError)}


def check(executor: object) -> None:
    """Raises InvalidParameterError for an executor that `get` does not know; starts and connects nothing."""
    if not isinstance(executor, str):
        if isinstance(executor, type) or not (hasattr(executor, "run") and hasattr(executor, "workers")):
            raise InvalidParameterError(
                f"executor must be a name, or an object with `workers` and `run`; {shown(executor)} was given"
            )
    elif executor.startswith("processes:"):
        number = executor.removeprefix("processes:")
        if not re.fullmatch(r"0*[1-9][0-9]{0,3}", number):
            raise InvalidParameterError(
                f"the number of processes must be an integer of at least 1; {shown(number)} was given, and 9999 is the "
                "most"
            )
    elif executor not in ("auto", "here", "processes") and not _ADDRESS.fullmatch(executor):
        known = ("auto", "here", "processes", "processes:N", "tcp://HOST:PORT", "tls://HOST:PORT")
        raise unknown("executor", executor, known)


def get(executor: str | Executor = "auto", jobs: int = 2) -> Executor:
    """An executor by name.

    Args:
        executor: 'here'; 'processes', one per core, with one thread each; 'processes:4'; the address of a dask
            scheduler, such as 'tcp://10.0.0.1:8786' or 'tls://10.0.0.1:8786'; 'auto': processes if there are several
            cores and several `jobs` and processes can be started, else 'here'. A single process is this one. An
            `Executor` is returned as it is.

    Raises:
        InvalidParameterError: an unknown name, or a number of processes below 1.
        ExecutorError: no scheduler answers at this address, or processes cannot be started.
    """
    check(executor)
    check_count("jobs", jobs, 0)
    if not isinstance(executor, str):
        return executor
    if "://" in executor:
        return Cluster(_connected(executor))
    if executor == "auto":
        number = min(cores(), jobs)
    elif executor == "processes":
        number = cores()
    else:
        number = int(executor.partition(":")[2] or 1)
    if number == 1:
        return Here()
    try:
        return Processes(number)
    except ExecutorError as error:
        if executor != "auto":
            raise
        warnings.warn(f"the jobs run one after the other, in this process, since {error}", stacklevel=2)
        return Here()


def cores() -> int:
    """The number of cores that this process may use.

    It is limited by the process's affinity, by its container's quota, and by other processes that share the cores
    (`SHARED`). Raises InvalidParameterError for a `SHARED` that is not a number.
    """
    from loky import cpu_count

    beside = os.environ.get(SHARED, "1")
    if not re.fullmatch(r"[0-9]{1,6}", beside) or int(beside) < 1:
        raise InvalidParameterError(
            f"{SHARED} must be a whole number of at least 1, how many processes share the cores; "
            f"{shown(beside)} was given"
        )
    return max(cpu_count() // int(beside), 1)


def compare(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raises ExecutorError, on a worker, if it would compute something other than what was requested.

    wanted: all that changes a value, on the machine that asks. found: the same, on this worker.
    """
    if differing := [name for name in sorted({*wanted, *found}) if wanted.get(name) != found.get(name)]:
        raise ExecutorError(
            f"the worker {_address()} would compute something else than was asked for: it has other "
            f"{', '.join(_SAID.get(name, name) for name in differing)}; {_INSTALL}, and the same networks and images"
        )
    ours = [name for name in list(sys.modules) if name.partition(".")[0] == _PACKAGE]
    files = {name: getattr(sys.modules[name], "__file__", None) or "" for name in ours}
    # written after this process has loaded it, or at least this module here
    if edited := [name for name, file in files.items() if os.path.isfile(file) and os.path.getmtime(file) > _LOADED]:
        raise ExecutorError(
            f"the worker {_address()} has loaded {edited[0]} before that was edited; start the worker again"
        )


_SAID = {"code": "code", "checkpoint": "weights", "checkpoints": "weights", "data": "images"}
"""Parts of an identity whose names say too little."""


def _address() -> str:
    from distributed import get_worker

    try:
        return get_worker().address
    except ValueError:  # an executor of somebody else
        return f"{platform.node()}, process {os.getpid()}"


def _end_with(parent: int) -> None:
    """Ends this process when the one that started it was killed: nobody would take what it computes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_one_thread(work: Work, name: str) -> Arrays:
    import torch  # takes seconds, and the book's build asks for `cores` alone

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work(name)
    finally:
        torch.set_num_threads(before)


def close() -> None:
    """Ends the processes and connections that `get` made; the next study that needs any makes new ones."""
    while _pools:
        _pools.pop().shutdown(kill_workers=True)
    while _clients:
        with contextlib.suppress(Exception):  # one that has died, or an interpreter that is going down
            _clients.pop().close()
    _connected.cache_clear()


_pools: list[ProcessPoolExecutor] = []
_clients: list[Client] = []
atexit.register(close)


@functools.cache
def _connected(address: str) -> Client:
    try:
        from distributed import Client, Security
    except ImportError as error:
        raise ExecutorError(
            f"the scheduler {address} needs the package 'distributed': pip install 'spectral-collapse[dask]'"
        ) from error
    if address.startswith("tls:") and Security().get_connection_args("client").get("ssl_context") is None:
        raise ExecutorError(f"{address} needs keys: dask's configuration must name them, under distributed.comm.tls")
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # dask has many, among them assertions and types
        raise ExecutorError(
            f"no dask scheduler answers at {address!r} within {_CONNECT_SECONDS} s ({_in_short(error)}); start one "
            f"with 'dask scheduler', or leave the address out"
        ) from error
    _clients.append(client)
    if address.startswith("tcp:"):
        warnings.warn(
            f"whoever reaches {address} can run code as the users of its workers; tls://, which the book's page 'Many "
            "machines' shows, asks for a key",
            stacklevel=2,
        )
    return client


@contextlib.contextmanager
def _lost(*errors: type[BaseException]) -> Iterator[None]:
    """Says what is meant by the errors of a scheduler that is gone."""
    try:
        yield
    except errors as error:
        _connected.cache_clear()  # another scheduler may answer there
        raise ExecutorError(
            "the dask scheduler was lost; what was finished is kept: start one, and run it again"
        ) from error


def _in_short(error: BaseException) -> str:
    """The last line of what an error says, or of the one behind it in another process."""
    lines = str(error.__cause__ or error).strip('"\n ').splitlines()  # loky quotes what it was told
    return (lines[-1] if lines else type(error).__name__)[:150]
