from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import entry_noise as findings
from spectral_collapse.studies.entry_noise import EULER, EVERYWHERE, FINE, LAW, LOG_SNR, NOWHERE, TABA, TIME, WIENER

from ..entry_noise_study import made_up


@pytest.fixture
def study() -> xr.Dataset:
    return made_up()


def test_the_law_has_a_row_per_entry_and_power_beside_lines_from_all_of_the_source_to_all_of_the_power(
    study: xr.Dataset,
) -> None:
    study["law_power"][:, 0] *= 1.1
    table = findings.law(study).set_index(["series", "ratio"])
    assert len(table) == len(LAW) * 3
    one = table.loc[(TABA, 1.0)]
    assert one["power"] == pytest.approx(float(study["law_power"].sel(entering=TABA, ratio=1.0).mean()))
    assert one["power_low"] < one["power"] < one["power_high"]
    ends = findings.hyperbolas(study)
    np.testing.assert_allclose(ends["kept"] * ends["power"], ends["ratio"] / (1 + ends["ratio"]))
    assert (ends.groupby(["series", "ratio"])[["kept", "power"]].max() == 1).all(axis=None)
    assert sorted(ends["ratio"]) == sorted(2 * [0.025, 0.1, 0.25, 1, 2.5, 10])


def test_the_gap_of_the_law_is_the_largest_and_leaves_wieners_entry_out(study: xr.Dataset) -> None:
    assert findings.law_gap(study) < 1e-12
    study["law_power"].loc[{"entering": WIENER}] *= 2
    assert findings.law_gap(study) < 1e-12
    study["law_power"].loc[{"entering": TABA, "ratio": 1.0}] *= 1.07
    assert findings.law_gap(study) == pytest.approx(0.07)


def test_parts_lie_on_top_of_each_other_and_the_cost_is_what_is_added_in_each_band(study: xr.Dataset) -> None:
    table = findings.parts(study)
    assert set(table["place"]) == set(findings.PLACES.values())
    carried, added = (table[table["series"] == name].reset_index() for name in (findings.CARRIED, findings.ADDED))
    assert (carried["low"] == 0).all()
    np.testing.assert_allclose(added["low"], carried["high"])
    np.testing.assert_allclose(added["high"] - added["low"], 0.25)
    drawn = findings.parts_drawn(study)
    at = {"series": findings.TOTAL, "place": findings.PLACES[EVERYWHERE], "level": "k = 2", "frequency": 0.5}
    [mean] = drawn[(drawn[list(at)] == list(at.values())).all(axis=1)]["mean"]
    one = study["power"].sel(walk=FINE, noise=EVERYWHERE, replaced=2, frequency=0.5)
    assert mean == pytest.approx(float(one.mean("draw")))
    table = findings.cost_table(study)
    assert len(table) == 2 * 3
    assert (table[[name for name in table if name.startswith("Added")]] == "0.250").all(axis=None)
    mean = float(study["s_lf"].sel(walk=FINE, noise=EVERYWHERE, replaced=2).mean())
    assert table.loc[(EVERYWHERE, 2), "S_LF, measured"].startswith(f"{mean:.3f} [")


def test_the_trade_begins_without_noise_and_then_goes_up_the_levels(study: xr.Dataset) -> None:
    table = findings.trade(study)
    euler = table[(table["series"] == EULER) & (table["place"] == findings.PLACES[EVERYWHERE])]
    assert list(euler["label"]) == ["no noise", "k = 0", "k = 2", "k = 10"]
    bare = study.sel(walk=EULER, noise=NOWHERE, replaced=0)
    assert euler["s_lf"].iloc[0] == pytest.approx(float(bare["s_lf"].mean()))
    assert euler["detail"].iloc[0] == pytest.approx(float(np.log(bare["detail"]).mean()))
    exact = table[table["series"] == findings.EXACT]
    assert exact["s_lf_low"].isna().all()
    assert len(exact) == 2 * 4


def test_orders_and_where_the_floor_is_reached(study: xr.Dataset) -> None:
    order = findings.perfect_orders(study)
    for solver, expected in {"Euler": 1, "Heun": 2, "2M": 2}.items():
        np.testing.assert_allclose(order.sel(solver=solver), expected)
    calls = findings.enough(study)
    # 0.01 + 1 / steps is within a tenth of 0.01 from 1000 steps on, 0.01 + 1 / steps^2 from 100 on
    wrong = calls.sel(process=TIME, spectral_error=0.3).to_series()
    assert wrong.to_dict() == {"Euler": 1000, "Heun": 200, "2M": 100}
    assert bool(calls.sel(spectral_error=0.0).isnull().all())
    study["error"][0, 2, 1, -1] = 1.0  # what is left again was not enough
    assert np.isnan(float(findings.enough(study).sel(process=TIME, solver="2M", spectral_error=0.3)))
    table = findings.orders_table(study)
    assert table.loc[(TIME, "2M")].iloc[1] == "-"
    assert table.loc[(LOG_SNR, "Euler")].tolist() == ["1.00", "1000"]


def test_slopes_stand_beside_the_perfect_network_and_the_floor_beside_wrong_ones(study: xr.Dataset) -> None:
    table = findings.convergence(study)
    beside = table.groupby("panel")["series"].unique().map(set)
    for panel, names in beside.items():
        perfect = panel.endswith("ideal denoiser")
        assert (set(findings.ORDERS) <= names) == perfect
        assert (findings.FLOOR in names) == (not perfect)
    second = table[table["series"] == "order 2"]["mean"].to_numpy()[:3]
    np.testing.assert_allclose(second / second[0], [1, 1e-2, 1e-4])
    numbers = findings.numbers(study)
    assert "delta = 0.3: Euler 1000, Heun 200, 2M 100" in numbers["stops"]
    assert not any("nan" in text for text in numbers.values() if isinstance(text, str))


def test_the_first_steps_are_to_blame_where_most_of_the_error_goes_with_them(study: xr.Dataset) -> None:
    for later, verdict in ((0.05, "holds"), (0.09, "fails")):  # 75 % and 19 % of the squared error
        study["walk_error"].loc[{"walk": EULER}] = [0.1, later, 0.01]
        [claim] = findings.claims({"one": study})
        assert claim.side == verdict
    assert findings.claims({"one": study.sel(replaced=[0, 10])})[0].side == "not measured"
