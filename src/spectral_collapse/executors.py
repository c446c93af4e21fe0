"""Where a study's jobs run: in this process, in processes of this machine, or on a dask cluster.

Every job runs on one torch thread, wherever it runs: results are then the same bit for bit, and a small network
gains less from a second thread than a study does from a second process. Processes and clusters are dask's: a job
whose worker dies is given to another one, and the others go on.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spectral_collapse.errors import InvalidParameterError, SpectralCollapseError, unknown

if TYPE_CHECKING:
    from distributed import Client, Status

Arrays = dict[str, np.ndarray]
Work = Callable[[str], Arrays]
"""The name of a job -> its arrays; what is sent to a worker."""

SHARED = "SPECTRAL_COLLAPSE_SHARED"
"""Environment variable: how many processes beside each other share the cores, as the kernels of two pages do."""

_CONNECT_SECONDS = 10
_DEATHS = 3
"""A job that has killed so many workers is given up."""


class ExecutorError(SpectralCollapseError, RuntimeError):
    """The jobs cannot be run where they were asked to run."""


class Executor(Protocol):
    """Runs jobs by name and hands over each one's arrays as it is done."""

    workers: int

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        """Takes the next name only when a worker is free for it. Raises what a job raises."""
        ...


class Here:
    """One job after another, in this process."""

    workers = 1

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        for name in names:
            with one_thread():
                arrays = work(name)
            yield name, arrays


class Cluster:
    """The workers behind a dask client, of this machine or of many."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def workers(self) -> int:
        return max(len(self.client.scheduler_info(n_workers=-1)["workers"]), 1)

    def run(self, work: Work, names: Iterator[str]) -> Iterator[tuple[str, Arrays]]:
        from distributed import as_completed
        from distributed.scheduler import KilledWorker

        running = as_completed(loop=self.client.loop)
        named = {}

        def submit() -> None:
            """A job for each worker, those among them that have just joined."""
            for name in itertools.islice(names, max(0, self.workers - len(named))):
                future = self.client.submit(_on_one_thread, work, name, pure=False)
                named[future.key] = name
                running.add(future)

        submit()
        try:
            for future in running:
                name = named.pop(future.key)
                try:
                    arrays = future.result()
                except CancelledError as error:
                    _connected.cache_clear()  # another scheduler may answer there
                    raise ExecutorError(
                        "the dask scheduler was lost; what was finished is kept: start one, and run it again"
                    ) from error
                except KilledWorker as error:
                    raise ExecutorError(
                        f"the job {name!r} ended {_DEATHS} workers, by memory most likely; what was finished "
                        "is kept: run it again with fewer workers, or on a machine with more memory"
                    ) from error
                submit()
                yield name, arrays
        finally:
            self.client.cancel(list(named))


def get(executor: str | Executor = "auto", jobs: int = 2) -> Executor:
    """An executor by name.

    Args:
        executor: 'here'; 'processes', one of one thread per core; 'processes:4'; the address of a dask
            scheduler, such as 'tcp://10.0.0.1:8786'; 'auto': processes where there are several cores and several
            `jobs`, else here. An executor is taken as it is.

    Raises:
        InvalidParameterError: an unknown name, or a number of processes below 1.
        ExecutorError: no scheduler answers at this address.
    """
    if not isinstance(executor, str):
        return executor
    if executor == "auto":
        executor = "processes" if min(cores(), jobs) > 1 else "here"
    if executor == "here":
        return Here()
    if "://" in executor:
        return Cluster(_connected(executor))
    kind, _, number = executor.partition(":")
    if kind != "processes":
        raise unknown("executor", executor, ("auto", "here", "processes", "processes:N", "tcp://HOST:PORT"))
    if number and (not number.isdigit() or int(number) < 1):
        raise InvalidParameterError(f"the number of processes must be an integer of at least 1; {number!r} was given")
    return Cluster(_processes(int(number) if number else cores()))


def cores() -> int:
    """The cores that this process may use, its share of them where others are beside it (`SHARED`)."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(here // int(os.environ.get(SHARED, 1)), 1)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread for a while."""
    import torch  # takes seconds, and the book's build asks for `cores` alone

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _on_one_thread(work: Work, name: str) -> Arrays:
    with one_thread():
        return work(name)


def close() -> None:
    """Ends the processes and connections that `get` made; the next study that needs some makes new ones."""
    while _made:
        with contextlib.suppress(Exception):  # one that has died, or an interpreter that is going down
            _made.pop().close()
    _processes.cache_clear()
    _connected.cache_clear()


_made: list[Any] = []
atexit.register(close)


class _Unseen:
    """Hides the script that runs from processes while they start.

    multiprocessing has each of them run it again first, and one without `if __name__ == "__main__"` would there start
    processes of its own. What jobs use of it is sent to them by value. Many may enter at once.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._script: dict[str, Any] = {}
        self._hidden: dict[str, Any] = {}

    def __enter__(self) -> None:
        if not self._inside:
            self._script = vars(sys.modules["__main__"])
            self._hidden = {name: self._script[name] for name in ("__file__", "__spec__") if name in self._script}
            self._script.pop("__file__", None)
            self._script["__spec__"] = None
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if not self._inside:
            self._script.update(self._hidden)  # by now another one may run


_UNSEEN = _Unseen()


@functools.cache
def _processes(number: int) -> Client:
    """A cluster of processes on this machine, kept for the studies to come."""
    import dask
    from distributed import Client, LocalCluster, Nanny

    class Starter(Nanny):
        async def instantiate(self) -> Status:
            if hasattr(signal, "pthread_sigmask"):  # what the processes inherit: Ctrl-C is not theirs to answer
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            with _UNSEEN:
                return await super().instantiate()

    dask.config.set({"distributed.scheduler.allowed-failures": _DEATHS - 1})
    # read when a worker starts, before it loads torch
    environment = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    cluster = LocalCluster(
        n_workers=number,
        threads_per_worker=1,
        worker_class=Starter,
        dashboard_address=None,
        memory_limit=0,  # dask's own limit stops workers at a share of the machine each
        env=environment,
        silence_logs=logging.CRITICAL,
    )
    client = Client(cluster, set_as_default=False)
    _made.extend((cluster, client))  # closed from the end
    return client


@functools.cache
def _connected(address: str) -> Client:
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ExecutorError(
            f"no dask scheduler answers at {address!r} within {_CONNECT_SECONDS} s; start one with "
            "'dask scheduler', or leave the address out"
        ) from error
    _made.append(client)
    return client
