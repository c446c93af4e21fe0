"""A result of `studies.scores.run` at profile smoke, computed once per process, without trained networks or weights."""

from __future__ import annotations

import functools
import tempfile
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
def smoke() -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("SPECTRAL_COLLAPSE_HOME", folder)
        patch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
        patch.setattr(lpips_distance, "find", no_weights)
        first = scores.run("photos_x8", "smoke", checkpoint=thumbnails())
        patch.delattr(scores, "inverted")  # so the second one is read
        xr.testing.assert_identical(scores.run("photos_x8", "smoke", checkpoint=thumbnails()), first)
        assert len(list(Path(folder).glob("results/scores-photos_x8-smoke-*.nc"))) == 1
    return first
