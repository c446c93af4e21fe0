from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import statistics
from spectral_collapse.findings import plain_areas as findings
from spectral_collapse.studies.latents import WHITE
from tests.plain_areas_study import plain_areas


@pytest.fixture
def found() -> dict[str, xr.Dataset]:
    return {"one": plain_areas("One x8"), "two": plain_areas("Two x8", seed=1)}


def test_ratios_are_those_that_were_made(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    # values have 1 % of noise, over 12 images and 5 steps: the ratios' standard error is 0.2 %
    wrong, wide = (findings.early_ratio(study, name) for name in ("error", "spread"))
    assert (wrong.mean, wide.mean) == pytest.approx((2, 0.5), rel=0.01)
    assert wrong.low < wrong.mean < wrong.high
    gain, loss = findings.way(study, "s_dc"), findings.way(study, "reconstruction")
    # 1 % of the error's 0.4 moves its share of the way by 0.02
    assert (gain.mean, loss.mean) == (pytest.approx(0.9, abs=0.03), pytest.approx(0.02, abs=0.02))
    assert findings.manipulable(study).mean == pytest.approx(0.7, rel=0.02)
    for series in (WHITE, ""):  # the true noises' samples have the usual energy here
        assert findings.path_gain(study, series).mean == pytest.approx(0.1 - 1.0, rel=0.02)


def test_a_network_whose_own_samples_are_too_rough_makes_the_reading_count(found: dict[str, xr.Dataset]) -> None:
    for study in found.values():
        study["path_excess"] += 1.0  # as far as the standard inversion's lie below: they have the usual energy now
        to_noise, to_usual = (findings.path_gain(study, series).mean for series in (WHITE, ""))
        assert (to_noise, to_usual) == pytest.approx((0.1 - 1.0, 1.1 - 0.0), abs=0.03)
    assert findings.claims(found)[5].side == "too few data"


def test_only_the_first_steps_count_as_early(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    study["spread"][:, 5:] = 7.0  # 10 % of 50 steps are 5
    assert findings.early_ratio(study, "spread").mean == pytest.approx(0.5, rel=0.01)


def test_images_without_plain_areas_are_left_out(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    study["spread"].loc[{"area": "plain", "sample": ["0", "1", "2", "3", "4"]}] = np.nan
    rest = study.isel(sample=slice(5, None))
    assert findings.early_ratio(study, "spread") == pytest.approx(findings.early_ratio(rest, "spread"))
    study["spread"].loc[{"area": "plain"}] = np.nan
    assert np.isnan(findings.early_ratio(study, "spread").mean)
    panels = findings.per_step({"one": study}).query("kind == 'spread'")["series"].unique()
    assert set(panels) == {"inversion, other areas", "sampling, other areas"}


def test_claims_that_hold_are_supported_and_their_contraries_refuted(found: dict[str, xr.Dataset]) -> None:
    sides = ["holds", "holds", "too few data", "holds", "holds", "holds"]  # the sampling has the same spread
    assert [claim.side for claim in findings.claims(found)] == sides
    assert all("One x8 " in claim.measured and "Two x8 " in claim.measured for claim in findings.claims(found))
    for study in found.values():
        for name in ("error", "spread", "drawn_error", "drawn_spread"):
            study[name] = study[name].isel(area=[1, 0]).assign_coords(area=["plain", "other"])
        study["value"].loc[{"replaced": 2, "measure": "reconstruction"}] = 0.3
        series = list(study["series"].data)
        study["edits"] = study["edits"].isel(series=[1, 0, 2]).assign_coords(series=series)
        study["path_excess"] = study["path_excess"].isel(series=[0, 2, 1]).assign_coords(series=series)
    assert [claim.side for claim in findings.claims(found) if claim.side != "too few data"] == ["fails"] * 5
    for study in found.values():
        for times, side in ((0.5, "holds"), (4.0, "fails")):
            study["spread"].loc[{"area": "plain", "walk": "inversion"}] *= times
            assert findings.beyond_sampling(study).mean == pytest.approx(times if side == "holds" else 2, rel=0.02)
    assert findings.claims(found)[2].side == "fails"


def test_a_data_set_that_cannot_tell_leaves_the_verdict_to_the_others(found: dict[str, xr.Dataset]) -> None:
    two = found["two"]["error"]
    two[:] = 1.0
    two[:, :, ::2] = 1.1  # the same in both areas: nothing is told
    told = findings.claims(found)[0].told
    assert told.startswith("holds")
    assert ", 4 of 4" not in told
    two.loc[{"area": "plain"}] = np.nan
    assert findings.claims(found)[0].side == "holds"  # by the others, drawn images among them
    assert findings.claims(found)[0].measured.count("Two x8") == 1
    for study in found.values():
        for name in ("error", "drawn_error"):
            study[name].loc[{"area": "plain"}] = np.nan
    assert findings.claims(found)[0].side == "not measured"


def test_the_answer_has_the_extremes_of_the_data_sets(found: dict[str, xr.Dataset]) -> None:
    found["two"]["spread"].loc[{"area": "plain"}] *= 1.5
    answer = findings.answer(found)
    assert answer["wide"] == "0.50 (One x8) to 0.75 (Two x8)"
    assert (answer["replaced"], answer["count"]) == (0.04, "2 data sets")


def test_tables_have_a_row_for_each_place_and_the_shares_wilsons_interval(found: dict[str, xr.Dataset]) -> None:
    table = findings.geometry(found)
    assert list(table["panel"].unique()) == [*findings.CORNERS.values(), findings.NEAREST]
    assert len(table) == 2 * 3 * 5
    half = table[(table["panel"] == findings.NEAREST) & (table["series"] == "TABA")].iloc[0]
    assert (half["low"], half["high"]) == pytest.approx([end.item() for end in statistics.wilson(np.array(0.5), 12)])
    swept = findings.sweep(found)
    assert sorted(swept["share"].unique()) == [0, 0.02, 0.04, 1]
    assert set(swept["groups"]) == {5}
    assert findings.swaps(found).shape == (6, 5)
    assert findings.swaps(found).iloc[0, 0].startswith("-0.80 [-0.8")
    assert set(findings.path(found)["series"]) == set(findings.SERIES.values())
    assert list(findings.edits(found)["panel"].unique()) == ["plain areas", "other areas"]
    assert findings.replacing(found).shape == (12, 3)
    assert findings.replacing(found).columns.tolist() == ["none", "4%", "all"]
