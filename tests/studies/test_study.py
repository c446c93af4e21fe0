"""The one runner: what is stored, what is computed again, and what happens when something breaks."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from pydantic import Field

from spectral_collapse import executors
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.executors import Arrays, ExecutorError
from spectral_collapse.store import results
from spectral_collapse.store.parts import Parts, parts_of
from spectral_collapse.studies import collapse
from spectral_collapse.studies import study as study_module
from spectral_collapse.studies.parameters import Count, Number, Parameters, by_profile
from spectral_collapse.studies.request import Request
from spectral_collapse.studies.study import Job, Study
from tests import fresh
from tests.each import each

pytestmark = pytest.mark.usefixtures("home")


class Powers(Parameters):
    """Parameters of a study of powers."""

    base: Number = Field(2.0, gt=0, description="what is raised")
    count: Count = by_profile(2, 4, 8, ge=1, description="how many powers")
    log: str = Field("", description="a file that gets a line for each job that runs")
    stop: Count | None = Field(None, description="the job that breaks")
    wait: Number = Field(0.0, description="seconds that a job takes")


def jobs(request: Request[Powers]) -> Mapping[str, Job]:
    given = request.parameters

    def power(exponent: int) -> Arrays:
        if given.log:
            with open(given.log, "a") as log:
                log.write(f"{exponent}\n")
        time.sleep(given.wait)
        if exponent == given.stop and not os.path.exists(f"{given.log}.mended"):
            raise RuntimeError("broken")
        return {"value": np.float64(given.base**exponent)}

    return {f"power {n}": lambda n=n: power(n) for n in range(given.count)}


def combine(request: Request[Powers], parts: Mapping[str, Arrays]) -> xr.Dataset:
    values = [float(part["value"]) for part in parts.values()]
    return xr.Dataset({"value": ("exponent", values, {"long_name": "power", "units": "1"})})


STUDY = Study("powers", "Which powers are there?", Powers, jobs, combine)


def ran(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def test_a_result_is_computed_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = STUDY.run(executor="here", log=str(log))
    again = STUDY.run(executor="here", log=str(log))
    assert first["value"].values.tolist() == [1, 2, 4, 8]
    assert ran(log) == [0, 1, 2, 3]
    xr.testing.assert_identical(first, again)
    assert first.attrs["study"] == "powers"
    assert json.loads(first.attrs["parameters"])["base"] == 2.0
    assert first["exponent"].values.tolist() == [0, 1, 2, 3]
    assert not list((tmp_path / "results").glob("parts/*"))


def test_a_run_that_loads_leaves_the_parts_of_one_that_computes_anew(tmp_path: Path) -> None:
    STUDY.run(executor="here")
    identity = STUDY.identity(Request(Powers.checked()))
    parts = parts_of("powers", results.key("powers", identity))
    parts.put("power 1", {"value": np.float64(2)})
    STUDY.run(executor="here")
    assert parts.get("power 1") is not None


def test_a_worker_loads_what_jobs_share_once() -> None:
    """Whatever the parameters hold: a network that was given is another object with each job."""
    study_module._latest.clear()
    first, again, other = (study_module._request(STUDY, Powers.checked(), which, None) for which in ("a", "a", "b"))
    assert first is again
    assert other is not first


def test_names_in_uses_and_jobs_without_arrays_are_refused() -> None:
    """A changed method of a name would be found under the old key."""
    named = Study("named", "?", Powers, jobs, combine, lambda request: iter(["standard"]))
    with pytest.raises(InvalidParameterError, match=r"and no names; 'standard' was given"):
        named.run(executor="here")
    bare = Study("bare", "?", Powers, lambda request: {"one": lambda: 3.0}, combine)
    with pytest.raises(
        InvalidParameterError, match=r"the job 'one' of the study 'bare' gives must be a dict of arrays"
    ):
        bare.run(executor="here")


def test_other_versions_of_libraries_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    STUDY.run(executor="here")
    versions = results._versions()
    monkeypatch.setattr(results, "_versions", lambda: versions | {"torch": "99.0+cpu"})
    study_module._warn_once.cache_clear()
    torch = versions["torch"].partition("+")[0]
    with pytest.warns(UserWarning, match=rf"made with torch {torch} \(here 99.0\); --fresh") as warned:
        [STUDY.run(executor="here") for _ in range(2)]
    assert len(warned) == 1


def test_profiles_and_none_give_defaults_and_another_parameter_is_another_result() -> None:
    assert STUDY.run(executor="here", profile="smoke").sizes["exponent"] == 2
    assert STUDY.run(executor="here", profile="smoke", count=3).sizes["exponent"] == 3
    assert STUDY.run(executor="here", profile="smoke", count=None).sizes["exponent"] == 2
    first = STUDY.identity(Request(Powers.checked()))
    assert STUDY.identity(Request(Powers.checked(base=3.0))) != first
    assert STUDY.identity(Request(Powers.checked(device="cpu"))) == first


def test_a_broken_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(RuntimeError, match="broken"):
        STUDY.run(executor="here", log=str(log), stop=2)
    (tmp_path / "log.mended").touch()
    assert STUDY.run(executor="here", log=str(log), stop=2).sizes["exponent"] == 4
    assert ran(log) == [0, 1, 2, 2, 3]


def test_code_from_a_notebook_is_part_of_the_key() -> None:
    def other(request: Request[Powers], parts: Mapping[str, Arrays]) -> xr.Dataset:
        return combine(request, parts) * 2

    edited = Study("powers", "", Powers, jobs, other)
    assert edited.run(executor="here")["value"].values.tolist() == [2, 4, 8, 16]
    assert STUDY.run(executor="here")["value"].values.tolist() == [1, 2, 4, 8]


def test_what_cannot_be_told_from_another_is_computed_and_not_stored(tmp_path: Path) -> None:
    with open(tmp_path / "open", "w") as handle:
        named = Study("powers", "", Powers, jobs, combine, uses=lambda request: [handle])
        with pytest.warns(UserWarning, match="not stored"):
            assert named.run(executor="here").sizes["exponent"] == 4
    assert not list((tmp_path / "results").glob("*.nc"))


def test_a_worker_that_has_something_else_refuses_once_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_module, "_latest", [])
    monkeypatch.setattr(study_module, "_agreed", [])
    parameters = Powers.checked(base=1.3)
    wanted = STUDY.identity(Request(parameters))
    work = functools.partial(study_module._work, STUDY, parameters, study_module._REGISTRIES, "powers")
    assert float(work(wanted, "power 1")["value"]) == 1.3
    for _ in range(2):
        with pytest.raises(ExecutorError, match=r"something else than was asked for: it has other code;"):
            work(wanted | {"code": "another"}, "power 1")
    assert float(work(wanted, "power 2")["value"]) == 1.3**2


@each(
    ("given", "sentence"),
    [
        ({"device": "a\nb"}, "the device 'a.*nb' is not here"),
        ({"executor": "processes:-1"}, "at least 1; '-1' was given"),
    ],
)
def test_where_it_runs_is_checked_though_the_result_is_stored(given: dict[str, object], sentence: str) -> None:
    STUDY.run(executor="here")
    with pytest.raises(InvalidParameterError, match=sentence):
        STUDY.run(**given)


def _run(home: str, log: str) -> None:
    os.environ["SPECTRAL_COLLAPSE_HOME"] = home
    STUDY.run(executor="here", log=log, wait=0.5, progress=False)


@pytest.mark.processes
def test_two_runs_share_the_work(tmp_path: Path) -> None:
    log = tmp_path / "log"
    runs = [fresh.PROCESSES.Process(target=_run, args=(str(tmp_path), str(log))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
        assert run.exitcode == 0
    assert sorted(ran(log)) == [0, 1, 2, 3]
    assert len(results.stored()) == 1


CLUSTER = """\
import time
from distributed import LocalCluster
if __name__ == "__main__":
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    print(cluster.scheduler_address, flush=True)
    time.sleep(300)
"""


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A dask scheduler with two workers in processes of their own, which know this file; its first line is where."""
    (tmp_path / "cluster.py").write_text(CLUSTER)
    root = Path(__file__).parents[2]
    known = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, (root, root / "src", os.environ.get("PYTHONPATH", ""))))
    }
    command = [sys.executable, str(tmp_path / "cluster.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=known, start_new_session=True) as running:
        yield running
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    executors.close()


@pytest.mark.processes
def test_a_scheduler_runs_the_jobs_and_what_it_finished_is_kept_when_it_dies(
    tmp_path: Path, scheduler: subprocess.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, log = scheduler.stdout.readline().strip(), tmp_path / "log"
    with pytest.warns(UserWarning, match="can run code as the users of its workers; tls://"):
        there = STUDY.run(executor=address, base=1.1, progress=False)
    np.testing.assert_array_equal(there["value"], 1.1 ** np.arange(4))
    put = Parts.put

    def put_and_kill(parts: Parts, name: str, arrays: Arrays) -> None:
        put(parts, name, arrays)
        if name == "power 1":
            os.killpg(scheduler.pid, signal.SIGKILL)

    monkeypatch.setattr(Parts, "put", put_and_kill)
    given = {"count": 12, "log": str(log), "wait": 0.3, "progress": False}
    with pytest.raises(ExecutorError, match="the dask scheduler was lost; what was finished is kept"):
        STUDY.run(executor=address, **given)
    begun = len(ran(log))
    assert 2 <= begun < 12
    [kept] = results.paths.results().glob("parts/*")
    finished = len(list(kept.glob("*.npz")))
    assert finished >= 1
    STUDY.run(executor="here", **given)
    assert len(ran(log)) == begun + 12 - finished


def test_here_jobs_work_at_the_request_whose_key_was_made() -> None:
    """What its key needed loading is not loaded again."""
    seen: list[Request] = []

    def noted(request: Request[Powers]) -> Mapping[str, Job]:
        seen.append(request)
        return jobs(request)

    named = Study("powers", "", Powers, noted, combine)
    for base in (1.7, 1.8):
        named.run("here", progress=False, base=base)
    assert [request.parameters.base for request in dict.fromkeys(seen)] == [1.7, 1.8]


def test_several_data_sets_have_a_result_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for datasets in ([], ["photos_x8", "photos_x8"]):
        with pytest.raises(InvalidParameterError, match="datasets must name at least one data set, each of them once"):
            collapse.STUDY.each(datasets)
    monkeypatch.setattr(Study, "run", lambda self, **given: given)
    assert collapse.STUDY.each(["photos_x8", "photos_x16"], profile="smoke") == {
        name: {"dataset": name, "profile": "smoke"} for name in ("photos_x8", "photos_x16")
    }
    assert collapse.STUDY.each("photos_x8") == {"photos_x8": {"dataset": "photos_x8"}}
