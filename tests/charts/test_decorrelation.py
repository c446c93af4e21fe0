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


def test_maps_have_a_row_per_data_set_and_a_flagged_window_is_black(found: dict[str, xr.Dataset]) -> None:
    assert drawn(charts.flagged_maps(found)).count("<image ") == 2 * (2 + len(METHODS))
    assert drawn(charts.single_maps(found)).count("<image ") == 2 * 2 * 8
    flagged = found["made"]["flagged"].sel(series="standard").to_numpy()
    frames = charts._framed(flagged, (16, 16))
    assert (frames[:, :2] == 160).all()  # the border is grey
    assert (frames[:, 2:-2, 2:-2, 0] == 255 * ~flagged).all()


def test_white_noise_differs_from_every_series_in_more_than_colour() -> None:
    looks = charts.looks(["white noise", *METHODS, "nullspace", "closed form"])
    white = looks.pop("white noise")
    assert all(white.dash != other.dash and white.shape != other.shape for other in looks.values())
