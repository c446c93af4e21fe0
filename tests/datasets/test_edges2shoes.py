"""Edges2Shoes: the layouts on disk, the split, the computed edges and the rendered twin."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import distance_transform_edt

from spectral_collapse.datasets import shoes
from spectral_collapse.datasets.base import DomainDataset
from spectral_collapse.datasets.edges import line_drawing, reduced_drawing
from spectral_collapse.datasets.edges2shoes import DATASETS, open_real, render
from spectral_collapse.errors import DataError
from tests.each import each

SHOES = range(8)


def write_pairs(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        lines = np.repeat(shoes.drawing(0, i)[..., None], 3, axis=2)
        pair = np.concatenate([lines, shoes.photograph(0, i)], axis=1)
        Image.fromarray(pair).save(folder / f"{i + 1}_AB.jpg", quality=95)


def write_photos(folder: Path, products: int, colors: int = 3) -> None:
    folder.mkdir(parents=True)
    for product in range(products):
        for color in range(colors):
            pixels = np.full((256, 256, 3), 255, np.uint8)
            pixels[64:192, 32:224] = (product % 256, 40 * color, 90)
            Image.fromarray(pixels).save(folder / f"Ankle_{8000000 + product}.{color}.jpg")


@pytest.fixture
def official(tmp_path: Path) -> Path:
    write_pairs(tmp_path / "edges2shoes" / "train", 4)
    write_pairs(tmp_path / "edges2shoes" / "val", 2)
    return tmp_path


class TestOfficialLayout:
    def test_splits_are_the_folders(self, official: Path) -> None:
        train, test = open_real([official], "train", 64), open_real([official], "test", 64)
        assert "official" in train.origin
        assert train.kind == "real"
        assert sorted(train.ids) == ["1_AB", "2_AB", "3_AB", "4_AB"]
        assert {path.parent.name for path in test.items} == {"val"}
        assert "official split" in test.origin

    def test_left_is_the_drawing_and_right_the_photo(self, official: Path) -> None:
        images = open_real([official], "test", 256)
        photo = torch.from_numpy(shoes.photograph(0, 0)).permute(2, 0, 1) / 127.5 - 1
        drawing = torch.from_numpy(shoes.drawing(0, 0)) / 127.5 - 1
        # JPEG at quality 95 with subsampled colour: a few grey levels on average.
        assert (images.target(0) - photo).abs().mean() < 0.05
        assert (images.source(0)[0] - drawing).abs().mean() < 0.05

    def test_without_val_a_share_of_train_is_held_out(self, tmp_path: Path) -> None:
        folder = tmp_path / "edges2shoes" / "train"
        folder.mkdir(parents=True)
        for i in range(200):
            (folder / f"{i}_AB.jpg").touch()
        train, test = open_real([tmp_path], "train", 64), open_real([tmp_path], "test", 64)
        assert not set(train.ids) & set(test.ids)
        assert len(train.ids) + len(test.ids) == 200
        # 200 draws at 0.1: mean 20, standard deviation 4.2; the names are fixed, so is the outcome.
        assert 8 <= len(test.ids) <= 32
        assert "held out" in test.origin

    def test_a_pair_of_another_shape_is_named(self, official: Path) -> None:
        Image.new("RGB", (300, 200)).save(official / "edges2shoes" / "val" / "1_AB.jpg")
        with pytest.raises(DataError, match=r"1_AB\.jpg' is 300 x 200 px, but a pair is 512 x 256 px"):
            open_real([official], "test", 64).source(0)

    def test_an_archive_alone_must_be_unpacked(self, tmp_path: Path) -> None:
        with tarfile.open(tmp_path / "edges2shoes.tar.gz", "w:gz"):
            pass
        with pytest.raises(DataError, match="not unpacked; run 'spectral-collapse data fetch edges2shoes'"):
            open_real([tmp_path], "train", 64)


class TestPhotosAlone:
    def test_colours_of_a_product_stay_together(self, tmp_path: Path) -> None:
        write_photos(tmp_path / "shoes", products=60)
        train, test = open_real([tmp_path], "train", 64), open_real([tmp_path], "test", 64)
        assert "photographs" in train.origin
        assert len(train.ids) + len(test.ids) == 180
        assert len(test.ids) > 0
        assert not set(train.groups) & set(test.groups)
        assert train.groups[0] == train.ids[0].split(".")[0]
        data = DomainDataset(DATASETS[0], "train", 64, train)
        domains = {(group, data.is_target(i)) for i, group in enumerate(train.groups)}
        assert len(domains) == len(set(train.groups))

    def test_the_split_does_not_depend_on_other_files(self, tmp_path: Path) -> None:
        write_photos(tmp_path / "few" / "shoes", products=30, colors=1)
        write_photos(tmp_path / "many" / "shoes", products=60, colors=1)
        few, many = (set(open_real([tmp_path / name], "test", 64).ids) for name in ("few", "many"))
        assert few <= many

    def test_the_larger_collection_wins(self, official: Path) -> None:
        write_photos(official / "shoes", products=2)
        assert "official" in open_real([official], "train", 64).origin
        write_photos(official / "more" / "shoes", products=40)
        (official / "more" / "edges2shoes").symlink_to(official / "edges2shoes")
        assert "photographs" in open_real([official / "more"], "train", 64).origin

    def test_nothing_readable_is_an_error(self, tmp_path: Path) -> None:
        write_photos(tmp_path / "shoes", products=3, colors=1)
        for path in (tmp_path / "shoes").iterdir():
            path.write_bytes(b"no image")
        with pytest.warns(UserWarning, match="left out"), pytest.raises(DataError, match="no images are left"):
            open_real([tmp_path], "train", 64, skip_corrupt=True)

    def test_edges_follow_the_outline(self) -> None:
        """Of a disc: one closed line of about its circumference, within the blur (2.5 px) of its rim."""
        y, x = np.mgrid[:256, :256] - 127.5
        inside = np.hypot(x, y) < 80
        drawing = line_drawing(np.where(inside, 60, 255).astype(np.uint8)[..., None].repeat(3, axis=2))
        rows, columns = np.nonzero(drawing == 0)
        assert np.abs(np.hypot(rows - 127.5, columns - 127.5) - 80).max() < 2.5
        assert 0.8 * 2 * np.pi * 80 < len(rows) < 1.2 * 2 * np.pi * 80

    def test_pale_shoes_have_an_outline_too(self) -> None:
        pixels = np.full((256, 256, 3), 255, np.uint8)
        pixels[80:180, 40:220] = 240
        assert (line_drawing(pixels) == 0).sum() > 0.8 * 2 * (100 + 180)


class TestFolders:
    @each("name", ["edges2shoes", "shoes"])
    def test_no_folder_is_no_data_and_an_empty_one_an_error(self, tmp_path: Path, name: str) -> None:
        assert open_real([tmp_path], "train", 64) is None
        (tmp_path / name).mkdir()
        with pytest.raises(DataError, match="has no images"):
            open_real([tmp_path], "train", 64)

    def test_the_first_folder_with_images_is_taken(self, official: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        write_photos(other / "shoes", products=5)
        assert "photographs" in open_real([tmp_path / "none", other, official], "train", 64).origin


class TestReducedDrawing:
    @each("size", [32, 64, 128])
    def test_lines_keep_most_of_their_blackness(self, size: int) -> None:
        """A one-pixel line, widened to about 3/4 of a target pixel (whole pixels: 6 of 8, 3 of 4, 2 of 2),
        holds that much of its blackness in all, in one target pixel or two."""
        drawing = np.full((256, 256), 255, np.uint8)
        drawing[:, 130] = 0
        darkness = (1 - reduced_drawing(drawing, size)[0]) / 2
        expected = torch.full((size,), 1.0 if size == 128 else 0.75)
        torch.testing.assert_close(darkness.sum(dim=1), expected, atol=0.01, rtol=0)

    def test_the_own_size_changes_nothing(self) -> None:
        drawing = shoes.drawing(0, 0)
        assert torch.equal(reduced_drawing(drawing, 256)[2], torch.from_numpy(drawing) / 127.5 - 1)


class TestTwin:
    @each("size", [32, 96, 128])
    def test_sizes_show_the_same_shoe(self, size: int) -> None:
        small, full = render("test", size), render("test", 256)
        reduced = torch.nn.functional.interpolate(full.target(0)[None], size=size, mode="area")[0]
        # PIL rounds to 1/255 of the range, and cuts the areas of sizes that do not divide 256 exactly.
        assert (small.target(0) - reduced).abs().mean() < 0.01
        assert small.source(0).shape == (3, size, size)

    def test_the_drawing_lies_on_its_shoe(self) -> None:
        """All lines lie on the shoe or at its rim, and nearly all of the rim is drawn."""
        for i in SHOES:
            solid = (shoes.photograph(1, i) < 250).any(axis=2)
            lines = shoes.drawing(1, i) == 0
            assert distance_transform_edt(~solid)[lines].max() <= 3
            rim = solid & (distance_transform_edt(np.pad(solid, 1))[1:-1, 1:-1] <= 1)
            assert (distance_transform_edt(~lines)[rim] <= 3).mean() > 0.9

    def test_lines_are_as_dense_as_genuine_ones(self) -> None:
        """1-3 % of the pixels at 256 px, as measured on genuine pairs."""
        density = [(shoes.drawing(0, i) == 0).mean() for i in SHOES]
        assert 0.01 < np.mean(density) < 0.03

    def test_only_the_photo_has_texture(self) -> None:
        """Well inside the shoe and away from lines a drawing is blank; a photo varies there, also at the
        finest scale of a 64 px image."""
        spread = []
        for i in SHOES:
            empty = distance_transform_edt(shoes.drawing(1, i) > 0) > 8
            inside = distance_transform_edt((shoes.photograph(1, i) < 250).any(axis=2)) > 8
            area = torch.from_numpy(empty & inside).float()[None, None]
            plain = torch.nn.functional.avg_pool2d(area, 4)[0, 0] == 1
            images = render("test", 64)
            drawing, photo = images.source(i), images.target(i)
            assert (drawing[:, plain] == 1).all()
            across = (photo[:, :, 1:] - photo[:, :, :-1])[:, plain[:, 1:] & plain[:, :-1]]
            spread.append(across.std().item())
        assert np.median(spread) > 0.01

    def test_photos_hold_as_much_detail_as_published_ones(self) -> None:
        """Genuine photographs were enlarged from 136 x 102 px: reducing them once more takes little (rms 2 to 5)."""
        for i in SHOES:
            photo = Image.fromarray(shoes.photograph(0, i))
            again = photo.resize(shoes.PUBLISHED, Image.Resampling.BICUBIC).resize(photo.size, Image.Resampling.BICUBIC)
            assert np.sqrt(np.mean((np.asarray(photo, float) - np.asarray(again, float)) ** 2)) < 5

    def test_kinds_differ(self) -> None:
        """Boots are tall and flats are low: the silhouettes cover a wide range of shapes."""
        heights = []
        for i in range(60):
            rows = np.flatnonzero((shoes.drawing(0, i) == 0).any(axis=1))
            heights.append(np.ptp(rows))
        assert max(heights) > 220
        assert min(heights) < 140
