"""Windows of the pictures that scikit-image installs with itself, against their x8, x16, x32
nearest-neighbour versions. Real images, always at hand, no network. Photos and textures are made of them.

Each picture is cut once, whatever the window size: a strip of about a quarter at its right or bottom
is for testing, the rest for training, and `MARGIN` pixels between them belong to neither. Training
windows overlap each other, and lie wholly inside one tile of the training region; the tile is their
group, so that no pixel is shown both as source and as target. Test windows are taken at the native
scale and share no pixel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spectral_collapse.datasets import resample
from spectral_collapse.datasets.base import DatasetInfo, DataSource, Split
from spectral_collapse.datasets.files import fingerprint
from spectral_collapse.datasets.resample import sparsify
from spectral_collapse.errors import DataError
from spectral_collapse.later import torch

DOUBLED = {"moon.png"}
"""Pictures enlarged twofold by repeating pixels, which would pass for texture: taken at half their size."""
MARGIN = 16
"""Pixels between the train and the test region of a picture."""
STRIP_STEP = 64
"""The test strip is as wide as a quarter of its picture, rounded up to a multiple of this."""
FLATTEST = 3.0
"""Windows whose grey levels (0..255) spread less than this (standard deviation) are left out: they are
bare sky or lens cap, without a texture that could be lost."""
LARGEST_SHARE = 2
"""No picture gives more windows than this many times the median picture, so that no large one dominates."""
FEWEST_WINDOWS = 8


@dataclass(frozen=True)
class PictureSet:
    """The pictures of one family, and how training windows are taken from them.

    pictures: file name -> the axis along which the test strip is cut off, 1 at the right, 0 at the bottom.
    scales: training windows are taken from the region averaged so many pixels to one, along each axis.
    overlap: training windows of one scale start every size / overlap pixels.
    origin: one sentence for captions.
    """

    family: str
    pictures: Mapping[str, int]
    scales: tuple[int, ...]
    overlap: int
    origin: str


class Rectangle(NamedTuple):
    """A part of a picture in its own pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]


class Window(NamedTuple):
    """Where one image comes from: `area` of `picture`, averaged `scale` x `scale` pixels to one."""

    picture: str
    area: Rectangle
    scale: int
    tile: str = ""

    @property
    def group(self) -> str:
        return self.tile or self.id

    @property
    def id(self) -> str:
        return f"{Path(self.picture).stem}/y{self.area.top}x{self.area.left}s{self.scale}"


def regions(height: int, width: int, axis: int) -> dict[Split, Rectangle]:
    """The train and the test region of a picture, `MARGIN` pixels apart; `axis` as in `PictureSet`."""
    length = (height, width)[axis]
    strip = -(-length // (4 * STRIP_STEP)) * STRIP_STEP
    rest = length - strip
    if axis == 1:
        return {"train": Rectangle(0, 0, height, rest - MARGIN), "test": Rectangle(0, rest, height, strip)}
    return {"train": Rectangle(0, 0, rest - MARGIN, width), "test": Rectangle(rest, 0, strip, width)}


def windows(chosen: PictureSet, split: Split, size: int) -> tuple[Window, ...]:
    """All windows of `size` px of a split, pictures in the order of the set."""
    return _windows(tuple(chosen.pictures.items()), chosen.scales, chosen.overlap, split, size)


@cache
def _windows(
    pictures: tuple[tuple[str, int], ...], scales: tuple[int, ...], overlap: int, split: Split, size: int
) -> tuple[Window, ...]:
    of_pictures: list[list[Window]] = []
    for name, axis in pictures:
        region = regions(*read(name).shape[:2], axis)[split]
        if split == "train":
            taken = _train_windows(name, region, size, scales, overlap)
        else:
            taken = (Window(name, area, 1) for area in _grid(region, size, size))
        of_pictures.append([window for window in taken if _spread(window) >= FLATTEST])
    most = int(LARGEST_SHARE * np.median([len(part) for part in of_pictures if part] or [0]))
    chosen = []
    for part in of_pictures:  # at most so many of each, equally spaced
        chosen += [part[place] for place in np.linspace(0, len(part) - 1, min(len(part), most)).round().astype(int)]
    return tuple(chosen)


class PictureWindows:
    """`DomainImages` of one split: target is the window, source its nearest-neighbour `factor`-fold reduction."""

    kind: DataSource = "real"

    def __init__(self, chosen: PictureSet, split: Split, size: int, factor: int) -> None:
        self.windows = windows(chosen, split, size)
        if len(self.windows) < FEWEST_WINDOWS:
            raise DataError(
                f"the {chosen.family} give {len(self.windows)} {split} windows of {size} px, fewer than "
                f"{FEWEST_WINDOWS}; use a smaller size"
            )
        self.factor, self.origin = factor, chosen.origin
        self.ids = [window.id for window in self.windows]
        self.groups = [window.group for window in self.windows]
        self.clusters = [Path(window.picture).stem for window in self.windows]
        content = [hashlib.sha256(read(name).tobytes()).hexdigest() for name in chosen.pictures]
        self.fingerprint = fingerprint([*content, *self.ids, str(factor)])

    def target(self, index: int) -> torch.Tensor:
        return torch.from_numpy(_crop(self.windows[index])).permute(2, 0, 1).contiguous() / 127.5 - 1

    def source(self, index: int) -> torch.Tensor:
        return sparsify(self.target(index), self.factor)


def entries(chosen: PictureSet, title: str, companion: bool = False) -> list[DatasetInfo]:
    """The data sets of a set of pictures, as `resample.entries`."""
    return resample.entries(chosen.family, title, partial(_open, chosen), companion=companion)


def _train_windows(name: str, region: Rectangle, size: int, scales: tuple[int, ...], overlap: int) -> Iterator[Window]:
    for tile in _tiles(region, 2 * size):
        group = f"{Path(name).stem}/tile-y{tile.top}x{tile.left}"
        for scale in scales:
            for area in _grid(tile, scale * size, scale * size // overlap):
                yield Window(name, area, scale, group)


def _tiles(region: Rectangle, least: int) -> Iterator[Rectangle]:
    """Parts of a region that cover it without overlap, as small as can be while `least` px or more
    (or as large as the region)."""
    tops = np.linspace(0, region.height, max(region.height // least, 1) + 1).astype(int) + region.top
    lefts = np.linspace(0, region.width, max(region.width // least, 1) + 1).astype(int) + region.left
    for top, bottom in pairwise(tops):
        for left, right in pairwise(lefts):
            yield Rectangle(int(top), int(left), int(bottom - top), int(right - left))


def _grid(area: Rectangle, side: int, stride: int) -> Iterator[Rectangle]:
    for top in range(area.top, area.top + area.height - side + 1, stride):
        for left in range(area.left, area.left + area.width - side + 1, stride):
            yield Rectangle(top, left, side, side)


def _crop(window: Window) -> np.ndarray:
    """The window's pixels: size x size x 3, float32, 0..255."""
    pixels = window.area.of(read(window.picture)).astype(np.float32)
    side, scale = len(pixels) // window.scale, window.scale
    return pixels.reshape(side, scale, side, scale, 3).mean(axis=(1, 3))


def _spread(window: Window) -> float:
    """Standard deviation of the grey levels, to the last bit that of `_crop(window).mean(axis=2)`: sums of up to four
    bytes are exact, and the copy has them added in the order of a picture of its own."""
    scale, (top, left, height, width) = window.scale, window.area
    grey = _grey(window.picture, scale, top % scale, left % scale)
    part = Rectangle(top // scale, left // scale, height // scale, width // scale).of(grey)
    return float(np.ascontiguousarray(part).std())


@cache
def _grey(name: str, scale: int, top: int, left: int) -> np.ndarray:
    """Grey levels of a picture from a corner on, averaged `scale` x `scale` pixels to one."""
    pixels = read(name)[top:, left:]
    height, width = (side // scale for side in pixels.shape[:2])
    blocks = pixels[: scale * height, : scale * width].astype(np.float32).reshape(height, scale, width, scale, 3)
    return blocks.mean(axis=(1, 3)).mean(axis=2)


@cache
def read(name: str) -> np.ndarray:
    """A picture as height x width x 3, uint8; grey ones repeated in the three channels."""
    import skimage
    from PIL import Image

    # The folder itself, not skimage.data's functions: those may go to the network.
    path = Path(skimage.__file__).parent / "data" / name
    if not path.is_file():
        raise DataError(f"scikit-image came without its picture {name!r}; install the version in constraints.txt")
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return pixels[::2, ::2] if name in DOUBLED else pixels


def _open(
    chosen: PictureSet, factor: int, roots: object, split: Split, size: int, skip_corrupt: bool = False
) -> PictureWindows:
    """Installed with scikit-image, so neither looked for nor ever corrupt."""
    return PictureWindows(chosen, split, size, factor)
