from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.studies import domains


@pytest.fixture(autouse=True)
def _no_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)


def test_a_family_has_all_its_data_sets_on_the_same_images() -> None:
    photos = domains.family("photos", "smoke")
    assert [one.attrs["dataset"] for one in photos] == ["photos_x8", "photos_x16", "photos_x32"]
    targets = [one["image"].sel(domain="target").to_numpy() for one in photos]
    np.testing.assert_array_equal(targets[0], targets[2])
    assert float(photos[0]["power"].sel(domain="source").min()) < float(photos[0]["power"].sel(domain="target").min())
    assert -4 < float(photos[0]["slope"].mean()) < -1  # photographs: about -2


def test_the_origin_says_kind_and_counts() -> None:
    [shoes] = domains.family("edges2shoes", "smoke")
    sentence = domains.origin([shoes])
    assert sentence.startswith("**Rendered images**")
    assert f"{shoes.attrs['test_images']} for testing, of which 4 are measured" in sentence


def test_an_unknown_family_is_named_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match="'faces'; known are: photos, bbbc021, edges2shoes"):
        domains.family("faces")
