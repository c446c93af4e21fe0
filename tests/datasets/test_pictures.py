"""Photos and textures: what is for testing never touches what is for training, and no pixel is in two domains."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation

from spectral_collapse.datasets import pictures
from spectral_collapse.datasets.base import DomainDataset, Split
from spectral_collapse.datasets.photos import DATASETS, PHOTOS
from spectral_collapse.datasets.pictures import MARGIN, PictureSet, PictureWindows, Window, regions, windows
from spectral_collapse.datasets.resample import sparsify
from spectral_collapse.datasets.textures import HOMOGENEOUS, TEXTURES
from spectral_collapse.errors import DataError
from tests.each import each

both = each("chosen", [PHOTOS, TEXTURES])


def painted(chosen: Iterable[Window], picture: str) -> np.ndarray:
    """How often each pixel of a picture is used."""
    count = np.zeros(pictures.read(picture).shape[:2], int)
    for window in chosen:
        if window.picture == picture:
            window.area.of(count)[...] += 1
    return count


def dataset(split: Split, size: int, factor: int = 8) -> DomainDataset:
    return DomainDataset(DATASETS[0], split, size, PictureWindows(PHOTOS, split, size, factor))


@each("size", [32, 64, 256])
@both
def test_train_and_test_stay_a_margin_apart(chosen: PictureSet, size: int) -> None:
    train, test = windows(chosen, "train", size), windows(chosen, "test", size)
    assert train
    assert test or (chosen is TEXTURES and size > 128)  # its test strips are 128 px wide
    for picture in chosen.pictures:
        near = binary_dilation(painted(train, picture) > 0, np.ones((3, 3)), iterations=MARGIN)
        assert not (near & (painted(test, picture) > 0)).any(), picture


@both
def test_the_split_does_not_move_with_the_window_size(chosen: PictureSet) -> None:
    """A network trained at one size may be tested at another."""
    for picture in chosen.pictures:
        used = painted(windows(chosen, "train", 32), picture) > 0
        assert not (used & (painted(windows(chosen, "test", 128), picture) > 0)).any()


@both
def test_test_windows_share_no_pixel(chosen: PictureSet) -> None:
    assert all(painted(windows(chosen, "test", 64), picture).max() <= 1 for picture in chosen.pictures)


@both
def test_no_pixel_is_trained_on_in_two_domains(chosen: PictureSet) -> None:
    data = DomainDataset(DATASETS[0], "train", 64, PictureWindows(chosen, "train", 64, 8))
    sides = {True: [], False: []}
    for index, window in enumerate(data.images.windows):
        sides[data.is_target(index)].append(window)
    for picture in chosen.pictures:
        assert not ((painted(sides[True], picture) > 0) & (painted(sides[False], picture) > 0)).any()
    assert 0.4 < len(sides[True]) / len(data) < 0.6


def test_one_family_shares_its_domains() -> None:
    """x8, x16 and x32 train one network: what is a target in one must not be a source in another."""
    assert PictureWindows(PHOTOS, "train", 64, 8).groups == PictureWindows(PHOTOS, "train", 64, 32).groups
    assert len({entry.source_label for entry in DATASETS}) == 3


@each(("chosen", "train", "test"), [(PHOTOS, 4000, 200), (TEXTURES, 4000, 64)])
def test_enough_windows_from_all_pictures(chosen: PictureSet, train: int, test: int) -> None:
    for split, least in (("train", train), ("test", test)):
        found = windows(chosen, split, 64)
        share = Counter(window.picture for window in found)
        assert len(found) >= least
        assert set(share) == set(chosen.pictures)
        assert max(share.values()) <= 2 * np.median(list(share.values()))
        assert len({window.id for window in found}) == len(found)


@each(("split", "factor"), [("train", 8), ("test", 16), ("test", 32)])
def test_images(split: Split, factor: int) -> None:
    images = PictureWindows(PHOTOS, split, 64, factor)
    target = images.target(5)
    assert target.shape == (3, 64, 64)
    assert target.dtype == torch.float32
    assert target.min() >= -1
    assert target.max() <= 1
    assert torch.equal(images.source(5), sparsify(target, factor))


def test_sources_lack_high_frequencies_and_grey_pictures_have_three_equal_channels() -> None:
    images = PictureWindows(PHOTOS, "test", 64, 8)
    index = next(i for i, name in enumerate(images.ids) if name.startswith("gravel/"))
    red, green, blue = images.target(index)
    assert torch.equal(red, green)
    assert torch.equal(red, blue)
    # Nearest-neighbour blocks fold energy back but hold it by a sinc: above half of the Nyquist frequency most of a
    # photo's power is gone.
    frequency = torch.fft.fftfreq(64).abs()
    high = (frequency[:, None] > 0.25) & (frequency[None, :] > 0.25)

    def power(stack: torch.Tensor) -> torch.Tensor:
        return torch.fft.fft2(stack).abs().square()[..., high].mean()

    chosen = range(0, len(images.ids), 8)
    sources = torch.stack([images.source(i) for i in chosen])
    targets = torch.stack([images.target(i) for i in chosen])
    assert power(sources) < 0.3 * power(targets)


def test_reduced_windows_are_averages_of_their_area() -> None:
    images = PictureWindows(PHOTOS, "train", 64, 8)
    index, window = next((i, window) for i, window in enumerate(images.windows) if window.scale == 2)
    area = torch.from_numpy(window.area.of(pictures.read(window.picture)).astype(np.float32)).permute(2, 0, 1)
    expected = torch.nn.functional.avg_pool2d(area, 2) / 127.5 - 1
    torch.testing.assert_close(images.target(index), expected, atol=1e-6, rtol=0)


@both
def test_flat_windows_are_told_by_the_spread_of_their_pixels(chosen: PictureSet) -> None:
    """To the last bit, so that no window at the limit is in one version and not in the next."""
    found = windows(chosen, "train", 64)
    for window in found[:: len(found) // 100]:
        assert pictures._spread(window) == float(pictures._crop(window).mean(axis=2).std())


def test_fingerprint_depends_on_what_the_images_are() -> None:
    prints = {PictureWindows(PHOTOS, split, size, 8).fingerprint for split in ("train", "test") for size in (64, 96)}
    assert len(prints | {PictureWindows(PHOTOS, "test", 64, 16).fingerprint}) == 5
    assert PictureWindows(PHOTOS, "test", 64, 8).fingerprint in prints


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    pictures.read.cache_clear()
    pictures._windows.cache_clear()
    assert PictureWindows(PHOTOS, "test", 64, 8).target(0).shape == (3, 64, 64)


def test_too_large_a_size_and_a_missing_picture_are_named() -> None:
    with pytest.raises(DataError, match="fewer than 8; use a smaller size"):
        PictureWindows(PHOTOS, "test", 512, 8)
    chosen = PictureSet("gone", {"nowhere.png": 1}, (1,), 4, "")
    with pytest.raises(DataError, match=r"nowhere\.png"):
        windows(chosen, "test", 64)


def test_no_picture_is_another_one_enlarged() -> None:
    """Neighbours in every second row and column are not all equal."""
    for pixels in map(pictures.read, PHOTOS.pictures):
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        even = pixels[:height, :width]
        assert (even[::2] != even[1::2]).any() or (even[:, ::2] != even[:, 1::2]).any()


def _log_powers(name: str, region: pictures.Rectangle) -> np.ndarray:
    """Log power of the grey level of all 64-px windows in two bands, windows x 2."""
    pixels = region.of(pictures.read(name)).astype(float).mean(2)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    bands = (frequency > 0.25, (frequency > 1 / 16) & (frequency <= 0.25))
    found = []
    for top in range(0, len(pixels) - 63, 64):
        for left in range(0, len(pixels[0]) - 63, 64):
            power = np.abs(np.fft.fft2(pixels[top : top + 64, left : left + 64])) ** 2 / 64**2
            found.append([np.log(power[band].mean() + 1e-3) for band in bands])
    return np.array(found)


def test_textures_are_the_homogeneous_pictures() -> None:
    for name in PHOTOS.pictures:
        height, width = pictures.read(name).shape[:2]
        spread = _log_powers(name, pictures.Rectangle(0, 0, height, width)).std(0)
        assert (spread.max() < HOMOGENEOUS) == (name in TEXTURES.pictures), name


def test_textures_look_alike_in_training_and_test() -> None:
    """A network can only be judged on a texture that it was shown: mean power within a factor of 1.6 (grass has
    most at its right edge)."""
    for name, axis in TEXTURES.pictures.items():
        parts = regions(*pictures.read(name).shape[:2], axis)
        train, test = (_log_powers(name, parts[split]).mean(0) for split in ("train", "test"))
        np.testing.assert_allclose(train, test, atol=np.log(1.6))
