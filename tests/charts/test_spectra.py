from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.charts import pictures, spectra
from spectral_collapse.findings import collapse as findings
from spectral_collapse.studies.collapse import LAYOUT
from tests.charts.test_gallery import pixels
from tests.charts.test_lines import drawn, rows
from tests.made_results import drawn as drawn_result

FREQUENCY = np.arange(1, 9) / 16


@pytest.fixture
def study() -> xr.Dataset:
    """A small result of `studies.collapse.run`, made up."""
    series = {"image_series": list(spectra.IMAGES), "latent_series": ["white noise", *spectra._LATENTS]}
    pixels = {"shown": ["a", "b"], "row": range(4), "col": range(4), "rgb": range(3)}
    frequency = {f"{kind}_frequency": FREQUENCY for kind in ("image", "latent")}
    made = drawn_result(LAYOUT, series | pixels | frequency | {"sample": list("abcde")}, {"title": "Made up"})
    made["image"] = (200 * made["image"]).astype(np.uint8)
    return made


def test_a_latent_has_a_panel_with_its_mean_and_a_line_per_picture(study: xr.Dataset) -> None:
    assert findings.latent_spectra(study)["picture"].isna().all()  # of every image another picture
    study = study.assign_coords(sample_stratum=("sample", study["sample"].to_numpy()))
    table = rows(spectra.latent_spectra(findings.latent_spectra(study)))
    rows_of_one = table[table["series"] == "source, network"].sort_values("frequency")
    power = study["latent_power"].sel(latent_series="source, network")
    mean = rows_of_one[rows_of_one["picture"].isna()]
    np.testing.assert_allclose(mean["mean"], power.mean("sample"))
    single = rows_of_one[rows_of_one["picture"] == rows_of_one["picture"].dropna().iloc[0]]
    np.testing.assert_allclose(single["mean"], power[0])
    assert table["panel"].nunique() == len(spectra._LATENTS)  # white noise is a line


def test_spectra_of_images_are_divided_by_the_mean_of_targets(study: xr.Dataset) -> None:
    before, after = (
        findings.image_spectra(study),
        findings.image_spectra(study.assign(image_power=study["image_power"] * 7)),
    )
    np.testing.assert_allclose(before.loc[before["series"] == "target", "mean"], 1)
    np.testing.assert_allclose(after[["mean", "low", "high"]], before[["mean", "low", "high"]])


def test_a_power_of_0_lies_on_the_edge_of_a_logarithmic_axis_and_is_not_left_out(study: xr.Dataset) -> None:
    study["image_power"][0, :, 3] = 0
    chart = spectra.image_spectra(findings.image_spectra(study))
    source = rows(chart)[rows(chart)["series"] == "source"]
    assert len(source) == 8
    assert source["mean"].iloc[3] == 0
    scale = chart.to_dict()["layer"][0]["encoding"]["y"]["scale"]
    assert scale["domain"][0] > 0
    assert scale["clamp"]


def test_pictures_are_shown_as_they_are(study: xr.Dataset) -> None:
    table = rows(spectra.collapse_pictures(study, detail=2))
    assert len(table) == len(spectra._COLUMNS) * 2 * 2
    middle = table[(table["column"] == "OVG") & (table["name"] == "a, detail")].iloc[0]
    whole = study["image"].sel(image_series="OVG", shown="a")
    np.testing.assert_array_equal(pixels(middle), whole[1:3, 1:3])
    energy = float(np.exp(study["image_excess"].sel(image_series="OVG", sample="a")))
    assert middle["High-frequency energy over that of training targets"] == f"{energy:.2f}"
    target = table[(table["column"] == "True target") & (table["name"] == "b")].iloc[0]
    np.testing.assert_array_equal(pixels(target), study["image"].sel(image_series="target", shown="b"))


def test_a_grid_keeps_the_order_of_its_columns() -> None:
    blank = np.zeros((1, 2, 2, 3), np.uint8)
    chart = pictures.grid({"z": blank, "a": blank}, ["only"]).to_dict()
    assert chart["facet"]["sort"] == ["z", "a"]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (5, 5), (6, 3), (7, 4), (9, 5)])
def test_rows_of_pictures_are_about_as_long_and_the_pictures_large(count: int, columns: int) -> None:
    blank = np.zeros((2, 2, 2, 3), np.uint8)
    chart = pictures.grid({f"|{number}": blank for number in range(count)}, ["one", "two"], labelled=True)
    assert chart.to_dict()["columns"] == columns
    svg = drawn(chart)
    assert svg.count('width="128" height="128"') == svg.count("image-rendering: pixelated") == 2 * count
    assert svg.count(">two<") == -(-count // columns)  # the names stand at the left of each row
    assert float(svg.partition('width="')[2].partition('"')[0]) <= 5 * 132 + 100
