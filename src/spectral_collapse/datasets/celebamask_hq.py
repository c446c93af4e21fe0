"""CelebAMask-HQ: label maps of faces, 19 classes in colours, against their photographs.

Source: Lee et al. 2020 (MaskGAN); CelebAMask-HQ is for non-commercial research, and users have to get it from
`HOMEPAGE` themselves. Real images, in the first folder that has any:

- the official layout, `CelebAMask-HQ/CelebA-HQ-img/*.jpg` (0.jpg ...) and
  `CelebAMask-HQ/CelebAMask-HQ-mask-anno/{0..14}/NNNNN_part.png`, a mask per part. Later classes cover earlier ones,
  as in the authors' own code. `CelebA-HQ-to-CelebA-mapping.txt` beside them gives the official split, train and
  validation together for training; without it a tenth, chosen by a hash of the names, is for testing.
- a folder of pairs, `celebamask_hq/images/*` and `celebamask_hq/masks/*`, which share their names without ending. A
  mask holds class numbers, 0 to 18, or the colours of `COLORS`. A tenth is for testing.

Who is shown is not published, so two pictures of one person can be on both sides. The twin is drawn by `faces`.

S_LF compares the channels (structure 'color'). The alternative, 'edges', takes everything that is not white as the
shape; a label map is never white, so lost structure would go unnoticed. But the colours of classes are codes, and
'color' is hardly more informative. Judge structure on this data set by eye, or with a segmentation network of your own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from os.path import isdir
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectral_collapse.datasets import base, faces
from spectral_collapse.datasets.base import DatasetInfo, Images, Split
from spectral_collapse.datasets.edges import reduced, resized
from spectral_collapse.datasets.edges2shoes import shape_band, shape_cutoff
from spectral_collapse.datasets.faces import CLASSES
from spectral_collapse.datasets.files import files_fingerprint, held_out, images_in, usable
from spectral_collapse.datasets.images import opened, read_rgb
from spectral_collapse.errors import DataError, listed, shown
from spectral_collapse.later import torch

HOMEPAGE = "https://github.com/switchablenorms/CelebAMask-HQ"
PHOTOS, PARTS, MAPPING = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"
FIRST_TEST = 182638
"""Position in CelebA of the first test image, by the authors' code."""
TEST_SHARE = 0.1
"""Share of the images for testing where the folder has no official split."""

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


def painted(labels: Labels, size: int) -> torch.Tensor:
    """A square label map in the colours of its classes, 3 x size x size in [-1, 1].

    Reduced or enlarged by nearest neighbour: there is no class between two classes.
    """
    scaled = np.asarray(Image.fromarray(labels).resize((size, size), Image.Resampling.NEAREST))
    return torch.from_numpy(COLORS[scaled]).permute(2, 0, 1).contiguous() / 127.5 - 1


def joined_parts(masks: tuple[Path, ...]) -> Labels:
    """The label map of part masks, whose names end in `_part` and which are black where the part is not.

    Raises DataError for a mask that cannot be read, or has another size than the others.
    """
    parts = {path: read_rgb(path).any(axis=2) for path in sorted(masks, key=_class_of)}
    labels = np.zeros(next(iter(parts.values())).shape, np.uint8)
    for path, part in parts.items():
        if part.shape != labels.shape:
            raise DataError(
                f"{shown(path)} is {part.shape[1]} x {part.shape[0]} px where other parts of the face are "
                f"{labels.shape[1]} x {labels.shape[0]}; get it again, or skip the face (skip_corrupt=True)"
            )
        labels[part] = _class_of(path)
    return labels


def label_image(masks: tuple[Path, ...]) -> Labels:
    """The label map in the one file: class numbers (grey or palette), or the colours of `COLORS`.

    Raises DataError for a file that cannot be read, or holds another label.
    """
    (path,) = masks
    with opened(path) as (image, upright):
        colors = upright(np.asarray(image.convert("RGB")))
        numbers = upright(np.asarray(image)) if image.mode in ("P", "I", "I;16") else colors[..., 0]
        one_channel = image.mode not in ("RGB", "RGBA", "PA") or (colors == colors[..., :1]).all()
    codes, known = (values.astype(np.int64) @ (1 << 16, 1 << 8, 1) for values in (colors, COLORS))
    of_class = codes[..., None] == known
    strange = ~of_class.any(-1)
    if not strange.any():
        return of_class.argmax(-1).astype(np.uint8)
    label = tuple(colors[strange][0].tolist())
    if one_channel:
        strange = numbers >= len(CLASSES)
        if not strange.any():
            return numbers.astype(np.uint8)
        label = int(numbers[strange][0])
    raise DataError(
        f"{shown(path)} has the unknown label {label} ({strange.mean():.1%} of its pixels); a label is a number from 0 "
        f"to {len(CLASSES) - 1} or a colour of celebamask_hq.COLORS, in a file that keeps it exactly (PNG); fix it, or "
        "skip it (skip_corrupt=True)"
    )


def open_real(roots: list[Path], split: Split, size: int, skip_corrupt: bool = False) -> Images | None:
    """The real images of a split in the first folder that has any, or None.

    Raises:
        DataError: a folder of the right name without images, masks without photographs or photographs without
            masks (with skip_corrupt they are left out, with a warning), an unknown part, a broken list of the split.
    """
    for root in roots:
        for folder in (root / "CelebAMask-HQ", root / "celebamask_hq", root):
            if isdir(folder / PHOTOS) or isdir(folder / PARTS):
                return _open_official(folder, split, size, skip_corrupt)
            if folder != root and (isdir(folder / "images") or isdir(folder / "masks")):
                return _open_pairs(folder, split, size, skip_corrupt)
            if folder != root and isdir(folder):
                raise DataError(
                    f"{shown(folder)} has neither {PHOTOS} and {PARTS} nor images and masks; put them there, or remove "
                    "the folder"
                )
    return None


def render(split: Split, size: int) -> Images:
    """The rendered twin: face number i of a split is the same at every size."""
    return base.rendered(
        split,
        "face",
        f"faces {faces.VERSION}",
        "rendered faces and their label maps",
        partial(reduced, faces.label_map, painted, size),
        partial(reduced, faces.photograph, resized, size),
    )


def _open_official(folder: Path, split: Split, size: int, skip_corrupt: bool) -> Images:
    photos = {_number(path.stem, path): path for path in images_in(folder / PHOTOS)}
    parts: dict[str, tuple[Path, ...]] = {}
    for path in images_in(folder / PARTS, "*/*"):
        name = _number(path.stem.split("_")[0], path)
        parts[name] = (*parts.get(name, ()), path)
        _class_of(path)
    portraits, tested = _matched(photos, parts, folder, skip_corrupt), _official_test(folder / MAPPING)
    origin = "CelebAMask-HQ, " + ("a tenth of it held out" if tested is None else "official split")
    return _opened(portraits, tested, joined_parts, origin, split, size, skip_corrupt)


def _open_pairs(folder: Path, split: Split, size: int, skip_corrupt: bool) -> Images:
    photos, masks = ({path.stem: path for path in images_in(folder / part)} for part in ("images", "masks"))
    portraits = _matched(photos, {name: (path,) for name, path in masks.items()}, folder, skip_corrupt)
    origin = "pairs of photographs and label maps of faces"
    return _opened(portraits, None, label_image, origin, split, size, skip_corrupt)


def _opened(
    portraits: list[Portrait],
    tested: set[str] | None,
    read_labels: Callable[[tuple[Path, ...]], Labels],
    origin: str,
    split: Split,
    size: int,
    skip_corrupt: bool,
) -> Images:
    """The portraits of a split. tested: names of those for testing; without it a tenth, by their hash."""

    def is_test(name: str) -> bool:
        return held_out(name, TEST_SHARE) if tested is None else name in tested

    def both(portrait: Portrait) -> None:
        _labels(read_labels, portrait)
        _photo(portrait)

    chosen = [portrait for portrait in portraits if is_test(portrait.name) == (split == "test")]
    chosen = usable(chosen, both, "faces", origin, skip_corrupt)
    names = [portrait.name for portrait in chosen]
    files = (path for portrait in chosen for path in (portrait.photo, *portrait.masks))
    return Images(
        "real",
        origin,
        chosen,
        names,
        names,
        files_fingerprint("PortraitFiles", files),
        partial(reduced, partial(_labels, read_labels), painted, size),
        partial(reduced, _photo, resized, size),
    )


def _labels(read_labels: Callable[[tuple[Path, ...]], Labels], portrait: Portrait) -> Labels:
    return _square(read_labels(portrait.masks), portrait.masks[0])


def _photo(portrait: Portrait) -> NDArray[np.uint8]:
    return _square(read_rgb(portrait.photo), portrait.photo)


def _square(pixels: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height != width:
        raise DataError(
            f"{shown(path)} is {width} x {height} px, but faces and masks are square; cut it, or skip it "
            "(skip_corrupt=True)"
        )
    return pixels


def _matched(
    photos: Mapping[str, Path], masks: Mapping[str, tuple[Path, ...]], folder: Path, skip_corrupt: bool
) -> list[Portrait]:
    """Photographs with their masks, by name."""
    single_masks = [masks[name][0].name for name in sorted(masks.keys() - photos)]
    single_photos = [photos[name].name for name in sorted(photos.keys() - masks)]
    alone = [
        f"{listed(names, 3)} without {other}"
        for names, other in ((single_masks, "a photograph"), (single_photos, "a mask"))
        if names
    ]
    if alone and not skip_corrupt:
        raise DataError(
            f"{shown(folder)} has {' and '.join(alone)}; add what is missing, or skip them (skip_corrupt=True)"
        )
    if alone:
        warnings.warn(f"{shown(folder)} has {' and '.join(alone)}, left out", stacklevel=4)
    return [Portrait(name, photos[name], masks[name]) for name in sorted(photos.keys() & masks)]


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
        publishable=False,
    )
]
