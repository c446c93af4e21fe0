"""Rendered portraits and their label maps, both from one geometry: the twin of CelebAMask-HQ.

A face is designed at 256 px as the genuine, aligned pictures show it: from the front, eyes a little above the middle.
The label map is what is painted: every class has its areas, in the order of the genuine annotation, where later ones
cover earlier ones. The photograph shades the same areas: a surface that swells from the outlines, hair as strands
that fall from the crown, pores, woven cloth, a background out of focus, and the camera's noise.

No genuine pictures were at hand: proportions and colours are set by eye, and amplitudes so that the spectrum falls as
photographs' do (slope -2.8 at 64 px; the paper's Figure 9 has about -3.5 for its data sets, at 256 px).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, map_coordinates

from spectral_collapse.datasets.drawing import CANVAS, Curve, Plane, enlarged, facing, flat, generator, noise, spline

VERSION = 1
"""Part of the twin's fingerprint: count it up when the pictures change."""

CLASSES = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip",
    "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""The 19 classes of CelebAMask-HQ by number; eye_g are glasses, ear_r earrings, neck_l a necklace."""

_BROWS = ("l_brow", "r_brow")
_HEAD = ("skin", "nose", "eye_g", "l_eye", "r_eye", *_BROWS, "mouth", "u_lip", "l_lip")
_FLESH = ("skin", "nose", "l_ear", "r_ear", "u_lip", "l_lip", "neck")
_PAINT = {
    "l_brow": "brow", "r_brow": "brow", "u_lip": "lip", "l_lip": "lip", "mouth": "teeth", "hair": "hair", "hat": "hat",
    "ear_r": "metal", "neck_l": "metal", "cloth": "cloth",
}  # fmt: skip
"""The colour of a class in `Face.colors`; of all others it is the skin's."""

Color = NDArray[np.float32]

_SKIN = np.array(
    [[240, 206, 184], [228, 186, 158], [214, 168, 138], [196, 146, 112], [160, 112, 82], [112, 76, 56]], np.float32
)
_HAIR = np.array(
    [[34, 28, 26], [58, 42, 34], [92, 64, 44], [138, 98, 60], [196, 158, 104], [150, 70, 40], [170, 168, 166]],
    np.float32,
)
_EYES = np.array([[70, 46, 30], [92, 66, 40], [86, 110, 132], [96, 112, 76]], np.float32)
_SHADES = np.array(
    [[30, 30, 34], [225, 222, 216], [60, 76, 120], [140, 40, 46], [110, 110, 112], [70, 92, 74]], np.float32
)


@dataclass
class Face:
    """Geometry and colours of one portrait; colours are rgb, 0..255."""

    areas: list[tuple[str, Curve]] = field(default_factory=list)
    """Class and outline, in the order of painting."""
    colors: dict[str, Color] = field(default_factory=dict)
    eyes: list[tuple[float, float, float]] = field(default_factory=list)
    """Centre (x, y) and radius of each iris; none behind dark glasses."""
    creases: list[Curve] = field(default_factory=list)
    """Dark lines: lids, nostrils, the line between the lips."""
    iris: Color = field(default_factory=lambda: _EYES[0])
    crown: tuple[float, float] = (CANVAS / 2, CANVAS / 4)
    """Where the hair grows from."""
    glass: float = 0.0
    """How dark glasses are, 0 to 1."""

    def add(self, name: str, points: ArrayLike) -> Curve:
        """An area with a smooth outline through the points."""
        points = np.asarray(points, np.float64)
        outline = spline(np.concatenate([points, points[:1]]), 6)
        self.areas.append((name, outline))
        return outline

    def turned(self, angle: float, about: tuple[float, float]) -> Face:
        """The same with the head inclined by an angle in radians; clothes stay as they are."""
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

        def move(points: Curve) -> Curve:
            return (points - about) @ turn + about

        areas = [(name, curve if name == "cloth" else move(curve)) for name, curve in self.areas]
        eyes = [(*move(np.array([eye[:2]]))[0], eye[2]) for eye in self.eyes]
        crown = tuple(move(np.array([self.crown]))[0])
        creases = [move(curve) for curve in self.creases]
        return Face(areas, self.colors, eyes, creases, self.iris, crown, self.glass)


def photograph(seed: int, index: int) -> NDArray[np.uint8]:
    """The photograph of face number `index` of a series: 256 x 256 x 3, 0..255."""
    return _photographed(_designed(seed, index), generator(seed, index, 1))


def label_map(seed: int, index: int) -> NDArray[np.uint8]:
    """The class of each of its pixels, as a position in `CLASSES`: 256 x 256."""
    return _labels(_designed(seed, index))


@lru_cache(maxsize=2)
def _designed(seed: int, index: int) -> Face:
    """Kept for a moment, because a test pair asks for both pictures of a face."""
    return design(generator(seed, index, 0))


def design(rng: np.random.Generator) -> Face:
    """Draws proportions, pose, hair, accessories and colours."""
    x, y = CANVAS / 2 + rng.normal(0, 3), 136 + rng.normal(0, 4)
    wide, tall = rng.uniform(58, 68), rng.uniform(80, 90)
    yaw = rng.normal(0, 5)
    """Pixels by which the middle of the face is seen to the side."""
    skin = _between(_SKIN, rng)
    hair = _between(_HAIR, rng) if rng.random() < 0.8 else _HAIR[rng.integers(len(_HAIR))]
    long, woman = rng.random() < 0.55, rng.random() < 0.55
    lips = skin * (0.95, 0.72, 0.72) if not woman else 0.6 * skin * (1.0, 0.6, 0.62) + 0.4 * np.array([196, 60, 80])
    face = Face(
        colors={
            "skin": skin,
            "hair": hair,
            "brow": 0.75 * hair + 0.1 * skin,
            "lip": lips,
            "cloth": _SHADES[rng.integers(len(_SHADES))] * rng.uniform(0.6, 1.15),
            "hat": _SHADES[rng.integers(len(_SHADES))] * rng.uniform(0.6, 1.1),
            "teeth": np.array([226, 216, 206]) * rng.uniform(0.75, 1.0),
            "metal": np.array([206, 186, 140]) * rng.uniform(0.7, 1.15),
            "near": rng.uniform(20, 235) + rng.normal(0, 14, 3),
            "far": rng.uniform(20, 235) + rng.normal(0, 14, 3),
        },
        iris=_EYES[rng.integers(len(_EYES))],
        crown=(x - 0.5 * yaw + rng.normal(0, 12), y - tall - rng.uniform(10, 26)),
    )
    chin, jaw = y + tall, rng.uniform(0.72, 0.9)

    def mirrored(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """Right of the middle downwards, and back up on the left."""
        points = list(points)
        return [(x + dx, py) for dx, py in points] + [(x - dx, py) for dx, py in reversed(points)]

    width = wide + rng.uniform(14, 22)
    if long:
        end = rng.uniform(chin - 5, CANVAS + 30)
        face.add(
            "hair",
            mirrored([
                (0.45 * width, y - tall - 22), (0.95 * width, y - 0.55 * tall), (1.06 * width, y + 0.2 * tall),
                (rng.uniform(0.9, 1.3) * width, end - 20), (0.5 * width, end),
            ]),
        )  # fmt: skip
    for side, name in ((-1, "l_ear"), (1, "r_ear")):
        if not long or rng.random() < 0.35:
            ear = x + side * (wide + 2)
            face.add(name, [(ear - 4 * side, y - 18), (ear + 6 * side, y - 20), (ear + 8 * side, y), (ear, y + 16)])
            if woman and rng.random() < 0.4:
                drop = rng.uniform(5, 16)
                face.add("ear_r", [(ear + dx, y + 16 + dy) for dx, dy in ((-3, 0), (3, 0), (4, drop), (-4, drop))])
    neck = rng.uniform(0.5, 0.68) * wide
    face.add("neck", mirrored([(neck, y + 0.5 * tall), (neck, chin + 18), (neck + 26, CANVAS + 12)]))
    if woman and rng.random() < 0.2:
        low = chin + rng.uniform(16, 26)
        face.add("neck_l", mirrored([(0, low + 8), (neck, low), (neck, low + 3), (0, low + 12)]))
    shoulder = rng.uniform(80, 125)
    dip = chin + rng.uniform(24, 48)
    face.add(
        "cloth",
        mirrored([(0, dip), (0.8 * neck, dip - 8), (shoulder, chin + rng.uniform(28, 44)), (150, 300), (0, 320)]),
    )
    face.add(
        "skin",
        mirrored([
            (0.6 * wide, y - 0.92 * tall), (0.97 * wide, y - 0.4 * tall), (wide, y), (jaw * wide, y + 0.58 * tall),
            (0.36 * wide, chin - 3), (0.0, chin),
        ]),
    )  # fmt: skip
    _add_features(face, x + yaw, y, wide, tall, woman, rng)

    line = y - rng.uniform(0.56, 0.78) * tall
    part = rng.uniform(-0.5, 0.5) * wide
    top = y - tall - rng.uniform(8, 20)
    side = y + rng.uniform(-0.2, 0.5) * tall if long else y - rng.uniform(0.1, 0.35) * tall
    if rng.random() > 0.04:
        outer = [
            (-1.08, side),
            (-1.12, y - 0.5 * tall),
            (-0.7, top + 12),
            (0, top),
            (0.7, top + 12),
            (1.12, y - 0.5 * tall),
        ]
        inner = [(1.08, side), (0.92, y - 0.3 * tall), (0.7, line + 6), (part / wide, line), (-0.7, line + 6)]
        inner.append((-0.92, y - 0.3 * tall))
        face.add("hair", [(x + share * wide, py) for share, py in outer + inner])
    if rng.random() < 0.05:
        brim = y - rng.uniform(0.5, 0.6) * tall
        face.add(
            "hat", mirrored([(0.3 * width, top - 26), (1.05 * width, top + 16), (1.25 * width, brim), (0, brim + 8)])
        )
    return face.turned(rng.normal(0, 0.05), (x, chin))


def _add_features(
    face: Face, x: float, y: float, wide: float, tall: float, woman: bool, rng: np.random.Generator
) -> None:
    """Nose, eyes, brows, lips and, now and then, glasses; x is the middle of the face as it is seen."""
    apart, level = 0.44 * wide, y - rng.uniform(0.08, 0.14) * tall
    broad, open_ = rng.uniform(10.5, 13), rng.uniform(4.5, 7)
    base = y + rng.uniform(0.26, 0.34) * tall
    nose = rng.uniform(9, 14)
    face.add(
        "nose",
        [(x - 4, level), (x + 4, level), (x + 6, base - 14), (x + nose, base - 3), (x, base + 3), (x - nose, base - 3),
         (x - 6, base - 14)],
    )  # fmt: skip
    face.creases += [
        spline([(x + side * 3, base + 1), (x + side * 6, base + 2), (x + side * (nose - 1), base - 3)])
        for side in (-1, 1)
    ]
    if rng.random() < 0.08:
        face.glass = rng.choice([0.05, 0.85], p=[0.7, 0.3])
        lens = rng.uniform(15, 19)
        for side in (-1, 1):
            at = x + side * (apart + 1)
            face.add("eye_g", _box(at - lens, level - 8, at + lens, level + 11))
        face.add("eye_g", _box(x - 9, level - 4, x + 9, level - 1))
    for side, eye, brow in ((-1, "l_eye", "l_brow"), (1, "r_eye", "r_brow")):
        at = x + side * apart
        arch, thick = rng.uniform(3, 7), rng.uniform(1.2, 2.2) if woman else rng.uniform(2.0, 3.4)
        height = level - rng.uniform(14, 19)
        over = [
            (at - 1.4 * broad, height + 3),
            (at + 0.2 * side * broad, height - arch),
            (at + 1.4 * broad, height + 2),
        ]
        face.add(brow, [(px, py - thick) for px, py in over] + [(px, py + thick) for px, py in reversed(over)])
        if face.glass > 0.5:
            continue  # nothing is annotated that cannot be seen
        slant = rng.normal(0, 0.8)
        corners = [
            (at - broad, level + slant),
            (at, level - open_),
            (at + broad, level - slant),
            (at, level + 0.8 * open_),
        ]
        outline = face.add(eye, corners)
        face.creases.append(outline[: len(outline) // 2])
        face.creases.append(spline([(at - broad, level - 3), (at, level - open_ - 4), (at + broad, level - 3)]))
        face.eyes.append((at + rng.normal(0, 1.2), level - 0.3, rng.uniform(5, 6)))
    mouth = y + rng.uniform(0.52, 0.58) * tall
    half, full = rng.uniform(17, 25), rng.uniform(4, 7)
    smile = rng.uniform(-1, 5)
    gap = rng.uniform(2, 6) if smile > 2 and rng.random() < 0.7 else 0.0
    left, right = (x - half, mouth - smile), (x + half, mouth - smile)
    if gap:
        face.add("mouth", [left, (x, mouth - 1), right, (x, mouth + gap + smile)])
    upper = [left, (x - 6, mouth - full), (x, mouth - full + 2), (x + 6, mouth - full), right, (x, mouth + 0.4)]
    face.add("u_lip", upper)
    face.add("l_lip", [left, (x, mouth + gap + 0.4), right, (x, mouth + gap + 1.4 * full)])
    face.creases.append(spline([left, (x, mouth + 0.5 * gap), right]))


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _labels(face: Face) -> NDArray[np.uint8]:
    labels = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(labels)
    for name, curve in face.areas:
        pen.polygon(flat(curve), fill=CLASSES.index(name))
    return np.asarray(labels)


def _photographed(face: Face, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The areas with their colours, textures and light, as a camera sees them."""
    labels = _labels(face)
    flesh, hair, brows, fabric = (_among(labels, names) for names in (_FLESH, ("hair",), _BROWS, ("cloth", "hat")))
    person = labels > 0
    colors = np.empty((len(CLASSES), 3), np.float32)
    for number, name in enumerate(CLASSES):
        colors[number] = face.colors[_PAINT.get(name, "skin")]
    colors[CLASSES.index("eye_g")] *= 1 - face.glass
    picture = np.where(person[..., None], colors[labels], _background(face, rng))
    _paint_eyes(picture, face, labels, rng)

    gain = np.ones(labels.shape, np.float32)
    pores = 0.022 * noise(rng, 128) + rng.uniform(0.01, 0.04) * rng.standard_normal(labels.shape, np.float32)
    gain += flesh * (pores + 0.03 * noise(rng, 40) + 0.02 * noise(rng, 12))
    gain += fabric * (0.07 * noise(rng, 24) + 0.09 * noise(rng, 160) + 0.05 * _weave(rng))
    gain += hair * (0.34 * _strands(face, rng)) + brows * (0.4 * noise(rng, 128))
    light, shine = _light(labels, rng)
    gain = np.clip(gain, 0.1, None) * np.where(person, light * _marks(face, rng), 1)
    glint = shine * (30 * flesh + 36 * hair)
    tint = np.float32([1.0, 0.97, 0.93]) ** np.float32(rng.uniform(-1, 1))
    seen = (picture * gain[..., None] + glint[..., None]) * tint

    focused = gaussian_filter(seen, (0.7, 0.7, 0), truncate=3.0)
    grain = np.float32(rng.uniform(1.0, 3.0)) * rng.standard_normal(seen.shape, np.float32)
    return np.clip(focused + grain, 0, 255).astype(np.uint8)


def _marks(face: Face, rng: np.random.Generator) -> Plane:
    """What is drawn as lines: lids, nostrils, the line between the lips, the rims of glasses; 1 where there is none."""
    marks = Image.new("L", (CANVAS, CANVAS), 128)
    pen = ImageDraw.Draw(marks)
    for curve in face.creases:
        pen.line(flat(curve), fill=int(rng.uniform(50, 80)), width=2)
    for name, curve in face.areas:
        if name == "eye_g":
            pen.line(flat(curve), fill=30, width=3)
    return gaussian_filter(np.asarray(marks, np.float32) / 128, 0.8)


def _among(labels: NDArray[np.uint8], names: Iterable[str]) -> NDArray[np.bool_]:
    """Whether a pixel is of one of the classes."""
    chosen = np.zeros(len(CLASSES), bool)
    chosen[[CLASSES.index(name) for name in names]] = True
    return chosen[labels]


def _background(face: Face, rng: np.random.Generator) -> NDArray[np.float32]:
    """Two colours that merge, with something out of focus in it."""
    down, right = np.mgrid[0:CANVAS:1, 0:CANVAS:1].astype(np.float32) / CANVAS
    way = rng.uniform(0, 2 * np.pi)
    share = 1 / (1 + np.exp(-6 * (np.cos(way) * (right - 0.5) + np.sin(way) * (down - 0.5) + 0.25 * noise(rng, 6))))
    blend = face.colors["near"] + share[..., None] * (face.colors["far"] - face.colors["near"])
    return np.float32(blend * (1 + 0.08 * noise(rng, 16) + 0.03 * noise(rng, 48))[..., None])


def _paint_eyes(picture: NDArray[np.float32], face: Face, labels: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """White, iris, pupil and the lamp's reflection, inside the lids only."""
    bright = rng.uniform(0.8, 1.0)
    for name, (x, y, radius) in zip(("l_eye", "r_eye"), face.eyes, strict=False):
        rows, columns = (slice(max(int(at) - 24, 0), int(at) + 24) for at in (y, x))
        part, inside = picture[rows, columns], labels[rows, columns] == CLASSES.index(name)
        down, right = np.ogrid[rows, columns]
        distance = np.hypot(right - x, down - y)
        rays = 1 + 0.25 * np.cos(12 * np.arctan2(down - y, right - x))
        part[inside] = np.array([232, 226, 220]) * bright
        iris = inside & (distance < radius)
        part[iris] = (face.iris * rays[..., None])[iris]
        part[inside & (distance < 0.42 * radius)] = 14
        part[inside & (np.hypot(right - x + 1.5, down - y + 1.5) < 1.3)] = 250


def _light(labels: NDArray[np.uint8], rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Shading and gloss: the head, nose, lips and lids swell from their outlines, the eyes lie deeper."""
    half = labels[::2, ::2]

    def swell(names: tuple[str, ...], width: float) -> Plane:
        return gaussian_filter(_among(half, names).astype(np.float32), width, truncate=3.0)

    height = (
        1.1 * np.sqrt(swell((*_HEAD, "hair", "hat"), 12)) + 0.5 * np.sqrt(swell(_HEAD, 8)) + 0.28 * swell(("nose",), 3)
        + 0.1 * swell(("u_lip", "l_lip"), 1.5) - 0.22 * swell(("l_eye", "r_eye"), 4) + 0.1 * swell(_BROWS, 3)
        + 0.6 * np.sqrt(swell(("cloth",), 8)) + 0.02 * noise(rng, 16, CANVAS // 2)
    )  # fmt: skip
    lamp = np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.6, -0.2), 0.8])
    lamp /= np.linalg.norm(lamp)
    half_way = lamp + np.array([0.0, 0.0, 1.0])
    gloss = np.clip(facing(height, half_way / np.linalg.norm(half_way)), 0, 1) ** rng.uniform(12, 40)
    # The neck lies in the shadow of the head.
    shadow = 1 - 0.35 * gaussian_filter((half == CLASSES.index("neck")).astype(np.float32), 3)
    return enlarged((0.42 + 0.68 * np.clip(facing(height, lamp), 0, 1)) * shadow), enlarged(gloss)


def _strands(face: Face, rng: np.random.Generator) -> Plane:
    """Hair, unit variance: strands that leave the crown in all directions and fall."""
    down, right = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    x, y = right - face.crown[0], down - face.crown[1]
    wave = rng.uniform(0, 6) * np.sin(y / rng.uniform(8, 26) + rng.uniform(0, 6)) + 5 * noise(rng, 10)
    across = np.arctan2(x + wave * np.clip(y / 80, 0, 1), np.clip(y, 0, None) + 30)
    along = np.hypot(x, y)
    bank = _strand_bank()
    shift = rng.uniform(0, len(bank), 3)
    fine, coarse = (
        map_coordinates(bank, [shift[k] + rate * across, shift[2] + 0.05 * along], order=1, mode="grid-wrap")
        for k, rate in ((0, 260.0), (1, 70.0))
    )
    return np.float32(0.75 * fine + 0.6 * coarse)


@cache
def _strand_bank() -> Plane:
    """Periodic noise, 512 x 512, unit variance."""
    return np.random.default_rng(20240522).standard_normal((512, 512)).astype(np.float32)


def _weave(rng: np.random.Generator) -> Plane:
    """Two crossed waves, amplitude 1."""
    down, right = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
    turn, rate = rng.uniform(0, np.pi), 2 * np.pi * rng.uniform(20, 60) / CANVAS
    return np.sin(rate * (np.cos(turn) * right + np.sin(turn) * down)) * np.sin(
        rate * (np.cos(turn) * down - np.sin(turn) * right)
    )


def _between(colors: NDArray[np.float32], rng: np.random.Generator) -> Color:
    """A colour on the way from one of the list to the next, a little varied."""
    place = rng.uniform(0, len(colors) - 1)
    low = int(place)
    color = colors[low] + (place - low) * (colors[low + 1] - colors[low])
    return np.clip(color * rng.normal(1, 0.04, 3), 10, 250).astype(np.float32)
