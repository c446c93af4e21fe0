"""The one reader of image files: formats that Pillow knows, and TIFFs, whose layout tifffile reads."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse.errors import DataError, shown

if TYPE_CHECKING:
    import tifffile

Pixels = NDArray[Any]
"""height x width, or height x width x 3."""

_SKIP = "or skip it (skip_corrupt=True)"
_TYPES = ("None", "bool", "uint8", "uint16", "float32")
"""What TIFFs that Pillow reads hold; tifffile says None of odd numbers of bits."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 274
_GREYS = (0, 1)
"""TIFF's photometric interpretations in which 0 is white, and black."""
_OPACITY = ((1,), (2,))
"""TIFF's extra samples that are an opacity, by which colours are multiplied already or not."""
_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""What makes a picture upright, by the orientation tag of EXIF and TIFF."""
Turn = Callable[[Pixels], Pixels]


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """An image file as height x width x 3 pixels, 0..255, upright as its orientation tag says.

    8 bits a channel are taken as they are, grey is repeated, and transparent pixels are put on white. 16 bits are
    divided by 257: black is 0 and white 65535, whatever the brightest pixel. Floats are multiplied by 255: black is 0
    and white 1. A TIFF holds one picture, or three pages of one size that are its red, green and blue.

    Warns of a file of 16 bits without a value above 4095: cameras of 12 bits write such files, which look dark.

    Raises:
        DataError: a file that is missing or damaged or has more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, an
            animation, a TIFF with another number of pages or channels, floats outside 0..1, or integers with a sign
            or of 32 bits, whose white is not known.
    """
    name = shown(path)
    pixels = read_pixels(lambda: open_file(path), name)
    if pixels.dtype.kind == "f":
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise DataError(f"{name} has floats outside 0..1; save it with 8 or 16 bits a channel, {_SKIP}")
        pixels = 255 * pixels.astype(np.float64)
    elif pixels.dtype == np.uint16:
        if 0 < pixels.max() < 4096:
            warnings.warn(
                "an image of 16 bits has no value above 4095, as a camera of 12 bits writes it; white is 65535, so it "
                "is nearly black: multiply the values of such files by 16",
                stacklevel=2,
            )
        pixels = pixels / 257
    elif pixels.dtype != np.uint8:
        raise DataError(
            f"{name} has values of type {pixels.dtype}, whose white is not known; save it with 8 or 16 bits a channel, "
            f"{_SKIP}"
        )
    pixels = pixels.round().astype(np.uint8)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def read_pixels(opener: Callable[[], BinaryIO], name: str) -> Pixels:
    """The values of an image file as they are stored, upright; the smallest value is black.

    name: how messages call the file. Raises DataError as `read_rgb` does, but takes values of every type.
    """
    with _named(name), opener() as file:
        start = file.read(4)
        file.seek(0)
        if start in _TIFF:
            return _tiff(file, name)
        with Image.open(file) as image:
            return _turn(image, name)(_values(image))


@contextmanager
def opened(path: Path) -> Iterator[tuple[Image.Image, Turn]]:
    """An image file, opened by Pillow, and how to turn it upright. Any failure, in the body too, is a DataError."""
    with _named(shown(path)), open_file(path) as file, Image.open(file) as image:
        yield image, _turn(image, shown(path))


def open_file(path: Path) -> BinaryIO:
    """Opens a file for reading. Raises DataError unless it is a regular file: opening a pipe could wait for ever."""
    if path.exists() and not path.is_file():
        raise DataError(f"{shown(path)} is a folder, a pipe or a device, and no file; remove it, {_SKIP}")
    return path.open("rb")


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What goes wrong with an image, as a DataError that begins with its name."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{name} does not exist, or is a link to nothing; remove what names it, {_SKIP}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS} pixels, too many for one image; reduce it, {_SKIP}"
        ) from error
    except Exception as error:  # the decoders raise whatever damaged bytes lead them to
        raise DataError(f"{name} cannot be read as an image; remove it, {_SKIP}") from error


def _check_size(width: int, height: int) -> None:
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError


def _turn(image: Image.Image, name: str) -> Turn:
    """Reads an image, which must be the only one in its file or the one that the others are made of, and tells what
    makes it upright."""
    _check_size(image.width, image.height)
    if image.format not in ("MPO", "PSD", "TIFF") and getattr(image, "n_frames", 1) > 1:
        raise DataError(f"{name} is an animation of {image.n_frames} pictures; save one of them, {_SKIP}")
    image.load()  # some formats have the tag behind the pixels, and TIFFs are turned by newer Pillows themselves
    try:
        return _upright(image.getexif().get(_ORIENTATION))
    except Exception:  # a sound picture with damaged words about it
        return _upright(None)


def _upright(orientation: object) -> Turn:
    return _TURNS.get(orientation, lambda pixels: pixels) if isinstance(orientation, int) else _upright(1)


def _values(image: Image.Image) -> Pixels:
    """The pixels of an image in Pillow's hands; transparent ones on white."""
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        return values.astype(values.dtype.newbyteorder("="))
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))


def _tiff(file: BinaryIO, name: str) -> Pixels:
    """The picture in a TIFF. Of one with several pages, or values that it misreads, Pillow shows a part or something
    else without a word."""
    import tifffile

    with tifffile.TiffFile(file, _multifile=False) as tiff:
        pages = _pages(tiff, name)
        planes = [_page(file, page, name) for page in pages]
    if len(planes) == 1:
        return planes[0]
    if any(plane.ndim > 2 for plane in planes):
        raise DataError(f"{name} holds {len(planes)} pictures in colour; save one of them, {_SKIP}")
    return np.stack(planes, axis=-1)


def _pages(tiff: tifffile.TiffFile, name: str) -> list[tifffile.TiffPage | tifffile.TiffFrame]:
    """The page of a picture, or the three of its channels."""
    if not _ends(tiff):
        raise DataError(f"{name} is cut off or damaged: a page is missing; remove it, {_SKIP}")
    found = [one for one in tiff.series if not one.keyframe.is_reduced]  # smaller copies of others
    pages = [page for one in found for page in one.pages]
    several = len(found) > 1
    if several and not tiff.is_ome and len({(one.shape, one.dtype) for one in found}) == 1:
        several = [one.axes for one in found] != ["YX"] * 3
    axes = "".join(sorted(set(found[0].axes) - set("YXS"))) if len(found) == 1 else ""
    stored = sum(math.prod(page.shape) for page in pages if page)
    if (
        several
        or axes not in ("", "C", "I", "Q")  # channels, or pages of which nothing is said: no depth and no time
        or stored != sum(math.prod(one.shape) for one in found)  # planes without a page
        or len(pages) not in (1, 3)
    ):
        number = sum(math.prod(one.shape) // max(math.prod(one.keyframe.shape), 1) for one in found)
        axes = f" along {found[0].axes}" if len(found) == 1 else ""
        raise DataError(
            f"{name} holds {number} pictures{axes}, and not one, or its three channels; save that as a file, {_SKIP}"
        )
    return pages


def _ends(tiff: tifffile.TiffFile) -> bool:
    """Whether the last page that is found says that it is the last."""
    form, file, last = tiff.tiff, tiff.filehandle, tiff.pages[-1].offset
    file.seek(last)
    (tags,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
    file.seek(last + form.tagnosize + tags * form.tagsize)
    return file.read(form.offsetsize) == bytes(form.offsetsize)


def _page(file: BinaryIO, page: tifffile.TiffPage | tifffile.TiffFrame, name: str) -> Pixels:
    """The values of one page, upright."""
    key = page.keyframe
    _check_size(key.imagewidth, key.imagelength)
    bits = key.bitspersample if isinstance(key.bitspersample, int) else max(key.bitspersample)
    colors = key.samplesperpixel - (key.extrasamples in _OPACITY)
    if colors not in (1, 3) and (key.photometric in (*_GREYS, 2) or colors != 4):
        raise DataError(
            f"{name} has {key.samplesperpixel} channels; save it with one or three, and no mask beside them, {_SKIP}"
        )
    # Of more than 8 bits Pillow mixes up separate planes, overlooks that 0 is white, and turns the bytes of compressed
    # floats around; it knows neither big-endian BigTIFFs nor doubles nor three channels that are not called colours.
    misread = bits > 8 and (key.photometric == 0 or (key.planarconfig == 2 and colors > 1))
    misread |= key.parent.byteorder == ">" and (bits > 16 or key.parent.is_bigtiff)
    unknown = str(key.dtype) not in _TYPES or (colors > 1 and (key.photometric in _GREYS or key.dtype == np.float32))
    if (misread or unknown) and key.photometric in (*_GREYS, 2):
        values = _decoded(page, 2**bits - 1, name)
    elif misread or unknown:
        raise DataError(f"{name} has colours of a kind that is unknown here; save it as RGB, {_SKIP}")
    else:
        file.seek(0)
        with Image.open(file) as image:
            image.seek(page.index)
            values = _turn(image, name)(_values(image))
    if values.dtype == np.uint16 and 8 < bits < 16:
        values = (values * (65535 / (2**bits - 1))).round().astype(np.uint16)
    return values


def _decoded(page: tifffile.TiffPage | tifffile.TiffFrame, white: int, name: str) -> Pixels:
    """A page by tifffile, upright, in which 0 is black and transparent pixels are on white.

    white: the largest of its integers; that of floats is 1.
    """
    key = page.keyframe
    try:
        values = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise DataError(f"{name} is compressed in a way that is unknown here; save it uncompressed, {_SKIP}") from error
    white = 1 if key.dtype.kind == "f" else white
    values = np.moveaxis(values, 0, -1) if key.axes.startswith("S") else values
    if key.photometric == 0:
        values = white - values
    if key.extrasamples in _OPACITY:
        opacity = values[..., -1:] / white
        values = values[..., :-1] * (opacity if key.extrasamples == _OPACITY[1] else 1) + white * (1 - opacity)
        values = (values if key.dtype.kind == "f" else values.round()).astype(key.dtype)
        values = values[..., 0] if values.shape[-1] == 1 else values
    orientation = page.tags.get(_ORIENTATION) if hasattr(page, "tags") else None
    return _upright(orientation and orientation.value)(values)
