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

from collections.abc import Callable
from functools import partial
from os.path import isdir
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse.datasets import base, shoes
from spectral_collapse.datasets.base import DatasetInfo, Images, Published, Split
from spectral_collapse.datasets.download import Archive, Download, is_unfinished
from spectral_collapse.datasets.edges import SIDE, line_drawing, reduced, reduced_drawing, resized
from spectral_collapse.datasets.files import files_fingerprint, held_out, images_in, usable
from spectral_collapse.datasets.images import read_rgb
from spectral_collapse.errors import DataError, shown

# 2 GB; no checksum is published. At its top is the folder `edges2shoes`.
DOWNLOAD = Download(
    (Archive("http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz", "edges2shoes.tar.gz"),)
)
TEST_SHARE = 0.1
"""Share of the images for testing where the data has no split of its own."""

Reader = Callable[[Path], NDArray[np.uint8]]


def open_real(roots: list[Path], split: Split, size: int, skip_corrupt: bool = False) -> Images | None:
    """The real images of a split in the first folder that has any, or None.

    Raises:
        DataError: a folder of the right name without images, or an archive that was not unpacked.
    """
    for root in roots:
        pairs, photos = root / "edges2shoes", root / "shoes"
        if isdir(pairs / "edges2shoes"):  # the archive, which holds this folder, was unpacked inside of it
            pairs = pairs / "edges2shoes"
        pair_files = [path for path in images_in(pairs, "*/*_AB.*") if path.parent.name in ("train", "val")]
        photo_files = images_in(photos)
        if pair_files and len(pair_files) >= len(photo_files):
            readers, origin = (_left, _right), "Edges2Shoes, train folder only, a tenth of it held out"
            if isdir(pairs / "val"):
                chosen = [path for path in pair_files if (path.parent.name == "val") == (split == "test")]
                return _opened("PairFiles", chosen, readers, "Edges2Shoes, official split", size, skip_corrupt)
            return _opened("PairFiles", _held_out(pair_files, split), readers, origin, size, skip_corrupt)
        if photo_files:
            origin = "photographs of shoes, split by product, with computed edges"
            return _opened("PhotoFiles", _held_out(photo_files, split), (_computed, _photo), origin, size, skip_corrupt)
        archive = next((path for path in sorted(root.glob("edges2shoes.t*")) if _is_tar(path)), None)
        if archive and not is_unfinished(archive):
            raise DataError(
                f"{str(archive)!r} is not unpacked; run 'spectral-collapse data fetch edges2shoes', or unpack it there"
            )
        for folder, expected in ((pairs, "train/*_AB.jpg and val/*_AB.jpg"), (photos, "*.jpg")):
            if folder.is_dir():
                raise DataError(f"{str(folder)!r} has no images; put {expected} there or remove the folder")
    return None


def render(split: Split, size: int) -> Images:
    """The rendered twin: shoe number i of a split is the same at every size."""
    return base.rendered(
        split,
        "shoe",
        f"shoes {shoes.VERSION}",
        "rendered shoes and their line drawings",
        partial(reduced, shoes.drawing, reduced_drawing, size),
        partial(reduced, shoes.photograph, resized, size),
    )


def _opened(
    layout: str, files: list[Path], readers: tuple[Reader, Reader], origin: str, size: int, skip_corrupt: bool
) -> Images:
    """Image files: the line drawing of each, as grey values, and its photograph, both 256 x 256."""
    drawing, photo = readers
    files = usable(files, photo, "images", origin, skip_corrupt)
    return Images(
        "real",
        origin,
        files,
        [path.stem for path in files],
        [_product(path) for path in files],
        files_fingerprint(layout, files),
        partial(reduced, drawing, reduced_drawing, size),
        partial(reduced, photo, resized, size),
    )


def _pair(path: Path) -> NDArray[np.uint8]:
    """An official pair: drawing left, photograph right."""
    pixels = read_rgb(path)
    if pixels.shape[:2] != (SIDE, 2 * SIDE):
        raise DataError(
            f"{shown(path)} is {pixels.shape[1]} x {pixels.shape[0]} px, but a pair is {2 * SIDE} x {SIDE} px, "
            "drawing left and photo right; remove the file, or skip it (skip_corrupt=True)"
        )
    return pixels


def _left(path: Path) -> NDArray[np.uint8]:
    return _pair(path)[:, :SIDE].min(axis=2)


def _right(path: Path) -> NDArray[np.uint8]:
    return _pair(path)[:, SIDE:]


def _photo(path: Path) -> NDArray[np.uint8]:
    pixels = read_rgb(path)
    if pixels.shape[:2] == (SIDE, SIDE):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _computed(path: Path) -> NDArray[np.uint8]:
    return line_drawing(_photo(path))


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
        title="Edges2Shoes",
        source_label=0,
        guidance=7.5,
        source_band=shape_band,
        structure="silhouette",
        structure_cutoff=shape_cutoff,
        open_real=open_real,
        render=render,
        download=DOWNLOAD,
        companion=True,
        published=Published(eta_hf=1e9, eta_lf=7.08e-5, fraction=0.02),
        publishable=False,
    )
]
