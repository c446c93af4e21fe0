"""The estimate of hours counts each job of each table once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from spectral_collapse.networks.checkpoints import usual
from spectral_collapse.studies.benchmark import CHEAP, BenchmarkParameters


@pytest.fixture(scope="module")
def script() -> ModuleType:
    file = Path(__file__).parents[1] / "benchmarks" / "hours.py"
    spec = importlib.util.spec_from_file_location("hours", file)
    sys.modules["hours"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_result_of_the_tables_is_asked_for_once_at_the_profile(script: ModuleType) -> None:
    asked = list(script.asked_for("paper"))
    assert len({parameters for _, parameters in asked}) == len(asked)
    shown = {page for page, _ in asked}
    assert {"benchmark", "backbone", "prediction_target"} <= shown
    assert "deterministic_stochastic" not in shown  # the page before it shows its results
    paper = BenchmarkParameters.checked(profile="paper")
    for page, parameters in asked:
        assert (parameters.size, parameters.num_steps) == (256, 50)
        assert parameters.methods == paper.methods if page == "benchmark" else len(parameters.methods) < len(CHEAP)


def test_calls_are_counted_up_and_down_for_each_seed(script: ModuleType) -> None:
    found = [job for job in script.jobs("paper", lambda name: (3.0, 1.0)) if job.page == "benchmark"]
    shoes = [job for job in found if job.network == usual("edges2shoes", "real")]
    cells = [job for job in found if job.network == usual("bbbc021", "real")]
    assert len(cells) == 3 * len(shoes)  # x8, x16 and x32
    assert {job.calls for job in cells} == {50 * (3 + 1)}
    assert {job.calls for job in shoes} == {50 * (3 + 2)}  # guided: two labels on the way down
    names = BenchmarkParameters.checked(profile="paper").methods
    assert len(shoes) == sum(3 if script.method(name).stochastic else 1 for name in names)


def test_hours_are_shared_by_devices_down_to_the_longest_job(script: ModuleType) -> None:
    jobs = [script.Job("a", "net", 36, calls) for calls in (100, 100, 100, 300)]
    assert script.hours(jobs, lambda network: 1.0, 1) == pytest.approx(6)
    assert script.hours(jobs, lambda network: 2.0, 1) == pytest.approx(3)
    assert script.hours(jobs, lambda network: 1.0, 2) == pytest.approx(3)
    assert script.hours(jobs, lambda network: 1.0, 8) == pytest.approx(3)  # the job of 300 calls
