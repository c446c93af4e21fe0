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


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
    return tmp_path


@pytest.fixture
def study() -> xr.Dataset:
    return made_up()


def test_bands_of_which_nothing_is_learnt_are_left_out() -> None:
    random = np.random.default_rng(0)
    errors = np.empty((4, 2, 3, 2, 6))  # steps 1, 10, 100, 1000; levels; bands; domains; pairs
    errors[:] = np.array([1.0, 0.9, 0.6, 0.2]).reshape(4, 1, 1, 1, 1)  # half, 0.6, at step 100
    errors[:, 0, :2] = 1.0
    errors[:, 0, 2] = np.array([1.0, 0.6, 0.4, 0.2]).reshape(4, 1, 1)  # at step 10
    errors += random.normal(0, 1e-6, errors.shape)
    dims = ("model", "step", "level", "band", "domain", "pair")
    runs = xr.Dataset(
        {"noise_error": (dims, errors[None]), "ratio": (("model", "level"), [[0.03, 1.0]])},
        {"model": ["mine"], "step": [1, 10, 100, 1000], "band": list(BANDS), "domain": list(networks.DOMAINS)},
    )
    found = findings.learnt_first(runs, "mine")
    bands = [(0.03, "high"), (1.0, "low"), (1.0, "middle"), (1.0, "high"), (1.0, "high over low")]
    assert list(zip(found["ratio"], found["band"], strict=True)) == bands
    np.testing.assert_allclose(found[["mean", "low", "high"]], np.outer([10, 100, 100, 100, 1], np.ones(3)), rtol=1e-4)
    np.testing.assert_allclose(found["error"][:4], 0.2, atol=1e-5)
    assert "- sigma / alpha = 0.03: high 10 [10, 10]" in findings.learning_order(runs, "mine")
    assert findings.learning_order(runs, "another").startswith("another has no record of its errors per frequency")


def test_sources_and_targets_are_learnt_at_their_own_steps() -> None:
    steps, fast = [1, 10, 100, 1000], np.array([1.0, 0.5, 0.2, 0.2])
    errors = np.ones((2, 4, 2, 3, 2, 6))  # runs, steps, levels, bands, domains, pairs
    errors[0, ..., 0, :] = fast.reshape(4, 1, 1, 1)  # sources: half, 0.6, before step 10
    errors[0, :, 0, :, 1] = np.array([1.0, 0.7, 0.5, 0.9]).reshape(4, 1, 1)  # forgotten again, so not learnt
    errors[0, :, 1, :, 1] = np.array([1.0, 1.0, 0.6, 0.2]).reshape(4, 1, 1)
    errors[1] = np.nan
    errors[1, :2, :, :2] = 0.5  # a run that was looked at twice, and whose third band is missing
    runs = xr.Dataset(
        {
            "noise_error": (("model", "step", "level", "band", "domain", "pair"), errors),
            "ratio": (("model", "level"), [[0.03, 1.0], [0.1, 2.0]]),
        },
        {"model": ["mine", "short"], "step": steps, "band": list(BANDS), "domain": list(networks.DOMAINS)},
    )
    found = findings.learnt_first(runs, "mine")
    np.testing.assert_allclose(found["mean"], [10**0.8, 10**0.8, 10**0.8, 1] * 2)
    found = findings.learnt_first(runs, "mine", "target")
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


def test_sharing_costs_the_quotient_of_two_errors(home: Path) -> None:
    alone = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 2, 6))
    cost = np.array([[1.5, 1.0], [1.2, 0.8]])  # level, domain
    errors = {"photos-x8only": alone, "photos": alone * cost[:, None, :, None]}
    scores = {"photos-x8only": np.full(4, 0.75), "photos": np.full(4, 0.5)}
    shared_and_alone(errors, scores)
    found = findings.sharing()
    assert found[["network", "alone"]].drop_duplicates().to_numpy().tolist() == [["photos", "photos-x8only"]]
    assert list(zip(found["domain"], found["ratio"], strict=True)) == [
        ("source", 0.1),
        ("source", 2.0),
        ("target", 0.1),
        ("target", 2.0),
    ]
    # both errors of an image differ by one factor, so no draw of images changes the quotient
    np.testing.assert_allclose(found[["mean", "low", "high"]], np.outer(cost.T.ravel(), np.ones(3)))
    [line] = findings.sharing_verdict().splitlines()
    sums = alone.mean((1, 3))  # level, domain
    times = (sums * cost).sum(0) / sums.sum(0)
    assert f"**photos** (real images, 6 pairs) has {times[0]:.3f} [" in line
    assert f" on sources and {times[1]:.3f} [" in line
    assert "is 0.500, against 0.750: a difference of -0.250 [-0.250, -0.250]" in line


def test_a_trainings_pairs_are_known_by_the_photograph_that_they_were_cut_from(home: Path) -> None:
    alone = np.random.default_rng(0).uniform(0.5, 1, (2, 3, 2, 16))
    errors = {"photos-x8only": alone, "photos": alone * np.random.default_rng(1).uniform(0.9, 1.1, alone.shape)}
    scores = dict.fromkeys(errors, np.ones(4))
    photos = {"datasets": ["photos_x8"], "size": 64}
    shared_and_alone(errors, scores, **dict.fromkeys(errors, photos))
    test = datasets.load("photos_x8", "test", 64)
    clusters = [test.clusters[i * len(test) // 64] for i in range(16)]
    assert records.curves(["photos"])["pair_group"].to_numpy().tolist() == clusters
    assert f"16 pairs from {len(set(clusters))} pictures" in findings.sharing_verdict()
    known = findings.sharing()
    # rendered pairs are independent
    cells = {"datasets": ["bbbc021_x8"], "size": 64}
    shared_and_alone(errors, scores, **dict.fromkeys(errors, cells))
    single = findings.sharing()
    np.testing.assert_array_equal(known["mean"], single["mean"])
    assert (known["high"] != single["high"]).all()
    assert "16 pairs)" in findings.sharing_verdict()


def test_trainings_that_differ_in_more_than_their_data_are_not_compared(home: Path) -> None:
    errors, scores = np.ones((2, 3, 2, 6)), np.ones(4)
    both = {"photos": errors, "photos-x8only": errors}
    shared_and_alone(both, dict.fromkeys(both, scores), photos={"steps": 9})
    assert findings.sharing().empty
    assert findings.sharing_verdict().splitlines()[0].endswith("photos-x8only have no records that can be compared.")
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
    found = findings.norm_sensitivity(study).set_index(["network", "measure"])
    # standard error of a slope over 600: 0.01 / 0.02 / sqrt(600) = 0.02
    assert found.loc[("linear", "elasticity"), "mean"] == pytest.approx(2, abs=0.08)
    assert found.loc[("steep", "elasticity"), "mean"] == pytest.approx(-50, abs=0.08)
    wide = found["high"] - found["low"]
    assert wide["linear", "elasticity"] == pytest.approx(2 * 1.96 * 0.02, rel=0.2)
    # 2 x 0.02 of signal beside 0.01 of content
    assert found.loc[("linear", "correlation"), "mean"] == pytest.approx(0.04 / 0.0017**0.5, abs=0.01)
    assert found.loc[("steep", "correlation"), "mean"] == pytest.approx(-1, abs=1e-3)
    # half of a change is noticed, over two decades: (10 / 0.1)^(1 - 0.5)
    np.testing.assert_allclose(findings.amplification(study, "linear"), [10, 10, 10])


@pytest.fixture
def result() -> xr.Dataset:
    """The part of a result that sentences are made of: one network with an autoencoder, 200 images."""
    noise = np.random.default_rng(0).normal(0, 0.01, (2, 200))
    errors = np.array([[2.0, 3.0, 4.0, 5.0], [1.0, 1.0, 1.0, 1.0]])[None, :, None, :, None]
    return xr.Dataset(
        {
            "excess_real": ("sample", -0.2 + noise[0]),
            "excess_ceiling": (("model", "sample"), -0.7 + noise[:1]),
            "psnr_ceiling": (("model", "sample"), 20 + 0 * noise[:1]),
            "excess_noise": (("model", "draw", "drawn"), -0.5 + noise[None]),
            "excess_translated": (("model", "sample"), -1.5 + noise[1:]),
            "s_dc": (("model", "sample"), 0.9 + 0 * noise[:1]),
            "white_s_dc": ("model", [0.987]),
            "error": (("model", "predictor", "domain", "level", "sample"), errors * np.ones((1, 2, 2, 4, 200))),
            "ratio": (("model", "level"), [[0.03, 0.5, 1.0, 14.0]]),
        },
        {
            "model": ["mine"],
            "autoencoder": ("model", ["small"]),
            "domain": list(networks.DOMAINS),
            "predictor": ["network", "closed form"],
        },
        {"data_source": "rendered"},
    )


def test_the_verdict_says_what_is_lost_where(result: xr.Dataset) -> None:
    real, autoencoder, network = findings.verdict(result).splitlines()
    # e to the power of -0.2, of -0.7 + 0.2, of -0.5, of -1.5, of -1.5 + 0.5; deviations of 0.01 in 200 to 400 images
    assert real.startswith("- **Test targets** (rendered) have 0.82 [0.82, 0.82] times the usual")
    assert (
        "**The autoencoder** leaves 0.61 [0.61, 0.61] of that of test targets, at 20.0 [20.0, 20.0] dB" in autoencoder
    )
    assert (
        "have 0.61 [0.61, 0.61] times the usual energy when they start from white noise, and 0.22 [0.22, 0.22] t"
        in network
    )
    assert "times when they start from inverted sources: 0.37 [0.37, 0.37] times as much." in network
    assert "S_DC of 0.900 [0.900, 0.900] (white noise 0.987)" in network
    result["excess_translated"] = ("model", "sample"), result["excess_noise"].isel(draw=0).to_numpy()
    assert "no significant difference" in findings.verdict(result)


def test_the_answer_blames_the_inversion_where_white_noise_gives_more(result: xr.Dataset) -> None:
    result.attrs["title"] = "Made up"
    answer = findings.answer(result)
    assert "The inversion loses it." in answer
    assert "The autoencoder keeps 0.61" in answer
    assert "translations have 0.37 [0.37, 0.37] times the energy at high frequencies of samples from white" in answer
    result["excess_translated"] = ("model", "sample"), result["excess_noise"].isel(draw=0).to_numpy()
    assert "It is not shown that the inversion loses it." in findings.answer(result)
    result["autoencoder"] = "model", [""]
    assert "The network works on pixels, and" in findings.answer(result)


@pytest.mark.parametrize(
    ("high", "verdict", "said"),
    [
        ([1.0, 0.9, 0.6, 0.2], "not measured", "no data set"),  # as the low band: the record does not tell them apart
        (
            [1.0, 0.6, 0.4, 0.2],
            "fails",
            "Made up below 1 with the whole interval in 2 of 2, above in 0; 0.10 to 0.10",
        ),
        (
            [1.0, 0.9, 0.8, 0.2],
            "holds",
            "Made up below 1 with the whole interval in 0 of 2, above in 2; 2.15 to 2.15",
        ),
    ],
)
def test_high_frequencies_are_learnt_more_slowly_where_their_half_comes_later(
    study: xr.Dataset, monkeypatch: pytest.MonkeyPatch, high: list[float], verdict: str, said: str
) -> None:
    errors = np.empty((1, 4, 2, 3, 2, 6))  # runs, steps, levels, bands, domains, pairs
    errors[:] = np.array([1.0, 0.9, 0.6, 0.2]).reshape(1, 4, 1, 1, 1, 1)
    errors[..., list(BANDS).index("high"), :, :] = np.array(high).reshape(1, 4, 1, 1, 1)
    dims = ("model", "step", "level", "band", "domain", "pair")
    runs = xr.Dataset(
        {"noise_error": (dims, errors), "ratio": (("model", "level"), [[0.03, 1.0]])},
        {"model": ["photos"], "step": [1, 10, 100, 1000], "band": list(BANDS), "domain": list(networks.DOMAINS)},
    )
    monkeypatch.setattr(findings, "available", lambda: {"photos": Path(), "photos-dit": Path()})
    asked = []
    monkeypatch.setattr(records, "curves", lambda names: asked.append(names) or runs)
    claim = findings.claims({"one": study.assign_attrs(title="Made up")})[1]
    assert (claim.side, said in claim.measured) == (verdict, True)
    assert asked == [["photos"]]  # it ships, and predicts noise


def test_the_network_is_compared_at_the_lowest_middle_and_highest_noise(result: xr.Dataset) -> None:
    line = findings.learnt(result).splitlines()[-1]
    assert line == "- **mine**: 2.00 [2.00, 2.00] at 0.03, 4.00 [4.00, 4.00] at 1, 5.00 [5.00, 5.00] at 14"


def test_every_network_has_its_line_and_each_space_its_filter(study: xr.Dataset) -> None:
    table = findings.errors(study)
    spaces = ("latents of autoencoder", "latents of another", "pixels")
    assert set(table["panel"]) == {f"{domain}s, {space}" for domain in networks.DOMAINS for space in spaces}
    assert set(table["network"]) == {*MODELS, "filter by the mean spectrum"}
    assert not table.duplicated(["panel", "network", "ratio"]).any()
    assert len(table) == (len(MODELS) + len(spaces)) * 2 * 4  # domains, levels
    row = table[(table["panel"] == "targets, pixels") & (table["network"] == "photos-pixel")].iloc[0]
    expected = bootstrap_mean(
        study["error"].sel(model="photos-pixel", domain="target", predictor="network")[0], bounds=POSITIVE
    )
    assert row["ratio"] == float(study["ratio"].sel(model="photos-pixel")[0])
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(expected)


def test_every_stage_of_every_network_has_its_interval(study: xr.Dataset) -> None:
    table = findings.energies(study)
    assert len(table) == len(MODELS) * 4 - 1  # in pixel space there is no autoencoder
    row = table[(table["network"] == "photos-dit") & (table["stage"] == "samples from white noise")].iloc[0]
    expected = bootstrap_mean(study["excess_noise"].sel(model="photos-dit").to_numpy().ravel())
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(np.exp(expected))


def test_the_ceiling_is_a_ratio_of_means(study: xr.Dataset) -> None:
    table = findings.ceiling(study)
    for autoencoder, model in {"autoencoder": "photos", "another": "photos-dit"}.items():
        power = study["reconstructed_power"].sel(model=model).mean("sample") / study["target_power"].mean("sample")
        np.testing.assert_allclose(table[table["autoencoder"] == autoencoder]["mean"], power)
    assert findings.ceiling(study.sel(model=["photos-pixel"])).empty


def test_curves_leave_out_what_a_run_has_not(study: xr.Dataset) -> None:
    loss = xr.DataArray([[3.0, 2.0, np.nan], [3.0, 2.0, 1.0]], dims=("model", "train_step"))
    texture = xr.DataArray([[[0.2, 0.4]], [[0.5, 0.7]]], dims=("model", "step", "sample"))
    runs = xr.Dataset(
        {"train_loss": loss, "s_hf": texture}, {"model": ["a", "b"], "train_step": [1, 2, 3], "step": [3]}
    )
    table = findings.losses(runs)
    assert table[table["panel"] == "loss"].groupby("model")["value"].apply(list).to_dict() == {
        "a": [3, 2],
        "b": [3, 2, 1],
    }
    assert table[table["panel"] == "s_hf"]["value"].tolist() == pytest.approx([0.3, 0.6])
    assert findings.losses(xr.Dataset(coords={"model": np.array([], str)})).empty


def test_learning_is_shown_per_band_where_a_run_recorded_it() -> None:
    random = np.random.default_rng(0)
    errors = random.random((2, 3, 10, 3, 2, 5))
    errors[1, :2] = np.nan  # the second run was looked at once
    dims = ("model", "step", "level", "band", "domain", "pair")
    runs = xr.Dataset(
        {"noise_error": (dims, errors), "ratio": (("model", "level"), np.geomspace(0.03, 14, 20).reshape(2, 10))},
        {"model": ["a", "b"], "step": [1, 2, 3], "band": list(BANDS), "domain": list(networks.DOMAINS)},
    )
    table = findings.learning(runs, "a")
    assert len(table) == 4 * 3 * 3  # levels, bands, steps
    assert len(findings.learning(runs, "b")) == 4 * 3
    assert findings.learning(runs, "c").empty
    first = table.iloc[0]
    expected = bootstrap_mean(errors[0, 0, 0, 0, 0], bounds=POSITIVE)
    assert (first["mean"], first["low"], first["high"]) == pytest.approx(expected)


def test_learning_shows_the_first_to_the_last_but_one_level() -> None:
    dims = ("model", "step", "level", "band", "domain", "pair")
    ratios = np.geomspace(0.03, 14, 10)
    runs = xr.Dataset(
        {"noise_error": (dims, np.ones((1, 3, 10, 3, 2, 5))), "ratio": (("model", "level"), ratios[None])},
        {"model": ["a"], "step": [1, 2, 3], "band": list(BANDS), "domain": ["source", "target"]},
    )
    panels = list(dict.fromkeys(findings.learning(runs, "a")["panel"]))
    assert panels == [f"sigma / alpha = {ratios[level]:.2g}" for level in (0, 3, 5, 8)]


def test_the_tables_have_a_row_per_network_of_every_study(study: xr.Dataset) -> None:
    both = [study, study.assign_attrs(title="Another")]
    what, table = findings.recipes(both), findings.table(both)
    assert what.index.tolist() == table.index.tolist() == list(MODELS) * 2
    about, row = what.iloc[2], table.iloc[2]
    assert (about["Steps"], about["Seconds"]) == ("-", "-")
    assert "KID" not in table  # no network has one
    study["kid"][0] = 0.5
    assert findings.table(both)["KID"].tolist() == ["0.5000", "-", "-", "-"] * 2
    assert (about["Architecture"], about["Predicts"]) == ("DiT, latents", "clean image (x0)")
    assert (what.iloc[1]["Steps"], what.iloc[1]["Weights"]) == ("5,000 after photos", "1.00 M")
    assert what["Training images"].tolist() == ["100 real", "100 rendered", "-", "100 rendered"] * 2
    assert what["Judged on"].tolist() == ["Made up, rendered"] * 4 + ["Another, rendered"] * 4
    assert table.iloc[3]["autoencoder"] == "-"
    swd = study["swd"].sel(model="photos-dit").to_numpy()
    assert row["SWD (test targets)"] == f"{swd.mean():.2f} [{swd.min():.2f},\u00a0{swd.max():.2f}] (0.10)"


def test_every_column_of_the_table_has_its_own_scores(study: xr.Dataset) -> None:
    one = study.sel(model="photos-dit")
    row = findings.table([study]).loc["photos-dit"]

    def unbroken(values: np.ndarray, digits: int = 3) -> str:
        return text(bootstrap_mean(values.ravel(), bounds=REAL if digits == 1 else SHARE), digits).replace(
            ", ", ",\u00a0"
        )

    columns = {
        "S_HF: test targets": "s_hf_real",
        "autoencoder": "s_hf_ceiling",
        "white noise": "s_hf_noise",
        "translated": "s_hf_translated",
    }
    for column, name in columns.items():
        assert row[column] == unbroken(one[name].to_numpy()), column
    assert row["PSNR of autoencoder (dB)"] == unbroken(one["psnr_ceiling"].to_numpy(), 1)
    assert row["PSNR of own targets (dB)"] == unbroken(one["psnr_own"].to_numpy(), 1)
    assert row["S_DC (white noise)"].startswith(unbroken(one["s_dc"].to_numpy()))


def test_a_network_misses_the_bars_that_it_does_not_clear(study: xr.Dataset) -> None:
    one = study.sel(model=["photos"]).copy(deep=True)

    def missed(off: float = 0.02, ratio: float = 1.9, psnr: float = 28.5) -> str:
        one["s_hf_noise"] = one["s_hf_noise"] * 0 + one["s_hf_real"].mean() - off
        one["swd"] = one["swd"] * 0 + ratio * one["swd_real"]
        one["psnr_own"] = one["psnr_own"] * 0 + psnr
        return findings.bars([one])["Misses"].item()

    assert missed() == "nothing"
    assert missed(off=-0.02) == "nothing"
    texture, distance, psnr = findings.NAMES
    assert missed(off=0.04) == missed(off=-0.04) == texture
    assert missed(ratio=2.1, psnr=27.5) == f"{distance}, {psnr}"
    table = findings.bars([one])
    assert table.columns.str.contains("≥ 28").tolist() == [False, False, True, False, False]
    assert findings.bars_verdict([study, one]).startswith(f"Of {len(MODELS) + 1} networks, so many clear each bar: ")
    missed()
    assert findings.bars_verdict([one]).endswith("PSNR (dB): 1. At least one is missed by: none.")
    one["psnr_own"][:] = np.nan
    assert findings.bars([one])["Misses"].item() == psnr


def test_samples_are_told_apart_by_what_training_images_leave() -> None:
    """The bar moves with how well training images are told."""
    given = {"c2st": [0.79, 0.81], "c2st_error": [0.01, 0.01], "memorised": [0.5, 0.2]}
    one = xr.Dataset(
        {name: ("model", values) for name, values in given.items()}
        | {"c2st_training": 0.7, "c2st_training_error": 0.02, "image": ("sample", np.zeros(3))},
        {"model": ["near", "far"], "sample": ["a", "b", "c"]},
        {"title": "Textures, x8", "data_source": "real"},
    )
    table = findings.told_apart([one])
    assert table["At most 0.1 more"].tolist() == ["yes", "no"]
    assert table["Samples"].tolist() == ["0.790 ± 0.010", "0.810 ± 0.010"]
    assert findings.told_apart_verdict([one]).startswith("Of 2 networks, so many")
    assert "1 (`near`). The gaps lie between 0.09 and 0.11." in findings.told_apart_verdict([one])


def test_every_stage_has_its_own_scores(study: xr.Dataset) -> None:
    table = findings.energies(study).set_index(["network", "stage"])["mean"]
    latents = findings.decorrelation(study).set_index("network")
    for model in MODELS:
        one = study.sel(model=model)
        for stage, called in findings.STAGES.items():
            if stage != "ceiling" or model != "photos-pixel":
                assert table[model, called] == pytest.approx(float(np.exp(one[f"excess_{stage}"].mean())))
        assert latents.loc[model, "mean"] == pytest.approx(float(one["s_dc"].mean()))
        assert latents.loc[model, "white"] == float(one["white_s_dc"])


def test_the_closed_form_is_that_of_the_first_network_of_its_space(study: xr.Dataset) -> None:
    table = findings.errors(study)
    row = table[(table["panel"] == "sources, latents of autoencoder") & (table["network"] == findings.FILTER)].iloc[0]
    values = study["error"].sel(model="photos", domain="source", predictor="closed form")[0]
    assert row["mean"] == pytest.approx(float(values.mean()))


def test_every_network_has_its_response_and_each_space_its_filters(study: xr.Dataset) -> None:
    table = findings.responses(study)
    assert set(table["panel"]) == {"latents of autoencoder", "latents of another", "pixels"}
    assert len(table) == (len(MODELS) + 3) * 4  # levels
    row = table[table["network"] == "photos-pixel"].iloc[1]
    expected = bootstrap_mean(study["response"].sel(model="photos-pixel", predictor="network")[1])
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(expected)


def test_the_table_of_norms_has_its_numbers(study: xr.Dataset) -> None:
    study["response"][:] = 0.5
    study["norm_translated"][:] = 0.75
    row = findings.norms_table(study).loc["photos-pixel"]
    found = findings.norm_sensitivity(study).set_index(["network", "measure"]).loc["photos-pixel"]
    assert row["Elasticity"].startswith(f"{found.loc['elasticity', 'mean']:.0f} [")
    assert row["Correlation"].startswith(f"{found.loc['correlation', 'mean']:.2f} [")
    grown = (14 / 0.03) ** 0.5  # half of a change is noticed
    assert row["1 % at the start becomes (%)"] == f"{grown:.1f} [{grown:.1f},\u00a0{grown:.1f}]"
    assert row["with the filter (%)"] == f"{grown:.1f}"
    spread = 100 * float(study["norm_noise"].sel(model="photos-pixel").std())
    assert row["Spread of white noise's norms (%)"] == f"{spread:.1f}"
    assert row["Norm of inverted latents / sqrt(d)"] == "0.750 [0.750,\u00a00.750]"


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
    said = findings.starts_verdict([study])
    assert "`mine` 7.2 standard deviations" in said
    assert "`photos-pixel` 2.1" in said
    assert "photos-dit" not in said
    study["leak"][:] = 0.1
    assert "no network's mean target lies more than 2" in findings.starts_verdict([study])
    assert findings.recipes([study])["Steps"].tolist()[:2] == ["2,500", "5,000 after photos"]
