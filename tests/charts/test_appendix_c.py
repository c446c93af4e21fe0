from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import appendix_c as charts
from spectral_collapse.studies import decomposition
from tests.charts.test_decomposition import rows


@pytest.fixture
def study() -> xr.Dataset:
    """A small result of `studies.appendix_c.run`, made up; the network's gain is 0.5 everywhere."""
    random = np.random.default_rng(0)
    spectral = ("denoiser", "frequency", "sample")
    power = random.random((3, 8, 5)) + 0.1
    entered = random.random((3, 2, 4, 5))
    entered[:, :, 2] = np.nan
    return xr.Dataset(
        {
            "cross": (spectral, power * np.array([0.5, 0.7, 0.9])[:, None, None]),
            "input_power": (spectral, power),
            "entered": (("denoiser", "gamma", "measure", "sample"), entered),
            "contraction": 0.07,
        },
        {
            "denoiser": list(decomposition.DENOISERS),
            "frequency": np.arange(1, 9) / 16,
            "gamma": [0.0, 1.0],
            "measure": list(decomposition.MEASURES),
            "sample": list("abcde"),
        },
        {"title": "Made up"},
    )


def test_the_gain_is_a_ratio_of_means_beside_the_claimed_constant(study: xr.Dataset) -> None:
    table = rows(charts.gain(study))
    means = table.groupby("denoiser")["mean"].agg(["min", "max"])
    np.testing.assert_allclose(means.loc["our network"], 0.5)
    np.testing.assert_allclose(means.loc["Eq. 56: the input times C"], 0.07)
    assert len(table) == 4 * 8


def test_measures_without_a_place_are_left_out(study: xr.Dataset) -> None:
    table: pd.DataFrame = rows(charts.entering_noise(study))
    assert set(table["measure"]) == {"High frequencies", "Neighbouring places, S_DC"}
    assert len(table) == 2 * 3 * 2
