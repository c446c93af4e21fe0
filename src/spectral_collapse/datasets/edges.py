"""Line drawings: made from photographs, and reduced so that their lines stay visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label, minimum_filter

from spectral_collapse.later import torch

SIDE = 256
"""Edges2Shoes' own size, at which edges are found and lines are one pixel wide."""
SHORTEST = 25
"""Pixels; shorter pieces of line are taken for texture."""


def line_drawing(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Canny edges of a photograph, black on white (256 x 256, 0..255).

    photo: 256 x 256 x 3, 0..255, on a white ground. Edges are sought in the square root of the darkness
    (1 - the smallest channel), in which a pale shoe stands out from its ground. The genuine drawings
    come from a learned detector (HED) that judges which edges matter; smoothing, thresholds and the
    shortest line were chosen on ten genuine pairs, where they draw as many lines (2.0 % of the pixels
    against 2.1 %) in the same places: 91 % of what they draw lies within 3 px of a genuine line, and
    75 % of the genuine lines are found.
    """
    from skimage.feature import canny

    darkness = np.sqrt(1 - photo.min(axis=2).astype(np.float32) / 255)
    lines = canny(darkness, sigma=2.5, low_threshold=0.1, high_threshold=0.2, mode="nearest")
    pieces, _ = label(lines, np.ones((3, 3)))
    kept = lines & (np.bincount(pieces.ravel())[pieces] >= SHORTEST)
    return np.where(kept, 0, 255).astype(np.uint8)


def reduced_drawing(drawing: NDArray[np.uint8], size: int) -> torch.Tensor:
    """A 256 x 256 drawing at another size, 3 x size x size in [-1, 1].

    Before the averaging a line is widened to three quarters of a target pixel, so that it keeps that
    much of its blackness; a one-pixel line would fade to a quarter at 64 px.
    """
    width = max(round(0.75 * SIDE / size), 1)
    return resized(np.repeat(minimum_filter(drawing, width)[..., None], 3, axis=2), size)


def resized(pixels: NDArray[np.uint8], size: int) -> torch.Tensor:
    """Height x width x 3 pixels, 0..255, as 3 x size x size in [-1, 1]: averaged over areas when reduced."""
    kernel = Image.Resampling.BOX if size <= min(pixels.shape[:2]) else Image.Resampling.BICUBIC
    scaled = np.asarray(Image.fromarray(pixels).resize((size, size), kernel), np.float32)
    return torch.from_numpy(scaled).permute(2, 0, 1).contiguous() / 127.5 - 1


def reduced(read: Callable[..., Any], reduce: Callable[..., torch.Tensor], size: int, *place: Any) -> torch.Tensor:
    """A picture that `read` reads or draws at a place, reduced to a size."""
    return reduce(read(*place), size)
