from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import decomposition as findings
from spectral_collapse.findings.measured import title_of
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import bootstrap_mean
from tests import decomposition_study
from tests.benchmark_study import detailed


@pytest.fixture
def study() -> xr.Dataset:
    return decomposition_study.decomposition()


@pytest.fixture
def plain_study() -> xr.Dataset:
    return decomposition_study.decomposition(plain=True)


def test_the_parts_add_up_exactly_and_do_not_depend_on_an_order(study: xr.Dataset) -> None:
    study["ideal"][1] = study["ideal"][0]  # at one level, whatever the steps
    parts = findings.split(study)
    total = study["ideal"].sel(resolution="coarse", drop=True) - study["value"].sel(
        entry="none", resolution="coarse", drop=True
    )
    added = parts.sel(part=["entry", "discretisation", "own error"]).sum("part", skipna=False)
    xr.testing.assert_allclose(added, total.transpose(*added.dims), rtol=1e-12)
    xr.testing.assert_allclose(parts.sel(part="total", drop=True), total.transpose(*added.dims), rtol=1e-12)
    mirrored = study.copy()
    mirrored["value"] = (study["value"].dims, study["value"].transpose("denoiser", "resolution", "entry", ...).data)
    other = findings.split(mirrored)
    np.testing.assert_allclose(other.sel(part="entry"), parts.sel(part="discretisation"))
    np.testing.assert_allclose(other.sel(part="interaction"), parts.sel(part="interaction"))


def test_the_parts_of_known_deficits(study: xr.Dataset) -> None:
    """A standard inversion lacks 0.9, with fine steps 0.8, with the noise of the first level 0.4, with both 0.1."""
    study["ideal"][:] = 1.0
    lacks = {("none", "coarse"): 0.9, ("none", "fine"): 0.8, ("noise", "coarse"): 0.4, ("noise", "fine"): 0.1}
    for (entry, resolution), lack in lacks.items():
        study["value"].loc[{"entry": entry, "resolution": resolution}] = 1 - lack
    parts = findings.split(study).sel(denoiser="network", measure="high_power").isel(sample=0, drop=True).to_series()
    # the noise gains 0.5 before the fine steps and 0.7 after them, these 0.1 before the noise and 0.3 after it
    expected = {"entry": 0.6, "discretisation": 0.2, "own error": 0.1, "total": 0.9, "interaction": -0.2}
    assert parts.to_dict() == pytest.approx(expected)
    assert findings.largest(study) == "entry"


def test_every_part_of_every_denoiser_has_its_interval_and_the_table_the_interaction_too(study: xr.Dataset) -> None:
    table = findings.parts(study)
    assert len(table) == 3 * 4 * 3  # measures that were measured, parts, denoisers
    assert "Plain areas" not in set(table["measure"])
    row = table[(table["denoiser"] == "our network") & (table["measure"] == "High frequencies")]
    total = row[row["part"] == "standard inversion: total"].iloc[0]
    expected = bootstrap_mean(findings.split(study).sel(denoiser="network", part="total", measure="high_power"))
    assert (total["mean"], total["low"], total["high"]) == pytest.approx(tuple(expected))
    assert (total["n"], total["groups"]) == (5, 5)
    table = findings.parts_table(study)
    assert list(table.columns) == [*findings.PARTS.values(), "interaction of start and steps"]
    measures = ["High frequencies", "Neighbouring values, S_DC", "Other areas"]
    assert [measure for measure, _ in table.index[::3]] == measures
    assert [denoiser for _, denoiser in table.index[:3]] == list(findings.DENOISERS.values())
    assert table.map(lambda text: text.count("[") == 1).all(axis=None)


def test_what_is_left_after_true_predictions_stands_in_their_order(study: xr.Dataset) -> None:
    table = findings.left_after_true_steps(study)
    assert list(table["replaced"].unique()) == ["none", "1 (0.04)", "4 (0.25)"]
    assert list(table["resolution"].unique()) == ["50 steps", "200 steps"]
    left = (study["ideal"] - study["corrected"]).sel(denoiser="network", resolution="fine", measure="s_dc")
    shown = table[(table["resolution"] == "200 steps") & (table["measure"] == "Neighbouring values, S_DC")]
    np.testing.assert_allclose(shown["mean"], left.mean("sample"))


@pytest.mark.parametrize(("name", "panels"), [("error", 3), ("noise_norm", 2), ("area_error", 1)])
def test_every_denoiser_has_a_value_at_every_level(study: xr.Dataset, name: str, panels: int) -> None:
    table = findings.by_level(study, name)
    assert len(table) == panels * 3 * 6
    np.testing.assert_allclose(sorted(set(table["level"])), study["level"])
    assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()


def test_pages_have_their_numbers(study: xr.Dataset) -> None:
    assert findings.of_network(study).count("- ") == 2  # no image has plain places
    entry = findings.split(study).sel(part="entry", measure="s_dc")
    worth = [float(entry.sel(denoiser=name).mean()) for name in ("network", "covariance")]
    assert f": {worth[0]:.2f} for lack of noise at the start" in findings.of_network(study)
    assert float(findings.untrained(study).mean()) == pytest.approx(worth[0] - worth[1])
    assert findings.first_steps(study).count("- ") == 2
    falling = xr.DataArray([100.0, 10.0, 1.0], {"band": list(BANDS)}, "band")
    study["error"] = study["error"] * falling.where(study["denoiser"] == "network", 1.0)
    assert findings.error_ratios(study)["grows"] == "does not grow"


def test_two_networks_stand_side_by_side_and_the_better_one_is_said_to_take_less(plain_study: xr.Dataset) -> None:
    """Latents whose power is nearer to that of true predictions by 0.2, all of it the network's own error."""
    better = plain_study.copy(deep=True)
    better["value"] += 0.2
    before, after, title = {"one": plain_study}, {"one": better, "two": plain_study}, plain_study.attrs["title"]
    table = findings.with_either(before, after, findings.causes)
    assert list(table.index.get_level_values("Network")) == ["ordinary", "preconditioned"]
    table = findings.stacks_with_either(before, after)
    assert table["data"].tolist() == [
        f"{title}: {name} (5 images)" for name in ("ordinary", "preconditioned") for _ in range(3)
    ]
    taken = float(findings.lacking(plain_study).sel(part="own error").mean())
    said = findings.objective(before, after)
    assert f"errors of the ordinary network cost latents {taken:.2f} of" in said
    assert f"network cost {taken - 0.2:.2f}, which is less" in said
    assert said.endswith(", which is less.")
    assert findings.objective(before, before).endswith(", which is not significantly more or less.")
    assert findings.objective({}, after) == ""


def test_other_levels_stand_beside_the_usual_ones_against_one_reference(study: xr.Dataset) -> None:
    table = findings.other_levels(study)
    assert list(table["part"].unique()) == [
        "50 steps, even in time",
        "50 steps, even in log SNR",
        "200 steps, even in time",
    ]
    spaced = (study["ideal"].sel(resolution="coarse") - study["spaced"]).sel(entry="noise", measure="high_power")
    row = table[(table["part"] == "50 steps, even in log SNR") & (table["measure"] == "High frequencies")]
    row = row.set_index("denoiser").loc["start with the first level's noise"]
    assert row["mean"] == pytest.approx(float(spaced.mean()))
    gained = (study["spaced"] - study["value"].sel(denoiser="network", resolution="coarse")).sel(measure="s_dc")
    assert f"S_DC changes by {float(gained.sel(entry='none').mean()):.3f} [" in findings.levels_matter(study)
    assert findings.other_levels(study.drop_vars("spaced")) is None


def test_the_first_steps_are_to_blame_where_true_predictions_there_remove_most(study: xr.Dataset) -> None:
    study["replaced"] = [0, 1, 2]  # 2 of 50 steps is what TABA replaces
    at = {"denoiser": "network", "resolution": "coarse", "measure": "s_dc"}
    ideal = study["ideal"].sel(resolution="coarse", measure="s_dc", drop=True)
    for left, verdict in ((0.1, "holds"), (0.9, "fails")):
        study["corrected"].loc[at | {"replaced": 0}] = ideal - 0.5
        study["corrected"].loc[at | {"replaced": 2}] = ideal - 0.5 * left
        [claim] = findings.claims({"one": study})
        assert claim.side == verdict
        assert f"Made up {1 - left:.2f} in the first 2 of 50 steps, from 0.500 [0.500, 0.500] to" in claim.measured
    assert findings.claims({"one": study.sel(replaced=[0, 1])})[0].side == "not measured"


def test_errors_of_the_first_steps_in_words(study: xr.Dataset) -> None:
    ideal = study["ideal"].sel(measure="s_dc", resolution="coarse", drop=True)
    at = {"measure": "s_dc", "denoiser": "network", "resolution": "coarse"}
    for left_over in (0.1, 0.3):
        study["corrected"].loc[at] = ideal - left_over
        study["corrected"].loc[{**at, "replaced": 0}] = ideal - 0.4
        said = findings.early_errors(study)
        assert "S_DC is 0.40 below that of white noise" in said
        assert f"it is {left_over:.2f} below." in said


def test_bars_add_up_to_what_latents_lack(plain_study: xr.Dataset) -> None:
    table = findings.stacks({"one": plain_study})
    assert table["mean"].sum() == pytest.approx(float(findings.lacking(plain_study).sel(part="total").mean()))
    assert list(table["cause"]) == ["start without noise", "coarse steps", "errors of the network"]
    assert table["share"].str.rstrip("%").astype(int).sum() == pytest.approx(100, abs=2)  # rounded


def test_the_sentence_names_the_largest_cause_of_each_data_set_with_its_share(plain_study: xr.Dataset) -> None:
    """Own errors of half of what the latents lack by this study, then made the smallest cause."""
    lacks = findings.lacking(plain_study).mean("sample")
    cause = findings.largest(plain_study)
    share = f"({float(lacks.sel(part=cause) / lacks.sel(part='total')):.0%})"
    said = findings.accounts({"one": plain_study}, {})
    what = f"the largest cause of what latents lack in plain areas is {findings.CAUSES[cause]}"
    assert said == f"With ordinary networks, {what} on {plain_study.attrs['title']} {share}."
    other = plain_study.copy(deep=True).assign_attrs(title="Other")
    noisy = {"entry": "noise", "denoiser": "network", "measure": "plain"}
    own = cause == "own error"
    other["value"].loc[noisy] = other["ideal"].sel(measure="plain") if own else 0.0
    second = findings.accounts({"one": plain_study, "other": other}, {})
    assert f" and {findings.CAUSES[findings.largest(other)]} on Other (" in second
    assert findings.largest(other) != cause


def test_what_has_no_plain_areas_is_left_out(study: xr.Dataset, plain_study: xr.Dataset) -> None:
    both = {"one": plain_study, "none": study.assign_attrs(title="None")}
    assert findings.accounts(both, {}) == findings.accounts({"one": plain_study}, {})
    assert len(findings.stacks(both)) == 3
    assert findings.accounts({"none": study}, {}) == ""
    assert findings.stacks({"none": study}).empty


def test_detail_with_either_network_is_said_with_both_numbers() -> None:
    """Of the targets' energy images have a quarter with one network, and a half with the other."""
    quarter, half = (detailed(standard=share) for share in (1 / 4, 1 / 2))
    told = findings.detail_with_either({"one": half, "two": quarter}, {"one": quarter, "two": half, "three": half})
    said = [f"{numbers} on {title_of(half)}" for numbers in ("0.25 and 0.50", "0.50 and 0.25")]
    assert told == {"more": 1, "pairs": 2, "detail": said}
