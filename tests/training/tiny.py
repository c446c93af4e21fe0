"""Recipes and images small enough for tests."""

from __future__ import annotations

import dataclasses

import torch

from spectral_collapse.training import Recipe, recipes
from spectral_collapse.training.pool import Encoder, Pool
from spectral_collapse.training.validation import HeldOut


def tiny_pool(recipe: Recipe, source: str, root: object, encoder: Encoder | None = None) -> Pool:
    """Sixteen images of random numbers and two domains, or their latents."""
    images = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pool = Pool(images, torch.arange(16) % 2, "random numbers", "rendered", "0123")
    if encoder is None:
        return pool
    return dataclasses.replace(pool, items=encoder.encode(pool.take(torch.arange(16))))


def tiny_held_out(recipe: Recipe, source: str, root: object) -> HeldOut:
    """Eight pairs of random numbers."""
    images = torch.rand((16, 3, 32, 32), generator=torch.Generator().manual_seed(1)) * 2 - 1
    return HeldOut(images[:8], images[8:], 0)


def tiny_recipe(name: str, steps: int, **changes: object) -> Recipe:
    """A recipe at profile smoke, of so many steps, that looks at nothing unless told to."""
    settings = {"validate_every": 0, "save_every": 2, **changes}
    return recipes.get(name, "smoke").replace(steps=steps, **settings)
