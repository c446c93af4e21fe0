from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.findings import decorrelation, gaussianity, pca, whiteness
from spectral_collapse.statistics import Interval

SERIES = ["white noise", "standard", "taba", "ovg", "closed form"]
FOUND = {str(place): xr.Dataset({"place": place}, {"series": SERIES}) for place in range(3)}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """OVG's latents have the mean norm on all data sets, TABA's are independent on two of three and use all dimensions
    on one; nothing else is as in white noise."""
    monkeypatch.setattr(gaussianity, "has_mean_norm", lambda one, name: name == "ovg")
    monkeypatch.setattr(gaussianity, "has_law", lambda one, name: False)
    monkeypatch.setattr(decorrelation, "is_independent", lambda one, name: name == "taba" and int(one["place"]) > 0)
    monkeypatch.setattr(pca, "has_dimensions", lambda one, name: name == "taba" and int(one["place"]) > 1)


def test_the_table_counts_data_sets_and_the_sentence_names_what_is_restored_on_most_and_what_never_is() -> None:
    table = whiteness.table(FOUND, FOUND, FOUND)
    assert table.index.tolist() == ["standard", "TABA", "OVG"]  # neither white noise nor the closed form
    assert table.loc["TABA"].tolist() == ["0 of 3", "0 of 3", "2 of 3", "1 of 3"]
    assert table.loc["OVG"].tolist() == ["3 of 3", "0 of 3", "0 of 3", "0 of 3"]
    assert whiteness.restored(FOUND, FOUND, FOUND) == (
        "On most data sets OVG restores the mean norm; TABA restores the roughness of neighbours (S_DC). None of "
        "these methods restores the law of norms on any data set. None of these methods restores the number of "
        "dimensions on most data sets."
    )
    fewer = {name: one.sel(series=["white noise", "standard", "taba"]) for name, one in FOUND.items()}
    assert "OVG" not in whiteness.table(FOUND, fewer, FOUND).index
    alone = {name: one.sel(series=["white noise", "standard"]) for name, one in FOUND.items()}
    said = whiteness.restored(alone, FOUND, FOUND)
    assert said.startswith(
        "None of these methods restores the mean norm, the law of norms, the roughness of neighbours (S_DC) or the "
        "number of dimensions on any data set."
    )


def test_what_the_variance_alone_does_stands_beside_ovg(monkeypatch: pytest.MonkeyPatch) -> None:
    """S_DC of 0.1 with the standard inversion, 0.6 with OVG, and 0.3 to 0.5 with a latent that is scaled."""
    assert whiteness.variance_alone(FOUND) == ""
    scaled = {name: one.assign_coords(series=[*SERIES[:4], "white_norm"]) for name, one in FOUND.items()}
    values = {"standard": lambda place: 0.1, "ovg": lambda place: 0.6, "white_norm": lambda place: 0.3 + place / 10}
    monkeypatch.setattr(decorrelation, "s_dc", lambda one, name: Interval(values[name](int(one["place"])), 0, 1))
    said = whiteness.variance_alone(scaled)
    assert "0.10 with the standard inversion, 0.60 with OVG, and 0.30 to 0.50 with *white norm*" in said
