"""What the tests of single studies share."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType

import pytest
import xarray as xr


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder without results, images or networks."""
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)


@functools.cache
def _computed(module: ModuleType) -> xr.Dataset:
    return module.computed()


@pytest.fixture
def study(own_store: None, request: pytest.FixtureRequest) -> xr.Dataset:
    """What the function `computed` of the test's module gives, once."""
    return _computed(request.module)
