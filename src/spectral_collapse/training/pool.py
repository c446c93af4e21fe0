"""The training images of a run, in a file that is read as needed; any step can repeat its random choices."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from spectral_collapse import datasets, disk, paths, results
from spectral_collapse.datasets.base import NULL, TARGET, DomainDataset
from spectral_collapse.errors import DataError
from spectral_collapse.later import torch
from spectral_collapse.training.recipes import Recipe

_CHUNK = 128
"""Images that are read and encoded at once."""


@dataclass(frozen=True)
class Pool:
    """Images (uint8) or latents (float32), M x C x H x W, with a domain label each.

    fingerprint changes when the images, or what was made of them, do. views: how many of the items are of one
    image, itself and its mirror images.
    """

    items: torch.Tensor
    labels: torch.Tensor
    origin: str
    data_source: str
    fingerprint: str
    views: int = 1

    @property
    def num_images(self) -> int:
        """Images of the data sets, each counted once."""
        return len(self.labels) // self.views

    def choose(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """`count` indices of items: half target, half source, the source domains in equal shares."""
        targets, sources = self.labels == TARGET, self.labels != TARGET
        weights = targets / targets.sum().clamp(min=1) + sources / sources.sum().clamp(min=1)
        return torch.multinomial(weights.float(), count, replacement=True, generator=generator)

    def take(self, chosen: torch.Tensor, device: torch.device | str = "cpu") -> torch.Tensor:
        """Items by index: images as float32 in [-1, 1], latents as they are."""
        return as_images(self.items[chosen].to(device))


@dataclass(frozen=True)
class Encoder:
    """A frozen autoencoder: images N x 3 x H x W -> latents on the CPU; hash identifies what it gives."""

    encode: Callable[[torch.Tensor], torch.Tensor]
    hash: str


def as_images(items: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 as float32 in [-1, 1]; floating-point tensors as they are."""
    return items.float() / 127.5 - 1 if items.dtype == torch.uint8 else items


def load_pool(recipe: Recipe, source: str, root: str | Path | None, encoder: Encoder | None = None) -> Pool:
    """The unpaired training images of a recipe's data sets, or their latents with those of every mirror image.

    They are made once and kept under data/cache, keyed by the images, the autoencoder and the flips.

    Raises DataError for data sets with too few training images, or where the cache cannot be written.
    """
    splits = [open_split(name, "train", recipe, source, root) for name in recipe.datasets]
    chosen = list(_chosen(splits, recipe.images, recipe.both_domains))
    labels = torch.tensor([label for *_, label in chosen])
    if not bool((labels == TARGET).any()) or not bool((labels != TARGET).any()):
        raise DataError(
            f"the recipe {recipe.name!r} found {len(labels)} training images in {', '.join(recipe.datasets)}, "
            "too few for both domains; add images"
        )
    most = len(recipe.flips) if encoder else 0
    views = [view for count in range(most + 1) for view in itertools.combinations(recipe.flips, count)]
    key = {
        "images": [split.fingerprint for split in splits],
        "size": recipe.size,
        "count": recipe.images,
        "encoder": encoder.hash if encoder else "",
        "views": views,
        **({"both_domains": True} if recipe.both_domains else {}),
    }
    fingerprint = hashlib.sha256(results.canonical(key).encode()).hexdigest()[:16]
    file = paths.cache() / "training" / f"{recipe.family}-{fingerprint}.npy"
    count = len(chosen) * len(views)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_lock(file)):  # what two runs need is made once
            items = _stored(file, count)
            if items is None:
                _sweep(file.parent)
                _write(file, chosen, views, encoder)
                items = _stored(file, count)
    except OSError as error:
        raise DataError(
            f"the training images could not be kept in {str(file)!r} ({error.strerror or error}); make room there"
        ) from error
    origins = dict.fromkeys(split.origin for split in splits)
    kinds = sorted({split.kind for split in splits})
    labels = labels.repeat_interleave(len(views))
    return Pool(items, labels, "; ".join(origins), "+".join(kinds), fingerprint, len(views))


def open_split(name: str, split: str, recipe: Recipe, source: str, root: str | Path | None) -> DomainDataset:
    """One split of a data set at the recipe's size.

    A data set without a rendered twin gives its real images when it is used together with rendered ones; alone it is
    refused, as by `datasets.load`.
    """
    real_only = datasets.info(name).render is None and any(datasets.info(one).render for one in recipe.datasets)
    return datasets.load(name, split, recipe.size, "real" if real_only else source, root)


def drop_labels(labels: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Labels with a random share of them replaced by the null label."""
    return torch.where(torch.rand(len(labels), generator=generator) < share, NULL, labels)


def draw_flips(count: int, axes: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """A random choice of the images, of `count`, to mirror along each axis: count x axes, each with probability 1/2."""
    return torch.rand(count, len(axes), generator=generator) < 0.5


def flip(images: torch.Tensor, axes: tuple[int, ...], chosen: torch.Tensor) -> torch.Tensor:
    """Images, each mirrored along the axes that `draw_flips` chose for it."""
    for axis, mirrored in zip(axes, chosen.T, strict=True):
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(axis), images)
    return images


def _chosen(splits: list[DomainDataset], limit: int, both: bool) -> Iterator[tuple[DomainDataset, int, int]]:
    """The images of all data sets, each with its label or, for `both`, with either; the target domain is the same in
    all of one family and counts once."""
    families: set[str] = set()
    for split in splits:
        count = min(limit or len(split), len(split))
        for index in (i * len(split) // count for i in range(count)):
            for target in (True, False) if both else (split.is_target(index),):
                if not target or split.info.family not in families:
                    yield split, index, TARGET if target else split.info.source_label
        families.add(split.info.family)


def _stored(file: Path, count: int) -> torch.Tensor | None:
    """The items of a file that an earlier run made; None where it is missing or damaged."""
    try:
        # Mapped copy-on-write: torch wants memory that it may write to, the file stays as it is.
        items = np.lib.format.open_memmap(file, mode="c")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return torch.from_numpy(items) if len(items) == count else None


def _write(
    file: Path, chosen: list[tuple[DomainDataset, int, int]], views: list[tuple[int, ...]], encoder: Encoder | None
) -> None:
    """Writes the items, views side by side, chunk by chunk: they need not fit into memory."""
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        store, row = None, 0
        bar = tqdm(total=len(chosen), desc="preparing the training images", unit="image")
        for start in range(0, len(chosen), _CHUNK):
            images = torch.stack([_image(*entry) for entry in chosen[start : start + _CHUNK]])
            items = torch.stack([_item(images.flip(axes), encoder) for axes in views], dim=1).flatten(0, 1).numpy()
            if store is None:
                shape = (len(chosen) * len(views), *items.shape[1:])
                store = np.lib.format.open_memmap(temporary, "w+", items.dtype, shape)
            store[row : row + len(items)] = items
            row += len(items)
            bar.update(len(images))
        bar.close()
        store.flush()
        disk.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Removes what killed runs left half made; what another one is making is locked."""
    for leftover in folder.glob(".*.npy.tmp"):
        with contextlib.suppress(Timeout), FileLock(_lock(folder / leftover.stem.removeprefix(".")), timeout=0):
            leftover.unlink(missing_ok=True)


def _lock(file: Path) -> Path:
    return file.with_name(f".{file.name}.lock")


def _image(split: DomainDataset, index: int, label: int) -> torch.Tensor:
    return split.images.target(index) if label == TARGET else split.images.source(index)


def _item(images: torch.Tensor, encoder: Encoder | None) -> torch.Tensor:
    return ((images + 1) * 127.5).round().to(torch.uint8) if encoder is None else encoder.encode(images)
