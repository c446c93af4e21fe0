"""Whatever function of the package computes something in a job is part of the study's key."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType

import pytest

from spectral_collapse.store import keys
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import thumbnails

SOURCE = Path(keys.__file__).parents[2]

REASONS = {
    "spectral_collapse:__getattr__": "imports a module when it is named",
    "spectral_collapse.inversion.base:InversionMethod.stochastic": "for keys of cached translations, where no seed "
    "matters; keys of studies that draw several seeds have it",
}
"""Functions that jobs run and keys do not have, and why they change no value."""


@pytest.mark.parametrize("name", STUDIES)
def test_jobs_run_no_code_outside_the_key(name: str, home: Path) -> None:
    study = STUDIES[name]
    known = study.parameters.model_fields
    # 13 steps: the fewest of which TABA's 4 % are one
    small = {"profile": "smoke", "images": 8 if name == "fidelity" else 3, "num_steps": 13, "reference": 4, "shown": 1}
    small["checkpoint"] = thumbnails(prediction="epsilon")
    small["checkpoints"] = (small["checkpoint"],)
    request = Request(study.parameters.checked(**{field: value for field, value in small.items() if field in known}))
    names, _ = keys.roots_of(study.roots(request))
    package = keys.installed()
    spans = {
        (str(SOURCE / package.files[unit.partition(":")[0]]), line)
        for unit in package.reached(names)
        for line in package.lines(unit)
    }
    ran: set[CodeType] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        """Called for each call of a Python function; what follows in it is not followed, which would take long."""
        if frame.f_code not in ran and frame.f_code.co_filename.startswith(str(SOURCE)) and not _checks(frame):
            ran.add(frame.f_code)

    sys.settrace(note)
    try:
        done = {job: run() | {"seconds": 0.0} for job, run in study.jobs(request).items()}
        result = study.combine(request, done)
    finally:
        sys.settrace(None)
    assert all({"long_name", "units"} <= variable.attrs.keys() for variable in result.data_vars.values())
    ours = {code for code in ran if code.co_name != "<module>"}
    outside = {
        f"{module}:{code.co_qualname}"
        for code in ours
        if (module := _module(code)) not in keys.NO_VALUES and (code.co_filename, code.co_firstlineno) not in spans
    }
    assert outside - REASONS.keys() - keys._NO_VALUES == set()
    assert f"spectral_collapse.studies.{name}" in {_module(code) for code in ours}


def _checks(frame: FrameType | None) -> bool:
    """Whether a call is part of a check, which refuses or does nothing."""
    while frame is not None:
        if frame.f_code.co_name.lstrip("_").startswith("check"):
            return True
        frame = frame.f_back
    return False


def _module(code: CodeType) -> str:
    path = Path(code.co_filename).relative_to(SOURCE).with_suffix("")
    return ".".join(path.parts).removesuffix(".__init__")
