"""Photos: windows of the pictures that scikit-image installs with itself, against their x8, x16, x32
nearest-neighbour versions. Real images, always at hand, no network.

Each picture is cut once, whatever the window size: a strip of about a quarter at its right or bottom
is for testing, the rest for training, and `MARGIN` pixels between them belong to neither. Training
windows overlap each other, and are taken at the native scale and from the region averaged 2 x 2;
they lie wholly inside one tile of the training region, and the tile is their group, so that no pixel
is shown both as source and as target. Test windows are taken at the native scale and share no pixel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from spectral_collapse.datasets.base import DatasetInfo, DataSource, Split
from spectral_collapse.datasets.files import fingerprint
from spectral_collapse.datasets.resample import source_cutoff, sparsify
from spectral_collapse.errors import DataError

# Photographs only: no drawings, masks, text pages or colour charts; of the stereo pair one view, since
# the other shows the same motorcycle and would undo the split. The value is the axis along which the
# test strip is cut off: 1 at the right, 0 at the bottom where the right has next to no texture.
PICTURES = {
    "astronaut.png": 1,
    "brick.png": 1,
    "camera.png": 0,
    "chelsea.png": 1,
    "coffee.png": 1,
    "coins.png": 1,
    "grass.png": 1,
    "gravel.png": 1,
    "hubble_deep_field.jpg": 1,
    "ihc.png": 1,
    "moon.png": 0,
    "motorcycle_left.png": 1,
    "retina.jpg": 1,
    "rocket.jpg": 1,
}
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
"""No picture gives more windows than this many times the median picture, so that no large one rules."""
FEWEST_WINDOWS = 8


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
    group: str

    @property
    def id(self) -> str:
        return f"{Path(self.picture).stem}/y{self.area.top}x{self.area.left}s{self.scale}"


def regions(height: int, width: int, axis: int) -> dict[Split, Rectangle]:
    """The train and the test region of a picture, `MARGIN` pixels apart; `axis` as in `PICTURES`."""
    length = (height, width)[axis]
    strip = -(-length // (4 * STRIP_STEP)) * STRIP_STEP
    rest = length - strip
    if axis == 1:
        return {"train": Rectangle(0, 0, height, rest - MARGIN), "test": Rectangle(0, rest, height, strip)}
    return {"train": Rectangle(0, 0, rest - MARGIN, width), "test": Rectangle(rest, 0, strip, width)}


@cache
def windows(split: Split, size: int) -> tuple[Window, ...]:
    """All windows of `size` px of a split, pictures in order of their names."""
    take = _train_windows if split == "train" else _test_windows
    found: list[list[Window]] = []
    for name, axis in PICTURES.items():
        region = regions(*_picture(name).shape[:2], axis)[split]
        found.append([window for window in take(name, region, size) if _spread(window) >= FLATTEST])
    most = int(LARGEST_SHARE * np.median([len(part) for part in found if part] or [0]))
    return tuple(window for part in found for window in _evenly(part, most))


class PhotoWindows:
    """`DomainImages` of one split: target is the window, source its nearest-neighbour `factor`-fold reduction."""

    kind: DataSource = "real"
    origin = "windows of the photographs that scikit-image installs with itself"

    def __init__(self, split: Split, size: int, factor: int) -> None:
        self.windows = windows(split, size)
        if len(self.windows) < FEWEST_WINDOWS:
            raise DataError(
                f"the photos give {len(self.windows)} {split} windows of {size} px, fewer than {FEWEST_WINDOWS}; "
                "use a smaller size"
            )
        self.factor = factor
        self.ids = [window.id for window in self.windows]
        self.groups = [window.group for window in self.windows]
        content = [hashlib.sha256(_picture(name).tobytes()).hexdigest() for name in PICTURES]
        self.fingerprint = fingerprint([*content, *self.ids, str(factor)])

    def target(self, index: int) -> torch.Tensor:
        return torch.from_numpy(_crop(self.windows[index])).permute(2, 0, 1).contiguous() / 127.5 - 1

    def source(self, index: int) -> torch.Tensor:
        return sparsify(self.target(index), self.factor)


def _train_windows(name: str, region: Rectangle, size: int) -> Iterator[Window]:
    for tile in _tiles(region, 2 * size):
        group = f"{Path(name).stem}/tile-y{tile.top}x{tile.left}"
        for scale in (1, 2):
            for area in _grid(tile, scale * size, scale * size // 4):
                yield Window(name, area, scale, group)


def _test_windows(name: str, region: Rectangle, size: int) -> Iterator[Window]:
    for area in _grid(region, size, size):
        window = Window(name, area, 1, "")
        yield window._replace(group=window.id)


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
    pixels = window.area.of(_picture(window.picture)).astype(np.float32)
    side, scale = len(pixels) // window.scale, window.scale
    return pixels.reshape(side, scale, side, scale, 3).mean(axis=(1, 3))


def _spread(window: Window) -> float:
    """Standard deviation of the grey levels."""
    return float(_crop(window).mean(axis=2).std())


def _evenly(found: list[Window], most: int) -> list[Window]:
    """At most so many of them, equally spaced."""
    if len(found) <= most:
        return found
    return [found[i] for i in np.linspace(0, len(found) - 1, most).round().astype(int)]


@cache
def _picture(name: str) -> np.ndarray:
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


def _open(factor: int, roots: list[Path], split: Split, size: int, skip_corrupt: bool = False) -> PhotoWindows:
    """`DatasetInfo.open_real`: installed with scikit-image, so neither looked for nor ever corrupt."""
    return PhotoWindows(split, size, factor)


def _entry(factor: int, source_label: int) -> DatasetInfo:
    return DatasetInfo(
        name=f"photos_x{factor}",
        family="photos",
        title=f"Photos, x{factor}",
        source_label=source_label,
        guidance=1.0,
        structure="color",
        structure_cutoff=partial(source_cutoff, factor),
        open_real=partial(_open, factor),
        render=None,
    )


DATASETS = [_entry(8, 0), _entry(16, 3), _entry(32, 4)]
