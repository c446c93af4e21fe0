from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import home as charts
from spectral_collapse.findings import home
from spectral_collapse.studies.benchmark import TARGET


@pytest.fixture
def study() -> xr.Dataset:
    """Three images whose standard translations have a half, a quarter and an eighth of their targets' energy; two seeds
    are off by a factor, up and down."""
    own = np.log([1.0, 2.0, 4.0])
    loss = np.log([1 / 2, 1 / 4, 1 / 8])
    both = np.stack([own + loss + 0.5, own + loss - 0.5])
    values = {"standard": both, "taba": np.stack([own, own]), "edict": both}
    return xr.Dataset(
        {
            "hf_excess": (("point", "seed", "sample"), np.stack([*values.values()])),
            "reference_hf_excess": (("reference", "sample"), own[None]),
        },
        {"point": list(values), "reference": [TARGET], "sample": list("abc"), "cluster": ("sample", list("xyz"))},
        {"title": "Squares", "data_source": "real"},
    )


def test_fine_detail_is_that_of_each_image_over_its_own_targets(study: xr.Dataset) -> None:
    np.testing.assert_allclose(home.detail(study, "standard"), [1 / 2, 1 / 4, 1 / 8])
    table = home.details({"squares": study})
    assert list(table["method"].unique()) == ["standard", "TABA"]  # in their order, and no other
    first = table[table["method"] == "standard"]
    np.testing.assert_allclose(first["mean"], 1 / 4)
    assert (first["low"] < 1 / 4).all()
    assert (first["high"] > 1 / 4).all()
    np.testing.assert_allclose(table[table["method"] == "TABA"]["ratio"], 1)


def test_the_first_picture_is_of_the_image_with_the_median_loss() -> None:
    excess = np.array([[-1.0, -3.0, -2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    study = xr.Dataset(
        {"image_excess": (("image_series", "sample"), excess), "image": ("shown", [1, 2, 3])},
        {"image_series": ["standard", "target"], "sample": list("abcd"), "shown": list("abc")},
    )
    assert home.median(study)["shown"].item() == "c"


def test_the_chart_has_a_dot_for_every_image(study: xr.Dataset) -> None:
    chart = charts.details(home.details({"squares": study})).to_dict()
    [data] = chart["datasets"].values()
    assert len(pd.DataFrame(data)) == 6
    assert "Squares" in chart["description"]
