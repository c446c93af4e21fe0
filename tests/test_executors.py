"""Jobs give the same arrays wherever they run, and a worker that dies costs its own job and no more than it held."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from importlib import import_module, util
from pathlib import Path

import numpy as np
import pytest
import torch

from spectral_collapse import executors
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.executors import Cluster, ExecutorError, Here, Processes
from spectral_collapse.store.results import computing_versions

NAMES = ["a", "b", "c", "d", "e"]


def squares(name: str) -> dict[str, np.ndarray]:
    x = torch.randn(200, 200, generator=torch.Generator().manual_seed(ord(name)))
    return {"square": (x @ x).numpy(), "threads": np.array(torch.get_num_threads()), "pid": np.array(os.getpid())}


def dies_once(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Job 'c' kills its worker the first time."""
    (folder / f"{name}-{os.getpid()}").touch()
    if name == "c" and len(list(folder.glob("c-*"))) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(name)


def dies_as_b(name: str) -> dict[str, np.ndarray]:
    if name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(name)


def fails_or_lasts(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Job 'a' fails; any other lasts until nobody waits for it, and would leave a file."""
    if name == "a":
        raise InvalidParameterError(f"job {name} cannot be")
    time.sleep(60)
    (folder / name).touch()
    return {}


class Unreadable:
    """Something that another process cannot unpickle."""

    def __reduce__(self) -> tuple[object, ...]:
        return import_module, ("no_such_module",)


def squares_with(something: object, name: str) -> dict[str, np.ndarray]:
    return squares(name)


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    executor = executors.get("processes:2")
    assert isinstance(executor, Processes)
    yield executor
    executors.close()


def test_the_same_bits_here_and_in_processes(processes: Processes) -> None:
    before = dict(os.environ)
    here = dict(Here().run(squares, iter(NAMES)))
    there = dict(processes.run(squares, iter(NAMES)))
    assert list(here) == NAMES
    assert set(there) == set(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(here[name]["square"], there[name]["square"])
        assert here[name]["threads"] == there[name]["threads"] == 1
    assert os.getpid() not in {int(arrays["pid"]) for arrays in there.values()}
    assert processes.workers == 2
    assert dict(os.environ) == before


def test_names_are_taken_only_as_workers_are_free(processes: Processes) -> None:
    taken: list[str] = []

    def names() -> Iterator[str]:
        for name in NAMES:
            taken.append(name)
            yield name

    run = processes.run(squares, names())
    next(run)
    assert len(taken) == 2
    assert len(list(run)) == 4


def test_a_worker_that_is_killed_loses_no_more_than_what_was_running(processes: Processes, tmp_path: Path) -> None:
    found = dict(processes.run(functools.partial(dies_once, tmp_path), iter(NAMES)))
    assert set(found) == set(NAMES)
    assert len(list(tmp_path.glob("c-*"))) == 2
    others = [len(list(tmp_path.glob(f"{name}-*"))) for name in set(NAMES) - {"c"}]
    # its neighbour, of two, may have been running, and is run again
    assert sorted(others) in ([1, 1, 1, 1], [1, 1, 1, 2])


def test_a_job_that_kills_every_worker_is_given_up_by_its_name(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours are not blamed: they are done before, whoever is seen to have ended first."""

    def last_first(futures: dict[Future, str], return_when: str) -> tuple[list[Future], None]:
        wait(futures)
        return [list(futures)[-1]], None

    monkeypatch.setattr(executors, "wait", last_first)
    run = processes.run(dies_as_b, iter("ab"))
    assert next(run)[0] == "a"
    with pytest.raises(ExecutorError, match="'b' ended 3 processes, by memory most likely; what was finished is kept"):
        next(run)


def test_the_error_of_a_job_arrives_the_other_jobs_end_and_what_cannot_be_sent_is_said(
    processes: Processes, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameterError, match="job a cannot be"):
        list(processes.run(functools.partial(fails_or_lasts, tmp_path), iter("ab")))
    assert not (tmp_path / "b").exists()
    assert set(dict(processes.run(squares, iter("a")))) == {"a"}
    with pytest.raises(ExecutorError, match=r"the job 'a' cannot be sent to another process \(.*no_such_module"):
        list(processes.run(functools.partial(squares_with, Unreadable()), iter("a")))


SCRIPT = """\
import numpy as np
from spectral_collapse import executors
ran = executors.get("processes:2").run(lambda name: {"length": np.array(len(name) + offset)}, iter(["a", "bb"]))
offset = 1
print(sorted(int(arrays["length"]) for _, arrays in ran))
"""


@pytest.mark.processes
def test_a_script_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    ran = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("[2, 3]\n", "")


LASTING = """\
import os, pathlib, sys, time
from spectral_collapse import executors

def work(name):
    pathlib.Path(sys.argv[1], f"{name}-{os.getpid()}").touch()
    time.sleep(300)

list(executors.get("processes:2").run(work, iter(["a", "b"])))
"""


@pytest.mark.processes
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells by /proc which processes there are")
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(LASTING.replace("sys.argv[1]", repr(str(tmp_path))))
    with subprocess.Popen([sys.executable, str(tmp_path / "script.py")]) as running:
        pids = _within(180, lambda: [int(file.name[2:]) for file in tmp_path.glob("[ab]-*")], 2)
        running.kill()
    assert _within(30, lambda: [pid for pid in pids if _alive(pid)], 0) == []


def _alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _within(seconds: float, listed: Callable[[], list[int]], count: int) -> list[int]:
    """What is listed, as soon as there is so much of it."""
    end = time.monotonic() + seconds
    while len(listed()) != count and time.monotonic() < end:
        time.sleep(0.1)
    return listed()


def test_without_semaphores_the_jobs_run_here_unless_processes_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable(*arguments: object, **options: object) -> object:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("loky.get_reusable_executor", unusable)
    monkeypatch.setattr(executors, "cores", lambda: 2)
    sentence = r"processes cannot be started here \(\[Errno 30\] Read-only file system\).* /dev/shm"
    with pytest.raises(ExecutorError, match=sentence):
        executors.get("processes:2")
    with pytest.warns(UserWarning, match=rf"one after the other, in this process, since {sentence}"):
        assert isinstance(executors.get("auto"), Here)
    assert isinstance(executors.get("processes:1"), Here)


class FakeClient:
    """A dask client whose workers answer for themselves: by address, what they find of the package."""

    def __init__(self, workers: dict[str, object], versions: dict[str, object]) -> None:
        self.answers = {util.find_spec: workers, computing_versions: versions}
        self.at_scheduler: object = "found"

    def scheduler_info(self, n_workers: int) -> dict[str, object]:
        return {"workers": self.answers[util.find_spec]}

    def run(self, function: object, *arguments: object, workers: list[str], on_error: str) -> dict[str, object]:
        return {one: self.answers[function][one] for one in workers}

    def run_on_scheduler(self, function: object, *arguments: object) -> object:
        return self.at_scheduler


def test_workers_that_lack_the_package_are_named() -> None:
    here, there = computing_versions(), {"tcp://a:1": "found", "tcp://b:1": "found"}
    client = FakeClient(there, dict.fromkeys(there, here))
    Cluster(client)._meet()
    client.answers[util.find_spec]["tcp://b:1"] = None
    with pytest.raises(ExecutorError, match=r"cannot be imported at tcp://b:1; .* the same version"):
        Cluster(client)._meet()
    client.answers[util.find_spec]["tcp://b:1"] = "found"
    client.at_scheduler = None
    with pytest.raises(ExecutorError, match="cannot be imported at the scheduler;"):
        Cluster(client)._meet()
    client.at_scheduler = "found"
    client.answers[computing_versions] = {"tcp://a:1": here, "tcp://b:1": AttributeError("no versions")}
    with pytest.raises(ExecutorError, match="the worker tcp://b:1 has another version of spectral_collapse;"):
        Cluster(client)._meet()
    client.answers[computing_versions] = {"tcp://a:1": here, "tcp://b:1": here | {"torch": "1.0"}}
    with pytest.warns(UserWarning, match=r"tcp://b:1 has torch 1.0 \(here .*: last digits may differ"):
        Cluster(client)._meet()


def lasts(name: str) -> dict[str, np.ndarray]:
    time.sleep(0.2)
    return {"name": np.array(name)}


@pytest.mark.filterwarnings("ignore:all workers of the dask scheduler")
def test_a_cluster_that_loses_all_workers_waits_for_another_one_and_not_for_ever() -> None:
    """Threads of this process stand for workers: they need seconds less to start."""
    distributed = pytest.importorskip("distributed")
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**kind) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        executor = Cluster(client, patience=2)
        run = executor.run(lasts, iter("abcdefgh"))
        found = [next(run)]
        cluster.scale(0)
        with (
            pytest.warns(UserWarning, match=r"all workers .* are lost; the jobs wait 2 s for another one"),
            pytest.raises(ExecutorError, match="none has joined for 2 s; what was finished is kept: start some"),
        ):
            found += list(run)
        assert 1 <= len(found) < 8
        executor.patience = 60
        run = executor.run(lasts, iter("abcdefgh"))
        cluster.scale(1)
        found = [next(run)]
        cluster.scale(0)
        time.sleep(0.5)
        cluster.scale(1)
        found += list(run)
        assert sorted(str(arrays["name"]) for _, arrays in found) == list("abcdefgh")


def test_a_worker_that_would_compute_something_else_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"code": "a", "checkpoint": "b", "data": ["c"], "steps": 4}
    executors.compare(wanted, dict(wanted))
    with pytest.raises(ExecutorError, match=r"the worker .* it has other code, images;"):
        executors.compare(wanted, wanted | {"code": "x", "data": ["y"]})
    with pytest.raises(ExecutorError, match=r"it has other weights; .* and the same networks and images"):
        executors.compare(wanted, wanted | {"checkpoint": "x"})
    monkeypatch.setattr(executors, "_LOADED", 0.0)  # any file was written after that
    with pytest.raises(ExecutorError, match=r"has loaded spectral_collapse.* before that was edited; start the worker"):
        executors.compare(wanted, dict(wanted))


def test_auto_is_here_for_a_single_job_and_here_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    list(Here().run(squares, iter("a")))
    assert torch.get_num_threads() == before
    assert isinstance(executors.get("auto", jobs=1), Here)


def test_unknown_executors_and_schedulers_that_do_not_answer_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_CONNECT_SECONDS", 1)
    for asked, error, sentence in (
        ("cloud", InvalidParameterError, "unknown executor 'cloud'"),
        ("processes:0", InvalidParameterError, "at least 1; '0' was given"),
        ("processes:two", InvalidParameterError, "at least 1; 'two' was given"),
        ("processes:99999", InvalidParameterError, "'99999' was given, and 9999 is the most"),
        ("ucx://a:1", InvalidParameterError, "unknown executor 'ucx://a:1'; known are: .*tls://HOST:PORT"),
        ("tcp://a", InvalidParameterError, "unknown executor 'tcp://a'"),
        (5, InvalidParameterError, "executor must be a name, or an object with `workers` and `run`; '5' was given"),
        (Here, InvalidParameterError, "executor must be a name"),
        ("tcp://127.0.0.1:9", ExecutorError, "no dask scheduler answers at 'tcp://127.0.0.1:9'"),
        ("tls://127.0.0.1:9", ExecutorError, "tls://127.0.0.1:9 needs keys: dask's configuration must name them"),
    ):
        with pytest.raises(error, match=sentence):
            executors.get(asked)


def test_cores_are_no_more_than_the_quota_and_shared_by_processes_beside_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(executors.SHARED, raising=False)
    alone = executors.cores()
    for others, share in ((1, alone), (2, max(alone // 2, 1)), (2 * alone, 1)):
        monkeypatch.setenv(executors.SHARED, str(others))
        assert executors.cores() == share
    for junk in ("x", "nan", "1e3", "", "0", "-1"):
        monkeypatch.setenv(executors.SHARED, junk)
        with pytest.raises(InvalidParameterError, match="SHARED must be a whole number of at least 1"):
            executors.cores()
    monkeypatch.delenv(executors.SHARED, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr("loky.backend.context._cpu_count_cgroup", lambda most: 2)
    assert executors.cores() == 2


def test_a_scheduler_that_dies_while_a_result_is_fetched_is_said_so() -> None:
    from distributed.comm import CommClosedError

    class Lost:
        """A future whose scheduler goes away."""

        status = "finished"

        def result(self, timeout: float) -> None:
            raise CommClosedError("in <TCP (closed) ConnectionPool.gather>: Connection reset by peer")

    with pytest.raises(ExecutorError, match="the dask scheduler was lost; what was finished is kept"):
        Cluster(client=None)._result(Lost())  # type: ignore[arg-type]
