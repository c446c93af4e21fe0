"""The training images of a run, in memory, drawn so that any step can be drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from tqdm.auto import tqdm

from spectral_collapse import datasets
from spectral_collapse.datasets.base import NULL, TARGET
from spectral_collapse.errors import DataError
from spectral_collapse.training.recipes import Recipe


@dataclass(frozen=True)
class Pool:
    """Images or latents (M x C x H x W, float32 or uint8) with a domain label each."""

    items: torch.Tensor
    labels: torch.Tensor
    origin: str
    data_source: str

    def draw(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """`count` items and labels: half target, half source, the source domains in equal shares."""
        targets, sources = self.labels == TARGET, self.labels != TARGET
        weights = targets / targets.sum().clamp(min=1) + sources / sources.sum().clamp(min=1)
        chosen = torch.multinomial(weights.float(), count, replacement=True, generator=generator)
        return as_images(self.items[chosen]), self.labels[chosen]


def as_images(items: torch.Tensor) -> torch.Tensor:
    """uint8 0..255 as float32 in [-1, 1]; floating-point tensors as they are."""
    return items.float() / 127.5 - 1 if items.dtype == torch.uint8 else items


def load_pool(recipe: Recipe, source: str, root: str | None) -> Pool:
    """The unpaired training images of a recipe's data sets, as uint8."""
    items, labels, origins, kinds = [], [], [], set()
    for name in recipe.datasets:
        real_only = datasets.info(name).render is None
        split = datasets.load(name, "train", recipe.size, "real" if real_only else source, root)
        batch = split.stack()
        # Every image of the target domain is the same in all data sets of a family: count it once.
        repeated = bool(items) and recipe.kind == "denoiser"
        fresh = batch.label != TARGET if repeated else torch.ones(len(split), dtype=torch.bool)
        items.append(((batch.image[fresh] + 1) * 127.5).round().to(torch.uint8))
        labels.append(batch.label[fresh])
        origins.append(split.origin)
        kinds.add(split.kind)
    pool = Pool(torch.cat(items), torch.cat(labels), " ".join(dict.fromkeys(origins)), "+".join(sorted(kinds)))
    if not bool((pool.labels == TARGET).any()) or not bool((pool.labels != TARGET).any()):
        raise DataError(
            f"recipe {recipe.name!r} found {len(pool.labels)} training images, all of one domain; add images"
        )
    return pool


def encode_pool(pool: Pool, encode: Callable[[torch.Tensor], torch.Tensor], flips: tuple[int, ...]) -> Pool:
    """The latents of all images and of their mirrored copies: the autoencoder runs once, not at every step."""
    views = list(_mirrored(flips))
    chunks = [(axes, chunk) for axes in views for chunk in pool.items.split(256)]
    latents = [encode(as_images(chunk).flip(axes)) for axes, chunk in tqdm(chunks, desc="encoding the training images")]
    return Pool(torch.cat(latents), pool.labels.repeat(len(views)), pool.origin, pool.data_source)


def drop_labels(labels: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Labels with a random share of them replaced by the null label."""
    return torch.where(torch.rand(len(labels), generator=generator) < share, NULL, labels)


def flip_randomly(images: torch.Tensor, axes: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Images, each mirrored along each axis with probability 1/2."""
    for axis in axes:
        chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
        images = torch.where(chosen, images.flip(axis), images)
    return images


def _mirrored(axes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Every combination of mirrored axes, the original first."""
    yield ()
    for i, axis in enumerate(axes):
        for others in _mirrored(axes[:i]):
            yield (*others, axis)
