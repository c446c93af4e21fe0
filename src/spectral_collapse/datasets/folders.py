"""A user's own folders of images, and pairs of them as a data set for the studies.

It finds the images and prepares each for a network.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from spectral_collapse import paths
from spectral_collapse.checks import check_count
from spectral_collapse.datasets import images
from spectral_collapse.datasets.base import DatasetInfo, Images, Split, shown_as_target
from spectral_collapse.datasets.files import fingerprint
from spectral_collapse.errors import DataError, listed, shown
from spectral_collapse.labels import SOURCE
from spectral_collapse.later import torch

FORMATS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm", ".gif", ".jp2")
OVERLAP = 4
"""Neighbouring tiles share a quarter of their side at least."""
_FEW, _DARK = 32, 64
"""A picture with so few different values, all of them so dark (of 255), is a map of labels."""
Size = tuple[int, int]
"""Height and width in pixels."""
OWN = "own"
"""The name and the family of a data set that is a pair of folders."""
CYCLES = 7.7
"""Cycles per image up to which a source is assumed to determine its target, for S_LF: the paper's 0.06 of the Nyquist
frequency at 256 pixels."""


def find(folder: str | Path, what: str, without: Path | None = None) -> dict[str, Path]:
    """The image files in a folder and its sub-folders, by their place in it, written with '/', in the order of names.

    Hidden files and folders are left out, and so is all in the folder `without`. what: how messages call the folder.
    Raises DataError for a folder that is not there or holds no image.
    """
    folder = paths.expanded(folder, what)
    if not folder.is_dir():
        state = "is a file, and no folder" if folder.exists() else "does not exist"
        raise DataError(f"{what}: {shown(folder)} {state}; name a folder of images")
    skipped = None if without is None else without.resolve()
    found = []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if name[0] != "." and (here / name).resolve() != skipped]
        found += [here / name for name in files if name[0] != "." and Path(name).suffix.lower() in FORMATS]
    if not found:
        raise DataError(f"{what}: {shown(folder)} holds no image; images are files that end in {', '.join(FORMATS)}")
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def by_stem(folder: str | Path, what: str) -> dict[str, Path]:
    """A folder's images (`find`) by their place in it and name without its ending.

    Raises DataError as `find` does, and where two names differ in their ending alone.
    """
    found: dict[str, Path] = {}
    for name, path in find(folder, what).items():
        stem = name[: -len(path.suffix)]
        if stem in found:
            raise DataError(f"{what}: {path.name!r} and {found[stem].name!r} differ in their ending alone; rename one")
        found[stem] = path
    return found


def pairs(source: Path, target: Path, split: Split, size: int) -> Images:
    """One split of a pair of folders: images of one name are a pair.

    Images in one sub-folder belong together, such as those of a patient: they are in one split, and intervals resample
    sub-folders. Every second one, in the order of names, is a test image; the others serve as the training split, from
    which the studies take the reference images of their scores.

    Raises DataError for folders that `find` refuses, and for too few pairs.
    """
    sources, targets = by_stem(source, "source_images"), by_stem(target, "target_images")
    stems = [stem for stem in sources if stem in targets]
    if len(stems) < 4:
        raise DataError(
            f"{len(stems)} of {len(sources)} images in {shown(source)} have a target of their name in {shown(target)}; "
            "at least four pairs are needed, and about twelve to be sure that both domains get reference images"
        )
    owner = {stem: stem.rpartition("/")[0] for stem in stems}
    if "" in owner.values() or len(set(owner.values())) < 2:
        owner = {stem: stem for stem in stems}
    wanted = set(list(dict.fromkeys(owner.values()))[split == "train" :: 2])
    ids = [stem for stem in stems if owner[stem] in wanted]
    if split == "train" and len({shown_as_target(stem) for stem in ids}) < 2:
        raise DataError(
            f"{len(ids)} of {len(stems)} pairs are kept apart from the test images, which is too few for reference "
            "images of both domains; about twelve pairs do nearly always"
        )
    contents = (hashlib.sha256(files[stem].read_bytes()).hexdigest() for stem in ids for files in (sources, targets))
    origin = f"{len(stems)} pairs of images of the folders {source.name} and {target.name}"

    def image_of(files: dict[str, Path], stem: str) -> torch.Tensor:
        return fitted(read(files[stem]), (size, size))[0][0]

    read_both = (functools.partial(image_of, files) for files in (sources, targets))
    return Images(
        "real", origin, ids, ids, ids, fingerprint([*ids, *contents]), *read_both, [owner[one] for one in ids]
    )


def pair(source: str | Path, target: str | Path, source_label: int = SOURCE) -> DatasetInfo:
    """A data set for the studies, of two folders whose images belong together by their names (`pairs`).

    Raises InvalidParameterError unless both are paths.
    """
    source, target = paths.expanded(source, "source_images"), paths.expanded(target, "target_images")

    def open_pairs(roots: list[Path], split: Split, size: int, skip_corrupt: bool) -> Images:
        return pairs(source, target, split, size)

    return DatasetInfo(
        name=OWN,
        family=OWN,
        title=f"{source.name} to {target.name}",
        source_label=source_label,
        guidance=1.0,
        source_band=lambda size: CYCLES / size,
        structure="color",
        structure_cutoff=lambda size: min(2 * CYCLES / size, 1.0),
        open_real=open_pairs,
        render=None,
    )


def renamed(found: dict[str, Path], ending: str) -> dict[str, str]:
    """Each file's name with another ending, which follows its own if two names differ in that alone."""
    stems = {name: name[: -len(path.suffix)] for name, path in found.items()}
    counts = Counter(stem.lower() for stem in stems.values())
    return {name: f"{name if counts[stem.lower()] > 1 else stem}{ending}" for name, stem in stems.items()}


def state(path: Path) -> dict[str, str]:
    """A file's state, which shows without reading the file whether it has changed."""
    try:
        found = path.stat()
    except OSError:  # a link to nothing, which reading names
        return {"bytes": "", "modified": ""}
    return {"bytes": str(found.st_size), "modified": str(found.st_mtime_ns)}


def read(path: Path) -> np.ndarray:
    """Reads an image as `images.read_rgb` does, but errors do not advise skip_corrupt."""
    try:
        return images.read_rgb(path)
    except DataError as error:
        raise DataError(str(error).removesuffix(", or skip it (skip_corrupt=True)")) from error


def warn_of_labels(pictures: list[np.ndarray], what: str) -> None:
    """Warns where all pictures look like maps of labels: a few values, all of them dark."""
    if pictures and all(picture.max() < _DARK and len(np.unique(picture)) <= _FEW for picture in pictures):
        warnings.warn(
            f"{what}: all images looked at have at most {_FEW} values, none of them above {_DARK} of 255, as maps of "
            "labels have; a network sees them nearly black, so give them the colours that it was trained on",
            stacklevel=3,
        )


def fitted(pixels: np.ndarray, size: Size, tiles: bool = False) -> tuple[torch.Tensor, str]:
    """Pixels (H x W x 3 bytes) as N images of a size, N x 3 x h x w in [-1, 1], and what was done, for a manifest.

    An image of another size is resized, whatever its shape, and N is 1. With `tiles` an image that is at least as large
    is cut into N tiles of that size instead, which `joined` puts together.
    """
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return _tensor(pixels)[None], "as it is"
    if tiles and height >= size[0] and width >= size[1]:
        places = _places((height, width), size)
        cut = [_tensor(pixels[y : y + size[0], x : x + size[1]]) for y, x in places]
        return torch.stack(cut), f"{len(cut)} tiles"
    kernel = Image.Resampling.BOX if size[0] <= height and size[1] <= width else Image.Resampling.BICUBIC
    scaled = np.asarray(Image.fromarray(pixels).resize(size[::-1], kernel))
    return _tensor(scaled)[None], f"resized from {width} x {height}"


def joined(tiles: torch.Tensor, whole: Size) -> torch.Tensor:
    """Tiles of `fitted`, N x 3 x h x w, as one image 3 x H x W: where they overlap, one fades into the next."""
    size = (tiles.shape[-2], tiles.shape[-1])
    down, across = (torch.minimum(torch.arange(1, side + 1), torch.arange(side, 0, -1)) for side in size)
    weight = (down[:, None] * across).to(tiles)
    total, weights = tiles.new_zeros(3, *whole), tiles.new_zeros(whole)
    for (y, x), tile in zip(_places(whole, size), tiles, strict=True):
        place = (..., slice(y, y + size[0]), slice(x, x + size[1]))
        total[place] += weight * tile
        weights[place] += weight
    return total / weights


LARGEST = 8192
"""Pixels of a side: a larger size is a typing error, and would fill the memory."""


def stack(found: dict[str, Path], what: str, size: Size | None = None) -> torch.Tensor:
    """Image files as one batch N x 3 x H x W in [-1, 1], resized where a size is given.

    Raises DataError for an image that cannot be read and, without a size, for images of several sizes;
    InvalidParameterError for a size below 1 or above `LARGEST`.
    """
    for side in size or ():
        check_count("size", side, 1, LARGEST)
    pictures = [read(path) for path in found.values()]
    warn_of_labels(pictures[:16], what)
    sizes = {picture.shape[:2]: name for name, picture in zip(found, pictures, strict=True)}
    if size is None and len(sizes) > 1:
        shapes = [f"{width} x {height} ({name})" for (height, width), name in sizes.items()]
        raise DataError(f"{what} are of {len(sizes)} sizes: {listed(shapes, 3)}; give a size that all are resized to")
    return torch.cat([fitted(picture, size or picture.shape[:2])[0] for picture in pictures])


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1) / 127.5 - 1


def _places(whole: Size, size: Size) -> list[tuple[int, int]]:
    """The upper left corners of the tiles of an image, spread evenly, row by row."""
    sides = []
    for length, side in zip(whole, size, strict=True):
        count = math.ceil((length - side) / (side - side // OVERLAP)) + 1
        sides.append([round(place) for place in np.linspace(0, length - side, count)])
    return [(y, x) for y in sides[0] for x in sides[1]]
