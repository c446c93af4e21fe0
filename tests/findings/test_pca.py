from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from spectral_collapse.findings import pca as findings
from spectral_collapse.studies import pca
from tests.latents_study import low_pass, made, white

RANK = 5


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    noise = white()
    patterns = white(RANK, seed=3).flatten(1)
    few = (white(64, (1, 1, RANK), seed=4).flatten(1) @ patterns).unflatten(1, (3, 16, 16))
    places = torch.randperm(768, generator=torch.Generator().manual_seed(0))
    series = {
        "standard": low_pass(noise),
        "taba": white(seed=5),
        "rank deficient": few,
        "duplicated": noise[:32].repeat(2, 1, 1, 1),
        "shuffled": low_pass(noise).flatten(1)[:, places].unflatten(1, (3, 16, 16)),
        "closed form": low_pass(noise),
    }
    return made(pca, series)


def ranks(study: xr.Dataset, reading: str) -> pd.DataFrame:
    table = findings.relative_ranks({"made": study})
    return table[table["reading"] == findings.READINGS[reading]].set_index("series")


def test_ranks_of_sets_whose_rank_is_known(study: xr.Dataset) -> None:
    of_set = ranks(study, "set")
    absolute = study["effective_rank"].sel(left_out="nothing")
    assert float(absolute.sel(series="rank deficient")) <= RANK
    # every latent twice: 31 dimensions instead of 63, and their white spectrum
    assert float(absolute.sel(series="duplicated")) == pytest.approx(31, abs=1)
    # where the values stand in a latent is nothing to a set, and all to a map
    assert of_set.loc["shuffled", "mean"] == pytest.approx(of_set.loc["standard", "mean"], abs=1e-6)
    of_map = ranks(study, "map")
    assert of_map.loc["standard", "high"] < 0.5 < 0.9 < of_map.loc["shuffled", "low"]


def test_intervals_hold_1_for_white_noise_alone(study: xr.Dataset) -> None:
    for reading in findings.READINGS:
        table = ranks(study, reading)
        # another draw of white noise; the rank of 64 of 768 values scatters by 0.1 %, that of a map by 0.5 %
        assert table.loc["TABA", "mean"] == pytest.approx(1, abs=0.01)
        assert table.loc["standard", "high"] < 1
    assert "white noise" not in table.index
    assert findings.has_dimensions(study, "taba")
    assert not any(findings.has_dimensions(study, name) for name in ("standard", "rank deficient", "duplicated"))


def test_the_share_of_the_closed_form_is_1_where_it_is_the_same_and_0_where_it_is_white(study: xr.Dataset) -> None:
    same = findings.predicted({"made": study})
    np.testing.assert_allclose(same[["mean", "low", "high"]], 1)
    collapsed = {"standard": low_pass(white()), "closed form": white(seed=6)}
    apart = findings.predicted({"made": made(pca, collapsed)})
    assert apart["mean"].to_numpy() == pytest.approx(0, abs=0.02)


def test_no_collapse_has_no_share() -> None:
    # half of the amplitude at all frequencies: fewer dimensions in no reading
    found = {"made": made(pca, {"standard": 0.5 * white(seed=0), "closed form": white()})}
    assert findings.predicted(found)["mean"].isna().all()
    assert [claim.side for claim in findings.claims(found)[:2]] == ["too few data", "too few data"]


def test_growth_ends_at_the_rank_of_all(study: xr.Dataset) -> None:
    table = findings.growth({"made": study})
    white_noise = table[table["series"] == "white noise"].set_index("count")["mean"]
    assert white_noise.index.tolist() == [8, 16, 32, 64]
    assert white_noise.is_monotonic_increasing
    assert white_noise[64] == pytest.approx(float(study["effective_rank"][0, 0]))
    few = table[table["series"] == "rank deficient"].set_index("count")
    assert few.loc[64, "mean"] <= RANK


def test_first_components_of_a_low_pass_are_low(study: xr.Dataset) -> None:
    table = findings.component_spectra(study).set_index(["panel", "series"])
    rows = table.loc[("first components", "standard")]
    assert rows[rows["frequency"] > 0.2]["mean"].max() == pytest.approx(findings._NO_POWER)
    assert rows[rows["frequency"] < 0.15]["mean"].min() > 1


def test_every_series_has_its_numbers(study: xr.Dataset) -> None:
    assert np.isfinite(list(findings.lost(study).values())).all()
    table = findings.rank_table({"made": study})
    assert len(table) == 7
    assert "nan" not in table.to_string()


@pytest.mark.parametrize(
    ("x8", "x32", "expected"),
    [(0.15, 0.4, "fails"), (0.4, 0.15, "holds"), (0.3, 0.3, "too few data")],
)
def test_the_claim_on_sparsity_follows_the_ranks(x8: float, x32: float, expected: str) -> None:
    def cells(cutoff: float) -> xr.Dataset:
        return made(pca, {"standard": low_pass(white(), cutoff), "closed form": white(seed=6)})

    found = {"bbbc021_x8": cells(x8), "bbbc021_x32": cells(x32)}
    claims = findings.claims(found)
    assert [claim.side for claim in claims[2:4]] == [expected, expected]
    assert [claim.side for claim in findings.claims({"bbbc021_x8": found["bbbc021_x8"]})[2:4]] == ["not measured"] * 2
    # 64 of 768 values: 0.96 of the possible rank, as the law of Marchenko and Pastur has it
    assert claims[4].side == "holds"
    found["bbbc021_x8"]["effective_rank"].loc[{"series": "white noise"}] *= 0.99
    assert findings.claims({"bbbc021_x8": found["bbbc021_x8"]})[4].side == "fails"
