from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import home as charts
from spectral_collapse.findings import home
from spectral_collapse.findings.claims import Claim
from spectral_collapse.studies.benchmark import TARGET
from tests.benchmark_study import made
from tests.decomposition_study import decomposition


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


def test_the_five_sentences_follow_the_numbers() -> None:
    """Standard translations have a quarter of their targets' energy, TABA's a half."""
    cures = {
        "dpm_solver": {"hf_excess": np.log(1.2)},
        "taba": {"hf_excess": np.log(2)},
        "ovg": {"hf_excess": np.log(3)},
        "nullspace": {"s_lf": 0.2},
    }
    study = made({"standard": {}, **cures}, spread=0.0).assign_attrs(title="Squares")
    study["reference_hf_excess"][:] = study["hf_excess"].sel(point="standard").mean("seed") + np.log(4)
    decomposed = decomposition()
    claims = {"one": [Claim("a", "", "", "holds"), Claim("b", "", "", "fails")]}
    collapsed = {}
    for name, factor in (("Squares", 0.2), ("Circles", 0.5)):
        excess = np.stack([np.arange(4.0) + np.log(factor), np.arange(4.0)])
        dims, coordinates = ("image_series", "sample"), {"image_series": ["standard", "target"], "sample": list("abcd")}
        collapsed[name] = xr.Dataset(
            {"image_excess": (dims, excess)}, coordinates, {"title": name, "data_source": "real"}
        )
    found = {"one": study, "two": study}
    what, _, helps, todo, sure = home.answer(found, decomposed, claims, collapsed).splitlines()
    assert "Images of Squares translated with the standard inversion have 0.20 [0.20, 0.20] times" in what
    assert what.endswith("times the fine detail of their true targets; on data of the paper 0.50 (Circles).")
    assert "reaches 0.30 times the targets' detail" in helps
    assert "reaches 0.50; OVG 0.75" in helps
    assert "use nullspace" in todo
    assert "Of 2 checks of the papers' claims, 1 hold and 1 fail on all" in sure
