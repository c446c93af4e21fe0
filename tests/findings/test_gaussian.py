from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.findings import gaussian as findings
from spectral_collapse.studies import gaussian

from ..gaussian_study import VARIANCE, made_up


@pytest.fixture
def study() -> xr.Dataset:
    return made_up()


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """A row per number of steps, a column per variance, beside the limit."""
    return table.pivot(index="series", columns="variance", values="mean")


def test_the_closed_form_approaches_its_limit_with_more_steps() -> None:
    values = measured(findings.closed_form(num_steps=(50, 200, 800)))
    errors = (values - values.loc[findings.LIMIT]).abs().max(axis=1)
    assert errors["50 steps, exact"] > 2 * errors["200 steps, exact"] > 0
    assert errors["200 steps, exact"] > errors["800 steps, exact"]
    # Where the data has next to no power the latent is the image scaled by the slope of the ODE's solution at the entry
    # level, which Euler's method meets to first order in S: 2 % at S = s_0^2 / 50.
    table = findings.closed_form()
    assert table["entry"].unique() == pytest.approx([0.00085 / (1 - 0.00085)])
    faint = measured(table[table["variance"] < table["entry"] / 50])
    assert faint.shape[1] >= 3
    for steps in (50, 500):
        np.testing.assert_allclose(faint.loc[f"{steps} steps, exact"], faint.loc[findings.LIMIT], rtol=0.03)


def test_spectra_and_variances_are_those_of_every_method_and_process(study: xr.Dataset) -> None:
    table = findings.spectra(study)
    source = table[table["series"] == "source"]
    np.testing.assert_allclose(source["mean"], study["power"].sel(domain="source").mean("sample"))
    assert ((source["low"] <= source["mean"]) & (source["mean"] <= source["high"])).all()
    np.testing.assert_allclose(table[table["series"] == findings.LAW]["mean"], study["power_law"])
    assert table.attrs["entry"][gaussian.EXPLODING] == float(study["entry"].sel(process=gaussian.EXPLODING))
    table = findings.terminal_variance(study)
    counts = table.groupby(["panel", "series"]).size()
    assert len(counts) == len(gaussian.PROCESSES) * (len(gaussian.DETERMINISTIC) + 1)
    assert (counts == len(VARIANCE)).all()
    place = {"process": gaussian.EXPLODING, "method": "EDICT"}
    edict = table[(table["panel"] == place["process"]) & (table["series"] == place["method"])]
    np.testing.assert_array_equal(edict["mean"], study["terminal"].sel(place))
    assert edict["entry"].unique() == [float(study["entry"].sel(process=gaussian.EXPLODING))]


def test_convergence_keeps_what_diverges_beside_lines_of_order_1_and_2(study: xr.Dataset) -> None:
    study["error"][0, 0, -1] = 1e30
    table = findings.convergence(study)
    guides = table[table["series"].str.startswith("order")]
    assert len(table) - len(guides) == study["error"].size
    assert table["mean"].max() == 1e30
    second = guides[(guides["series"] == "order 2") & (guides["panel"] == gaussian.EXPLODING)]
    assert second["mean"].tolist() == [1, 1 / 4, 1 / 16]
    assert second["order"].unique() == [2]
    study["error"][0, 1, 0] = np.nan
    assert len(findings.convergence(study)) == len(table) - 1


def test_entry_noise_has_lines_for_all_steps_and_points_for_the_fewest(study: xr.Dataset) -> None:
    expected, drawn = findings.entry_noise(study), findings.entry_noise_drawn(study)
    assert (expected["series"].value_counts() == len(VARIANCE)).all()
    assert expected["series"].nunique() == 2 * 2 + 1
    assert set(drawn["series"]) == {"no noise, 10 steps", "entry noise, 10 steps"}
    of_noise = drawn[drawn["series"] == "entry noise, 10 steps"]
    np.testing.assert_allclose(of_noise["mean"], study["edm_drawn"].sel(entry_noise=True).mean("draw"))


def test_ovg_is_compared_only_where_there_is_power(study: xr.Dataset) -> None:
    inside = gaussian.emptied_rings(study["frequency"])
    study["ovg_power"] = study["ovg_power"].where(~inside, 0)
    table = findings.guided(study)
    latents, ratios = (table[(table["panel"] == "OVG / standard") == ratio] for ratio in (False, True))
    assert len(latents) == study["ovg_power"].size
    assert ratios["series"].nunique() == 2
    assert ratios["mean"].isna().sum() == 2 * int(inside.sum())


def test_noise_at_a_level_has_its_expectation_within_the_interval_of_draws(study: xr.Dataset) -> None:
    for quantity in ("variance", "correlation"):
        study[f"{quantity}_expected"] = study[f"{quantity}_drawn"].mean("draw")
    table = findings.noise_at_level(study)
    standard = table["series"] == findings.STANDARD
    drawn = table[~standard]
    assert len(drawn) == 2 * study["variance_expected"].size
    assert ((drawn["low"] <= drawn["mean"]) & (drawn["mean"] <= drawn["high"])).all()
    at = {"quantity": "power of the latent", "level": "k = 2", "series": findings.ENTERING["empty band"]}
    one = drawn[(drawn[list(at)] == list(at.values())).all(axis=1)]
    np.testing.assert_allclose(one["mean"], study["variance_expected"].sel(noise="empty band", replaced=2))
    power = table[standard & (table["quantity"] == at["quantity"]) & (table["level"] == at["level"])]
    np.testing.assert_array_equal(power["mean"], study["standard_variance"])
    assert (table[standard & (table["quantity"] != at["quantity"])]["mean"] == 1).all()


def test_the_tables_have_a_row_per_method_and_per_noise_and_level(study: xr.Dataset) -> None:
    study["error"][:, 0] = 1 / study["steps"]
    study["error"][:, 1] = study["steps"] ** 3.0
    table = findings.methods_table(study)
    assert list(table.index) == list(gaussian.ROUND_TRIPS)
    assert list(table["Order, variance exploding"].iloc[:2]) == ["1.00", "diverges"]
    assert table.loc["TABA", "Order, variance preserving"] == "-"
    table = findings.noise_table(study)
    assert len(table) == study["noise"].size * study["replaced"].size
    study["correlation_expected"] = xr.ones_like(study["correlation_expected"])
    assert (findings.noise_table(study).iloc[:, -1] == "-").all()


def test_the_answer_has_what_is_left_and_what_brings_it_back(study: xr.Dataset) -> None:
    study["data_limit"] = ("process", "frequency"), np.full((len(gaussian.PROCESSES), study.sizes["frequency"]), 0.5)
    study["standard_variance"][:] = 0.375
    study["variance_expected"].loc[{"noise": "everywhere", "replaced": 0}] = 0.8
    study["entry"].loc[{"process": gaussian.PRESERVING}] = 10 * VARIANCE[4]
    study["terminal"][:] = 0.9
    study["terminal"].loc[{"process": gaussian.PRESERVING, "variance": VARIANCE[4]}] = 0.09
    inside = gaussian.emptied_rings(study["frequency"])
    for name, power in (("standard", 0.3), ("OVG", 1.2)):
        study["ovg_power"].loc[{"ovg_series": name}] = np.where(inside, 1e-20, power)
    numbers = findings.numbers(study)
    values = [float(numbers[name]) for name in ("faint", "left", "limit")]
    assert values == pytest.approx([0.09, 0.375, 0.5])
    assert float(numbers["noised"].sel(noise="everywhere", replaced=0)) == pytest.approx(0.8)
    assert numbers["weak"].sel(ovg_series=["standard", "OVG"]).to_numpy() == pytest.approx([0.3, 1.2])
    assert float(numbers["filled"].sel(ovg_series="OVG")) == pytest.approx(1e-20)
    assert numbers["ddpm"] == pytest.approx(1e-4, rel=1e-3)
