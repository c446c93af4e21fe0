from __future__ import annotations

import json

import altair as alt
import pytest
import xarray as xr

from spectral_collapse.charts import trajectories as charts
from tests.charts.test_lines import drawn
from tests.trajectories_study import trajectories

Found = dict[str, xr.Dataset]


@pytest.fixture
def found() -> Found:
    return {"one": trajectories("One, x8"), "two": trajectories("Two, x8", seed=1)}


def test_a_series_looks_the_same_with_and_without_the_yardstick(found: Found) -> None:
    with_it, without = charts._looks(["one white noise", "standard", "OVG"]), charts._looks(["standard", "OVG"])
    assert {name: with_it[name] for name in without} == without
    assert len(set(with_it.values())) == 3


def test_the_slider_shows_one_step_and_holds_all_of_them(found: Found) -> None:
    chart = charts.slider(found["one"])
    made = chart.to_dict()
    assert drawn(chart).count("<image") == 3 * 3
    assert ">step 11 of 20, from noise ratio" in drawn(chart)
    [moved] = made["params"]
    assert (moved["bind"]["input"], moved["bind"]["max"], moved["value"]) == ("range", 3, 2)
    assert json.dumps(made).count("data:image/webp") == 4 * 3 * 3
    moved["value"] = 3
    assert ">step 20 of 20" in drawn(alt.Chart.from_dict(made))
    assert "http" not in json.dumps(made["datasets"])  # nothing is fetched
