"""CelebAMask-HQ: label maps of faces, 19 classes in colours, against their photographs.

Source: Lee et al. 2020 (MaskGAN); CelebAMask-HQ is for non-commercial research, and people get it from `HOMEPAGE`
by their own hand. Real images, in the first folder that has any:

- the official layout, `CelebAMask-HQ/CelebA-HQ-img/*.jpg` (0.jpg ...) and
  `CelebAMask-HQ/CelebAMask-HQ-mask-anno/{0..14}/NNNNN_part.png`, a mask per part. Later classes cover earlier ones,
  as in the authors' own code. `CelebA-HQ-to-CelebA-mapping.txt` beside them gives the official split, train and
  validation together for training; without it a tenth, chosen by a hash of the names, is for testing.
- a folder of pairs, `celebamask_hq/images/*` and `celebamask_hq/masks/*`, which share their names without ending. A
  mask holds class numbers, 0 to 18, or the colours of `COLORS`. A tenth is for testing.

Who is shown is not published, so two pictures of one person can be on both sides. The twin is drawn by `faces`.

S_LF compares the channels (structure 'color'). The other way, 'edges', takes what is not white for the shape, and a
label map is never white, so that a lost structure would pass for a kept one. But the colours of classes are codes, and
'color' hardly does more. Structure on this data set is judged by eye, or by a segmentation network of the reader's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from os.path import isdir
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse.datasets import faces
from spectral_collapse.datasets.base import DatasetInfo, DataSource, Split
from spectral_collapse.datasets.edges import resized
from spectral_collapse.datasets.edges2shoes import shape_band, shape_cutoff
from spectral_collapse.datasets.faces import CLASSES
from spectral_collapse.datasets.files import file_size, fingerprint, held_out, images_in, readable
from spectral_collapse.datasets.images import opened, read_rgb
from spectral_collapse.errors import DataError, shown
from spectral_collapse.later import torch

HOMEPAGE = "https://github.com/switchablenorms/CelebAMask-HQ"
PHOTOS, PARTS, MAPPING = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"
FIRST_TEST = 182638
"""Position in CelebA of the first test image, by the authors' code."""
TEST_SHARE = 0.1
"""Share of the images for testing where the folder has no official split."""
RENDERED = {"train": 6000, "test": 512}
"""How many faces the twin has."""

COLORS = np.array(
    [
        (0, 0, 0), (204, 0, 0), (76, 153, 0), (204, 204, 0), (51, 51, 255), (204, 0, 204), (0, 255, 255),
        (255, 204, 204), (102, 51, 0), (255, 0, 0), (102, 204, 0), (255, 255, 0), (0, 0, 153), (0, 0, 204),
        (255, 51, 153), (0, 204, 204), (0, 51, 0), (255, 153, 51), (0, 204, 0),
    ],
    np.uint8,
)  # fmt: skip
"""The colour (rgb, 0..255) of each class, in the order of `CLASSES`, as the authors paint label maps."""

Labels = NDArray[np.uint8]
"""height x width class numbers."""


class Portrait(NamedTuple):
    """A photograph, and the files that its label map is made of."""

    name: str
    photo: Path
    masks: tuple[Path, ...]


class PortraitFiles:
    """`DomainImages` of image files: source is the coloured label map, target the photograph.

    Args:
        portraits: those of one split.
        read_labels: makes a label map of `Portrait.masks`.
        origin: a sentence for captions.
        size: height and width of the images given out.
        skip_corrupt: read every file now and leave out those that cannot be read, with a warning.

    Raises:
        DataError: nothing is left, or a file is a link to nothing.
    """

    kind: DataSource = "real"

    def __init__(
        self,
        portraits: list[Portrait],
        read_labels: Callable[[tuple[Path, ...]], Labels],
        origin: str,
        size: int,
        skip_corrupt: bool,
    ) -> None:
        self.read_labels, self.origin, self.size = read_labels, origin, size
        self.portraits = readable(portraits, self._both, "faces") if skip_corrupt else portraits
        if not self.portraits:
            raise DataError(f"no face is left for this split of {origin}; add images and masks to the folder")
        self.ids = self.groups = self.clusters = [portrait.name for portrait in self.portraits]
        files = (path for portrait in self.portraits for path in (portrait.photo, *portrait.masks))
        self.fingerprint = fingerprint([type(self).__name__, *(f"{path.name}:{file_size(path)}" for path in files)])

    def source(self, index: int) -> torch.Tensor:
        """The coloured label map, 3 x size x size in [-1, 1]. Raises DataError for files that cannot be read."""
        return painted(
            _square(self.read_labels(self.portraits[index].masks), self.portraits[index].masks[0]), self.size
        )

    def target(self, index: int) -> torch.Tensor:
        """The photograph, 3 x size x size in [-1, 1]. Raises DataError for a file that cannot be read."""
        return resized(_square(read_rgb(self.portraits[index].photo), self.portraits[index].photo), self.size)

    def _both(self, portrait: Portrait) -> None:
        _square(self.read_labels(portrait.masks), portrait.masks[0])
        _square(read_rgb(portrait.photo), portrait.photo)


class RenderedFaces:
    """`DomainImages` of the twin: face number i of a split is the same at every size."""

    kind: DataSource = "rendered"
    origin = "rendered faces and their label maps"

    def __init__(self, split: Split, size: int) -> None:
        self.size = size
        self.seed = list(RENDERED).index(split)
        self.ids = self.groups = self.clusters = [f"face-{split}-{i:05d}" for i in range(RENDERED[split])]
        self.fingerprint = fingerprint([f"faces {faces.VERSION}", *self.ids])

    def source(self, index: int) -> torch.Tensor:
        """The coloured label map, 3 x size x size in [-1, 1]."""
        return painted(faces.label_map(self.seed, index), self.size)

    def target(self, index: int) -> torch.Tensor:
        """The photograph, 3 x size x size in [-1, 1]."""
        return resized(faces.photograph(self.seed, index), self.size)


def painted(labels: Labels, size: int) -> torch.Tensor:
    """A square label map in the colours of its classes, 3 x size x size in [-1, 1].

    Reduced or enlarged by nearest neighbour: there is no class between two classes.
    """
    scaled = np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))
    return torch.from_numpy(COLORS[scaled]).permute(2, 0, 1).contiguous() / 127.5 - 1


def joined_parts(masks: tuple[Path, ...]) -> Labels:
    """The label map of part masks, whose names end in `_part` and which are black where the part is not.

    Raises:
        DataError: a mask that cannot be read, or has another size than the others.
    """
    labels: Labels | None = None
    for path in sorted(masks, key=_class_of):
        part = read_rgb(path).any(axis=2)
        if labels is None:
            labels = np.zeros(part.shape, np.uint8)
        if part.shape != labels.shape:
            raise DataError(
                f"{shown(path)} is {part.shape[1]} x {part.shape[0]} px where other parts of the face are "
                f"{labels.shape[1]} x {labels.shape[0]}; get it again, or skip the face (skip_corrupt=True)"
            )
        labels[part] = _class_of(path)
    return labels


def label_image(masks: tuple[Path, ...]) -> Labels:
    """The label map in the one file: class numbers (grey or palette), or the colours of `COLORS`.

    Raises:
        DataError: a file that cannot be read, or holds another label.
    """
    (path,) = masks
    with opened(path) as (image, upright):
        colors = upright(np.asarray(image.convert("RGB")))
        numbers = upright(np.asarray(image)) if image.mode in ("P", "I", "I;16") else colors[..., 0]
        one_channel = image.mode not in ("RGB", "RGBA", "PA") or (colors == colors[..., :1]).all()
    labels = _classes_of(colors)
    if labels.max() < len(CLASSES):
        return labels
    if one_channel and numbers.max() < len(CLASSES):
        return numbers.astype(np.uint8)
    strange = numbers >= len(CLASSES) if one_channel else labels == len(CLASSES)
    share = f"{strange.mean():.1%} of its pixels"
    first = int(numbers[strange][0]) if one_channel else tuple(colors[strange][0].tolist())
    raise DataError(
        f"{shown(path)} has the unknown label {first} ({share}); a label is a number from 0 to {len(CLASSES) - 1} or a "
        "colour of celebamask_hq.COLORS, in a file that keeps it exactly (PNG); fix it, or skip it (skip_corrupt=True)"
    )


def open_real(roots: list[Path], split: Split, size: int, skip_corrupt: bool = False) -> PortraitFiles | None:
    """The real images of a split in the first folder that has any, or None.

    Raises:
        DataError: a folder of the right name without images, masks without photographs or photographs without
            masks (with skip_corrupt they are left out, with a warning), an unknown part, a broken list of the split.
    """
    for root in roots:
        for folder in (root / "CelebAMask-HQ", root / "celebamask_hq", root):
            if isdir(folder / PHOTOS) or isdir(folder / PARTS):
                return _open_official(folder, split, size, skip_corrupt)
            if folder == root:
                continue
            if isdir(folder / "images") or isdir(folder / "masks"):
                return _open_pairs(folder, split, size, skip_corrupt)
            if isdir(folder):
                raise DataError(
                    f"{shown(folder)} has neither {PHOTOS} and {PARTS} nor images and masks; put them there, or remove "
                    "the folder"
                )
    return None


def render(split: Split, size: int) -> RenderedFaces:
    """The rendered twin."""
    return RenderedFaces(split, size)


def _open_official(folder: Path, split: Split, size: int, skip_corrupt: bool) -> PortraitFiles:
    photos = {_number(path.stem, path): path for path in images_in(folder / PHOTOS)}
    parts: dict[str, list[Path]] = {}
    for path in images_in(folder / PARTS, "*/*"):
        parts.setdefault(_number(path.stem.split("_")[0], path), []).append(path)
        _class_of(path)
    portraits = _matched(photos, {name: tuple(files) for name, files in parts.items()}, folder, skip_corrupt)
    tested = _official_test(folder / MAPPING)
    chosen = [
        portrait
        for portrait in portraits
        if (portrait.name in tested if tested is not None else held_out(portrait.name, TEST_SHARE)) == (split == "test")
    ]
    origin = "CelebAMask-HQ, " + ("official split" if tested is not None else "a tenth of it held out")
    return PortraitFiles(chosen, joined_parts, origin, size, skip_corrupt)


def _open_pairs(folder: Path, split: Split, size: int, skip_corrupt: bool) -> PortraitFiles:
    photos, masks = ({path.stem: path for path in images_in(folder / part)} for part in ("images", "masks"))
    portraits = _matched(photos, {name: (path,) for name, path in masks.items()}, folder, skip_corrupt)
    chosen = [portrait for portrait in portraits if held_out(portrait.name, TEST_SHARE) == (split == "test")]
    return PortraitFiles(chosen, label_image, "pairs of photographs and label maps of faces", size, skip_corrupt)


def _matched(
    photos: Mapping[str, Path], masks: Mapping[str, tuple[Path, ...]], folder: Path, skip_corrupt: bool
) -> list[Portrait]:
    """Photographs with their masks, by name."""
    alone = [
        f"{_listed(lacking)} {'lacks' if len(lacking) == 1 else 'lack'} {what}"
        for lacking, what in (
            ([masks[name][0] for name in sorted(masks.keys() - photos.keys())], "a photograph"),
            ([photos[name] for name in sorted(photos.keys() - masks.keys())], "a mask"),
        )
        if lacking
    ]
    both = [Portrait(name, photos[name], masks[name]) for name in sorted(photos.keys() & masks.keys())]
    if alone and not skip_corrupt:
        raise DataError(
            f"in {shown(folder)} {' and '.join(alone)}; add what is missing, or skip them (skip_corrupt=True)"
        )
    if alone:
        warnings.warn(f"in {shown(folder)} {' and '.join(alone)}, and are left out", stacklevel=4)
    if not both:
        raise DataError(f"{shown(folder)} has no photograph with a mask; add some, or remove the folder")
    return both


def _listed(paths: list[Path]) -> str:
    names = ", ".join(path.name for path in paths[:3])
    return f"{names} and {len(paths) - 3} more" if len(paths) > 3 else names


def _official_test(mapping: Path) -> set[str] | None:
    """Names of the official test images, by the list of positions in CelebA; None without the list."""
    if not mapping.is_file():
        return None
    try:
        rows = [line.split() for line in mapping.read_text().splitlines()[1:] if line.strip()]
        return {_number(row[0], mapping) for row in rows if int(row[1]) >= FIRST_TEST}
    except (ValueError, IndexError) as error:
        raise DataError(
            f"{shown(mapping)} is no table of positions (idx, orig_idx, orig_file); get it again"
        ) from error


def _number(text: str, path: Path) -> str:
    """A face's number as the part masks write it: five digits."""
    if not (text.isascii() and text.isdigit()):
        raise DataError(
            f"{shown(path)} does not begin with a face's number, as 7.jpg and 00007_skin.png do; rename or remove it"
        )
    return text.zfill(5)


def _class_of(mask: Path) -> int:
    """The class of an official part mask, by its name."""
    part = mask.stem.partition("_")[2]
    if part not in CLASSES[1:]:
        raise DataError(
            f"{shown(mask)} has the unknown label {part!r}; known are: {', '.join(CLASSES[1:])}; rename or remove it"
        )
    return CLASSES.index(part)


def _classes_of(colors: NDArray[np.uint8]) -> Labels:
    """Class numbers of coloured pixels; those of no class get `len(CLASSES)`."""
    codes = _codes(COLORS)
    order = np.argsort(codes)
    pixels = _codes(colors)
    place = np.minimum(np.searchsorted(codes[order], pixels), len(codes) - 1)
    return np.where(codes[order][place] == pixels, order[place], len(CLASSES)).astype(np.uint8)


def _codes(colors: NDArray[np.uint8]) -> NDArray[np.int64]:
    """One number per colour."""
    return colors.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])


def _square(pixels: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height != width:
        raise DataError(
            f"{shown(path)} is {width} x {height} px, but faces and masks are square; cut it, or skip it "
            "(skip_corrupt=True)"
        )
    return pixels


DATASETS = [
    DatasetInfo(
        name="celebamask_hq",
        family="celebamask_hq",
        title="Face masks to photographs",
        source_label=0,
        guidance=7.5,  # the paper has none for faces: that of its other data set whose sources have no texture
        source_band=shape_band,
        structure="color",
        structure_cutoff=shape_cutoff,
        open_real=open_real,
        render=render,
        homepage=HOMEPAGE,
    )
]
