"""Rendered shoes and their line drawings, both from one geometry: the twin of Edges2Shoes.

A shoe is designed in shoemaker's coordinates (x from the toe, 0, to the heel, 1; y up from the
ground) as the genuine pictures show it: from the side, toe to the left, on white, stretched 4:3
upwards. Photograph and drawing are made at 256 px, the genuine size, and reduced from there. As the genuine
photographs the rendered ones hold no more detail than 136 x 102 px do.

Amplitudes were set so that the high-frequency energy and the power in each octave come close to those of real
photographs at 64 px (energy within 0.3 of its logarithm, power within a factor of 1.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from spectral_collapse.datasets.drawing import CANVAS, Curve, Plane, enlarged, facing, flat, generator, noise, spline

Color = NDArray[np.float32]
"""rgb, 0..255."""

VERSION = 2
"""Part of the twin's fingerprint: increase it when the pictures change."""
PUBLISHED = (136, 102)
"""Width and height at which the genuine photographs were published before they were stretched to 256 x 256."""
WHITEST = 248
"""Only the ground is whiter, so that a white shoe has an outline."""

# Colours of real shoes, roughly in their shares (percent): much black and brown, some of everything.
_COLORS = {
    (28, 27, 28): 22, (40, 36, 36): 10, (66, 40, 30): 9, (98, 60, 38): 8, (142, 92, 54): 7,
    (190, 150, 104): 6, (222, 204, 176): 4, (120, 118, 116): 6, (176, 174, 172): 3, (228, 226, 224): 5,
    (36, 44, 78): 5, (52, 84, 150): 3, (170, 34, 44): 4, (214, 90, 140): 2, (60, 110, 76): 2,
    (222, 140, 48): 1, (70, 160, 186): 2, (104, 70, 130): 1,
}  # fmt: skip
_WHITE = np.array([232, 230, 226], np.float32)
_DARK = np.array([36, 33, 32], np.float32)
_LINING = np.array([[196, 156, 112], [214, 190, 160], [60, 54, 52], [150, 146, 144]], np.float32)
_RUBBER = np.array([[38, 36, 36], [36, 34, 34], [74, 52, 38], [150, 96, 50], [226, 224, 218]], np.float32)


class Form(NamedTuple):
    """What makes a kind of shoe. Points are (x, height above the sole); ranges are (least, most)."""

    toe: float
    vamp: tuple[tuple[float, float], ...]
    front: tuple[float, float]
    """Where the opening begins; then its near and its far rim, and where it ends above the heel."""
    near: tuple[float, float]
    far: tuple[float, float]
    back: tuple[float, float]
    lift: tuple[float, float]
    sole: tuple[float, float]
    wedge: float
    """Share of soles that reach the ground under the arch."""
    laced: float
    tilt: tuple[float, float]


FORMS = {
    "boot": Form(
        0.17, ((0.2, 0.22), (0.38, 0.36), (0.45, 0.62)), (0.45, 1.5), (0.7, 1.44), (0.7, 1.54), (0.96, 1.5),
        (0.04, 0.22), (0.03, 0.06), 0.3, 0.15, (0.0, 0.12),
    ),
    "ankle": Form(
        0.18, ((0.22, 0.25), (0.38, 0.4), (0.47, 0.58)), (0.5, 0.86), (0.74, 0.78), (0.74, 0.9), (0.97, 0.86),
        (0.03, 0.3), (0.03, 0.07), 0.3, 0.6, (0.04, 0.18),
    ),
    "oxford": Form(
        0.17, ((0.25, 0.25), (0.4, 0.37)), (0.55, 0.56), (0.78, 0.35), (0.76, 0.48), (0.98, 0.5),
        (0.02, 0.09), (0.03, 0.06), 0.2, 1.0, (0.06, 0.22),
    ),
    "loafer": Form(
        0.16, ((0.22, 0.24), (0.34, 0.32)), (0.46, 0.4), (0.72, 0.26), (0.7, 0.37), (0.98, 0.42),
        (0.01, 0.12), (0.02, 0.05), 0.3, 0.0, (0.08, 0.24),
    ),
    "sneaker": Form(
        0.16, ((0.22, 0.25), (0.38, 0.4)), (0.54, 0.62), (0.76, 0.36), (0.75, 0.47), (0.97, 0.54),
        (0.0, 0.05), (0.07, 0.12), 1.0, 0.9, (0.06, 0.24),
    ),
    "heel": Form(
        0.1, ((0.14, 0.14),), (0.28, 0.2), (0.62, 0.12), (0.62, 0.21), (0.97, 0.3),
        (0.3, 0.62), (0.015, 0.03), 0.12, 0.0, (0.02, 0.14),
    ),
    "flat": Form(
        0.11, ((0.13, 0.15),), (0.28, 0.2), (0.64, 0.1), (0.62, 0.22), (0.98, 0.3),
        (0.0, 0.04), (0.015, 0.03), 0.5, 0.0, (0.08, 0.24),
    ),
}  # fmt: skip


class Material(NamedTuple):
    """How a part looks: rgb 0..255, amplitude of the shoe's texture and of fine grain, gloss 0..1."""

    color: NDArray[np.float32]
    texture: float = 0.0
    grain: float = 0.03
    gloss: float = 0.1


_LINES = ("outlines", "seams", "stitches", "holes", "grooves")


class View(NamedTuple):
    """How the camera sees a shoe from the side: the ground rises by `tilt` from toe to heel, toe and heel are lifted
    by `bow` (times the squared distance from the ball), heights are stretched, the back is `round`, and the longer
    side fills a `share` of the picture."""

    tilt: float
    bow: float
    stretch: float
    round: float
    share: float


@dataclass
class Shoe:
    """Geometry and materials of one shoe."""

    upper: Curve
    parts: list[tuple[Curve, Material]] = field(default_factory=list)
    """Painted inside the upper, in order; the first is the upper itself."""
    attached: list[tuple[Curve, Material]] = field(default_factory=list)
    """Painted over everything: sole, heel, laces, straps."""
    outlines: list[Curve] = field(default_factory=list)
    """Inner lines that every drawing shows."""
    seams: list[Curve] = field(default_factory=list)
    """Inner lines of which a drawing shows some. Those below no drawing shows: dashed lines, dark dots, dark lines."""
    stitches: list[Curve] = field(default_factory=list)
    holes: list[Curve] = field(default_factory=list)
    grooves: list[Curve] = field(default_factory=list)

    def placed(self, view: View) -> Shoe:
        """As seen by the camera, fitted into the canvas."""
        everything = np.concatenate([self.upper, *(curve for curve, _ in self.attached)])
        bottom, height = everything[:, 1].min(), np.ptp(everything[:, 1])

        def see(curve: Curve) -> Curve:
            x, y = curve.T
            turned = x - view.round * np.clip(x, 0, None) ** 3 * (2 * (y - bottom) / height - 0.9) ** 2
            return np.stack([turned, view.stretch * y + view.tilt * x + view.bow * (x - 0.38) ** 2], axis=1)

        x, y = see(everything).T
        scale = view.share * min(CANVAS / np.ptp(x), CANVAS / np.ptp(y))
        middle = np.array([(x.max() + x.min()) / 2, (y.max() + y.min()) / 2])

        def place(curve: Curve) -> Curve:
            return CANVAS / 2 + scale * (see(curve) - middle) * (1, -1)

        return Shoe(
            place(self.upper),
            [(place(curve), material) for curve, material in self.parts],
            [(place(curve), material) for curve, material in self.attached],
            *([place(curve) for curve in getattr(self, lines)] for lines in _LINES),
        )


def photograph(seed: int, index: int) -> NDArray[np.uint8]:
    """The photograph of shoe number `index` of a series: 256 x 256 x 3, 0..255."""
    return _painted(_designed(seed, index), generator(seed, index, 1))


def drawing(seed: int, index: int) -> NDArray[np.uint8]:
    """Its line drawing, black on white: 256 x 256, 0 or 255."""
    return _drawn(_designed(seed, index), generator(seed, index, 2))


@lru_cache(maxsize=2)
def _designed(seed: int, index: int) -> Shoe:
    """Kept for a moment, because a test pair asks for both pictures of a shoe."""
    return design(generator(seed, index, 0))


def design(rng: Generator) -> Shoe:
    """Draws a kind, its proportions, its materials and its details."""
    kind = rng.choice(list(FORMS), p=[0.14, 0.14, 0.17, 0.12, 0.2, 0.13, 0.1])
    form = FORMS[kind]
    last = _Last(form, rng)
    laced = rng.random() < form.laced
    main, second = _color(rng), _color(rng)
    texture, gloss = rng.uniform(0.03, 0.22), rng.choice([0.05, 0.15, 0.5, 0.9], p=[0.3, 0.3, 0.25, 0.15])
    leather = Material(main, texture, 0.04, gloss)
    two_tone = rng.random() < (0.75 if kind == "sneaker" else 0.15)
    patch = Material(second if two_tone else main * rng.uniform(0.8, 1.15), texture * rng.uniform(0, 1), 0.04, gloss)
    shoe = Shoe(last.upper, [(last.upper, leather)])

    for name, share in _PANELS[kind].items():
        if rng.random() < share:
            seam = last.across(_SEAMS[name], rng)
            shoe.seams.append(seam)
            if name in _ENDS:
                shoe.parts.append((np.concatenate([seam, last.end(_ENDS[name])]), patch))
            if rng.random() < 0.6:
                shoe.stitches.append(seam + np.array([0.012, 0.0]))
            if rng.random() < (0.3 if kind == "oxford" else 0.06):
                shoe.holes.append(seam - np.array([0.014, 0.0]))
    if kind == "sneaker" or (kind == "ankle" and rng.random() < 0.3):
        _add_overlays(shoe, last, main, patch, rng)
    if kind == "sneaker" and rng.random() < 0.6:
        _decorate(shoe, last, Material(_color(rng) if two_tone else _WHITE, 0.0, 0.03, gloss), rng)
    lining = Material(_LINING[rng.integers(len(_LINING))] if rng.random() < 0.7 else main * 0.6, 0.03, 0.05, 0.0)
    shoe.parts.append((np.concatenate([last.near, last.far[::-1]]), lining))
    shoe.outlines.append(last.near)
    if rng.random() < 0.6:
        shoe.seams.append(last.near[2:-2] - (0.0, 0.035))

    rubber = Material(_RUBBER[rng.integers(len(_RUBBER))], 0.0, 0.06, 0.1)
    _add_sole(shoe, last, kind, rubber, main, rng)
    if laced:
        lace = _color(rng) if rng.random() < 0.4 else (_DARK if main.mean() < 130 else _WHITE)
        _add_laces(shoe, last, Material(lace.astype(np.float32), 0.0, 0.1, 0.0), rng)
    elif kind in ("boot", "ankle", "heel", "flat", "loafer") and rng.random() < 0.5:
        _add_strap(shoe, last, kind, patch, rng)
    tall = form.back[1] > 1.2
    tilt, bow, stretch = rng.uniform(*form.tilt), rng.uniform(0.0, 0.1 if tall else 0.3), 1.0
    if not tall:
        stretch = rng.uniform(1.0, 1.3)
    return shoe.placed(View(tilt, bow, stretch, round=rng.uniform(0.03, 0.08), share=rng.uniform(0.9, 0.985)))


class _Last:
    """The form a shoe is built on: the line where upper and sole meet, and the curves above it."""

    def __init__(self, form: Form, rng: Generator) -> None:
        self.lift = rng.uniform(*form.lift)
        self.thickness = rng.uniform(*form.sole)
        self.spring = rng.uniform(0.0, 0.05)
        self.wedge = rng.random() < form.wedge
        wider = rng.uniform(0.9, 1.12)
        taller = rng.uniform(0.88, 1.15) if form.back[1] < 1.2 else rng.uniform(0.7, 1.5)

        def point(x: float, height: float) -> tuple[float, float]:
            x = x + rng.normal(0, 0.012)
            return x, float(self.feather(x)) + height * (wider if height < 0.3 else taller)

        toe, back = form.toe * wider, point(*form.back)
        base = float(self.feather(0.0))
        front = point(*form.front)
        pointed = rng.uniform(0.2, 0.6)
        self.vamp = spline(
            [(0.04, base), (-0.005, base + pointed * toe), (0.055, base + toe), *(point(*p) for p in form.vamp), front]
        )
        self.near = spline([front, point(*form.near), back])
        self.far = spline([front, point(*form.far), back])
        heel = float(self.feather(0.985))
        tall = back[1] - heel
        self.heel = spline([back, (0.985, heel + 0.5 * tall), (1.0, heel + 0.16 * min(tall, 0.7)), (0.985, heel)])
        self.bottom = self.along(np.linspace(0.985, 0.04, 24))
        self.upper = np.concatenate([self.vamp, self.far, self.heel, self.bottom])

    def feather(self, x: ArrayLike) -> NDArray[np.float64]:
        """Height of the line where the upper meets the sole."""
        x = np.asarray(x, np.float64)
        step = np.clip((x - 0.28) / 0.55, 0, 1)
        return self.thickness + self.rise(x) + self.lift * step**2 * (3 - 2 * step)

    def rise(self, x: ArrayLike) -> NDArray[np.float64]:
        """How far the toe stands off the ground."""
        return self.spring * np.clip(1 - np.asarray(x) / 0.3, 0, 1) ** 2

    def along(self, x: NDArray[np.float64], below: float = 0.0) -> Curve:
        """The feather line, or the parallel so far below it."""
        return np.stack([x, self.feather(x) - below], axis=1)

    def at(self, points: Curve) -> Curve:
        """From (x, share of the way from the sole to the upper's edge) to (x, y)."""
        edge = np.concatenate([self.vamp[8:], self.near])
        x, share = points[:, 0], points[:, 1]
        base = self.feather(x)
        return np.stack([x, base + share * (np.interp(x, edge[:, 0], edge[:, 1]) - base)], axis=1)

    def across(self, points: Sequence[tuple[float, float]], rng: Generator) -> Curve:
        """A curve through points given as in `at`, shifted a little at random."""
        shift = rng.normal(0, 0.02) + rng.normal(0, 0.008, len(points))
        return self.at(spline(np.asarray(points) + np.stack([shift, np.zeros(len(points))], axis=1)))

    def end(self, corner: float) -> Curve:
        """Points that close a panel around the toe (0) or the heel (1)."""
        low, high = self.feather(corner) - 0.05, max(self.upper[:, 1].max(), 1.0) + 0.1
        outside = corner + (0.1 if corner else -0.1)
        return np.array([(outside, low), (outside, high)])


# Seams as (x, share of the height); those in _ENDS begin at the top and end at the sole, and part off
# the toe (0) or the heel (1).
_SEAMS: dict[str, tuple[tuple[float, float], ...]] = {
    "cap": ((0.2, 1.02), (0.235, 0.6), (0.21, 0.25), (0.19, -0.05)),
    "bumper": ((0.09, 1.02), (0.13, 0.45), (0.22, 0.15), (0.28, -0.05)),
    "quarter": ((0.4, 1.02), (0.45, 0.6), (0.52, 0.3), (0.58, -0.05)),
    "counter": ((0.86, 1.05), (0.82, 0.6), (0.76, 0.25), (0.72, -0.05)),
    "tab": ((0.9, 1.05), (0.89, 0.7), (0.93, 0.45), (1.0, 0.4)),
    "facing": ((0.36, 0.95), (0.42, 0.66), (0.52, 0.62), (0.62, 0.86)),
    "apron": ((0.46, 0.9), (0.32, 0.66), (0.18, 0.58), (0.06, 0.62)),
    "mudguard": ((0.04, 0.5), (0.2, 0.35), (0.4, 0.25), (0.62, 0.1), (0.7, -0.05)),
    "shaft": ((0.5, 0.4), (0.62, 0.34), (0.8, 0.32), (0.96, 0.3)),
    "zip": ((0.66, 0.96), (0.65, 0.6), (0.66, 0.3), (0.68, 0.12)),
    "crease": ((0.33, 0.85), (0.36, 0.6), (0.37, 0.45)),
}
_ENDS = {"cap": 0.0, "bumper": 0.0, "counter": 1.0}
_PANELS: dict[str, dict[str, float]] = {
    "boot": {"quarter": 0.4, "counter": 0.4, "cap": 0.2, "shaft": 0.6, "zip": 0.4, "crease": 0.5},
    "ankle": {"quarter": 0.6, "counter": 0.6, "cap": 0.4, "facing": 0.5, "zip": 0.2, "crease": 0.3},
    "oxford": {"quarter": 0.8, "counter": 0.4, "cap": 0.6, "facing": 0.6, "crease": 0.2},
    "loafer": {"apron": 0.8, "counter": 0.3, "quarter": 0.3},
    "sneaker": {"quarter": 0.6, "mudguard": 0.6, "bumper": 0.6, "counter": 0.7, "tab": 0.5, "facing": 0.9},
    "heel": {"cap": 0.15, "counter": 0.2},
    "flat": {"cap": 0.3, "counter": 0.2},
}


def _add_sole(shoe: Shoe, last: _Last, kind: str, rubber: Material, main: Color, rng: Generator) -> None:
    x = np.linspace(-0.01, 1.0, 48)
    top = last.along(x)
    if last.wedge:
        teeth = rng.uniform(0.0, 0.02) * (np.sin(x * rng.uniform(60, 140)) > 0) if kind in ("sneaker", "ankle") else 0
        under = np.stack([np.clip(x, 0.025, 0.985), last.rise(x) + teeth], axis=1)
        shoe.attached.append((np.concatenate([top, under[::-1]]), rubber))
        if last.thickness > 0.06:
            color = _WHITE if rng.random() < 0.6 else _color(rng)
            middle = last.rise(x) + rng.uniform(0.25, 0.5) * (last.feather(x) - last.rise(x))
            line = np.stack([x, middle], axis=1)
            shoe.attached.append((np.concatenate([top, line[::-1]]), Material(color, 0.0, 0.03, 0.1)))
            shoe.seams.append(line)
        if rng.random() < 0.6:
            share = rng.uniform(0.25, 0.7)
            for at in np.arange(0.05, 0.97, rng.uniform(0.018, 0.05)):
                low, high = float(last.rise(at)), float(last.feather(at))
                shoe.grooves.append(np.array([(at, low), (at + 0.004, low + share * (high - low))]))
        shoe.outlines.append(top)
        return
    heel_at, slim = rng.uniform(0.7, 0.78), rng.uniform(0.5, 1.0)
    if kind == "heel" and rng.random() < 0.65:
        heel_at, slim = rng.uniform(0.8, 0.86), rng.uniform(0.12, 0.35)
    sole = np.concatenate([top, last.along(np.clip(x, 0.015, 0.99), last.thickness)[::-1]])
    head = last.along(np.array([heel_at, 0.995]))
    foot = 1.0 - rng.uniform(0.0, 0.05)
    tread = np.array([(foot, 0.0), (foot - slim * (1.0 - heel_at), 0.0)])
    waist = np.array([(heel_at + 0.6 * (tread[1, 0] - heel_at), 0.45 * head[0, 1])])
    heel = np.concatenate([head, tread, waist])
    wrapped = kind == "heel" and rng.random() < 0.6
    shoe.attached.append((heel, Material(main * 0.9, 0.05, 0.03, 0.3) if wrapped else rubber))
    shoe.attached.append((sole, rubber))
    shoe.outlines.append(top[14:] if kind == "heel" else top)


def _add_overlays(shoe: Shoe, last: _Last, main: Color, patch: Material, rng: Generator) -> None:
    """Strips and patches on the side, as on running shoes, with a bright or a dark rim."""
    accent = _color(rng)
    for _ in range(rng.integers(1, 5)):
        start, lean = rng.uniform(0.1, 0.8), rng.uniform(-0.12, 0.25)
        width = rng.uniform(0.02, 0.09)
        path = spline([(start + lean, 1.0), (start + rng.uniform(-0.03, 0.08), 0.55), (start, -0.05)], 5)
        strip = last.at(np.concatenate([path, path[::-1] + np.array([width, 0.0])]))
        color = (accent, _WHITE, _DARK, patch.color, main * 0.75)[rng.integers(5)]
        shoe.parts.append((strip, Material(np.asarray(color, np.float32), patch.texture, 0.04, patch.gloss)))
        shoe.seams.append(last.at(path))
        if rng.random() < 0.5:
            shoe.stitches.append(last.at(path + np.array([0.012, 0.0])))


def _add_laces(shoe: Shoe, last: _Last, lace: Material, rng: Generator) -> None:
    count = rng.integers(4, 7)
    end = last.vamp[-1, 0]
    start = end - rng.uniform(0.13, 0.2)
    inside = rng.uniform(0.045, 0.08)
    path = last.vamp[8:]
    places = np.interp(np.linspace(0.0, 0.92, count), np.linspace(0, 1, len(path)), np.arange(len(path)))
    places = places if path[0, 0] > start else np.linspace(np.searchsorted(path[:, 0], start), len(path) - 2, count)
    for place in places:
        edge = path[int(place)]
        ahead = path[min(int(place) + 1, len(path) - 1)] - path[int(place) - 1]
        ahead = ahead / (np.hypot(*ahead) + 1e-9)
        inward = np.array([ahead[1], -ahead[0]])
        stroke = np.array([edge - 0.012 * inward, edge + inside * inward + 0.02 * ahead])
        half = 0.013 * ahead
        shoe.attached.append((np.array([stroke[0] - half, stroke[1] - half, stroke[1] + half, stroke[0] + half]), lace))
        shoe.seams.append(stroke + half)
        shoe.holes.append(stroke[:1] - 1.2 * half)
    if rng.random() < 0.6:
        knot = path[-3] + (0.03, -0.05)
        for turn in rng.uniform(-2.6, -0.2, 2):
            way = np.array([np.cos(turn), np.sin(turn)])
            loop = spline([knot, knot + 0.09 * way + (0.02, 0.0), knot + 0.08 * way - (0.015, 0.01), knot])
            shoe.attached.append((loop, lace))
            shoe.seams.append(loop)


def _add_strap(shoe: Shoe, last: _Last, kind: str, patch: Material, rng: Generator) -> None:
    """A saddle on a loafer, a buckled strap elsewhere."""
    if kind == "loafer":
        left, right, low, high = 0.34, 0.45, rng.uniform(0.2, 0.4), 1.0
        band = last.at(np.array([(left, high), (left + 0.05, low), (right + 0.06, low), (right, high)]))
    elif kind in ("heel", "flat"):
        height = rng.uniform(0.25, 0.4)
        x = rng.uniform(0.45, 0.9)
        low = last.feather(x)
        band = np.array([(x, low + 0.06), (x + 0.04, low + 0.06), (x + 0.01, low + height), (x - 0.03, low + height)])
    else:
        height, width = rng.uniform(0.25, 0.6), rng.uniform(0.03, 0.06)
        ends = np.array([(0.42, height), (0.99, height - 0.08)])
        band = last.at(np.concatenate([spline(ends), spline(ends - (0.0, width))[::-1]]))
        band[:, 0] = np.clip(band[:, 0], last.vamp[-1, 0] - 0.02, 0.99)
    shoe.parts.append((band, patch))
    shoe.seams.append(np.concatenate([band, band[:1]]))
    if kind != "loafer" and rng.random() < 0.7:
        center = band.mean(axis=0)
        buckle = center + 0.03 * np.array([(-1, -1.3), (1, -1.3), (1, 1.3), (-1, 1.3)])
        metal = np.array([190, 184, 170], np.float32) * rng.uniform(0.6, 1.1)
        shoe.parts.append((buckle, Material(metal, 0.0, 0.2, 0.9)))
        shoe.parts.append((center + 0.6 * (buckle - center), patch))
        shoe.seams.append(np.concatenate([buckle, buckle[:1]]))


def _decorate(shoe: Shoe, last: _Last, paint: Material, rng: Generator) -> None:
    """Side stripes or a swoosh."""
    if rng.random() < 0.6:
        lean = rng.uniform(-0.1, 0.12)
        places = np.linspace(0.48, 0.64, rng.integers(2, 5))
        shapes = [np.array([(x + lean, 0.85), (x + lean + 0.03, 0.85), (x + 0.03, 0.1), (x, 0.1)]) for x in places]
    else:
        arc = spline([(0.44, 0.55), (0.5, 0.25), (0.65, 0.4), (0.92, 0.8)])
        shapes = [np.concatenate([arc, spline([(0.92, 0.8), (0.65, 0.28), (0.5, 0.1), (0.44, 0.55)])])]
    for shape in map(last.at, shapes):
        shoe.parts.append((shape, paint))
        shoe.seams.append(shape)


def _painted(shoe: Shoe, rng: Generator) -> NDArray[np.uint8]:
    """The shoe with shading, texture and gloss, on white."""
    labels = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(labels)
    for number, (curve, _) in enumerate(shoe.parts, 1):
        pen.polygon(flat(curve), fill=number)
    inside = Image.new("L", (CANVAS, CANVAS))
    ImageDraw.Draw(inside).polygon(flat(shoe.upper), fill=1)
    labels = Image.composite(labels, Image.new("L", labels.size), inside.point(lambda value: 255 * value))
    pen = ImageDraw.Draw(labels)
    for number, (curve, _) in enumerate(shoe.attached, 1 + len(shoe.parts)):
        pen.polygon(flat(curve), fill=number)

    marks = Image.new("L", labels.size, 128)
    pen = ImageDraw.Draw(marks)
    depth, ridge = int(rng.uniform(35, 110)), int(rng.uniform(0, 50))
    for curve in (*shoe.outlines, *shoe.seams):
        pen.line(flat(curve - 1.5), fill=128 + ridge, width=2)
        pen.line(flat(curve), fill=128 - depth, width=2)
    for curve in shoe.grooves:
        pen.line(flat(curve), fill=70, width=2)
    for curve in shoe.stitches:
        for start, end in zip(curve[:-1:2], curve[1::2], strict=False):
            pen.line((*start, *end), fill=190, width=1)
    for x, y in (point for curve in shoe.holes for point in curve):
        pen.ellipse((x - 2, y - 2, x + 1, y + 1), fill=40)

    part = np.asarray(labels).ravel()
    where = np.flatnonzero(part)
    part = part[where] - 1
    materials = [material for _, material in (*shoe.parts, *shoe.attached)]
    color = np.stack([material.color for material in materials])[part]
    texture, grain, gloss = np.array([material[1:] for material in materials], np.float32).T[:, part]

    shade, shine = _light(labels, rng)
    shade, shine = shade.ravel()[where], shine.ravel()[where]
    light = shade * (1 + texture * _texture(rng, where))
    light *= 1 + grain * noise(rng, 128).ravel()[where]
    light *= 1 + 0.08 * noise(rng, 8).ravel()[where]
    light *= np.asarray(marks, np.float32).ravel()[where] / 128
    # Black is not without light: what the surface reflects shows a dark shoe's form.
    reflected = 12 * shade + 200 * gloss * shine
    values = color * light[:, None] + reflected[:, None]
    pixels = np.full((CANVAS * CANVAS, 3), 255, np.uint8)
    pixels[where] = np.clip(values, 0, WHITEST).astype(np.uint8)
    sharp = Image.fromarray(pixels.reshape(CANVAS, CANVAS, 3))
    published = sharp.resize(PUBLISHED, Image.Resampling.BICUBIC)
    photo = np.array(published.resize(sharp.size, Image.Resampling.BICUBIC))
    np.minimum(photo, WHITEST, out=photo, where=np.asarray(labels, bool)[..., None])
    return photo


def _drawn(shoe: Shoe, rng: Generator) -> NDArray[np.uint8]:
    """Thin lines as an edge detector leaves them: the outline, and inner lines in part."""
    paper = Image.new("L", (CANVAS, CANVAS))
    solid = ImageDraw.Draw(paper)
    solid.polygon(flat(shoe.upper), fill=1)
    for curve, _ in shoe.attached:
        solid.polygon(flat(curve), fill=1)
    mask = np.asarray(paper).astype(bool)
    shifts = noise(rng, 32)[::8, ::8], noise(rng, 32)[::8, ::8]

    lines = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(lines)
    keep = rng.uniform(0.45, 0.95)
    for curve in shoe.outlines:
        _stroke(pen, curve, 0.85, shifts, rng)
    for curve in shoe.seams:
        if rng.random() < keep:
            _stroke(pen, curve, keep, shifts, rng)
    edge = mask.copy()
    edge[1:-1, 1:-1] &= ~(mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:])
    return np.where(edge | (np.asarray(lines) > 0) & mask, 0, 255).astype(np.uint8)


def _stroke(pen: ImageDraw.ImageDraw, curve: Curve, kept: float, shifts: tuple[Plane, Plane], rng: Generator) -> None:
    shift_x, shift_y = shifts
    at = np.clip(curve[:, ::-1] / 8, 0, len(shift_x) - 1).astype(int)
    curve = curve + 0.7 * np.stack([shift_x[at[:, 0], at[:, 1]], shift_y[at[:, 0], at[:, 1]]], axis=1)
    length = len(curve)
    first = int(rng.uniform(0, 1 - kept) * length)
    pen.line(flat(curve[first : first + max(int(kept * length), 2)]), fill=1)


def _light(labels: Image.Image, rng: Generator) -> tuple[Plane, Plane]:
    """Shading and gloss of a shape that swells from its outline, lit from above left.

    Folds and pores bend the surface a little: it shows in the highlights, which break up as they do on leather, more
    than in the shading. Besides the lamp's highlight a bright stripe is seen, the reflection of a long window.
    """
    solid = labels.point(lambda value: 255 * (value > 0)).reduce(2)
    height = np.sqrt(gaussian_filter(np.asarray(solid, np.float32) / 255, rng.uniform(6.0, 9.0), truncate=3.0))
    folds, pores = rng.uniform(0.0, 0.03), rng.uniform(0.0, 0.008)
    relief = folds * noise(rng, 24, CANVAS // 2) + pores * noise(rng, 96, CANVAS // 2)
    lamp = np.array([rng.uniform(-0.5, 0.1), rng.uniform(-0.8, -0.5), 0.7])
    lamp /= np.linalg.norm(lamp)
    half = lamp + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    window = np.array([rng.uniform(-0.3, 0.3), -0.6, 0.75])

    toward = np.clip(facing(height + 0.2 * relief, lamp), 0, 1)
    shine = np.clip(facing(height + relief, half), 0, 1) ** rng.uniform(40, 120)
    stripe = np.exp(-(((facing(height + relief, window) - rng.uniform(0.7, 0.95)) / 0.04) ** 2))
    return enlarged(0.4 + 0.85 * toward), enlarged(shine + rng.choice([0.0, 0.6]) * stripe)


def _texture(rng: Generator, where: NDArray[np.intp]) -> NDArray[np.float32]:
    """One material's pattern, about -1..1, at the given pixels."""
    name = rng.choice(list(_TEXTURE_SHARES), p=list(_TEXTURE_SHARES.values()))
    if name == "leather":
        return (0.6 * noise(rng, 64) + 0.6 * noise(rng, 128) - 0.4 * noise(rng, 32)).ravel()[where]
    if name == "suede":
        return (0.9 * noise(rng, 128) + 0.25 * noise(rng, 32)).ravel()[where]
    if name == "animal":
        return np.tanh(4 * (noise(rng, 32).ravel()[where] - 0.5)) * 1.4
    turn, rate = rng.uniform(0, math.pi), 2 * math.pi * rng.uniform(14, 30) / CANVAS
    y, x = np.divmod(where.astype(np.float32), CANVAS)
    u = rate * (math.cos(turn) * x + math.sin(turn) * y)
    v = rate * (math.cos(turn) * y - math.sin(turn) * x)
    if name == "weave":
        return np.sin(u) * np.sin(v) * 1.4
    if name == "mesh":
        return 1.5 - 3 * np.clip(np.cos(u) + np.cos(v), 0, 1)
    if name == "stripes":
        return np.tanh(3 * np.sin(u / 2)) * 1.4
    return 1 - 2.5 * np.exp(-8 * np.minimum(np.sin(u / 4) ** 2, np.sin(v / 4) ** 2))


_TEXTURE_SHARES = {
    "leather": 0.38, "suede": 0.24, "weave": 0.14, "mesh": 0.1, "stripes": 0.05, "quilt": 0.06, "animal": 0.03,
}  # fmt: skip


def _color(rng: Generator) -> Color:
    shares = np.cumsum(list(_COLORS.values()))
    chosen = list(_COLORS)[int(np.searchsorted(shares, rng.uniform(0, shares[-1])))]
    return np.clip(np.array(chosen) * rng.normal(1, 0.12, 3) + rng.normal(0, 6), 12, 240).astype(np.float32)
