"""BBBC021: MCF7 cells in fluorescence against their x8, x16 and x32 nearest-neighbour versions.

R is actin, G tubulin, B DNA. Source: Caie et al. 2010, image set BBBC021v1 of the Broad Bioimage
Benchmark Collection. Real images, in the first folder that has any:

- cut-out crops with a `manifest.csv` beside them (columns `CROP_COLUMNS`; `file` is relative to it, `size` in pixels,
  `coverage` the share of measured pixels). Crops of the requested size are taken, else the centres of the next larger
  ones; they are never enlarged.
- the official layout: `BBBC021_v1_image.csv` and the plates as ZIP archives or unpacked. Three 16-bit
  TIFFs make one field, stretched per channel and cut into crops that do not overlap.

`TEST_SHARE` of the *fields* is for testing, chosen by a hash of their names: crops of one field share
pixels or at least staining, so a field is never on both sides. The twin is drawn by `cells`.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections.abc import Callable, Iterable
from functools import cache, lru_cache, partial
from os.path import exists, isdir, isfile  # unlike Path's, they answer for names that no file can have
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectral_collapse.datasets import base, cells
from spectral_collapse.datasets.base import Images, Split
from spectral_collapse.datasets.download import Archive, Download, is_unfinished, only_rests
from spectral_collapse.datasets.files import file_size, fingerprint, held_out, inside, usable
from spectral_collapse.datasets.images import open_file, read_pixels, read_rgb
from spectral_collapse.datasets.resample import entries, sparsify
from spectral_collapse.errors import DataError, shown
from spectral_collapse.later import torch

ADDRESS = "https://data.broadinstitute.org/bbbc/BBBC021/"
METADATA = "BBBC021_v1_image.csv"
PLATES = {
    "Week1": (22123, 22141, 22161, 22361, 22381, 22401),
    "Week2": (24121, 24141, 24161, 24361, 24381, 24401),
    "Week3": (25421, 25441, 25461, 25681, 25701, 25721),
    "Week4": (27481, 27521, 27542, 27801, 27821, 27861),
    "Week5": (28901, 28921, 28961, 29301, 29321, 29341),
    "Week6": (31641, 31661, 31681, 32061, 32121, 32161),
    "Week7": (34341, 34381, 34641, 34661, 34681),
    "Week8": (38203, 38221, 38241, 38341, 38342),
    "Week9": (39206, 39221, 39222, 39282, 39283, 39301),
    "Week10": (40111, 40115, 40119),
}
"""The 55 plates. An archive holds one plate, is 0.7 to 0.9 GB large, and can be used without the others."""

# The collection publishes neither checksums nor sizes in bytes.
DOWNLOAD = Download(
    tuple(
        Archive(ADDRESS + name, name)
        for name in (
            METADATA,
            *(f"BBBC021_v1_images_{week}_{plate}.zip" for week, plates in PLATES.items() for plate in plates),
        )
    ),
    folder="bbbc021",
)

CROP_COLUMNS = ("file", "size", "field", "coverage")
LEAST_COVERAGE = 0.95
"""Crops with fewer measured pixels than this share are left out."""
CHANNELS = ("Actin", "Tubulin", "DAPI")
"""As the official metadata names them, in the order R, G, B."""
STRETCH = (0.5, 99.8)
"""Percentiles of a field's channel that become 0 and 255."""
TEST_SHARE = 0.15
LARGEST_PLANE = 1 << 28
"""Bytes of the largest file that is read as one plane; those of the collection have 2.6 MB."""

_TWIN_MEMORY = 128 << 20
"""Bytes of rendered pictures to keep: the data sets of this family, x8 to x32, show the same ones."""

Pixels = NDArray[np.uint8]
"""height x width x 3, 0..255."""


class Crop(NamedTuple):
    """A line of the manifest."""

    path: Path
    size: int
    field: str


class Member(NamedTuple):
    """A file of so many bytes in a folder or a ZIP archive."""

    container: Path
    name: str
    size: int

    def __str__(self) -> str:
        return shown(self.container / self.name)

    def plane(self) -> NDArray[np.uint16]:
        """The one-channel image in it, height x width. Raises DataError for a file that cannot be read."""
        if self.size > LARGEST_PLANE:
            raise DataError(
                f"{self} has {self.size} bytes, too many for one plane; fetch it again, or skip it (skip_corrupt=True)"
            )
        pixels = read_pixels(self._open, str(self))
        if pixels.ndim != 2 or pixels.dtype.kind != "u":
            raise DataError(
                f"{self} is no image of one unsigned channel; fetch it again, or skip it (skip_corrupt=True)"
            )
        return pixels

    def _open(self) -> BinaryIO:
        if self.container.is_dir():
            return open_file(self.container / self.name)
        with zipfile.ZipFile(self.container) as archive:
            return io.BytesIO(archive.read(self.name))


class Field(NamedTuple):
    """One field of view: its plate, well and site, and its files in the order of `CHANNELS`."""

    name: str
    members: tuple[Member, Member, Member]


class Part(NamedTuple):
    """A crop of a field, whose upper left corner is at `top` and `left`; `shape` is the field's height and width."""

    field: Field
    top: int
    left: int
    shape: tuple[int, int]


def open_real(factor: int, roots: list[Path], split: Split, size: int, skip_corrupt: bool = False) -> Images | None:
    """The real images of a split in the first folder that has any, or None.

    Each root is looked at in its folder `bbbc021` and then itself.

    Raises:
        DataError: a folder `bbbc021` without images, a manifest or metadata that lacks a column or an entry, or names
            a file that is not there or lies outside the folder, crops that are all smaller than `size`, or a split
            without a field.
    """
    for root in roots:
        for folder in (root / "bbbc021", root):
            if isdir(folder) and only_rests(folder, DOWNLOAD.archives):
                continue
            if isfile(folder / "manifest.csv"):
                return _open_crops(folder, split, size, factor, skip_corrupt)
            if isfile(folder / METADATA) or any(folder.glob("BBBC021_v1_images_*.zip")):
                return _open_official(folder, split, size, factor, skip_corrupt)
        if isdir(root / "bbbc021") and not only_rests(root / "bbbc021", DOWNLOAD.archives):
            raise DataError(
                f"{shown(root / 'bbbc021')} has neither manifest.csv nor {METADATA}; run 'spectral-collapse data "
                "fetch bbbc021', or remove the folder"
            )
    return None


def render(factor: int, split: Split, size: int) -> Images:
    """The rendered twin. Picture i of a split depends on i and the size only."""
    return base.rendered(
        split,
        "cells",
        f"cells {cells.VERSION} {size} {factor}",
        "rendered cells (actin, tubulin, DNA)",
        *_sides(partial(_drawn, size), factor),
    )


def _sides(pixels: Callable[..., Pixels], factor: int) -> tuple[Callable[..., torch.Tensor], ...]:
    """Source and target, 3 x size x size in [-1, 1], of whatever `pixels` reads or draws."""
    return partial(_source, pixels, factor), partial(_target, pixels)


def _target(pixels: Callable[..., Pixels], *place: object) -> torch.Tensor:
    channels = np.ascontiguousarray(pixels(*place).transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(channels) / 127.5 - 1


def _source(pixels: Callable[..., Pixels], factor: int, *place: object) -> torch.Tensor:
    return sparsify(_target(pixels, *place), factor)


def _drawn(size: int, seed: int, index: int) -> Pixels:
    return _drawer(size)(seed, index)


def _open_crops(folder: Path, split: Split, size: int, factor: int, skip_corrupt: bool) -> Images:
    manifest = folder / "manifest.csv"
    crops = []
    for row in _rows(manifest, CROP_COLUMNS):
        file = inside(manifest, row["file"])
        try:
            side, coverage = int(row["size"]), float(row["coverage"])
        except ValueError:
            side, coverage = 0, math.nan
        if side < 1 or not 0 <= coverage <= 1:
            raise DataError(
                f"{shown(manifest)} lacks the size or coverage of {shown(file)}, in pixels and as a share of 0 "
                "to 1; fix it"
            )
        if coverage >= LEAST_COVERAGE:
            crops.append(Crop(folder / file, side, row["field"]))
    sizes = sorted({crop.size for crop in crops})
    if not sizes:
        raise DataError(f"{shown(manifest)} names no crop with a coverage of {LEAST_COVERAGE} or more; add some")
    fitting = [each for each in sizes if each >= size]
    if not fitting:
        raise DataError(
            f"the largest crops in {shown(folder)} are {sizes[-1]} px and are not enlarged to {size} px; use size="
            f"{sizes[-1]} or less, or fields from 'spectral-collapse data fetch bbbc021'"
        )
    # One size only: crops of different sizes may show the same pixels.
    chosen = [
        crop for crop in crops if crop.size == fitting[0] and held_out(crop.field, TEST_SHARE) == (split == "test")
    ]
    missing = next((crop.path for crop in chosen if not isfile(crop.path)), None)
    if missing and not skip_corrupt:
        raise DataError(
            f"{shown(manifest)} names {shown(missing)}, which {'is no file' if exists(missing) else 'does not exist'}; "
            "fix it, or skip it (skip_corrupt=True)"
        )
    pixels = partial(_crop_pixels, size)
    chosen = usable(chosen, pixels, "crops", shown(folder), skip_corrupt)
    ids = [crop.path.relative_to(folder).as_posix() for crop in chosen]
    described = (f"{name}:{file_size(crop.path)}" for name, crop in zip(ids, chosen, strict=True))
    return Images(
        "real",
        "crops of BBBC021 fields, split by field",
        chosen,
        ids,
        [crop.field for crop in chosen],
        fingerprint([f"{size} {factor}", *described]),
        *_sides(pixels, factor),
    )


def _crop_pixels(size: int, crop: Crop) -> Pixels:
    pixels = read_rgb(crop.path)
    if pixels.shape[:2] != (crop.size, crop.size):
        raise DataError(
            f"{shown(crop.path)} is {pixels.shape[1]} x {pixels.shape[0]} px, but its manifest says "
            f"{crop.size} x {crop.size}; fix the manifest, or skip it (skip_corrupt=True)"
        )
    margin = (crop.size - size) // 2
    return pixels[margin : margin + size, margin : margin + size]


def _open_official(folder: Path, split: Split, size: int, factor: int, skip_corrupt: bool) -> Images:
    metadata = folder / METADATA
    if not isfile(metadata):
        raise DataError(f"{shown(folder)} has plates but no {METADATA}; get it from {ADDRESS}{METADATA}")
    plate_column, well_column = "Image_Metadata_Plate_DAPI", "Image_Metadata_Well_DAPI"
    places = [(f"Image_PathName_{channel}", f"Image_FileName_{channel}") for channel in CHANNELS]
    plates: dict[str, dict[str, Member]] = {}
    fields = []
    for row in _rows(metadata, (plate_column, well_column, *(column for place in places for column in place))):
        dna = row["Image_FileName_DAPI"]
        site = re.search(r"_(s\d+)_", dna)
        name = "_".join((row[plate_column], row[well_column], site[1] if site else Path(dna).stem))
        if held_out(name, TEST_SHARE) != (split == "test"):
            continue
        members = []
        for path_column, file_column in places:
            path, file = (inside(metadata, row[column]) for column in (path_column, file_column))
            if path not in plates:
                plates[path] = _plate(folder, path)
            if not plates[path]:
                break  # a plate that was not fetched is no error, a plate with a gap is
            if file not in plates[path] and not skip_corrupt:
                raise DataError(
                    f"{shown(metadata)} names {shown(file)}, which plate {shown(path)} lacks; "
                    "fetch it again, or skip it (skip_corrupt=True)"
                )
            members.append(plates[path].get(file, Member(folder / path, file, 0)))
        else:
            fields.append(Field(name, tuple(members)))
    if not any(plates.values()):
        raise DataError(f"{shown(folder)} has none of the plates in {METADATA}; fetch at least one beside it")
    fields = usable(fields, _joined, "fields", shown(folder), skip_corrupt)
    # All fields of the collection have one size: reading a single one keeps the opening quick.
    shape = height, width = fields[0].members[0].plane().shape
    corners = [(top, left) for top in range(0, height - size + 1, size) for left in range(0, width - size + 1, size)]
    if not corners:
        raise DataError(f"fields are {width} x {height} px, too small for images of {size} px; use a smaller size")
    parts = [Part(field, top, left, shape) for field in fields for top, left in corners]
    ids = [f"{part.field.name}_y{part.top:04d}x{part.left:04d}" for part in parts]
    described = (f"{member.name}:{member.size}" for field in fields for member in field.members)
    return Images(
        "real",
        "BBBC021, crops of whole fields, split by field",
        parts,
        ids,
        [part.field.name for part in parts],
        fingerprint([f"{size} {factor} {STRETCH}", *ids, *described]),
        *_sides(partial(_part_pixels, size), factor),
    )


def _part_pixels(size: int, part: Part) -> Pixels:
    joined = _joined(part.field)
    if joined.shape[:2] != part.shape:
        raise DataError(
            f"field {part.field.name!r} is {joined.shape[1]} x {joined.shape[0]} px where the first is "
            f"{part.shape[1]} x {part.shape[0]}; remove its files and its line in {METADATA}"
        )
    return joined[part.top : part.top + size, part.left : part.left + size]


def _plate(folder: Path, path: str) -> dict[str, Member]:
    """The files of a plate by name, unpacked or in its archive; none where the plate was not fetched.

    path: as in the metadata, such as 'Week1/Week1_22123'; archives unpack to its last part.
    """
    plate = path.split("/")[-1]
    for unpacked in (folder / plate, folder / path):
        if isdir(unpacked):
            files = (file for file in unpacked.iterdir() if isfile(file))
            return {file.name: Member(unpacked, file.name, file.stat().st_size) for file in files}
    archive_path = folder / f"BBBC021_v1_images_{plate}.zip"
    if not isfile(archive_path):
        return {}
    try:
        with zipfile.ZipFile(archive_path) as archive:
            return {
                info.filename.split("/")[-1]: Member(archive_path, info.filename, info.file_size)
                for info in archive.infolist()
                if not info.is_dir()
            }
    except Exception as error:  # zipfile raises whatever damaged bytes lead it to
        if is_unfinished(archive_path):
            return {}
        raise DataError(f"{shown(archive_path)} is no whole ZIP archive; delete it and fetch it again") from error


@lru_cache(maxsize=8)
def _joined(field: Field) -> Pixels:
    """A field, stretched per channel; kept, since its crops are mostly read one after another."""
    planes = [member.plane() for member in field.members]
    if len({plane.shape for plane in planes}) > 1:
        shapes = ", ".join(f"{width} x {height}" for height, width in (plane.shape for plane in planes))
        raise DataError(f"the channels of field {field.name!r} have different sizes: {shapes}; fetch its plate again")
    return np.stack([_stretched(plane) for plane in planes], axis=-1)


def _stretched(plane: NDArray[np.uint16]) -> NDArray[np.uint8]:
    low, high = np.percentile(plane, STRETCH)
    # A channel without any contrast has none to show.
    scaled = (plane - low) / max(high - low, 1)
    return (255 * scaled.clip(0, 1)).round().astype(np.uint8)


def _rows(path: Path, columns: Iterable[str]) -> list[dict[str, str]]:
    """The lines of a CSV file. Raises DataError for a missing column, and for a line without an entry in one."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            named = reader.fieldnames or ()
            missing = [column for column in columns if column not in named]
            signs = {";": "semicolons", "\t": "tabs"}
            sign = next((sign for sign in signs if missing and len(named) == 1 and sign in named[0]), None)
            if sign:
                raise DataError(f"{shown(path)} has {signs[sign]} between its columns; save it with commas, in UTF-8")
            if missing:
                raise DataError(f"{shown(path)} lacks the column {missing[0]!r}; it needs {', '.join(columns)}")
            rows = []
            for row in reader:
                empty = next((column for column in columns if not row[column]), None)
                if empty:
                    raise DataError(
                        f"line {reader.line_num} of {shown(path)} has nothing in {empty!r}; fix or remove it"
                    )
                rows.append(row)
            return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{shown(path)} cannot be read as a table ({error}); save it with commas, in UTF-8, or get it again"
        ) from error


@cache
def _drawer(size: int) -> Callable[[int, int], Pixels]:
    """(seed, index) -> a rendered picture of `size` px, with a memory of `_TWIN_MEMORY` bytes."""

    @lru_cache(maxsize=_TWIN_MEMORY // (3 * size * size))
    def draw(seed: int, index: int) -> Pixels:
        return (255 * cells.draw((seed, index), size)).round().astype(np.uint8).transpose(1, 2, 0)

    return draw


DATASETS = entries("bbbc021", "BBBC021", open_real, render, companion=True, download=DOWNLOAD, publishable=False)
