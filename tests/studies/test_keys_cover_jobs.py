"""Whatever module of the package computes something in a job is part of the study's key."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from spectral_collapse import keys
from spectral_collapse.identity import identity, references
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import thumbnails

BESIDE = {"spectral_collapse", "spectral_collapse.checks"}
"""They hold names and look at what is given; a job may run them where its modules do not name them."""


@pytest.mark.parametrize("name", STUDIES)
def test_jobs_run_no_code_outside_the_key(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
    study = STUDIES[name]
    known = study.parameters.model_fields
    small = {"profile": "smoke", "images": 3, "num_steps": 2, "reference": 4, "shown": 1, "checkpoint": thumbnails()}
    small["checkpoints"] = (small["checkpoint"],)
    request = Request(study.parameters.checked(**{field: value for field, value in small.items() if field in known}))
    with references() as named:
        for root in (study.jobs, study.combine, *request.code(), *study.uses(request)):
            identity(root)
    covered = keys.modules(named) | keys.NO_VALUES | BESIDE
    ran: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        """Called for each call of a Python function; what follows in it is not followed, which would take long."""
        ran.add(frame.f_globals.get("__name__", ""))

    jobs = study.jobs(request)
    sys.settrace(note)
    try:
        for job in jobs.values():
            job()
    finally:
        sys.settrace(None)
    assert {module for module in ran if module.startswith("spectral_collapse")} <= covered
    assert f"spectral_collapse.studies.{name}" in ran
