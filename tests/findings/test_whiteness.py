from __future__ import annotations

import pytest
import xarray as xr

from spectral_collapse.findings import decorrelation, gaussianity, pca, whiteness

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
        "On most data sets OVG restores the mean norm; TABA restores the independence of neighbours. No method "
        "restores the law of norms or the number of dimensions on most of them."
    )
    fewer = {name: one.sel(series=["white noise", "standard", "taba"]) for name, one in FOUND.items()}
    assert "OVG" not in whiteness.table(FOUND, fewer, FOUND).index
    alone = {name: one.sel(series=["white noise", "standard"]) for name, one in FOUND.items()}
    said = whiteness.restored(alone, FOUND, FOUND)
    assert said.startswith("No method restores the mean norm, the law of norms, the independence of neighbours or the")
