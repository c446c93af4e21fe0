"""A result of `studies.scores` at profile smoke, computed once per run, without trained networks or weights."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import xarray as xr

from spectral_collapse.metrics import lpips_distance
from spectral_collapse.metrics.weights import MissingWeightsError
from spectral_collapse.studies import scores

from .studies.test_collapse import thumbnails

REASON = "these weights are nowhere"


def no_weights(*_: object) -> None:
    raise MissingWeightsError(REASON)


@functools.cache
def smoke(shared: Path) -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTRAL_COLLAPSE_HOME", str(shared))
        patch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
        patch.setattr(lpips_distance, "find", no_weights)
        return scores.STUDY.run(executor="here", profile="smoke", checkpoint=thumbnails()).load()
