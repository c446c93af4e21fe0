from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from spectral_collapse.charts import training as charts
from spectral_collapse.metrics.radial_spectrum import BANDS
from spectral_collapse.statistics import bootstrap_mean
from spectral_collapse.studies import training
from spectral_collapse.studies.common import text

KINDS = ("prediction", "network", "space", "autoencoder")
MODELS = {
    "photos": ("epsilon", "U-Net", "latents", "autoencoder"),
    "mine": ("epsilon", "U-Net", "latents", "autoencoder"),  # alike in all but the name
    "photos-dit": ("sample", "DiT", "latents", "another"),
    "photos-pixel": ("epsilon", "U-Net", "pixels", ""),
}


@pytest.fixture
def study() -> xr.Dataset:
    """A small result of `studies.training.run`, made up."""
    random = np.random.default_rng(0)
    sizes = {"draw": 2, "drawn": 3, "sample": 3, "predictor": 2, "domain": 2, "level": 4, "frequency": 5, "shown": 2}
    sizes |= {"row": 8, "col": 8, "rgb": 3}
    found = xr.Dataset(
        {
            name: (("model", *dims), random.random([len(MODELS), *(sizes[dim] for dim in dims)]) + 0.1)
            for name, (dims, _, _) in training._PER_MODEL.items()
        },
        {
            "model": list(MODELS),
            **{kind: ("model", [about[index] for about in MODELS.values()]) for index, kind in enumerate(KINDS)},
            "domain": list(training.DOMAINS),
            "predictor": ["network", "closed form"],
            "frequency": np.linspace(0.1, 0.5, 5),
            "parameters": ("model", [3e6, 1e6, 1e6, 1e6]),
            "steps": ("model", [2500, 5000, np.nan, 10]),
            "train_images": ("model", [100, 100, np.nan, 100]),
            "train_seconds": ("model", [600.0, 600, np.nan, 3]),
        },
        {"title": "Made up", "data_source": "rendered"},
    )
    found["ratio"][:] = np.geomspace(0.03, 14, 4)
    found["s_hf_real"] = "sample", random.random(3)
    found["excess_real"] = "sample", random.normal(size=3)
    found["target_power"] = ("sample", "frequency"), random.random((3, 5)) + 1
    found["swd_real"] = (), 0.1
    found["kid"][:] = np.nan
    found["image"] = found["image"].astype(np.uint8)
    found["real_image"] = found["image"].isel(model=0, drop=True)
    return found


def rows(chart: object) -> pd.DataFrame:
    """All data that a chart carries."""
    return pd.concat([pd.DataFrame(values) for values in chart.to_dict()["datasets"].values()])


def test_every_network_has_its_line_and_each_space_its_filter(study: xr.Dataset) -> None:
    table = rows(charts.errors(study))
    spaces = ("latents of autoencoder", "latents of another", "pixels")
    assert set(table["panel"]) == {f"{domain}s, {space}" for domain in training.DOMAINS for space in spaces}
    assert set(table["network"]) == {*MODELS, "filter by the mean spectrum"}
    assert not table.duplicated(["panel", "network", "ratio"]).any()
    assert len(table) == (len(MODELS) + len(spaces)) * 2 * 4  # domains, levels
    row = table[(table["panel"] == "targets, pixels") & (table["network"] == "photos-pixel")].iloc[0]
    expected = bootstrap_mean(study["error"].sel(model="photos-pixel", domain="target", predictor="network")[0])
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(expected)


def test_every_stage_of_every_network_has_its_interval(study: xr.Dataset) -> None:
    table = rows(charts.quality(study)).dropna(subset="model")
    assert len(table) == len(MODELS) * (4 + 1) - 1  # in pixel space there is no autoencoder
    row = table[(table["model"] == "photos-dit") & (table["stage"] == "samples from white noise")].iloc[0]
    expected = bootstrap_mean(study["excess_noise"].sel(model="photos-dit").to_numpy().ravel())
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(np.exp(expected))


def test_sharing_is_drawn_per_domain_or_said_to_be_unknown() -> None:
    columns = ["network", "alone", "domain", "ratio", "mean", "low", "high"]
    found = [("photos", "photos-x8only", domain, at, 1.1, 1.0, 1.2) for domain in training.DOMAINS for at in (0.1, 2.0)]
    table = rows(charts.sharing(pd.DataFrame(found, columns=columns)))
    assert set(table["panel"]) == {"held-out sources", "held-out targets"}
    assert set(table["network"]) == {"photos / photos-x8only"}
    nothing = rows(charts.sharing(pd.DataFrame(columns=columns)))
    assert nothing["words"].tolist() == ["there is no record of a network that shares and of one that does not"]


def test_the_ceiling_is_a_ratio_of_means(study: xr.Dataset) -> None:
    table = rows(charts.ceiling(study)).dropna()
    for autoencoder, model in {"autoencoder": "photos", "another": "photos-dit"}.items():
        power = study["reconstructed_power"].sel(model=model).mean("sample") / study["target_power"].mean("sample")
        np.testing.assert_allclose(table[table["autoencoder"] == autoencoder]["mean"], power)
    table = rows(charts.ceiling(study.sel(model=["photos-pixel"])))
    assert table["words"].tolist() == ["none of these networks has an autoencoder"]


def test_curves_leave_out_what_a_run_has_not(study: xr.Dataset) -> None:
    loss = xr.DataArray([[3.0, 2.0, np.nan], [3.0, 2.0, 1.0]], dims=("model", "train_step"))
    texture = xr.DataArray([[[0.2, 0.4]], [[0.5, 0.7]]], dims=("model", "step", "sample"))
    runs = xr.Dataset(
        {"train_loss": loss, "s_hf": texture}, {"model": ["a", "b"], "train_step": [1, 2, 3], "step": [3]}
    )
    table = rows(charts.curves(runs))
    assert table[table["panel"] == "loss"].groupby("model")["value"].apply(list).to_dict() == {
        "a": [3, 2],
        "b": [3, 2, 1],
    }
    assert table[table["panel"] == "s_hf"]["value"].tolist() == pytest.approx([0.3, 0.6])
    assert charts.curves(xr.Dataset(coords={"model": np.array([], str)})).to_dict()["hconcat"]


def test_learning_is_shown_per_band_where_a_run_recorded_it() -> None:
    random = np.random.default_rng(0)
    errors = random.random((2, 3, 10, 3, 2, 5))
    errors[1, :2] = np.nan  # the second run was looked at once
    dims = ("model", "step", "level", "band", "domain", "pair")
    runs = xr.Dataset(
        {"noise_error": (dims, errors), "ratio": (("model", "level"), np.geomspace(0.03, 14, 20).reshape(2, 10))},
        {"model": ["a", "b"], "step": [1, 2, 3], "band": list(BANDS), "domain": list(training.DOMAINS)},
    )
    table = rows(charts.learning(runs, "a"))
    assert len(table) == 4 * 3 * 3  # levels, bands, steps
    assert len(rows(charts.learning(runs, "b"))) == 4 * 3
    assert rows(charts.learning(runs, "c"))["words"].tolist() == ["c has no record of its errors per frequency"]
    first = table.iloc[0]
    expected = bootstrap_mean(errors[0, 0, 0, 0, 0])
    assert (first["mean"], first["low"], first["high"]) == pytest.approx(expected)


def test_samples_stand_beside_targets_that_are_called_what_they_are(study: xr.Dataset) -> None:
    for kind in ("real", "rendered"):
        table = rows(charts.samples(study.assign_attrs(data_source=kind)))
        assert len(table) == (len(MODELS) + 1) * 2
        assert table["column"].iloc[0].startswith(f"{kind} targets")


def test_the_tables_have_a_row_per_network_of_every_study(study: xr.Dataset) -> None:
    both = [study, study.assign_attrs(title="Another")]
    what, table = charts.recipes(both), charts.table(both)
    assert what.index.tolist() == table.index.tolist() == list(MODELS) * 2
    about, row = what.iloc[2], table.iloc[2]
    assert (about["Steps"], about["Seconds"]) == ("-", "-")
    assert "KID" not in table  # no network has one
    study["kid"][0] = 0.5
    assert charts.table(both)["KID"].tolist() == ["0.5000", "-", "-", "-"] * 2
    assert (about["Architecture"], about["Predicts"]) == ("DiT, latents", "clean image (x0)")
    assert (what.iloc[1]["Steps"], what.iloc[1]["Weights"]) == ("5,000", "1.00 M")
    assert what["Judged on"].tolist() == ["Made up, rendered"] * 4 + ["Another, rendered"] * 4
    assert table.iloc[3]["autoencoder"] == "-"
    swd = study["swd"].sel(model="photos-dit").to_numpy()
    assert row["SWD (test targets)"] == f"{swd.mean():.2f} [{swd.min():.2f},\u00a0{swd.max():.2f}] (0.10)"


def test_every_column_of_the_table_has_its_own_scores(study: xr.Dataset) -> None:
    one = study.sel(model="photos-dit")
    row = charts.table([study]).loc["photos-dit"]

    def unbroken(values: np.ndarray, digits: int = 3) -> str:
        return text(bootstrap_mean(values.ravel()), digits).replace(", ", ",\u00a0")

    columns = {
        "S_HF: test targets": "s_hf_real",
        "autoencoder": "s_hf_ceiling",
        "white noise": "s_hf_noise",
        "translated": "s_hf_translated",
    }
    for column, name in columns.items():
        assert row[column] == unbroken(one[name].to_numpy()), column
    assert row["PSNR of autoencoder (dB)"] == unbroken(one["psnr_ceiling"].to_numpy(), 1)
    assert row["S_DC (white noise)"].startswith(unbroken(one["s_dc"].to_numpy()))


def test_every_stage_has_its_own_scores(study: xr.Dataset) -> None:
    table = rows(charts.quality(study)).set_index(["model", "stage"])["mean"]
    for model in MODELS:
        one = study.sel(model=model)
        for stage, (called, *_) in charts._STAGES.items():
            if stage != "ceiling" or model != "photos-pixel":
                assert table[model, called] == pytest.approx(float(np.exp(one[f"excess_{stage}"].mean())))
        assert table[model, "inverted"] == pytest.approx(float(one["s_dc"].mean()))


def test_learning_shows_the_first_to_the_last_but_one_level() -> None:
    dims = ("model", "step", "level", "band", "domain", "pair")
    ratios = np.geomspace(0.03, 14, 10)
    runs = xr.Dataset(
        {"noise_error": (dims, np.ones((1, 3, 10, 3, 2, 5))), "ratio": (("model", "level"), ratios[None])},
        {"model": ["a"], "step": [1, 2, 3], "band": list(BANDS), "domain": ["source", "target"]},
    )
    panels = list(dict.fromkeys(rows(charts.learning(runs, "a"))["panel"]))
    assert panels == [f"sigma / alpha = {ratios[level]:.2g}" for level in (0, 3, 5, 8)]


def test_the_closed_form_is_that_of_the_first_network_of_its_space(study: xr.Dataset) -> None:
    table = rows(charts.errors(study))
    row = table[(table["panel"] == "sources, latents of autoencoder") & (table["network"] == charts._CLOSED_FORM)].iloc[
        0
    ]
    values = study["error"].sel(model="photos", domain="source", predictor="closed form")[0]
    assert row["mean"] == pytest.approx(float(values.mean()))


def test_every_network_has_its_response_and_each_space_its_filters(study: xr.Dataset) -> None:
    table = rows(charts.responses(study))
    assert set(table["panel"]) == {"latents of autoencoder", "latents of another", "pixels"}
    assert len(table) == (len(MODELS) + 3) * 4  # levels
    row = table[table["network"] == "photos-pixel"].iloc[1]
    expected = bootstrap_mean(study["response"].sel(model="photos-pixel", predictor="network")[1])
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(expected)


def test_the_table_of_norms_has_its_numbers(study: xr.Dataset) -> None:
    study["response"][:] = 0.5
    study["norm_translated"][:] = 0.75
    row = charts.norms_table(study).loc["photos-pixel"]
    found = training.norm_sensitivity(study).set_index(["network", "measure"]).loc["photos-pixel"]
    assert row["Elasticity"].startswith(f"{found.loc['elasticity', 'mean']:.0f} [")
    assert row["Correlation"].startswith(f"{found.loc['correlation', 'mean']:.2f} [")
    grown = (14 / 0.03) ** 0.5  # half of a change is noticed
    assert row["1 % at the start becomes (%)"] == f"{grown:.1f} [{grown:.1f},\u00a0{grown:.1f}]"
    assert row["with the filter (%)"] == f"{grown:.1f}"
    spread = 100 * float(study["norm_noise"].sel(model="photos-pixel").std())
    assert row["Spread of white noise's norms (%)"] == f"{spread:.1f}"
    assert row["Norm of inverted latents / sqrt(d)"] == "0.750 [0.750,\u00a00.750]"


def test_every_start_is_a_point_of_its_networks_panel(study: xr.Dataset) -> None:
    table = rows(charts.norms(study))
    assert table.groupby("network").size().to_dict() == dict.fromkeys(MODELS, 2 * 3 + 3)  # draws x drawn, samples
    mine = table[(table["network"] == "mine") & table["start"].str.startswith("translations")]
    one = study.sel(model="mine")
    np.testing.assert_allclose(mine[["norm", "times"]].T, [one["norm_translated"], np.exp(one["excess_translated"])])


def test_other_families_show_some_samples_each(study: xr.Dataset) -> None:
    other = study.isel(model=[0, 1], shown=[0])
    found = charts.others_samples([study, other])
    assert [len(set(rows(one)["column"])) for one in found.vconcat] == [1 + len(MODELS), 3]
    sentence = rows(charts.others_samples([]))["words"].tolist()
    assert sentence == ["no other family of data sets has networks for images of this size"]


def test_every_network_has_its_own_samples(study: xr.Dataset) -> None:
    random = np.random.default_rng(0)
    for name in ("image", "real_image"):
        study[name] = study[name].dims, random.integers(0, 256, study[name].shape, np.uint8)
    table = rows(charts.samples(study)).set_index(["column", "row"])["url"]
    for row in range(2):
        assert table[f"{study.attrs['data_source']} targets|(not the same)", row] == charts.pictures.data_uri(
            study["real_image"][row].to_numpy()
        )
        for model in MODELS:
            expected = charts.pictures.data_uri(study["image"].sel(model=model)[row].to_numpy())
            assert table[model.replace("-", "-|", 1), row] == expected
