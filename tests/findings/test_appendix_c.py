from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import appendix_c
from spectral_collapse.statistics import Interval
from tests import decomposition_study


@pytest.fixture
def study() -> xr.Dataset:
    return decomposition_study.appendix_c()


@pytest.fixture
def decomposed() -> xr.Dataset:
    return decomposition_study.decomposition()


@pytest.mark.parametrize(
    ("low", "high", "nearer"),
    [
        (0.1, 0.4, "the claim"),
        (0.6, 1.2, "the ideal denoiser"),
        (1.1, 1.2, "beyond the ideal denoiser"),
        (0.4, 0.6, "neither"),
        (-0.4, -0.1, "the claim"),
        (-0.8, -0.6, "neither"),
    ],
)
def test_a_measurement_is_nearer_to_one_side_only_with_its_whole_interval(low: float, high: float, nearer: str) -> None:
    found = appendix_c.compared("", "", 0.0, Interval((low + high) / 2, low, high), Interval(1.0, 0.9, 1.1))
    assert found.nearer == nearer
    mirrored = appendix_c.compared("", "", 0.0, Interval(-(low + high) / 2, -high, -low), Interval(-1.0, -1.1, -0.9))
    assert mirrored.nearer == nearer


def test_corollary_2_is_judged_by_whether_both_rise() -> None:
    up, down, unknown = (
        [Interval(value, value, value) for value in values]
        for values in ((0.1, 0.5, 0.9), (0.1, 0.9, 0.5), (np.nan, np.nan, np.nan))
    )
    told = [appendix_c.rising(*pair) for pair in ((up, up), (up, down), (down, up), (down, down))]
    assert told == ["both rise", "only the network rises", "only the ideal denoiser rises", "neither rises"]
    assert appendix_c.rising(unknown, up).startswith("not measured")


def test_every_claim_has_its_row_the_answer_counts_them_and_an_identity_is_no_evidence(
    study: xr.Dataset, decomposed: xr.Dataset
) -> None:
    claims = appendix_c.predictions(study, decomposed)
    equations = " ".join(claim.equation for claim in claims)
    assert all(name in equations for name in ("47", "49", "51", "52", "56", "Corollary 1", "Corollary 2"))
    assert len(appendix_c.table(claims)) == len(claims)
    nearer = [claim.nearer for claim in claims]
    counts = [
        nearer.count(name) for name in ("the claim", "the ideal denoiser", "beyond the ideal denoiser", "neither")
    ]
    answer = appendix_c.answer(study, decomposed)
    assert f"the network follows the paper in {counts[0]} of {sum(counts)} testable predictions" in answer
    assert ("near neither" in answer) == (counts[3] > 0)
    ends = study["entered"].sel(denoiser="covariance", gamma=1).mean("sample")
    assert f"{float(ends.sel(measure='high_power')):.3f} [" in appendix_c.entered_with_noise(study)
    rows = appendix_c.table(claims)
    assert rows["Nearer to"][rows["Measured"] == "1.5e-12"].tolist() == ["by construction"]
    nan = Interval(*[float("nan")] * 3)
    assert appendix_c.compared("", "", 0.0, nan, nan).nearer.startswith("not measured")
    [missing] = [claim for claim in claims if claim.measured == "missing"]
    assert missing.equation == "52 to 55"
    other = study.assign_attrs(prediction="edm")
    assert all(claim.measured != "missing" for claim in appendix_c.predictions(other, decomposed))


def test_claims_follow_from_what_predictions_are_nearer_to(study: xr.Dataset, decomposed: xr.Dataset) -> None:
    study["reconstruction_error"].loc[{"inverse": "fixed_point"}] = 0.01
    study["reconstruction_error"].loc[{"inverse": "standard"}] += 0.1
    made = {claim.claim: claim for claim in appendix_c.claims({"one": study}, {"one": decomposed})}
    for one in appendix_c.predictions(study, decomposed):
        claim = made.get(one.claim)
        match one.nearer:
            case "by construction" | "see the number":
                assert claim is None
            case "the claim" | "both rise" | "only the network rises":
                assert claim.side == "holds"
            case "neither":
                assert claim.side == "too few data"
            case missing if missing.startswith("not measured"):
                assert claim.side == "not measured"
            case _:
                assert claim.side == "fails"
    assert made["Sampling from the latent returns the image (relative error, fixed point)"].side == "holds"
    assert made["Sampling from the latent returns the image (relative error, standard)"].side == "fails"
    assert len(made) == len(appendix_c.predictions(study, decomposed)) - 1


def test_tables_have_the_gain_beside_the_claimed_constant_and_leave_out_measures_without_a_place(
    study: xr.Dataset,
) -> None:
    table = appendix_c.gain(study)
    means = table.groupby("denoiser")["mean"].agg(["min", "max"])
    np.testing.assert_allclose(means.loc["our network"], 0.5)
    np.testing.assert_allclose(means.loc[appendix_c.CONSTANT], 0.07)
    assert len(table) == 4 * 8
    assert table.attrs["title"] == "Made up"
    table = appendix_c.entering_noise(study)
    assert list(table["measure"].unique()) == ["High frequencies", "Neighbouring values, S_DC"]
    assert len(table) == 2 * 3 * 2


@pytest.mark.parametrize(
    ("nearer", "told"),
    [
        (
            ["the claim", "neither"],
            "in 1 of 2 testable predictions: high a; low b. Of the others, 1 lies near neither.",
        ),
        (
            ["neither", "beyond the ideal denoiser", "the ideal denoiser"],
            "1 lies nearer to the ideal denoiser for Gaussian data, 1 lies beyond it (even farther from the paper) "
            "and 1 lies near neither.",
        ),
        (
            ["the claim", "see the number"],
            "the network follows the paper in 1 of 1 testable predictions: high a; low b.",
        ),
    ],
)
def test_the_answer_says_how_the_others_fared(nearer: list[str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [appendix_c.Prediction("High a; low b (power)", "47", "1", "1", "1", one) for one in nearer]
    monkeypatch.setattr(appendix_c, "predictions", lambda *_: made)
    answer = appendix_c.answer(xr.Dataset(attrs={"title": "Made up", "data_source": "real"}), xr.Dataset())
    assert answer.startswith("**Answer.** On Made up, the only data set tested, ")
    assert told in answer


def test_power_that_is_proportional_to_the_input_goes_back_to_it(study: xr.Dataset) -> None:
    study["latent_power"] = study["cross"] ** 2 / study["input_power"]
    assert "a share of 1.000 [1.000, 1.000] of the power" in appendix_c.explained(study)
    assert "most of the power" not in appendix_c.explained(study)
    study["latent_power"] = 10 * study["latent_power"]
    assert appendix_c.explained(study).endswith("The rest, which is most of the power, comes from the network.")


def test_a_local_variance_that_rises_is_listed_with_who_else_rises(study: xr.Dataset, decomposed: xr.Dataset) -> None:
    plain = {"measure": "plain"}
    study["entered"].loc[plain] = study["gamma"] + 0.0 * study["entered"].sel(plain).fillna(0)
    claims = appendix_c.claims({"one": study}, {"one": decomposed})
    [rises] = [claim for claim in claims if "local variance in plain areas rises" in claim.claim]
    assert rises.side == "holds"
    assert rises.measured.endswith("ideal denoiser 0.000 to 1.000 (both rise)")
