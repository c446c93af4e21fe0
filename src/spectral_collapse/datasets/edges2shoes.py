"""Edges2Shoes: line drawings of shoes against their photographs.

Real images, in the first folder that has any:

- the official layout, `edges2shoes/{train,val}/*_AB.jpg` (or .png), 512 x 256, drawing left, photo
  right; `val` is the test split. Without a `val` folder a tenth of the pairs, chosen by a hash of
  their names, is;
- photographs alone, `shoes/*.jpg` (or .png): the drawings are Canny edges (`edges.line_drawing`). A
  tenth of the *products* is for testing: in a name such as `Ankle_8079512.3.jpg` the part before the
  first dot is the product, of which there are several colours.

Where a folder has both, the one with more images is taken. The twin is drawn by `shoes`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from os.path import isdir
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse.datasets import shoes
from spectral_collapse.datasets.base import DatasetInfo, DataSource, Published, Split
from spectral_collapse.datasets.download import Archive, Download, is_unfinished
from spectral_collapse.datasets.edges import SIDE, line_drawing, reduced_drawing, resized
from spectral_collapse.datasets.files import file_size, fingerprint, held_out, images_in, readable
from spectral_collapse.datasets.images import read_rgb
from spectral_collapse.errors import DataError, shown
from spectral_collapse.later import torch

# 2 GB; no checksum is published. At its top is the folder `edges2shoes`.
DOWNLOAD = Download(
    (Archive("http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz", "edges2shoes.tar.gz"),)
)
TEST_SHARE = 0.1
"""Share of the images for testing where the data has no split of its own."""
RENDERED = {"train": 6000, "test": 512}
"""How many shoes the twin has."""


class ShoeFiles(ABC):
    """`DomainImages` of image files; what a file holds is a subclass's to say.

    Args:
        files: the images of one split.
        origin: a sentence for captions.
        size: height and width of the images given out.
        skip_corrupt: read every file now and leave out those that cannot be read, with a warning.

    Raises:
        DataError: no file is left, or one is a link to nothing.
    """

    kind: DataSource = "real"

    def __init__(self, files: list[Path], origin: str, size: int, skip_corrupt: bool) -> None:
        self.files = readable(files, self.photo, "images") if skip_corrupt else files
        if not self.files:
            raise DataError(f"no image is left for this split of {origin}; add images to the folder")
        self.ids = [path.stem for path in self.files]
        self.groups = [_product(path) for path in self.files]
        self.origin, self.size = origin, size
        described = (f"{path.name}:{file_size(path)}" for path in self.files)
        self.fingerprint = fingerprint([type(self).__name__, *described])

    def source(self, index: int) -> torch.Tensor:
        """The line drawing, 3 x size x size in [-1, 1]. Raises DataError for a file that cannot be read."""
        return reduced_drawing(self.drawing(self.files[index]), self.size)

    def target(self, index: int) -> torch.Tensor:
        """The photograph, 3 x size x size in [-1, 1]. Raises DataError for a file that cannot be read."""
        return resized(self.photo(self.files[index]), self.size)

    @property
    def clusters(self) -> list[str]:
        """The products."""
        return self.groups

    @abstractmethod
    def drawing(self, path: Path) -> NDArray[np.uint8]:
        """256 x 256 grey values, 0..255."""

    @abstractmethod
    def photo(self, path: Path) -> NDArray[np.uint8]:
        """256 x 256 x 3, 0..255."""


class PairFiles(ShoeFiles):
    """The official pairs: drawing left, photograph right."""

    def drawing(self, path: Path) -> NDArray[np.uint8]:
        return self._pair(path)[:, :SIDE].min(axis=2)

    def photo(self, path: Path) -> NDArray[np.uint8]:
        return self._pair(path)[:, SIDE:]

    @staticmethod
    def _pair(path: Path) -> NDArray[np.uint8]:
        pixels = read_rgb(path)
        if pixels.shape[:2] != (SIDE, 2 * SIDE):
            raise DataError(
                f"{shown(path)} is {pixels.shape[1]} x {pixels.shape[0]} px, but a pair is {2 * SIDE} x {SIDE} px, "
                "drawing left and photo right; remove the file, or skip it (skip_corrupt=True)"
            )
        return pixels


class PhotoFiles(ShoeFiles):
    """Photographs alone, whose edges are computed."""

    def drawing(self, path: Path) -> NDArray[np.uint8]:
        return line_drawing(self.photo(path))

    def photo(self, path: Path) -> NDArray[np.uint8]:
        pixels = read_rgb(path)
        if pixels.shape[:2] == (SIDE, SIDE):
            return pixels
        return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


class RenderedShoes:
    """`DomainImages` of the twin: shoe number i of a split is the same at every size."""

    kind: DataSource = "rendered"
    origin = "rendered shoes and their line drawings"

    def __init__(self, split: Split, size: int) -> None:
        self.size = size
        self.seed = list(RENDERED).index(split)
        self.ids = [f"shoe-{split}-{i:05d}" for i in range(RENDERED[split])]
        self.groups = self.clusters = self.ids
        self.fingerprint = fingerprint([f"shoes {shoes.VERSION}", *self.ids])

    def source(self, index: int) -> torch.Tensor:
        """The line drawing, 3 x size x size in [-1, 1]."""
        return reduced_drawing(shoes.drawing(self.seed, index), self.size)

    def target(self, index: int) -> torch.Tensor:
        """The photograph, 3 x size x size in [-1, 1]."""
        return resized(shoes.photograph(self.seed, index), self.size)


def open_real(roots: list[Path], split: Split, size: int, skip_corrupt: bool = False) -> ShoeFiles | None:
    """The real images of a split in the first folder that has any, or None.

    Raises:
        DataError: a folder of the right name without images, or an archive that was not unpacked.
    """
    for root in roots:
        pairs, photos = root / "edges2shoes", root / "shoes"
        if isdir(pairs / "edges2shoes"):  # the archive, which holds this folder, was unpacked inside of it
            pairs = pairs / "edges2shoes"
        has_val = (pairs / "val").is_dir()
        pair_files = [path for path in images_in(pairs, "*/*_AB.*") if path.parent.name in ("train", "val")]
        photo_files = images_in(photos)
        if pair_files and len(pair_files) >= len(photo_files):
            return _open_pairs(pair_files, has_val, split, size, skip_corrupt)
        if photo_files:
            origin = "photographs of shoes, split by product, with computed edges"
            return PhotoFiles(_held_out(photo_files, split), origin, size, skip_corrupt)
        archive = next((path for path in sorted(root.glob("edges2shoes.t*")) if _is_tar(path)), None)
        if archive and not is_unfinished(archive):
            raise DataError(
                f"{str(archive)!r} is not unpacked; run 'spectral-collapse data fetch edges2shoes', or unpack it there"
            )
        for folder, expected in ((pairs, "train/*_AB.jpg and val/*_AB.jpg"), (photos, "*.jpg")):
            if folder.is_dir():
                raise DataError(f"{str(folder)!r} has no images; put {expected} there or remove the folder")
    return None


def render(split: Split, size: int) -> RenderedShoes:
    """The rendered twin."""
    return RenderedShoes(split, size)


def _open_pairs(files: list[Path], has_val: bool, split: Split, size: int, skip_corrupt: bool) -> PairFiles:
    if has_val:
        chosen = [path for path in files if (path.parent.name == "val") == (split == "test")]
        return PairFiles(chosen, "Edges2Shoes, official split", size, skip_corrupt)
    origin = "Edges2Shoes, train folder only, a tenth of it held out"
    return PairFiles(_held_out(files, split), origin, size, skip_corrupt)


def _held_out(files: list[Path], split: Split) -> list[Path]:
    return [path for path in files if held_out(_product(path), TEST_SHARE) == (split == "test")]


def _product(path: Path) -> str:
    """Colours of one product, whose drawings are alike, share the name up to the first dot."""
    return path.name.split(".")[0]


def _is_tar(path: Path) -> bool:
    return path.name.endswith((".tar", ".tar.gz", ".tgz"))


def shape_band(size: int) -> float:
    """A drawing fixes the shape, 6.4 cycles per image: 0.1 cycles per pixel at 64 px.

    Above the mean, tone and colour are the target's to choose, which needs part of the low band too: with
    noise above this band alone, 64-px shoes come out greyer than with noise everywhere.
    """
    return min(0.5, 6.4 / size)


def shape_cutoff(size: int) -> float:
    """The paper's 0.06 at 256 px is 7.7 cycles per image; so it is here at every size."""
    return min(1.0, 0.06 * SIDE / size)


DATASETS = [
    DatasetInfo(
        name="edges2shoes",
        family="edges2shoes",
        title="Edges to shoes",
        source_label=0,
        guidance=7.5,
        source_band=shape_band,
        structure="edges",
        structure_cutoff=shape_cutoff,
        open_real=open_real,
        render=render,
        download=DOWNLOAD,
        companion=True,
        published=Published(eta_hf=1e9, eta_lf=7.08e-5, fraction=0.02),
    )
]
