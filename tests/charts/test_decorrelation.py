from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.charts import decorrelation as charts

from ..decorrelation_study import METHODS, made_study
from .test_lines import drawn


@pytest.fixture(scope="module")
def found() -> dict[str, xr.Dataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
        study = made_study(patch)
    other = study.copy(deep=True)
    other.attrs |= {"title": "Other", "data_source": "rendered"}
    return {"made": study, "other": other}


@pytest.mark.parametrize("draw", [charts.flagged_maps, charts.single_maps])
def test_maps_have_a_row_per_data_set(draw: object, found: dict[str, xr.Dataset]) -> None:
    svg = drawn(draw(found))
    assert (
        svg.count("<image ")
        == {
            charts.flagged_maps: 2 * (2 + len(METHODS)),
            charts.single_maps: 2 * 2 * 8,
        }[draw]
    )


def test_a_flagged_window_is_black_and_the_border_grey(found: dict[str, xr.Dataset]) -> None:
    flagged = found["made"]["flagged"].sel(series="standard").to_numpy()
    frames = charts._framed(flagged, (16, 16))
    assert (frames[:, :2] == 160).all()
    assert (frames[:, 2:-2, 2:-2, 0] == 255 * ~flagged).all()


def test_white_noise_differs_from_every_series_in_more_than_colour() -> None:
    looks = charts.looks(["white noise", *METHODS, "nullspace", "closed form"])
    white = looks.pop("white noise")
    assert all(white.dash != other.dash and white.shape != other.shape for other in looks.values())
