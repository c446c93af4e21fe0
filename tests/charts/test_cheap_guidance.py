from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.charts import cheap_guidance as charts
from spectral_collapse.findings import cheap_guidance as findings
from tests.cheap_guidance_study import cheap_guidance

Found = dict[str, xr.Dataset]
LIMITS = (findings.CHEAP, findings.NEXT_TO_NOTHING)


@pytest.fixture
def found() -> Found:
    return {"one": cheap_guidance("One, x8"), "two": cheap_guidance("Two, x8", seed=1)}


def test_no_two_variants_look_alike() -> None:
    assert len({(one.color, one.shape) for one in charts._ALL.values()}) == len(charts._ALL)
