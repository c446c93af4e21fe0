"""Photos: what is for testing never touches what is for training, and no pixel is in two domains."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from spectral_collapse.datasets import photos
from spectral_collapse.datasets.base import DomainDataset, Split
from spectral_collapse.datasets.photos import DATASETS, MARGIN, PICTURES, PhotoWindows, Window, windows
from spectral_collapse.datasets.resample import sparsify
from spectral_collapse.errors import DataError


def painted(chosen: Iterable[Window], picture: str) -> np.ndarray:
    """How often each pixel of a picture is used."""
    count = np.zeros(photos._picture(picture).shape[:2], int)
    for window in chosen:
        if window.picture == picture:
            window.area.of(count)[...] += 1
    return count


def dataset(split: Split, size: int, factor: int = 8) -> DomainDataset:
    return DomainDataset(DATASETS[0], split, size, PhotoWindows(split, size, factor))


@pytest.mark.parametrize("size", [32, 64, 256])
def test_train_and_test_stay_a_margin_apart(size: int) -> None:
    train, test = windows("train", size), windows("test", size)
    assert train
    assert test
    for picture in PICTURES:
        near = binary_dilation(painted(train, picture) > 0, np.ones((3, 3)), iterations=MARGIN)
        assert not (near & (painted(test, picture) > 0)).any(), picture


def test_the_split_does_not_move_with_the_window_size() -> None:
    """A network trained at one size may be tested at another."""
    for picture in PICTURES:
        used = painted(windows("train", 32), picture) > 0
        assert not (used & (painted(windows("test", 128), picture) > 0)).any()


def test_test_windows_share_no_pixel() -> None:
    assert all(painted(windows("test", 64), picture).max() <= 1 for picture in PICTURES)


def test_no_pixel_is_trained_on_in_two_domains() -> None:
    data = dataset("train", 64)
    sides = {True: [], False: []}
    for index, window in enumerate(data.images.windows):
        sides[data.is_target(index)].append(window)
    for picture in PICTURES:
        assert not ((painted(sides[True], picture) > 0) & (painted(sides[False], picture) > 0)).any()
    assert 0.4 < len(sides[True]) / len(data) < 0.6


def test_one_family_shares_its_domains() -> None:
    """x8, x16 and x32 train one network: what is a target in one must not be a source in another."""
    assert PhotoWindows("train", 64, 8).groups == PhotoWindows("train", 64, 32).groups
    assert len({entry.source_label for entry in DATASETS}) == 3


def test_enough_windows_from_all_pictures() -> None:
    for split, least in (("train", 4000), ("test", 200)):
        found = windows(split, 64)
        share = Counter(window.picture for window in found)
        assert len(found) >= least
        assert set(share) == set(PICTURES)
        assert max(share.values()) <= 2 * np.median(list(share.values()))
        assert len({window.id for window in found}) == len(found)


@pytest.mark.parametrize(("split", "factor"), [("train", 8), ("test", 16), ("test", 32)])
def test_images(split: Split, factor: int) -> None:
    images = PhotoWindows(split, 64, factor)
    target = images.target(5)
    assert target.shape == (3, 64, 64)
    assert target.dtype == torch.float32
    assert target.min() >= -1
    assert target.max() <= 1
    assert torch.equal(images.source(5), sparsify(target, factor))


def test_grey_pictures_have_three_equal_channels() -> None:
    images = PhotoWindows("test", 64, 8)
    index = next(i for i, name in enumerate(images.ids) if name.startswith("gravel/"))
    red, green, blue = images.target(index)
    assert torch.equal(red, green)
    assert torch.equal(red, blue)


def test_reduced_windows_are_averages_of_their_area() -> None:
    images = PhotoWindows("train", 64, 8)
    index, window = next((i, window) for i, window in enumerate(images.windows) if window.scale == 2)
    area = torch.from_numpy(window.area.of(photos._picture(window.picture)).astype(np.float32)).permute(2, 0, 1)
    expected = torch.nn.functional.avg_pool2d(area, 2) / 127.5 - 1
    torch.testing.assert_close(images.target(index), expected, atol=1e-6, rtol=0)


def test_sources_lack_high_frequencies() -> None:
    """Nearest-neighbour blocks fold energy back but hold it by a sinc: above half of the Nyquist frequency
    most of a photo's power is gone."""
    images = PhotoWindows("test", 64, 8)
    frequency = torch.fft.fftfreq(64).abs()
    high = (frequency[:, None] > 0.25) & (frequency[None, :] > 0.25)

    def power(stack: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft2(stack).abs().square()[..., high].mean()

    chosen = range(0, len(images.ids), 8)
    sources = torch.stack([images.source(i) for i in chosen])
    targets = torch.stack([images.target(i) for i in chosen])
    assert power(sources) < 0.3 * power(targets)


def test_fingerprint_depends_on_what_the_images_are() -> None:
    prints = {PhotoWindows(split, size, 8).fingerprint for split in ("train", "test") for size in (64, 96)}
    assert len(prints | {PhotoWindows("test", 64, 16).fingerprint}) == 5
    assert PhotoWindows("test", 64, 8).fingerprint in prints


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    photos._picture.cache_clear()
    windows.cache_clear()
    assert PhotoWindows("test", 64, 8).target(0).shape == (3, 64, 64)


def test_too_large_a_size_is_refused() -> None:
    with pytest.raises(DataError, match="fewer than 8; use a smaller size"):
        PhotoWindows("test", 512, 8)


def test_a_missing_picture_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PICTURES, "nowhere.png", 1)
    windows.cache_clear()
    with pytest.raises(DataError, match=r"nowhere\.png"):
        windows("test", 64)


@pytest.mark.parametrize("name", photos.PICTURES)
def test_no_picture_is_another_one_enlarged(name: str) -> None:
    """Neighbours in every second row and column are not all equal."""
    pixels = photos._picture(name)
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    even = pixels[:height, :width]
    assert (even[::2] != even[1::2]).any() or (even[:, ::2] != even[:, 1::2]).any()
