"""Rendered portraits and their label maps, both from one geometry: the twin of CelebAMask-HQ.

It serves tests and trial runs, and is no likeness: every class is an ellipse or a few of them on a canvas of 256 px, in
the order of the genuine annotation, where later classes cover earlier ones. The photograph gives each class a colour,
a light from one side, and noise whose spectrum falls as that of photographs does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from spectral_collapse.datasets.drawing import CANVAS, generator, noise

VERSION = 2
"""Part of the twin's fingerprint: increase it when the pictures change."""

CLASSES = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip",
    "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""The 19 classes of CelebAMask-HQ by number; eye_g are glasses, ear_r earrings, neck_l a necklace."""

# Ellipses (x, y, half width, half height) of a face whose middle is (0, 0), half as wide and as high as 1.
_SHAPES = {
    "skin": [(0, 0, 1, 1)],
    "nose": [(0, 0.15, 0.16, 0.24)],
    "eye_g": [(-0.42, -0.1, 0.32, 0.2), (0.42, -0.1, 0.32, 0.2), (0, -0.12, 0.14, 0.04)],
    "l_eye": [(-0.42, -0.1, 0.17, 0.07)],
    "r_eye": [(0.42, -0.1, 0.17, 0.07)],
    "l_brow": [(-0.42, -0.28, 0.24, 0.05)],
    "r_brow": [(0.42, -0.28, 0.24, 0.05)],
    "l_ear": [(-1.02, -0.02, 0.11, 0.2)],
    "r_ear": [(1.02, -0.02, 0.11, 0.2)],
    "mouth": [(0, 0.56, 0.24, 0.05)],
    "u_lip": [(0, 0.52, 0.26, 0.045)],
    "l_lip": [(0, 0.63, 0.23, 0.06)],
    "hair": [(0, -0.78, 0.95, 0.42), (-1.0, -0.3, 0.16, 0.6), (1.0, -0.3, 0.16, 0.6)],
    "hat": [(0, -1.0, 1.05, 0.38)],
    "ear_r": [(-1.04, 0.24, 0.06, 0.08), (1.04, 0.24, 0.06, 0.08)],
    "neck_l": [(0, 1.4, 0.5, 0.05)],
    "neck": [(0, 1.15, 0.5, 0.34)],
    "cloth": [(0, 2.0, 1.8, 0.62)],
}
_SOMETIMES = {"eye_g": 0.2, "hat": 0.15, "ear_r": 0.3, "neck_l": 0.2, "mouth": 0.5, "hair": 0.95}
"""How often faces have what not all have."""
_ORDER = ("neck", *(name for name in CLASSES[1:] if name not in ("neck", "neck_l")), "neck_l")
"""In which areas are painted, so that the chin covers the neck."""

_FLESH = np.array([[240, 206, 184], [214, 168, 138], [160, 112, 82], [112, 76, 56]], np.float32)
_COLORS = {"l_brow": 0.4, "r_brow": 0.4, "l_eye": 1.1, "r_eye": 1.1, "u_lip": 0.7, "l_lip": 0.75, "mouth": 1.1}
"""Of the brightness of the skin."""


def photograph(seed: int, index: int) -> NDArray[np.uint8]:
    """The photograph of face number `index` of a series: 256 x 256 x 3, 0..255."""
    (labels, colors), rng = _designed(seed, index), generator(seed, index, 1)
    down, right = np.mgrid[:CANVAS, :CANVAS].astype(np.float32) / CANVAS - 0.5
    side = rng.uniform(-0.6, 0.6)
    rough = np.where(np.isin(labels, [CLASSES.index("hair"), CLASSES.index("cloth")]), 3, 1)
    texture = sum(noise(rng, cells) / cells**0.5 for cells in (8, 16, 32, 64, 128))
    gain = 1 + side * right - 0.3 * down + 0.12 * rough * texture
    gain = gain + 0.015 * rng.standard_normal(labels.shape, np.float32)
    seen = gaussian_filter(colors[labels] * gain[..., None], (0.7, 0.7, 0))
    return np.clip(seen, 0, 255).astype(np.uint8)


def label_map(seed: int, index: int) -> NDArray[np.uint8]:
    """The class of each of its pixels, as a position in `CLASSES`: 256 x 256."""
    return _designed(seed, index)[0]


@lru_cache(maxsize=2)
def _designed(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The label map and the colour of each class, rgb, 0..255; kept for a moment, because a test pair asks for both
    pictures of a face."""
    rng = generator(seed, index, 0)
    x, y = CANVAS / 2 + rng.normal(0, 4), 0.54 * CANVAS + rng.normal(0, 4)
    wide, tall = rng.uniform(56, 68), rng.uniform(78, 92)
    labels = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(labels)
    for name in _ORDER:
        if rng.random() < _SOMETIMES.get(name, 1):
            for left, up, half, high in _SHAPES[name]:
                half, high = half * rng.uniform(0.85, 1.15), high * rng.uniform(0.85, 1.15)
                x0, x1 = x + wide * np.array([left - half, left + half])
                y0, y1 = y + tall * np.array([up - high, up + high])
                pen.ellipse((x0, y0, x1, y1), fill=CLASSES.index(name))
    skin = _FLESH[rng.integers(len(_FLESH))] * rng.uniform(0.9, 1.05)
    colors = rng.uniform(30, 210, (len(CLASSES), 3)).astype(np.float32)
    for name in ("skin", "nose", "eye_g", "l_ear", "r_ear", "neck", *_COLORS):
        colors[CLASSES.index(name)] = skin * _COLORS.get(name, 0.85 if name in ("neck", "nose") else 1)
    return np.asarray(labels), colors
