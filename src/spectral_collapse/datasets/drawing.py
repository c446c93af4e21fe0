"""Shared code of the renderers that draw lines and areas: curves, noise, light, and random numbers per purpose."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

CANVAS = 256
"""Side in pixels of what they draw; other sizes are made from it."""

Curve = NDArray[np.float64]
"""n x 2 points (x, y)."""
Plane = NDArray[np.float32]
"""256 x 256 values."""


def generator(seed: int, index: int, purpose: int) -> np.random.Generator:
    """Separate random numbers for design, photograph and drawing, so that either picture can be made alone."""
    return np.random.default_rng((seed, index, purpose))


def spline(points: ArrayLike, steps: int = 8) -> Curve:
    """A Catmull-Rom curve through the points, `steps` per segment."""
    points = np.asarray(points, np.float64)
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    windows = np.stack([padded[i : len(padded) - 3 + i] for i in range(4)], axis=1)
    inner = np.einsum("tk,skd->std", _catmull_rom(steps), windows).reshape(-1, 2)
    return np.concatenate([inner, points[-1:]])


@cache
def _catmull_rom(steps: int) -> NDArray[np.float64]:
    t = np.arange(steps) / steps
    powers = np.stack([np.ones_like(t), t, t**2, t**3], axis=1)
    return powers @ (0.5 * np.array([(0, 2, 0, 0), (-1, 0, 1, 0), (2, -5, 4, -1), (-1, 3, -3, 1)]))


def noise(rng: np.random.Generator, cells: int, side: int = CANVAS) -> Plane:
    """Smooth noise of unit variance with so many independent values along a side."""
    return enlarged(rng.standard_normal((cells, cells), np.float32), side) * 1.25


def enlarged(values: NDArray[np.float32], side: int = CANVAS) -> Plane:
    """Values on a square grid at another size, bilinear."""
    return np.asarray(Image.fromarray(np.float32(values)).resize((side, side), Image.Resampling.BILINEAR))


def facing(height: Plane, way: NDArray[np.float64]) -> Plane:
    """Cosine between the normals of a surface, at half the canvas' size, and a direction (right, down, outward)."""
    down, right = np.gradient(14 * height)
    return (way[2] - way[0] * right - way[1] * down) / np.sqrt(1 + right**2 + down**2)


def flat(curve: Curve) -> list[float]:
    """x, y, x, y ... as Pillow's drawing functions take them."""
    return curve.ravel().tolist()
