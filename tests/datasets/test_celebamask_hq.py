"""CelebAMask-HQ: the official layout, folders of pairs, what is wrong with either, and the rendered twin."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spectral_collapse import datasets
from spectral_collapse.datasets import celebamask_hq, faces
from spectral_collapse.datasets.celebamask_hq import COLORS, MAPPING, PARTS, PHOTOS, label_image, open_real, render
from spectral_collapse.datasets.faces import CLASSES
from spectral_collapse.errors import DataError
from spectral_collapse.metrics.radial_spectrum import spectral_slope
from tests.each import each

FACES = range(8)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in in the official layout: rendered faces, photographs of 1024 px and part masks of 512 px."""
    folder = tmp_path_factory.mktemp("faces") / "CelebAMask-HQ"
    (folder / PHOTOS).mkdir(parents=True)
    (folder / PARTS / "0").mkdir(parents=True)
    for i in range(3):
        photo = Image.fromarray(faces.photograph(0, i)).resize((1024, 1024), Image.Resampling.BICUBIC)
        photo.save(folder / PHOTOS / f"{i}.jpg", quality=90)
        labels = np.asarray(Image.fromarray(faces.label_map(0, i)).resize((512, 512), Image.Resampling.NEAREST))
        for number, name in enumerate(CLASSES):
            if number and (labels == number).any():
                mask = np.repeat(np.where(labels == number, 255, 0).astype(np.uint8)[..., None], 3, axis=2)
                Image.fromarray(mask).save(folder / PARTS / "0" / f"{i:05d}_{name}.png")
    lines = [f"{i:5d} {place:10d}    {place + 1:06d}.jpg" for i, place in enumerate((12, 182638, 170000))]
    (folder / MAPPING).write_text("\n".join(["idx     orig_idx    orig_file", *lines]) + "\n")
    return folder


def copied(official: Path, root: Path) -> Path:
    return shutil.copytree(official, root / official.name)


def write_pairs(root: Path, count: int, as_colors: bool = False) -> Path:
    folder = root / "celebamask_hq"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for i in range(count):
        Image.fromarray(faces.photograph(0, i)).save(folder / "images" / f"face {i}.jpg", quality=95)
        labels = faces.label_map(0, i)
        Image.fromarray(COLORS[labels] if as_colors else labels).save(folder / "masks" / f"face {i}.png")
    return folder


def both(root: Path, **options: bool) -> tuple[list[str], list[str]]:
    return tuple(sorted(open_real([root], split, 64, **options).ids) for split in ("train", "test"))


class TestOfficialLayout:
    def test_parts_are_joined_and_painted_and_the_official_list_is_the_split(self, official: Path) -> None:
        assert both(official.parent) == (["00000", "00002"], ["00001"])
        images = open_real([official], "train", 256)  # the root itself may be the folder
        assert images.kind == "real"
        assert "official split" in images.origin
        twin = render("train", 256)
        for i, face in enumerate(images.ids):
            # Masks of 512 px are the twin's of 256 px enlarged: reduced by nearest neighbour they come back.
            assert torch.equal(images.source(i), twin.source(int(face)))
            assert (images.target(i) - twin.target(int(face))).abs().mean() < 0.05

    def test_later_classes_cover_earlier_ones(self, official: Path, tmp_path: Path) -> None:
        folder = copied(official, tmp_path)
        everything = Image.new("L", (512, 512), 255)
        for name in ("cloth", "skin"):  # cloth is the last class: nothing else is left
            everything.save(folder / PARTS / "0" / f"00000_{name}.png")
        source = open_real([tmp_path], "train", 64).source(0)
        expected = torch.from_numpy(COLORS[-1]) / 127.5 - 1
        assert torch.equal(source, expected[:, None, None].expand(3, 64, 64))

    def test_without_the_list_a_share_is_held_out(self, official: Path, tmp_path: Path) -> None:
        folder = copied(official, tmp_path)
        (folder / MAPPING).unlink()
        for i in range(3, 120):
            (folder / PHOTOS / f"{i}.jpg").hardlink_to(folder / PHOTOS / "0.jpg")
            (folder / PARTS / "0" / f"{i:05d}_skin.png").hardlink_to(folder / PARTS / "0" / "00000_skin.png")
        train, test = both(tmp_path)
        assert not set(train) & set(test)
        assert len(train) + len(test) == 120
        assert 2 <= len(test) <= 25  # 120 draws of probability 0.1: mean 12, standard deviation 3.3


class TestPairs:
    @each("as_colors", [False, True])
    def test_numbers_and_colours_are_the_same(self, tmp_path: Path, as_colors: bool) -> None:
        write_pairs(tmp_path, 8, as_colors)
        images = open_real([tmp_path], "train", 64)
        for i, name in enumerate(images.ids):
            assert torch.equal(images.source(i), render("train", 64).source(int(name.split()[1])))

    @each("mode", ["P", "RGB", "I;16", "LA"])
    def test_other_ways_to_store_numbers(self, tmp_path: Path, mode: str) -> None:
        labels = faces.label_map(0, 0)
        image = Image.fromarray(labels.astype(np.uint16) if mode == "I;16" else labels, "P" if mode == "P" else None)
        if mode == "P":
            image.putpalette([value for k in range(256) for value in (k, 255 - k, (7 * k) % 256)])
        elif mode != "I;16":
            image = image.convert(mode)
        image.save(tmp_path / "mask.png")
        assert np.array_equal(label_image((tmp_path / "mask.png",)), labels)


def read_all(root: Path) -> None:
    for split in ("train", "test"):
        images = open_real([root], split, 64)
        for i in range(len(images.ids)):
            images.source(i), images.target(i)


# What is wrong, and what the message says of it.


def lose(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def put(name: str, image: Image.Image) -> Callable[[Path], object]:
    return lambda folder: image.save(folder / name)


def grey(width: int, height: int, value: int = 0) -> Image.Image:
    return Image.new("L", (width, height), value)


BAD_PAIRS = {
    "a photograph without a mask": (lose("masks/face 3.png"), r"face 3\.jpg without a mask"),
    "a mask without a photograph": (lose("images/face 2.jpg"), r"face 2\.png without a photograph"),
    "an unknown number": (
        put("masks/face 1.png", grey(64, 64, 37)),
        r"face 1\.png'.* label 37 \(100\.0% of its pixels",
    ),
    "an unknown colour": (put("masks/face 1.png", Image.new("RGB", (64, 64), (1, 2, 3))), r"face 1\.png'.*\(1, 2, 3\)"),
    "a mask that is no square": (put("masks/face 1.png", grey(64, 48, 1)), r"face 1\.png' is 64 x 48 px"),
    "a photograph that is no square": (put("images/face 1.jpg", grey(178, 218)), r"face 1\.jpg' is 178 x 218 px"),
    "a damaged mask": (lambda folder: (folder / "masks" / "face 1.png").write_bytes(b"no picture"), r"face 1\.png'"),
}


@each("what", BAD_PAIRS)
def test_bad_pairs_are_named_and_left_out_only_if_asked(tmp_path: Path, what: str) -> None:
    spoil, message = BAD_PAIRS[what]
    folder = write_pairs(tmp_path, 8)
    before = sum(map(len, both(tmp_path)))
    spoil(folder)
    with pytest.raises(DataError, match=message):
        read_all(tmp_path)
    with pytest.warns(UserWarning, match="left out"):
        kept = both(tmp_path, skip_corrupt=True)
    assert sum(map(len, kept)) == before - 1


def lose_photos(folder: Path) -> None:
    for path in (folder / PHOTOS).iterdir():
        path.unlink()


def spoil_list(folder: Path) -> None:
    (folder / MAPPING).write_text("idx orig_idx orig_file\n0 many 000001.jpg\n")


BAD_OFFICIAL = {
    "an unknown part": (put(f"{PARTS}/0/00001_tail.png", grey(512, 512)), r"00001_tail\.png'.* unknown label 'tail'"),
    "a face without parts": (put(f"{PHOTOS}/3.jpg", grey(64, 64)), r"3\.jpg without a mask"),
    "parts without a face": (put(f"{PARTS}/0/00017_skin.png", grey(512, 512)), r"00017_skin\.png without a photograph"),
    "a name without number": (put(f"{PHOTOS}/anna.jpg", grey(64, 64)), r"anna\.jpg' does not begin with"),
    "parts of two sizes": (
        put(f"{PARTS}/0/00001_hat.png", grey(256, 256, 255)),
        r"(hat|neck|cloth)\.png' is \d+ x \d+ px",
    ),
    "a broken list": (spoil_list, r"mapping\.txt' is no table of positions"),
    "no photographs at all": (lose_photos, r"00002_.*\.png without a photograph"),
}


@each("what", BAD_OFFICIAL)
def test_a_bad_official_folder_is_refused_in_one_sentence(tmp_path: Path, official: Path, what: str) -> None:
    spoil, message = BAD_OFFICIAL[what]
    spoil(copied(official, tmp_path))
    with pytest.raises(DataError, match=message):
        read_all(tmp_path)


def test_many_that_lack_something_are_counted(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path, 6)
    for i in range(5):
        (folder / "masks" / f"face {i}.png").unlink()
    with pytest.raises(DataError, match=r"face 0\.jpg, face 1\.jpg, face 2\.jpg, 2 more without a mask"):
        open_real([tmp_path], "train", 64)


@each("name", ["CelebAMask-HQ", "celebamask_hq"])
def test_an_empty_folder_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="has neither CelebA-HQ-img and CelebAMask-HQ-mask-anno nor images and masks"):
        open_real([tmp_path], "train", 64)


def test_an_entry_without_images_names_the_homepage(tmp_path: Path) -> None:
    assert open_real([tmp_path], "train", 64) is None
    with pytest.raises(DataError, match=r"github\.com/switchablenorms/CelebAMask-HQ says how to get the real images"):
        datasets.load("celebamask_hq", source="real", root=tmp_path)
    entry = datasets.info("celebamask_hq")
    assert (entry.guidance, entry.structure, entry.source_label) == (7.5, "color", datasets.SOURCE)
    assert entry.download is None
    assert len(COLORS) == len(CLASSES) == 19
    assert len(np.unique(COLORS, axis=0)) == 19
    assert celebamask_hq.HOMEPAGE in entry.remedy


def test_maps_of_the_twin_hold_every_class_and_colours_of_classes_only() -> None:
    assert {label for i in range(60) for label in np.unique(faces.label_map(0, i))} == set(range(len(CLASSES)))
    for size in (32, 96, 256):
        for i in FACES:
            colors = ((render("train", size).source(i) + 1) * 127.5).round().flatten(1).T.byte()
            assert (colors[:, None] == torch.from_numpy(COLORS)).all(2).any(1).all()


def test_photographs_of_the_twin_lie_on_their_maps_and_are_as_rough_as_photographs() -> None:
    """They change more where their map does than elsewhere; the spectral slope of photographs is -2 to -4."""
    for i in FACES:
        labels, photo = faces.label_map(0, i), faces.photograph(0, i).astype(float).mean(2)
        border, step = labels[:, 1:] != labels[:, :-1], np.abs(np.diff(photo, axis=1))
        assert step[border].mean() > 3 * step[~border].mean()
    images = render("train", 64)
    assert -3.5 < spectral_slope(torch.stack([images.target(i) for i in range(40)])) < -2.3
