from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import datasets, paths, results
from spectral_collapse.findings import networks as findings
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import POSITIVE, REAL, SHARE, bootstrap_mean, text
from spectral_collapse.studies import networks
from spectral_collapse.training import records
from spectral_collapse.training.history import FILE

from ..networks_study import MODELS, made_up

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def study() -> xr.Dataset:
    return made_up()


def runs_of(errors: np.ndarray, ratios: object, names: list[str], steps: list[int]) -> xr.Dataset:
    """Curves of runs. errors: (model, step, level, band, domain, pair). ratios: (model, level)."""
    dims = ("model", "step", "level", "band", "domain", "pair")
    return xr.Dataset(
        {"noise_error": (dims, errors), "ratio": (("model", "level"), ratios)},
        {"model": names, "step": steps, "band": list(BANDS), "domain": list(networks.DOMAINS)},
    )


def over_steps(*errors: float) -> np.ndarray:
    """Errors at four steps, for (step, band or level, pair) and the like."""
    return np.array(errors).reshape(4, 1, 1)


def test_bands_of_which_nothing_is_learnt_are_left_out() -> None:
    errors = np.empty((4, 2, 3, 2, 6))  # steps 1, 10, 100, 1000; levels; bands; domains; pairs
    errors[:] = np.array([1.0, 0.9, 0.6, 0.2]).reshape(4, 1, 1, 1, 1)  # half, 0.6, at step 100
    errors[:, 0, :2] = 1.0
    errors[:, 0, 2] = over_steps(1.0, 0.6, 0.4, 0.2)  # at step 10
    errors += np.random.default_rng(0).normal(0, 1e-6, errors.shape)
    runs = runs_of(errors[None], [[0.03, 1.0]], ["mine"], [1, 10, 100, 1000])
    found = findings.learnt_first(runs, "mine")
    bands = [(0.03, "high"), (1.0, "low"), (1.0, "middle"), (1.0, "high"), (1.0, "high over low")]
    assert list(zip(found["ratio"], found["band"], strict=True)) == bands
    np.testing.assert_allclose(found[["mean", "low", "high"]], np.outer([10, 100, 100, 100, 1], np.ones(3)), rtol=1e-4)
    assert "- sigma / alpha = 0.03: high 10 [10, 10]" in findings.learning_order(runs, "mine")
    assert findings.learning_order(runs, "another") == ""


def test_a_band_that_is_forgotten_again_is_not_learnt_and_a_short_run_has_bands() -> None:
    errors = np.ones((2, 4, 2, 3, 2, 6))  # runs, steps, levels, bands, domains, pairs
    errors[0, :, 0, :, 0] = over_steps(1.0, 0.7, 0.5, 0.9)  # forgotten again
    # half, 0.6, at step 100; targets, never learnt, do not count
    errors[0, :, 1, :, 0] = over_steps(1.0, 1.0, 0.6, 0.2)
    errors[1] = np.nan
    errors[1, :2, :, :2] = 0.5  # a run that was looked at twice, and whose third band is missing
    runs = runs_of(errors, [[0.03, 1.0], [0.1, 2.0]], ["mine", "short"], [1, 10, 100, 1000])
    found = findings.learnt_first(runs, "mine")
    assert found["ratio"].tolist() == [1.0] * 4
    np.testing.assert_allclose(found["mean"], [100, 100, 100, 1])
    assert records.has_bands(runs, "short")
    runs["noise_error"][1] = np.nan
    assert not records.has_bands(runs, "short")


def shared_and_alone(
    errors: dict[str, np.ndarray], s_hf: dict[str, np.ndarray], **differing: dict[str, object]
) -> None:
    """Records of `photos` and `photos-x8only` whose last errors (level, band, domain, pair) and scores are these."""
    for name, folder in (("photos", paths.checkpoints()), ("photos-x8only", paths.records())):
        values = errors[name]
        recipe = {"name": name, "recipe": name, "datasets": name, "data": name, "steps": 8} | differing.get(name, {})
        record = xr.Dataset(
            {
                "noise_error": (("step", "level", "band", "domain", "pair"), np.stack([np.ones_like(values), values])),
                "s_hf": (("step", "sample"), np.stack([np.zeros_like(s_hf[name]), s_hf[name]])),
                "train_loss": ("iteration", [1.0, 0.5]),
            },
            {"sigma_over_alpha": ("level", [0.1, 2.0]), "domain": list(networks.DOMAINS)},
            results.provenance(study="training", parameters=json.dumps(recipe), data_source="real", origin="made up"),
        )
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / FILE).write_bytes(results.encode(record))
        (folder / name / "config.json").write_text("{}")


def test_sharing_costs_the_quotient_of_two_errors() -> None:
    alone = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 2, 6))
    cost = np.array([[1.5, 1.0], [1.2, 0.8]])  # level, domain
    errors = {"photos-x8only": alone, "photos": alone * cost[:, None, :, None]}
    scores = {"photos-x8only": np.full(4, 0.75), "photos": np.full(4, 0.5)}
    shared_and_alone(errors, scores)
    found = findings.sharing()
    assert found[["network", "alone"]].drop_duplicates().to_numpy().tolist() == [["photos", "photos-x8only"]]
    assert found["domain"].tolist() == ["source", "source", "target", "target"]
    assert found["ratio"].tolist() == [0.1, 2.0] * 2
    # both errors of an image differ by one factor, so no draw of images changes the quotient
    np.testing.assert_allclose(found[["mean", "low", "high"]], np.outer(cost.T.ravel(), np.ones(3)))
    sums = alone.mean((1, 3))  # level, domain
    times = (sums * cost).sum(0) / sums.sum(0)
    told = findings.sharing_verdict()
    np.testing.assert_allclose([found.mean for found in told["times"].values()], times)
    np.testing.assert_allclose(told["gap"], -0.25)


def test_a_trainings_pairs_are_known_by_the_photograph_that_they_were_cut_from() -> None:
    alone = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 2, 16))
    errors = {"photos-x8only": alone, "photos": alone * np.random.default_rng(1).uniform(0.9, 1.1, alone.shape)}
    scores = dict.fromkeys(errors, np.ones(4))
    photos = {"datasets": ["photos_x8"], "size": 64}
    shared_and_alone(errors, scores, **dict.fromkeys(errors, photos))
    test = datasets.load("photos_x8", "test", 64)
    clusters = [test.clusters[i * len(test) // 64] for i in range(16)]
    assert records.curves(["photos"])["pair_group"].to_numpy().tolist() == clusters
    assert findings.sharing_verdict()["pairs"] == f"16 pairs from {len(set(clusters))} pictures"
    known = findings.sharing()
    # rendered pairs are independent
    cells = {"datasets": ["bbbc021_x8"], "size": 64}
    shared_and_alone(errors, scores, **dict.fromkeys(errors, cells))
    single = findings.sharing()
    np.testing.assert_array_equal(known["mean"], single["mean"])
    assert (known["high"] != single["high"]).all()
    assert findings.sharing_verdict()["pairs"] == "16 pairs"


def test_trainings_that_differ_in_more_than_their_data_are_not_compared() -> None:
    errors, scores = np.ones((2, 3, 2, 6)), np.ones(4)
    both = {"photos": errors, "photos-x8only": errors}
    shared_and_alone(both, dict.fromkeys(both, scores), photos={"steps": 9})
    assert findings.sharing().empty
    assert "times" not in findings.sharing_verdict()
    shared_and_alone(both, dict.fromkeys(both, scores))
    assert len(findings.sharing()) == 4


def test_sampling_that_is_linear_has_an_elasticity_of_two() -> None:
    random = np.random.default_rng(0)
    norms = np.exp(random.normal(0, 0.02, (2, 3, 200)))  # model, draw, drawn
    content = random.normal(0, 0.01, norms.shape)
    energies = np.array([2, -50])[:, None, None] * np.log(norms) + content
    dims = ("model", "draw", "drawn")
    study = xr.Dataset(
        {
            "norm_noise": (dims, norms),
            "excess_noise": (dims, energies),
            "response": (("model", "predictor", "level", "sample"), np.full((2, 2, 3, 4), 0.5)),
            "ratio": (("model", "level"), [[0.1, 1.0, 10.0]] * 2),
        },
        {"model": ["linear", "steep"], "predictor": ["network", "closed form"]},
    )
    linear, steep = (findings.norm_sensitivity(study.sel(model=name)) for name in ("linear", "steep"))
    # standard error of a slope over 600: 0.01 / 0.02 / sqrt(600) = 0.02
    assert linear["elasticity"].mean == pytest.approx(2, abs=0.08)
    assert steep["elasticity"].mean == pytest.approx(-50, abs=0.08)
    assert linear["elasticity"].high - linear["elasticity"].low == pytest.approx(2 * 1.96 * 0.02, rel=0.2)
    # 2 x 0.02 of signal beside 0.01 of content
    assert linear["correlation"].mean == pytest.approx(0.04 / 0.0017**0.5, abs=0.01)
    assert steep["correlation"].mean == pytest.approx(-1, abs=1e-3)
    # half of a change is noticed, over two decades: (10 / 0.1)^(1 - 0.5)
    np.testing.assert_allclose(findings.amplification(study.sel(model="linear")), [10, 10, 10])


@pytest.fixture
def result() -> xr.Dataset:
    """One network with an autoencoder, whose images of a kind are all alike."""
    one = made_up().sel(model=["mine"])
    energies = {"excess_real": -0.2, "excess_ceiling": -0.7, "excess_noise": -0.5, "excess_translated": -1.5}
    for name, value in (energies | {"psnr_ceiling": 20, "s_dc": 0.9, "white_s_dc": 0.987}).items():
        one[name] = xr.full_like(one[name], value)
    one["error"] = xr.ones_like(one["error"])
    one["error"].loc[{"predictor": "network"}] = xr.DataArray([2.0, 3.0, 4.0, 5.0], dims="level")
    one["ratio"][:] = [0.03, 0.5, 1.0, 14.0]
    return one


def test_the_answer_has_the_ratios_of_energies(result: xr.Dataset) -> None:
    answer = findings.answer(result)
    # e to the power of -1.5 + 0.5, of -0.7 + 0.2, of -0.5
    expected = {"lost": 0.37, "kept": 0.61, "sampled": 0.61}
    assert {name: answer[name].mean for name in expected} == pytest.approx(expected, abs=0.005)
    assert (answer["network"], answer["loses"]) == ("mine", True)
    assert findings.sampled(result) == pytest.approx([np.exp(-0.5 + 0.2)] * 3)
    result["excess_translated"][:] = -0.5
    result["autoencoder"] = "model", [""]
    answer = findings.answer(result)
    assert (answer["loses"], answer["kept"]) == (False, None)


@pytest.mark.parametrize(
    ("high", "verdict", "numbers"),
    [
        ([1.0, 0.9, 0.6, 0.2], "not measured", ""),  # as the low band: the record does not tell them apart
        ([1.0, 0.6, 0.4, 0.2], "fails", "at 2 of 2 levels, above 1 at 0; means 0.10 to 0.10"),
        ([1.0, 0.9, 0.8, 0.2], "holds", "at 0 of 2 levels, above 1 at 2; means 2.15 to 2.15"),
    ],
)
def test_high_frequencies_are_learnt_more_slowly_where_their_half_comes_later(
    study: xr.Dataset, monkeypatch: pytest.MonkeyPatch, high: list[float], verdict: str, numbers: str
) -> None:
    errors = np.empty((1, 4, 2, 3, 2, 6))  # runs, steps, levels, bands, domains, pairs
    errors[:] = np.array([1.0, 0.9, 0.6, 0.2]).reshape(1, 4, 1, 1, 1, 1)
    errors[..., list(BANDS).index("high"), :, :] = np.array(high).reshape(1, 4, 1, 1, 1)
    runs, asked = runs_of(errors, [[0.03, 1.0]], ["photos"], [1, 10, 100, 1000]), []
    monkeypatch.setattr(findings, "available", lambda: {"photos": Path(), "photos-dit": Path()})
    monkeypatch.setattr(records, "curves", lambda names: asked.append(names) or runs)
    claim = findings.claims({"one": study.assign_attrs(title="Made up")})[0]
    assert claim.side == verdict
    assert numbers in claim.measured
    assert asked == [["photos"]]  # it ships, and predicts noise


def test_the_network_is_compared_at_the_lowest_middle_and_highest_noise(result: xr.Dataset) -> None:
    line = findings.learnt(result).splitlines()[-1]
    assert line == "- **mine**: 2.00 [2.00, 2.00] at 0.03, 4.00 [4.00, 4.00] at 1, 5.00 [5.00, 5.00] at 14"


@pytest.mark.parametrize("variable", ["error", "response"])
def test_every_network_has_its_line_and_each_space_its_filter(study: xr.Dataset, variable: str) -> None:
    table, domains, at = findings.responses(study), [""], {}
    bounds = REAL
    if variable == "error":
        table, domains, at, bounds = findings.errors(study), ["sources, ", "targets, "], {"domain": "source"}, POSITIVE
    spaces = ("latents of autoencoder", "latents of another", "pixels")
    assert set(table["panel"]) == {f"{domain}{space}" for domain in domains for space in spaces}
    assert set(table["network"]) == {*MODELS, findings.FILTER}
    assert not table.duplicated(["panel", "network", "ratio"]).any()
    assert len(table) == (len(MODELS) + len(spaces)) * len(domains) * 4  # levels
    for network, model, predictor, space in (
        ("photos-pixel", "photos-pixel", "network", "pixels"),
        (findings.FILTER, "photos", "closed form", "latents of autoencoder"),  # of the first network of its space
    ):
        row = table[(table["panel"] == f"{domains[0]}{space}") & (table["network"] == network)].iloc[1]
        expected = bootstrap_mean(study[variable].sel(model=model, predictor=predictor, **at)[1], bounds=bounds)
        assert row[["mean", "low", "high"]].tolist() == pytest.approx(list(expected))
        assert row["ratio"] == float(study["ratio"].sel(model=model)[1])


def test_every_stage_of_every_network_has_its_own_scores(study: xr.Dataset) -> None:
    table = findings.energies(study).set_index(["network", "stage"])
    assert len(table) == len(MODELS) * 4 - 1  # in pixel space there is no autoencoder
    latents = findings.decorrelation(study).set_index("network")
    for model in MODELS:
        one = study.sel(model=model)
        for stage, called in findings.STAGES.items():
            if stage != "ceiling" or model != "photos-pixel":
                expected = np.exp(bootstrap_mean(one[f"excess_{stage}"].to_numpy().ravel()))
                assert table.loc[(model, called), ["mean", "low", "high"]].tolist() == pytest.approx(list(expected))
        assert latents.loc[model, "mean"] == pytest.approx(float(one["s_dc"].mean()))
        assert latents.loc[model, "white"] == float(one["white_s_dc"])


def test_the_ceiling_is_a_ratio_of_means(study: xr.Dataset) -> None:
    table = findings.ceiling(study)
    for autoencoder, model in {"autoencoder": "photos", "another": "photos-dit"}.items():
        power = study["reconstructed_power"].sel(model=model).mean("sample") / study["target_power"].mean("sample")
        np.testing.assert_allclose(table[table["autoencoder"] == autoencoder]["mean"], power)
    assert findings.ceiling(study.sel(model=["photos-pixel"])).empty


def test_curves_leave_out_what_a_run_has_not(study: xr.Dataset) -> None:
    loss = xr.DataArray([[3.0, 2.0, np.nan], [3.0, 2.0, 1.0]], dims=("model", "train_step"))
    texture = xr.DataArray([[[0.2, 0.4]], [[0.5, 0.7]]], dims=("model", "step", "sample"))
    coords = {"model": ["a", "b"], "train_step": [1, 2, 3], "step": [3]}
    table = findings.losses(xr.Dataset({"train_loss": loss, "s_hf": texture}, coords))
    losses = table[table["panel"] == "loss"].groupby("model")["value"].apply(list)
    assert losses.to_dict() == {"a": [3, 2], "b": [3, 2, 1]}
    assert table[table["panel"] == "s_hf"]["value"].tolist() == pytest.approx([0.3, 0.6])
    assert findings.losses(xr.Dataset(coords={"model": np.array([], str)})).empty


def test_learning_is_shown_per_band_at_the_first_to_the_last_but_one_level_of_each_look() -> None:
    errors, ratios = np.random.default_rng(0).random((2, 3, 10, 3, 2, 5)), np.geomspace(0.03, 14, 20).reshape(2, 10)
    errors[1, :2] = np.nan  # the second run was looked at once
    runs = runs_of(errors, ratios, ["a", "b"], [1, 2, 3])
    table = findings.learning(runs, "a")
    assert len(table) == 4 * 3 * 3  # levels, bands, steps
    assert table["panel"].unique().tolist() == [f"sigma / alpha = {ratios[0, level]:.2g}" for level in (0, 3, 5, 8)]
    assert len(findings.learning(runs, "b")) == 4 * 3
    assert findings.learning(runs, "c").empty
    expected = bootstrap_mean(errors[0, 0, 0, 0, 0], bounds=POSITIVE)
    assert table[["mean", "low", "high"]].iloc[0].tolist() == pytest.approx(list(expected))


def test_the_tables_have_a_row_per_network_of_every_study(study: xr.Dataset) -> None:
    both = [study, study.assign_attrs(title="Another")]
    what, table = findings.recipes(both), findings.table(both)
    assert what.index.tolist() == table.index.tolist() == list(MODELS) * 2
    about, row = what.iloc[2], table.iloc[2]
    assert about["Steps"] == "-"
    assert "KID" not in table  # no network has one
    study["kid"][0] = 0.5
    assert findings.table(both)["KID"].tolist() == ["0.5000", "-", "-", "-"] * 2
    assert (about["Architecture"], about["Predicts"]) == ("DiT, latents", "clean image (x0)")
    assert (what.iloc[1]["Steps"], what.iloc[1]["Weights"]) == ("5,000 more", "1.00 M")
    assert what["Training images"].tolist() == ["100 real", "100 rendered", "-", "100 rendered"] * 2
    assert what["Tested on"].tolist() == ["Rendered Made up"] * 4 + ["Rendered Another"] * 4
    assert table.iloc[3]["autoencoder"] == "-"
    swd = study["swd"].sel(model="photos-dit").to_numpy()
    assert row["SWD (test targets)"] == f"{swd.mean():.2f} [{swd.min():.2f}, {swd.max():.2f}] (0.10)"


def test_every_column_of_the_table_has_its_own_scores(study: xr.Dataset) -> None:
    one, row = study.sel(model="photos-dit"), findings.table([study]).loc["photos-dit"]
    columns = {
        "S_HF: test targets": ("s_hf_real", SHARE, 3),
        "autoencoder": ("s_hf_ceiling", SHARE, 3),
        "white noise": ("s_hf_noise", SHARE, 3),
        "translated": ("s_hf_translated", SHARE, 3),
        "PSNR of autoencoder (dB)": ("psnr_ceiling", REAL, 1),
        "PSNR of reconstructed targets (dB)": ("psnr_own", REAL, 1),
        "S_DC (white noise)": ("s_dc", SHARE, 3),
    }
    for column, (name, bounds, digits) in columns.items():
        expected = text(bootstrap_mean(one[name].to_numpy().ravel(), bounds=bounds), digits)
        assert row[column].startswith(expected), column


def test_a_network_misses_the_bars_that_it_does_not_clear(study: xr.Dataset) -> None:
    one = study.sel(model=["photos"]).copy(deep=True)

    def missed(off: float = 0.02, ratio: float = 1.9, psnr: float = 28.5) -> str:
        one["s_hf_noise"] = one["s_hf_noise"] * 0 + one["s_hf_real"].mean() - off
        one["swd"] = one["swd"] * 0 + ratio * one["swd_real"]
        one["psnr_own"] = one["psnr_own"] * 0 + psnr
        return findings.bars([one])["Misses"].item()

    assert missed() == "nothing"
    assert missed(off=-0.02) == "nothing"
    texture, distance, psnr = findings.BARS
    assert missed(off=0.04) == missed(off=-0.04) == texture
    assert missed(ratio=2.1, psnr=27.5) == f"{distance}, {psnr}"
    assert findings.bars([one]).columns.str.contains("≥ 28").tolist() == [False, False, True, False, False]
    assert findings.at_bars(findings.bars([study, one]))["count"] == len(MODELS) + 1
    missed()
    at_bars = findings.at_bars(findings.bars([one]))
    assert at_bars["clear"].endswith("PSNR (dB): 1")
    assert (at_bars["missing"], at_bars["fail"]) == ("none", 0)
    one["psnr_own"][:] = np.nan
    assert findings.bars([one])["Misses"].item() == psnr


def test_samples_are_told_apart_by_what_training_images_leave() -> None:
    """The bar moves with how well training images are told."""
    given = {"c2st": [0.79, 0.81], "c2st_error": [0.01, 0.01], "memorised": [0.5, 0.2]}
    one = xr.Dataset(
        {name: ("model", values) for name, values in given.items()}
        | {"c2st_training": 0.7, "c2st_training_error": 0.02, "image": ("sample", np.zeros(3))},
        {"model": ["near", "far"], "sample": ["a", "b", "c"]},
        {"title": "Textures x8", "data_source": "real"},
    )
    table = findings.told_apart([one])
    assert table["At most 0.1 more"].tolist() == ["yes", "no"]
    assert table["Samples"].tolist() == ["0.790 ± 0.010", "0.810 ± 0.010"]
    told = findings.telling_apart([one])
    assert (told["apart"], told["count"], told["clear"]) == (1, 2, ["`near`"])
    assert (told["least"], told["most"]) == (pytest.approx(0.09), pytest.approx(0.11))


def test_the_table_of_norms_has_its_numbers(study: xr.Dataset) -> None:
    study["response"][:] = 0.5
    study["norm_translated"][:] = 0.75
    row = findings.norms_table(study).loc["photos-pixel"]
    found = findings.norm_sensitivity(study.sel(model="photos-pixel"))
    assert row["Elasticity"].startswith(f"{found['elasticity'].mean:.0f} [")
    assert row["Correlation"].startswith(f"{found['correlation'].mean:.2f} [")
    grown = (14 / 0.03) ** 0.5  # half of a change is noticed
    assert row["1 % excess at the start becomes (%)"] == f"{grown:.1f} [{grown:.1f}, {grown:.1f}]"
    assert row["with the filter (%)"] == f"{grown:.1f}"
    spread = 100 * float(study["norm_noise"].sel(model="photos-pixel").std())
    assert row["Spread of white noise's norms (%)"] == f"{spread:.1f}"
    assert row["Norm of inverted latents / sqrt(d)"] == "0.750 [0.750, 0.750]"


def test_every_start_is_a_point_of_its_networks_panel(study: xr.Dataset) -> None:
    table = findings.norms(study)
    assert table.groupby("network").size().to_dict() == dict.fromkeys(MODELS, 2 * 3 + 3)  # draws x drawn, samples
    mine = table[(table["network"] == "mine") & table["stage"].str.startswith("translations")]
    one = study.sel(model="mine")
    np.testing.assert_allclose(mine[["norm", "times"]].T, [one["norm_translated"], np.exp(one["excess_translated"])])


def test_starts_that_training_hardly_saw_are_named() -> None:
    study = made_up()
    study["leak"][:] = [0.5, 7.25, 1.9, 2.1]
    table = findings.starts([study])
    assert table.columns[0] == "Space"
    assert table.loc["mine"].iloc[1] == "7.2"
    assert findings.far([study]) == [f"`{name}`" for name in list(MODELS)[1::2]]
