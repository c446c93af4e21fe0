from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import decomposition as charts
from spectral_collapse.studies import decomposition
from spectral_collapse.studies.front import bootstrap_mean


@pytest.fixture
def study() -> xr.Dataset:
    """A small result of `studies.decomposition.run`, made up; no image has enough plain places."""
    random = np.random.default_rng(0)
    walks, noised = ("measure", "sample"), ("denoiser", "step")
    shapes = {
        "value": (("denoiser", "entry", "resolution", *walks), (3, 2, 2, 4, 5)),
        "corrected": (("denoiser", "resolution", "replaced", *walks), (3, 2, 3, 4, 5)),
        "ideal": (walks, (4, 5)),
        "noise_norm": (("denoiser", "entry", "step", "sample"), (3, 2, 6, 5)),
        "error": ((*noised, "band", "sample"), (3, 6, 3, 5)),
        "area_error": ((*noised, "area", "sample"), (3, 6, 2, 5)),
    }
    found = xr.Dataset(
        {name: (dims, random.random(shape) + 0.1) for name, (dims, shape) in shapes.items()},
        {
            "denoiser": list(decomposition.DENOISERS),
            "entry": ["none", "noise"],
            "resolution": ["coarse", "fine"],
            "num_steps": ("resolution", [50, 200]),
            "replaced": [0, 1, 4],
            "replaced_ratio": ("replaced", [0.03, 0.04, 0.25]),
            "measure": list(decomposition.MEASURES),
            "sample": list("abcde"),
            "level": ("step", np.geomspace(0.03, 10, 6)),
            "band": list(decomposition.BANDS),
            "area": ["plain", "other"],
        },
        {"title": "Made up"},
    )
    for name in ("value", "corrected", "ideal"):
        found[name].loc[{"measure": "plain"}] = np.nan
    found["area_error"].loc[{"area": "plain"}] = np.nan
    return found


def rows(chart: object) -> pd.DataFrame:
    """All data that a chart carries."""
    return pd.concat([pd.DataFrame(values) for values in chart.to_dict()["datasets"].values()])


def test_every_part_of_every_denoiser_has_its_interval(study: xr.Dataset) -> None:
    table = rows(charts.parts(study))
    assert len(table) == 3 * 4 * 3  # measures that were measured, parts, denoisers
    assert "Plain areas" not in set(table["measure"])
    row = table[(table["denoiser"] == "our network") & (table["measure"] == "High frequencies")]
    total = row[row["part"] == "standard inversion: all"].iloc[0]
    expected = bootstrap_mean(decomposition.split(study).sel(denoiser="network", part="total", measure="high_power"))
    assert (total["mean"], total["low"], total["high"]) == pytest.approx(expected)


def test_what_is_left_after_true_predictions_stands_in_their_order(study: xr.Dataset) -> None:
    table = rows(charts.true_first_steps(study))
    assert list(table["true"].unique()) == ["none", "1 (0.04)", "4 (0.25)"]
    assert set(table["walk"]) == {"50 steps", "200 steps"}
    left = (study["ideal"] - study["corrected"]).sel(denoiser="network", resolution="fine", measure="s_dc")
    shown = table[(table["walk"] == "200 steps") & (table["measure"].str.contains("S_DC"))]
    np.testing.assert_allclose(shown["mean"], left.mean("sample"))


@pytest.mark.parametrize(("chart", "panels"), [("noise_error", 3), ("noise_norm", 2), ("area_error", 1)])
def test_levels_are_drawn_for_every_denoiser(study: xr.Dataset, chart: str, panels: int) -> None:
    table = rows(getattr(charts, chart)(study))
    assert len(table) == panels * 3 * 6
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()


def test_the_table_has_the_interaction_too(study: xr.Dataset) -> None:
    table = charts.parts_table(study)
    assert len(table) == 3 * 3
    assert table.shape[1] == 5
    assert table.map(lambda text: text.count("[") == 1).all(axis=None)
