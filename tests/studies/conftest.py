"""What the tests of single studies share."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType

import pytest
import xarray as xr

from spectral_collapse import paths


@functools.cache
def _computed(module: ModuleType, shared: Path) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTRAL_COLLAPSE_HOME", str(shared))
        return module.computed()


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder of the test's own, which has the networks that ship and no results."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "checkpoints").symlink_to(paths.checkpoints())
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(home))


@pytest.fixture
def study(home: Path, shared: Path, request: pytest.FixtureRequest) -> xr.Dataset:
    """What the function `computed` of the test's module gives, once."""
    return _computed(request.module, shared)
