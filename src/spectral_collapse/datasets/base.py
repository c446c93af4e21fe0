"""What every data set is made of: two domains, a split, and the rule that keeps training unpaired."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
from tqdm.auto import tqdm

from spectral_collapse.checks import (
    check_count,
    check_flag,
    check_function,
    check_is,
    check_name,
    check_number,
    check_text,
    described,
)
from spectral_collapse.datasets.download import Download
from spectral_collapse.datasets.files import fingerprint
from spectral_collapse.errors import DataError, InvalidParameterError, listed
from spectral_collapse.labels import NULL, SOURCE, TARGET  # noqa: F401  (all three are public here too)
from spectral_collapse.later import torch

if TYPE_CHECKING:
    from torch.utils.data import Dataset
else:
    Dataset = object  # torch's DataLoader asks for a length and items alone

DataSource = Literal["real", "rendered"]
Split = Literal["train", "test"]
Shown = Literal["train", "validation", "test"]
"""What `load` gives; validation images are some of the training split's."""
RENDERED = {"train": 6000, "test": 512}
"""How many pictures a twin has."""


class Unpaired(NamedTuple):
    """A training item: one image (3, H, W) in [-1, 1] of one domain, and its domain label."""

    image: torch.Tensor
    label: int


class Pair(NamedTuple):
    """A test item: the same scene in both domains, each (3, H, W) in [-1, 1]."""

    source: torch.Tensor
    target: torch.Tensor


class DomainImages(Protocol):
    """One split of one data set: images of both domains, read or rendered when asked for.

    `Images` is one that is made of two functions.
    """

    kind: DataSource
    origin: str
    """One sentence for captions: where the images come from."""
    ids: Sequence[str]
    """A stable, unique name per image."""
    groups: Sequence[str]
    """A stable name per image: images that share pixels share a group, and training shows a group in
    one domain only. Where no two images share pixels, the ids."""
    clusters: Sequence[str]
    """A stable name per image: what it was taken from, such as a photograph, a field of view or a product.
    Only images of different ones are independent of each other, so intervals resample these."""
    fingerprint: str
    """Short hex string that changes when the images do (files, sizes, seeds, renderer version)."""

    def source(self, index: int) -> torch.Tensor: ...

    def target(self, index: int) -> torch.Tensor: ...


@dataclass(frozen=True)
class Published:
    """The papers' settings of the cures: OVG's step sizes, and the share of steps that TABA replaces.

    The defaults are those of the paper's super-resolution, for data sets that are not in the papers.
    """

    eta_hf: float = 1000.0
    eta_lf: float = 1e-4
    fraction: float = 0.04


@dataclass(frozen=True)
class DatasetInfo:
    """What a study needs to know about a data set, whatever its images.

    name: as in `datasets.load`; family: data sets that one network serves ('photos' for photos_x8 ... _x32), whose name
    included checkpoints have (`checkpoints.usual`); source_label: the label that this data set's source domain has in
    that network; guidance: the papers' guidance scale in sampling. source_band: size in pixels -> the frequency, in
    cycles per pixel of the image, up to which a source determines its target: a property of the data, whatever scores
    use it. structure_cutoff: size in pixels -> kappa of Eq. (41), the cut of S_LF as a fraction of the Nyquist
    frequency. structure: 'color' compares the channels, 'silhouette' and 'edges' are for drawings
    (`metrics.structure_view`). companion: whether studies of other families show this data set beside their own. fixed:
    whether results are about just these pictures, on other parts of which networks were trained: intervals then
    resample windows within each picture (`statistics.groups_of`). published: the papers' settings of the cures on it.
    publishable: whether pictures of its real images may be published; if not, the included results lack them.

    Raises InvalidParameterError for a field that is not the name, label, number or function that it should be.
    """

    name: str
    family: str
    title: str
    source_label: int
    guidance: float
    source_band: Callable[[int], float]
    structure: Literal["color", "silhouette", "edges"]
    structure_cutoff: Callable[[int], float]
    open_real: Callable[[list[Path], Split, int, bool], DomainImages | None]
    """(folders to look in, split, size, skip_corrupt) -> the real images, or None where there are none."""
    render: Callable[[Split, int], DomainImages] | None
    """(split, size) -> the rendered twin; None for a data set that has no need of one."""
    download: Download | None = None
    """The archives of the whole family; None for images that need no download, or that no program may fetch."""
    companion: bool = False
    fixed: bool = False
    published: Published = Published()
    homepage: str = ""
    """The page that says how to get images that no program may fetch."""
    publishable: bool = field(default=True, metadata={"no_value": True})

    def __post_init__(self) -> None:
        for name in ("name", "family", "title", "homepage"):
            check_text(name, getattr(self, name))
        check_flag("companion", self.companion)
        check_flag("fixed", self.fixed)
        check_flag("publishable", self.publishable)
        check_is("published", self.published, Published, "a Published")
        check_is("download", self.download, Download | None, "a Download or None")
        check_count("source_label", self.source_label, 0)
        check_number("guidance", self.guidance, 0)
        check_name("structure", self.structure, ("color", "silhouette", "edges"))
        for name in ("source_band", "structure_cutoff", "open_real", *(["render"] if self.render is not None else [])):
            check_function(name, getattr(self, name))

    @property
    def remedy(self) -> str:
        """How to get the real images: the end of a sentence, empty for those that are always there."""
        if self.download:
            return f"'spectral-collapse data fetch {self.family}' gets the real images"
        return f"{self.homepage} says how to get the real images" if self.homepage else ""


def shown_as_target(group: str) -> bool:
    """Whether training shows the images of a group as targets (True) or as sources (False)."""
    return hashlib.sha256(group.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True)
class Images:
    """`DomainImages` that two functions make of items, such as paths; owners: their clusters, without it the groups."""

    kind: DataSource
    origin: str
    items: Sequence[Any]
    ids: Sequence[str]
    groups: Sequence[str]
    fingerprint: str
    source_of: Callable[[Any], torch.Tensor]
    target_of: Callable[[Any], torch.Tensor]
    """item -> the image of either domain, 3 x size x size in [-1, 1]; DataError for a file that cannot be read."""
    owners: Sequence[str] | None = None

    @property
    def clusters(self) -> Sequence[str]:
        return self.groups if self.owners is None else self.owners

    def source(self, index: int) -> torch.Tensor:
        return self.source_of(self.items[index])

    def target(self, index: int) -> torch.Tensor:
        return self.target_of(self.items[index])


def rendered(
    split: Split, word: str, drawn_by: str, origin: str, source: Callable[..., Any], target: Callable[..., Any]
) -> Images:
    """A twin, in which picture number i of a split is always the same.

    word: what one picture is called in ids; drawn_by: the drawing with its version and settings, for the fingerprint;
    source, target: (seed, i) -> the picture of either domain, as in `Images`.
    """
    numbers, seed = range(RENDERED[split]), list(RENDERED).index(split)
    ids = [f"{word}-{split}-{number:05d}" for number in numbers]
    drawn = (partial(of, seed) for of in (source, target))
    return Images("rendered", origin, numbers, ids, ids, fingerprint([drawn_by, *ids]), *drawn)


class ValidationImages:
    """The images of a training split that training shows as targets."""

    def __init__(self, training: DomainImages) -> None:
        self._training = training
        self._indices = [index for index, group in enumerate(training.groups) if shown_as_target(group)]
        self.kind, self.origin = training.kind, training.origin
        self.fingerprint = f"{training.fingerprint}-validation"
        self.ids, self.groups, self.clusters = (
            [names[index] for index in self._indices] for names in (training.ids, training.groups, training.clusters)
        )

    def source(self, index: int) -> torch.Tensor:
        return self._training.source(self._indices[index])

    def target(self, index: int) -> torch.Tensor:
        return self._training.target(self._indices[index])


_IMAGES = ("kind", "origin", "ids", "groups", "fingerprint", "source", "target")


class _NoSuchItemError(InvalidParameterError, IndexError):
    """A data set has no item of this number; an IndexError too, with which Python ends a loop over the items."""


class DomainDataset(Dataset):
    """A split of a data set, for torch's DataLoader.

    Training items are `Unpaired`: every underlying image appears in one domain only, decided by a
    hash of its group, so that the same pixels are never seen both as source and as target, in any of
    the data sets of one family; a recipe can show each as both (`both_domains`). A test item is a `Pair`, and so is a
    validation item: of a training image that training shows as a target, so that its source is new to every network
    of the other recipes.
    """

    def __init__(self, info: DatasetInfo, split: Shown, size: int, images: DomainImages) -> None:
        check_is("info", info, DatasetInfo, "a DatasetInfo, as datasets.info gives it")
        check_name("split", split, get_args(Shown))
        check_count("size", size, 1)
        if isinstance(images, type) or not all(hasattr(images, name) for name in _IMAGES):
            raise InvalidParameterError(f"images must have {', '.join(_IMAGES)}; {described(images)} was given")
        lengths = {name: len(getattr(images, name)) for name in ("ids", "groups", "clusters") if hasattr(images, name)}
        if len(set(lengths.values())) > 1:
            raise InvalidParameterError(
                f"ids, groups and clusters must have an entry for each image; {info.name} has "
                f"{listed(f'{count} {name}' for name, count in lengths.items())}"
            )
        self.info, self.split, self.size, self.images = info, split, size, images
        self.name, self.kind, self.origin, self.ids = info.name, images.kind, images.origin, images.ids
        self.fingerprint = images.fingerprint

    @property
    def clusters(self) -> Sequence[str]:
        """What each image was taken from: images of different clusters are independent."""
        return self.images.clusters

    def __len__(self) -> int:
        return len(self.images.ids)

    def is_target(self, index: int) -> bool:
        """Whether training shows this image as target (True) or as source (False)."""
        return shown_as_target(self.images.groups[self._place(index)])

    def __getitem__(self, index: int) -> Unpaired | Pair:
        index = self._place(index)
        if self.split != "train":
            return Pair(self.images.source(index), self.images.target(index))
        if self.is_target(index):
            return Unpaired(self.images.target(index), TARGET)
        return Unpaired(self.images.source(index), self.info.source_label)

    def stack(self, indices: Iterable[int] | None = None) -> Unpaired | Pair:
        """The given items (all without `indices`) as one batch: images (N, 3, H, W), labels (N,).

        Shows a progress bar when there are more than 500. Raises InvalidParameterError when no item is asked for.
        """
        wrong = isinstance(indices, str | bytes | Mapping) or not isinstance(indices, Iterable | None)
        if wrong or getattr(indices, "ndim", 1) != 1:
            raise InvalidParameterError(f"indices must be a list of whole numbers; {described(indices)} was given")
        indices = list(range(len(self)) if indices is None else indices)
        if not indices:
            raise InvalidParameterError(f"a batch of {self.name} needs at least one index; none was given")
        bar = tqdm(indices, desc=f"{self.name} {self.split}", disable=len(indices) <= 500, leave=False)
        items = [self[i] for i in bar]
        _check_items(self, indices, items)
        if self.split != "train":
            return Pair(*(torch.stack(side) for side in zip(*items, strict=True)))
        images, labels = zip(*items, strict=True)
        return Unpaired(torch.stack(images), torch.tensor(labels))

    def _place(self, index: object) -> int:
        """An index as one from 0 on. Raises InvalidParameterError for what is none."""
        if not isinstance(index, int | np.integer) or isinstance(index, bool):
            raise InvalidParameterError(f"an index must be a whole number; {described(index)} was given")
        if not -len(self) <= index < len(self):
            raise _NoSuchItemError(
                f"{self.name} {self.split} has {len(self)} items; the index {described(index)} was given"
            )
        return range(len(self))[index]


def _check_items(dataset: DomainDataset, indices: list[int], items: list[Unpaired | Pair]) -> None:
    """Raises DataError for images that are not what a data set gives."""
    several = range(1 if dataset.split == "train" else 2)  # a training item is an image and its label
    for index, image in ((index, item[place]) for index, item in zip(indices, items, strict=True) for place in several):
        real = isinstance(image, torch.Tensor) and image.is_floating_point() and image.numel()
        low, high = map(float, torch.aminmax(image)) if real else (math.nan, math.nan)
        if not real or image.shape != (3, dataset.size, dataset.size) or not -1.001 <= low <= high <= 1.001:
            name, given = dataset.ids[range(len(dataset))[index]], f" in [{low:.4g}, {high:.4g}]" if real else ""
            raise DataError(
                f"{dataset.name}: the image {name!r} must be a floating-point tensor 3 x {dataset.size} x "
                f"{dataset.size} in [-1, 1]; it is {described(image)}{given}"
            )
