from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.charts import plain_areas as charts
from spectral_collapse.findings import plain_areas as findings
from tests.charts.test_lines import drawn
from tests.plain_areas_study import plain_areas

Found = dict[str, xr.Dataset]


@pytest.fixture
def found() -> Found:
    return {"one": plain_areas("One, x8"), "two": plain_areas("Two, x8", seed=1)}


def test_a_data_set_without_plain_areas_has_no_line_for_them(found: Found) -> None:
    found["one"]["error"].loc[{"area": "plain"}] = np.nan
    made = drawn(charts.per_step(findings.per_step({"one": found["one"]}), "error"))
    assert ">plain areas</text>" not in made
    assert ">other areas</text>" in made


def test_pictures_have_a_row_per_data_set_and_per_kind_of_latent(found: Found) -> None:
    for chart, count in ((charts.drawn_pictures(found), 2 * 5), (charts.path_pictures(found["one"]), 3 * 5)):
        assert drawn(chart).count("<image") == count
        assert chart.to_dict()["description"]
