"""Where a latent lies between the noise that an image was made from and the image itself."""

from __future__ import annotations

import math
from typing import NamedTuple

from spectral_collapse import memory
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.later import torch
from spectral_collapse.metrics.base import ScoreInfo
from spectral_collapse.metrics.blocks import element_blocks
from spectral_collapse.metrics.ranges import check_latents, pieces


class Triangle(NamedTuple):
    """Angles in degrees at each corner and L2 lengths of each side of noise - image - latent; float64 (N,)."""

    angle_at_noise: torch.Tensor
    angle_at_image: torch.Tensor
    angle_at_latent: torch.Tensor
    noise_to_image: torch.Tensor
    image_to_latent: torch.Tensor
    noise_to_latent: torch.Tensor


class NearestNoise(NamedTuple):
    """noise_of_image: share of images whose nearest noise is their own; image_of_noise: share of noises
    whose nearest image is their own.
    """

    noise_of_image: float
    image_of_noise: float


def triangle(noises: torch.Tensor, images: torch.Tensor, latents: torch.Tensor) -> Triangle:
    """The triangle of each noise, the image sampled from it and the latent inverted from that, all (N, C, H, W).

    The angles of a sample sum to 180 degrees. TABA's code averages cosines over samples before it
    takes the angle; here each sample has its own. An angle with a side of length 0 does not exist and
    is NaN: those at noise and latent, where the inversion is perfect. Images are those in the
    latents' space (encoded, for a latent diffusion model).

    Raises InvalidParameterError (shapes differ, not a batch), DataError (empty), NotFiniteError.
    """
    noises, images, latents = _checked("triangle", noises=noises, images=images, latents=latents)
    sides = []
    for piece in pieces(noises, images, latents):
        noise, image, latent = (part.flatten(1).double() for part in piece)
        sides.append(torch.stack([(a - b).norm(dim=1) for a, b in ((noise, image), (image, latent), (noise, latent))]))
    noise_image, image_latent, noise_latent = torch.cat(sides, 1)
    return Triangle(
        _angle(noise_image, noise_latent, image_latent),
        _angle(noise_image, image_latent, noise_latent),
        _angle(image_latent, noise_latent, noise_image),
        noise_image,
        image_latent,
        noise_latent,
    )


def nearest_noise(noises: torch.Tensor, images: torch.Tensor) -> NearestNoise:
    """Whether noises and the images made from them, both (N, C, H, W), find each other by L2 distance.

    By chance either accuracy is 1 / N, so compare sets of equal N. For latents in place of images, or
    of noises, pass them in their place. Distances are exact, from inner products in float64 over
    blocks of elements.

    Raises InvalidParameterError (shapes differ, not a batch), DataError (fewer than two), NotFiniteError.
    """
    noises, images = _checked("nearest noise", noises=noises, images=images)
    count = len(noises)
    if count < 2:
        raise DataError("nearest noise is of a set and got 1 pair; give at least 2, better 100")
    memory.check(8 * count**2, f"nearest noise: the distances of {count} pairs", "give fewer", noises.device)
    distances = torch.zeros(count, count, dtype=torch.float64, device=noises.device)
    for noise, image in element_blocks(noises, images):
        distances += noise.square().sum(1, keepdim=True) + image.square().sum(1)
        distances.addmm_(noise, image.T, alpha=-2)
    own = torch.arange(count, device=noises.device)
    found = ((distances.argmin(dim) == own).double().mean().item() for dim in (0, 1))
    return NearestNoise(*found)


def _angle(left: torch.Tensor, right: torch.Tensor, opposite: torch.Tensor) -> torch.Tensor:
    """Degrees between two sides of a triangle, by the half-angle formula: exact near 0 and 180, where acos is not."""
    half = (left + right + opposite) / 2
    across = ((half - left) * (half - right)).clamp_min(0).sqrt()
    along = (half * (half - opposite)).clamp_min(0).sqrt()
    angle = 2 * torch.atan2(across, along).rad2deg()
    return torch.where((left == 0) | (right == 0), torch.nan, angle)


def _checked(score: str, **batches: torch.Tensor) -> list[torch.Tensor]:
    """Batches to compute with, in the order given."""
    ready = {name: check_latents(score, batch, name) for name, batch in batches.items()}
    shapes = {name: tuple(batch.shape) for name, batch in ready.items()}
    if len(set(shapes.values())) > 1:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InvalidParameterError(f"{score}: all batches must have the same shape, got {given}")
    return list(ready.values())


def _chance(shape: torch.Size) -> dict[str, object]:
    return {"chance": 1 / shape[0]}


_SOURCE = "There and Back Again, relation of noise, image and latent"

SCORES = (
    *(
        ScoreInfo(
            name=name,
            function=triangle,
            symbol=symbol,
            higher_is_better=better,
            range=(0.0, top),
            inputs="noise, image and latent",
            per="sample",
            source=_SOURCE,
            units=units,
            field=name,
        )
        for name, symbol, top, units, better in (
            ("angle_at_noise", "∠ noise", 180.0, "°", None),
            ("angle_at_image", "∠ image", 180.0, "°", None),
            ("angle_at_latent", "∠ latent", 180.0, "°", None),
            ("noise_to_image", "|noise - image|", math.inf, "1", None),
            ("image_to_latent", "|image - latent|", math.inf, "1", None),
            ("noise_to_latent", "|noise - latent|", math.inf, "1", False),
        )
    ),
    *(
        ScoreInfo(
            name=name,
            function=nearest_noise,
            symbol=symbol,
            higher_is_better=None,
            range=(0.0, 1.0),
            inputs="noise and image",
            per="set",
            source=_SOURCE,
            field=name,
            notes=_chance,
        )
        for name, symbol in (
            ("noise_of_image", "Noise found from image"),
            ("image_of_noise", "Image found from noise"),
        )
    ),
)
