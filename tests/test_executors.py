"""Jobs give the same arrays wherever they run, and a worker that dies costs its own job and no more than it held."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from spectral_collapse import executors
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.executors import Cluster, ExecutorError, Here

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


def dies_always(name: str) -> dict[str, np.ndarray]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def fails(name: str) -> dict[str, np.ndarray]:
    raise InvalidParameterError(f"job {name} cannot be")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    executor = executors.get("processes:2")
    assert isinstance(executor, Cluster)
    yield executor
    executors.close()


def test_the_same_bits_here_and_in_processes(cluster: Cluster) -> None:
    here = dict(Here().run(squares, iter(NAMES)))
    there = dict(cluster.run(squares, iter(NAMES)))
    assert list(here) == NAMES
    assert set(there) == set(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(here[name]["square"], there[name]["square"])
        assert here[name]["threads"] == there[name]["threads"] == 1
    assert os.getpid() not in {int(arrays["pid"]) for arrays in there.values()}
    assert cluster.workers == 2


def noting(taken: list[str]) -> Iterator[str]:
    """The names, each noted as it is taken."""
    for name in NAMES:
        taken.append(name)
        yield name


def test_names_are_taken_only_as_workers_are_free(cluster: Cluster) -> None:
    taken: list[str] = []
    run = cluster.run(squares, noting(taken))
    next(run)
    assert len(taken) <= 3  # two at first, one for the worker that is done
    assert len(list(run)) == 4


def test_workers_that_join_later_get_jobs(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    joined = iter([1, 3, 3, 3, 3, 3])
    monkeypatch.setattr(Cluster, "workers", property(lambda self: next(joined)))
    taken: list[str] = []
    run = cluster.run(squares, noting(taken))
    next(run)
    assert len(taken) == 1 + 3
    assert len(list(run)) == 4


def test_a_worker_that_is_killed_loses_no_more_than_it_held(cluster: Cluster, tmp_path: Path) -> None:
    found = dict(cluster.run(functools.partial(dies_once, tmp_path), iter(NAMES)))
    assert set(found) == set(NAMES)
    assert len(list(tmp_path.glob("c-*"))) == 2
    others = [len(list(tmp_path.glob(f"{name}-*"))) for name in set(NAMES) - {"c"}]
    # With two workers one result at most is finished and not yet fetched; the dead worker may have held it.
    assert sorted(others) in ([1, 1, 1, 1], [1, 1, 1, 2])


def test_a_job_that_kills_every_worker_is_given_up(cluster: Cluster) -> None:
    with pytest.raises(ExecutorError, match="'a' ended 3 workers"):
        list(cluster.run(dies_always, iter("a")))


def test_the_error_of_a_job_arrives(cluster: Cluster) -> None:
    with pytest.raises(InvalidParameterError, match="job a cannot be"):
        list(cluster.run(fails, iter(NAMES)))


def test_here_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    list(Here().run(squares, iter("a")))
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("cloud", "unknown executor 'cloud'"),
        ("processes:0", "at least 1; '0' was given"),
        ("processes:two", "at least 1; 'two' was given"),
    ],
)
def test_unknown_executors_are_refused(given: str, sentence: str) -> None:
    with pytest.raises(InvalidParameterError, match=sentence):
        executors.get(given)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_CONNECT_SECONDS", 1)
    with pytest.raises(ExecutorError, match=r"no dask scheduler answers at 'tcp://127.0.0.1:9'"):
        executors.get("tcp://127.0.0.1:9")


def test_auto_is_here_for_a_single_job() -> None:
    assert isinstance(executors.get("auto", jobs=1), Here)


def test_processes_beside_each_other_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(executors.SHARED, raising=False)
    alone = executors.cores()
    for others, share in ((1, alone), (2, max(alone // 2, 1)), (2 * alone, 1)):
        monkeypatch.setenv(executors.SHARED, str(others))
        assert executors.cores() == share
