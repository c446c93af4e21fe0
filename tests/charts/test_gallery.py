from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from spectral_collapse.charts import gallery as charts
from spectral_collapse.store.withheld import SENTENCE, placeholder
from tests.benchmark_study import made
from tests.charts.test_lines import drawn

SHIFTS = {name: {} for name in ("standard", "taba", "ovg+taba", "ddpm_friendly", "white_norm")}
WINDOW = slice(8, 12), slice(4, 8)
"""A quarter of 16 pixels, where the target is noise and else one grey."""


@pytest.fixture
def found() -> dict[str, xr.Dataset]:
    study = made(SHIFTS)
    noise = study["target_image"].to_numpy().copy()
    study["target_image"][:] = 100
    study["target_image"][(slice(None), *WINDOW)] = noise[(slice(None), *WINDOW)]
    return {"one": study, "two": made(SHIFTS, title="Another", seed=1)}


def cells(found: dict[str, xr.Dataset], **given: Any) -> list[dict[str, Any]]:
    """All pictures that the chart carries."""
    return pictured(charts.gallery(found, **given).to_dict())


def pictured(chart: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a gallery, each with the picture that it looks up."""
    rows = [row for rows in chart["datasets"].values() for row in rows if "picture" in row]
    urls = {row["picture"]: row["url"] for row in rows if "url" in row}
    assert len(set(urls.values())) == len(urls)
    return [row | {"url": urls[row["picture"]]} for row in rows if "url" not in row]


def pixels(cell: Any) -> np.ndarray:
    """The picture of a row of a chart's data."""
    webp = base64.b64decode(cell["url"].removeprefix("data:image/webp;base64,"))
    return np.asarray(Image.open(io.BytesIO(webp))).astype(int)


def test_every_method_has_its_picture_a_detail_and_what_it_changed(found: dict[str, xr.Dataset]) -> None:
    kept = cells(found)
    titles = ["Source", "Standard", "TABA", "OVG|+ TABA", "Edit-friendly DDPM", "White norm", "True target"]
    assert list(dict.fromkeys(cell["column"] for cell in kept)) == titles
    assert len(kept) == 2 * 3 * len(titles)  # data sets, rows
    first = {(cell["column"], cell["name"]): pixels(cell) for cell in kept if cell["frame_number"] == 0}
    source, target = (found["one"][f"{side}_image"][0].to_numpy().astype(int) for side in ("source", "target"))
    np.testing.assert_array_equal(first["Source", "whole"], source)
    np.testing.assert_array_equal(first["True target", "whole"], target)
    np.testing.assert_array_equal(first["TABA", "whole"], 10)
    np.testing.assert_array_equal(first["True target", "detail"], target[WINDOW])  # where its texture is
    np.testing.assert_array_equal(first["Source", "detail"], source[WINDOW])
    assert abs(first["TABA", "minus|source"] - (128 + (10 - source) / 2)).max() <= 0.5
    assert (first["Source", "minus|source"] == 128).all()
    few = cells(found, changes=False)
    assert {cell["name"] for cell in few} == {"whole", "detail"}
    assert len(few) == 2 * 2 * len(titles)


def test_hovering_tells_the_images_own_energy_and_scores(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    study["hf_excess"].loc[{"point": "taba", "seed": 0, "sample": "image 0"}] = np.log(0.25)
    study["reference_hf_excess"].loc[{"reference": "source", "sample": "image 0"}] = np.log(0.01)
    kept = cells({"one": study.isel(shown=[0])})
    [first] = [cell for cell in kept if (cell["frame_number"], cell["column"], cell["name"]) == (0, "TABA", "whole")]
    assert first["HF energy over that of training targets"] == "0.25"
    psnr = study["psnr"].sel(point="taba", seed=0, sample="image 0")
    assert first["PSNR (dB)"] == f"{float(psnr):.2f}"
    source = next(cell for cell in kept if cell["column"] == "Source")
    assert source["HF energy over that of training targets"] == "0.01"
    own = study["reference_hf_excess"].sel(reference="target", sample="image 0")
    assert first[charts.ENERGY] == f"{0.25 / np.exp(float(own)):.2f} x target"


def test_pictures_are_large_and_crisp_and_a_menu_picks_one(found: dict[str, xr.Dataset]) -> None:
    chart = charts.gallery(found, ["standard", "taba"])
    [menu] = [one for one in chart.to_dict()["params"] if one["name"] == "frame"]
    assert menu["bind"]["labels"] == ["Made up, image 0", "Another, image 0"]
    svg = drawn(chart)
    assert svg.count("<image") == 4 * 3  # those of the first entry of the menu
    assert svg.count("image-rendering: pixelated") == svg.count('width="128" height="128"') == 4 * 3
    for text in ("TABA", "Standard", "Source", "True target", "1.00 x target", "whole", "detail", "Made up, image 0"):
        assert f">{text}<" in svg
    assert ">Another, image 0<" not in svg
    assert "TABA" in chart.to_dict()["description"]


def test_the_example_of_the_most_typical_detail_is_shown(found: dict[str, xr.Dataset]) -> None:
    study = found["one"]
    study["hf_excess"].loc[{"sample": "image 0"}] += 9
    labels = charts.gallery(found).to_dict()["params"][0]["bind"]["labels"]
    assert labels == ["Made up, image 1", "Another, image 0"]


def test_rows_are_about_as_long_and_settings_stay_as_they_are(found: dict[str, xr.Dataset]) -> None:
    chart = charts.gallery({"one": found["one"]}).to_dict()
    assert chart["vconcat"][1]["columns"] == 4  # seven pictures in two rows
    settings = ["standard", "TABA 0.2", "OVG (1e+09, 7e-05)", "OVG (1, 2) + TABA 0.2", "o"]
    study = found["one"].assign_coords(point=settings)
    titles = dict.fromkeys(cell["column"] for cell in cells({"one": study}))
    assert [list(titles)[place] for place in (2, 3, 4)] == ["TABA 0.2", "OVG|(1e+09,|7e-05)", "OVG|(1,|2)|+ TABA 0.2"]


def test_each_result_shows_the_methods_that_it_has(found: dict[str, xr.Dataset]) -> None:
    found["two"] = found["two"].drop_sel(point=["taba", "white_norm"])
    kept = cells(found)
    columns = [{cell["column"].strip() for cell in kept if cell["frame_number"] == number} for number in (0, 1)]
    assert columns[0] - columns[1] == {"TABA", "White norm"}
    assert columns[1] < columns[0]


def test_why_pictures_of_the_data_are_grey_is_said(found: dict[str, xr.Dataset]) -> None:
    """Once, also where it is so of one data set alone; what was changed of a source that is not shown is not shown."""
    assert "title" not in charts.gallery(found).to_dict()
    grey = placeholder(16, 16)[..., None]
    for name in ("source_image", "target_image"):
        found["two"][name][:] = grey
    found["two"].attrs["withheld"] = SENTENCE
    chart = charts.gallery(found).to_dict()
    assert chart["description"].endswith(f"{found['two'].attrs['title']}: {SENTENCE}")
    assert chart["title"]["text"]["expr"] == f"indexof([1], frame) < 0 ? '' : \"{SENTENCE}\""
    turned = charts.gallery({name: found[name] for name in ("two", "one")}).to_dict()
    assert turned["params"][0]["bind"]["labels"][0].startswith("Made up")  # whose pictures are there
    svg = drawn(charts.gallery(found))
    assert SENTENCE not in svg
    assert SENTENCE in drawn(charts.gallery({"two": found["two"]}))
    changes = [one for one in pictured(chart) if one["name"].startswith("minus") and one["frame_number"] == 1]
    assert changes
    assert all((pixels(one) == grey).all() for one in changes)
