"""Recipes: everything that decides what a training run produces, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spectral_collapse.errors import unknown


@dataclass(frozen=True)
class Recipe:
    """One training run.

    kind: 'autoencoder', or 'denoiser' for a class-conditional U-Net in the latents of `autoencoder`.
    datasets: data sets whose training splits are used together; those of one family share a network,
    each under its own source label. source: the data source of the shipped checkpoint. flips: axes of
    the images (-1 horizontal, -2 vertical) that are mirrored at random. Learning rate: linear warm-up,
    then a cosine to 0 at `steps` (AdamW). label_dropout: share of labels replaced by the null label.
    """

    name: str
    kind: Literal["autoencoder", "denoiser"]
    family: str
    datasets: tuple[str, ...]
    source: Literal["auto", "real", "rendered"]
    steps: int
    batch_size: int
    learning_rate: float
    ema_decay: float
    flips: tuple[int, ...]
    size: int = 64
    warmup: int = 100
    prediction: Literal["epsilon"] = "epsilon"
    autoencoder: str | None = "autoencoder"
    label_dropout: float = 0.1
    kl_weight: float = 1e-6
    precision: Literal["no", "bf16"] = "bf16"
    seed: int = 0


def _denoiser(family: str, datasets: tuple[str, ...], source: Literal["real", "rendered"], steps: int) -> Recipe:
    return Recipe(
        name=family,
        kind="denoiser",
        family=family,
        datasets=datasets,
        source=source,
        steps=steps,
        batch_size=32,
        learning_rate=5e-4,
        ema_decay=0.995,
        flips=(-1,),
    )


_PHOTOS = ("photos_x8", "photos_x16", "photos_x32")
_BBBC021 = ("bbbc021_x8", "bbbc021_x16", "bbbc021_x32")

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="autoencoder",
            kind="autoencoder",
            family="autoencoder",
            datasets=("photos_x8", "bbbc021_x8", "edges2shoes"),
            source="rendered",
            steps=2400,
            batch_size=8,
            learning_rate=5e-4,
            ema_decay=0.99,
            flips=(-1,),
            autoencoder=None,
        ),
        _denoiser("photos", _PHOTOS, "real", steps=2500),
        _denoiser("bbbc021", _BBBC021, "rendered", steps=1600),
        _denoiser("edges2shoes", ("edges2shoes",), "rendered", steps=1600),
    )
}


def get(name: str) -> Recipe:
    """A recipe by name. Raises InvalidParameterError with the known ones."""
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]
