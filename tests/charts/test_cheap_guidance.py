from __future__ import annotations

from collections.abc import Callable

import altair as alt
import pytest
import xarray as xr

from spectral_collapse.charts import cheap_guidance as charts
from spectral_collapse.findings import cheap_guidance as findings
from tests.charts.test_lines import drawn
from tests.cheap_guidance_study import cheap_guidance

Found = dict[str, xr.Dataset]
LIMITS = (findings.CHEAP, findings.NEXT_TO_NOTHING)


@pytest.fixture
def found() -> Found:
    return {"one": cheap_guidance("One, x8"), "two": cheap_guidance("Two, x8", seed=1)}


@pytest.mark.parametrize(
    ("chart", "shown"),
    [
        (lambda found: charts.per_step(findings.gradients(found, "cosine"), "cosine", 1), ["cosine", "secant"]),
        (lambda found: charts.per_step(findings.high_shares(found), "share", 0.3), ["exact", "spectral"]),
        (lambda found: charts.front(findings.front(found)), ["One, x8", "free HF", "standard"]),
        (lambda found: charts.costs(findings.costs(found), LIMITS), ["Two, x8", "every 5"]),
        (lambda found: charts.differences(findings.differences(found, "hf_excess"), "energy"), ["free LF", "Two, x8"]),
        (charts.pictures, ["Source", "Exact", "One, x8, 0"]),
    ],
)
def test_every_chart_shows_its_series_and_panels(
    found: Found, chart: Callable[[Found], alt.TopLevelMixin], shown: list[str]
) -> None:
    made = chart(found)
    svg = drawn(made)
    assert all(f">{text}<" in svg for text in shown)
    assert made.to_dict()["description"]


def test_no_two_variants_look_alike() -> None:
    assert len({(one.color, one.shape) for one in charts._ALL.values()}) == len(charts._ALL)
