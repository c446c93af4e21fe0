"""The reader of image files: every layout of a TIFF is read right or refused, and pictures stand upright."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse import datasets
from spectral_collapse.datasets.bbbc021 import TEST_SHARE
from spectral_collapse.datasets.files import held_out, images_in
from spectral_collapse.datasets.images import read_pixels, read_rgb
from spectral_collapse.errors import DataError
from tests.each import each

from .test_bbbc021 import FIELDS, write_crops
from .test_edges2shoes import write_photos

Y, X = np.mgrid[:24, :32]
CHANNELS = np.stack([np.sin(X / 5), np.sin(Y / 7), np.cos((X + Y) / 9)]) / 2 + 0.5
"""Three pictures that differ from each other, 0 to 1."""
BYTES, WORDS = (255 * CHANNELS).round().astype(np.uint8), (65535 * CHANNELS).round().astype(np.uint16)
FLOATS = CHANNELS.astype(np.float32)
PALETTE = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)


def last(channels: NDArray) -> NDArray:
    return np.ascontiguousarray(channels.transpose(1, 2, 0))


def tiff(values: NDArray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def pages(values: Iterator[NDArray] | NDArray, ome: bool = False, **options: object) -> bytes:
    """A page after the other; with metadata each is a picture of its own, as tifffile has it."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, ome=ome) as writer:
        for page in values:
            writer.write(page, photometric="minisblack" if page.ndim == 2 else "rgb", **options)
    return buffer.getvalue()


def with_pillow(image: Image.Image, form: str = "TIFF", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def with_thumbnail() -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(last(BYTES), photometric="rgb", metadata=None)
        writer.write(last(BYTES)[::2, ::2], photometric="rgb", metadata=None, subfiletype=1)
    return buffer.getvalue()


GREY = {"photometric": "minisblack"}
HALF_CLEAR = np.concatenate([last(WORDS), np.full((24, 32, 1), 32768, np.uint16)], axis=2)
RIGHT: dict[str, tuple[bytes, NDArray]] = {
    "ImageJ, channels": (tiff(WORDS, imagej=True, metadata={"axes": "CYX"}), CHANNELS),
    "ImageJ, colours": (tiff(last(BYTES), imagej=True), CHANNELS),
    "OME, channels": (tiff(WORDS, ome=True, metadata={"axes": "CYX"}), CHANNELS),
    "OME, samples": (tiff(last(WORDS), ome=True, photometric="rgb", metadata={"axes": "YXS"}), CHANNELS),
    "pages, 8 bits": (pages(BYTES, metadata=None), CHANNELS),
    "pages, 16 bits": (pages(WORDS, metadata=None), CHANNELS),
    "pages, floats": (tiff(FLOATS, **GREY), CHANNELS),
    "pages, each written by itself": (pages(WORDS), CHANNELS),
    "pages, LZW": (
        with_pillow(
            Image.fromarray(BYTES[0]),
            save_all=True,
            append_images=[Image.fromarray(each) for each in BYTES[1:]],
            compression="tiff_lzw",
        ),
        CHANNELS,
    ),
    "pages, big-endian": (tiff(WORDS, byteorder=">", **GREY), CHANNELS),
    "pages, BigTIFF": (tiff(WORDS, bigtiff=True, **GREY), CHANNELS),
    "pages, big-endian BigTIFF": (tiff(BYTES, bigtiff=True, byteorder=">", **GREY), CHANNELS),
    "pages, floats, big-endian, deflate": (tiff(FLOATS, byteorder=">", compression="zlib", **GREY), CHANNELS),
    "planes, 8 bits": (tiff(BYTES, photometric="rgb", planarconfig="separate"), CHANNELS),
    "planes, 16 bits": (tiff(WORDS, photometric="rgb", planarconfig="separate"), CHANNELS),
    "planes, 16 bits, deflate": (
        tiff(WORDS, photometric="rgb", planarconfig="separate", compression="zlib"),
        CHANNELS,
    ),
    "samples, 16 bits, big-endian": (tiff(last(WORDS), photometric="rgb", byteorder=">"), CHANNELS),
    "samples that are called grey": (tiff(last(BYTES), planarconfig="contig", **GREY), CHANNELS),
    "samples, floats": (tiff(last(FLOATS), photometric="rgb"), CHANNELS),
    "samples, half transparent": (tiff(HALF_CLEAR, photometric="rgb", extrasamples=["unassalpha"]), (CHANNELS + 1) / 2),
    "grey, 0 is white": (tiff(BYTES[0], photometric="miniswhite"), 1 - CHANNELS[:1]),
    "grey, 0 is white, 16 bits": (tiff(WORDS[0], photometric="miniswhite"), 1 - CHANNELS[:1]),
    "grey, tiles, deflate": (tiff(WORDS[0], tile=(16, 16), compression="zlib", predictor=True), CHANNELS[:1]),
    "grey, LZW": (with_pillow(Image.fromarray(WORDS[0]), compression="tiff_lzw"), CHANNELS[:1]),
    "palette": (tiff(BYTES[0], photometric="palette", colormap=257 * PALETTE), PALETTE[:, BYTES[0]] / 255),
    "PNG, 8 bits grey": (with_pillow(Image.fromarray(BYTES[0]), "PNG"), CHANNELS[:1]),
    "PNG, 8 bits colour": (with_pillow(Image.fromarray(last(BYTES)), "PNG"), CHANNELS),
    "PNG, 16 bits grey": (with_pillow(Image.fromarray(WORDS[0]), "PNG"), CHANNELS[:1]),
    "TIFF, doubles": (tiff(FLOATS[0].astype(float), **GREY), CHANNELS[:1]),
    "with a smaller copy": (with_thumbnail(), CHANNELS),
}


def test_images_are_read_right(tmp_path: Path) -> None:
    """To a grey level of 8 bits: some are rounded, some cut off after the first of two bytes."""
    for name, (content, expected) in RIGHT.items():
        path = tmp_path / "image.tif"
        path.write_bytes(content)
        shown = read_rgb(path).transpose(2, 0, 1) / 255
        assert np.abs(shown - expected).max() < 1.01 / 255, name


REFUSED = {
    "depth, ImageJ": (tiff(WORDS, imagej=True, metadata={"axes": "ZYX"}), "holds 3 pictures along ZYX, and not one"),
    "depth, OME": (tiff(WORDS, ome=True, metadata={"axes": "ZYX"}), "holds 3 pictures along ZYX"),
    "time": (tiff(WORDS, imagej=True, metadata={"axes": "TYX"}), "holds 3 pictures along TYX"),
    "three scenes": (pages(WORDS, ome=True), "holds 3 pictures, and not one"),
    "two pages": (pages(WORDS[:2], metadata=None), "holds 2 pictures along IYX"),
    "five channels": (pages([*WORDS, *WORDS[:2]], metadata=None), "holds 5 pictures along IYX"),
    "five samples": (tiff(last(np.concatenate([BYTES, BYTES[:2]])), photometric="rgb"), "has 5 channels"),
    "pages of two sizes": (pages([BYTES[0], BYTES[0][:16], BYTES[0]]), "holds 5 pictures|holds 3 pictures"),
    "three coloured pages": (pages([last(BYTES)] * 3, metadata=None), "holds 3 pictures in colour"),
    "planes without pages": (tiff(np.stack([WORDS[0]] * 30), truncate=True, **GREY), "holds 30 pictures along QYX"),
    "signed": (tiff(BYTES[0].astype(np.int8)), "has values of type int8, whose white is not known"),
    "complex": (tiff(FLOATS[0].astype(np.complex64)), "has values of type complex64"),
}


def test_tiffs_that_are_no_picture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    for content, message in REFUSED.values():
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_rgb(path)


@pytest.mark.filterwarnings("ignore:Truncated File Read", "ignore:Tag data", "ignore:Corrupt EXIF")
def test_the_rest_of_a_tiff_is_never_taken_for_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    for name, (content, _) in RIGHT.items():
        path.write_bytes(content)
        whole = read_rgb(path)
        for cut in range(1, len(content), len(content) // 15):
            path.write_bytes(content[:cut])
            try:
                assert np.array_equal(read_rgb(path), whole), (name, cut)
            except DataError:
                continue


def test_plates_are_read_by_the_same_rules() -> None:
    """The three planes of a field: 0 may be white, and a stack is no plane."""
    for photometric, expected in (("minisblack", WORDS[0]), ("miniswhite", 65535 - WORDS[0])):
        plane = read_pixels(lambda kind=photometric: io.BytesIO(tiff(WORDS[0], photometric=kind)), "it")
        assert np.array_equal(plane, expected)
    with pytest.raises(DataError, match="it holds 7 pictures"):
        read_pixels(lambda: io.BytesIO(tiff(np.stack([WORDS[0]] * 7))), "it")


@each("form", ["jpg", "png", "webp", "tif", "16 bits.tif"])
def test_the_orientation_tag_is_obeyed(tmp_path: Path, form: str) -> None:
    """EXIF's table: what the first row and the first column of the file are in the picture."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:, :8, 0], upright[:4, :, 1], upright[-4:, -8:, 2] = 200, 200, 200
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }
    path = tmp_path / f"photo.{form}"
    for orientation, pixels in stored.items():
        if form == "16 bits.tif":
            tag = [(274, "H", 1, orientation, True)]
            tifffile.imwrite(path, 257 * pixels.max(axis=2).astype(np.uint16), photometric="miniswhite", extratags=tag)
            expected = 255 - np.repeat(upright.max(axis=2, keepdims=True), 3, axis=2)
        else:
            exif = Image.Exif()
            exif[274] = orientation
            Image.fromarray(np.ascontiguousarray(pixels)).save(path, exif=exif, quality=100)
            expected = upright
        shown = read_rgb(path)
        assert shown.shape == expected.shape
        assert np.abs(shown.astype(int) - expected).mean() < (0 if form.endswith(("png", "tif")) else 12) + 0.01, (
            orientation
        )


def test_transparent_pixels_are_white_and_damaged_words_no_harm(tmp_path: Path) -> None:
    clear = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
    grey, color = Image.fromarray(clear[..., [0, 3]], "LA"), Image.fromarray(clear)
    flat = Image.fromarray(clear[..., :3])
    flat.putpixel((1, 0), (9, 9, 9))
    indexed = flat.quantize(2)
    for name, image, options in (
        ("colour", color, {}),
        ("grey", grey, {}),
        ("one colour", flat, {"transparency": (9, 9, 9)}),
        ("palette", indexed, {"transparency": indexed.getpixel((1, 0))}),
    ):
        image.save(tmp_path / "cutout.png", **options)
        shown = read_rgb(tmp_path / "cutout.png")
        assert shown[0, 0].tolist() == ([10, 10, 10] if name == "grey" else [10, 20, 30]), name
        assert shown[0, 1].tolist() == [255, 255, 255], name
    Image.new("RGB", (8, 8), (10, 200, 30)).save(tmp_path / "a.png", exif=b"Exif\0\0no table")
    assert read_rgb(tmp_path / "a.png")[0, 0].tolist() == [10, 200, 30]


def test_of_several_pictures_none_is_taken_for_the_file(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), (200, 0, 0)), Image.new("RGB", (8, 8), (0, 200, 0))
    for form in ("gif", "png", "webp"):
        first.save(tmp_path / f"a.{form}", save_all=True, append_images=[second])
        with pytest.raises(DataError, match="is an animation of 2 pictures; save one of them"):
            read_rgb(tmp_path / f"a.{form}")
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])  # a telephone's photo and its extras
    assert read_rgb(tmp_path / "a.jpg")[0, 0, 0] > 190


def test_a_camera_of_12_bits_is_warned_of(tmp_path: Path) -> None:
    for brightest, warns in ((4095, True), (4096, False), (0, False)):
        tifffile.imwrite(tmp_path / "a.tif", np.full((8, 8), brightest, np.uint16))
        if warns:
            with pytest.warns(UserWarning, match="no value above 4095, as a camera of 12 bits writes it"):
                read_rgb(tmp_path / "a.tif")
        else:
            read_rgb(tmp_path / "a.tif")


def test_pipes_are_never_opened(tmp_path: Path) -> None:
    """Opening one waits until somebody writes to it; this test would not end."""
    write_photos(tmp_path / "shoes", products=3)
    names = images_in(tmp_path / "shoes")
    os.mkfifo(tmp_path / "shoes" / "pipe.jpg")
    (tmp_path / "shoes" / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "shoes" / "folder.png").mkdir()
    (tmp_path / "shoes" / "._Ankle_8000000.0.jpg").write_bytes(b"what a Mac leaves")
    assert images_in(tmp_path / "shoes") == names
    (tmp_path / "shoes" / "gone.png").symlink_to("nowhere")
    assert [path.name for path in images_in(tmp_path / "shoes") if path not in names] == ["gone.png"]
    for name in ("pipe.jpg", "zero.png", "folder.png"):
        with pytest.raises(DataError, match=f"{name}' is a folder, a pipe or a device"):
            read_rgb(tmp_path / "shoes" / name)
    crop = write_crops(tmp_path / "bbbc021", sizes=(64,)) / f"{FIELDS[0]}_64.png"
    crop.unlink()
    os.mkfifo(crop)
    split = "test" if held_out(FIELDS[0], TEST_SHARE) else "train"
    with pytest.raises(DataError, match=rf"{crop.name}', which is no file"):
        datasets.load("bbbc021_x8", split, 64, "real", tmp_path)
    with pytest.warns(UserWarning, match=rf"1 of \d+ crops are left out.*{crop.name}' is a folder, a pipe or a device"):
        datasets.load("bbbc021_x8", split, 64, "real", tmp_path, skip_corrupt=True)
