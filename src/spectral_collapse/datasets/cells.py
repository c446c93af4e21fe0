"""Renderer of fluorescent cells: a stand-in for BBBC021's MCF7 images, drawn by code from a seed.

Everything is a function of position in the picture: cells are places with an orientation and two axes;
a pixel belongs to the cell whose elliptical distance is smallest, and what it shows follows from its
place in that cell. Microtubules and actin fibres are curves, laid into the picture at subpixel places.
Lengths are in pixels of BBBC021 at 20x, so a larger picture shows more cells.

The numbers in the formulas were set by eye and so that each channel's mean, spread, percentiles and
radial power spectrum come close to those of real crops of 64 px (high-frequency energy within 0.3 of its
logarithm, power within a factor of 1.5 in every octave).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float32]

VERSION = 4
"""Bump when the output changes; part of the fingerprint of everything rendered."""

_PERIOD = 512
"""Side of the periodic textures, in pixels."""
_REACH = 60.0
"""No cell is seen farther than this from its centre."""
_FAR = 1e4
_TILE = 64
"""Side of the parts that are painted one at a time: each needs its own few cells only."""


_LONGEST = 45.0
"""No fibre is seen farther than this from its cell's centre."""
_STEP = 1.0
"""Pixels between the points of a fibre."""


class _Kind(NamedTuple):
    """One kind of fibre: how many a cell has, where they start (in radii of the nucleus), their greatest length in
    pixels, how they bend and sway (radians per pixel, radians), and the share that lies along the cell."""

    number: int
    start: tuple[float, float]
    length: float
    bend: float
    sway: float
    aligned: float


_MICROTUBULES = _Kind(110, (0.8, 1.9), 48, 0.016, 0.1, 0.25)
_ACTIN = _Kind(40, (0.3, 2.2), 40, 0.006, 0.04, 0.7)


@dataclass(frozen=True)
class _Field:
    """What all cells of a picture share: staining, focus, crowding."""

    gains: Array
    focus: float
    spacing: float
    missing: float
    fibres: float


def draw(seed: tuple[int, ...], size: int) -> Array:
    """One picture: 3 x size x size in [0, 1], actin, tubulin and DNA; the same seed and size give the same."""
    rng = np.random.default_rng(seed)
    field = _field(rng)
    cells = _cells(rng, size, field)
    shifts = rng.integers(0, _PERIOD, size=(len(_textures()), 2))
    fibres = np.stack([_fibres(rng, cells, size, kind) for kind in (_MICROTUBULES, _ACTIN)])
    picture = np.empty((3, size, size), dtype=np.float32)
    for top in range(0, size, _TILE):
        for left in range(0, size, _TILE):
            rows = np.arange(top, min(top + _TILE, size))
            columns = np.arange(left, min(left + _TILE, size))
            part = np.s_[:, top : top + _TILE, left : left + _TILE]
            picture[part] = _paint(rows, columns, cells, fibres[part], shifts, field)
    return _expose(picture, field, rng)


def _field(rng: np.random.Generator) -> _Field:
    common = rng.normal(0, 0.27)
    gains = np.exp(common + rng.normal(0, (0.13, 0.1, 0.08))) * (0.311, 0.362, 0.525)
    return _Field(
        gains=gains.astype(np.float32),
        focus=float(0.68 + rng.gamma(1.2, 0.18)),
        spacing=float(rng.uniform(46, 60)),
        missing=float(rng.choice([0.0, 0.15, 0.5], p=[0.42, 0.33, 0.25])),
        fibres=float(rng.uniform(0.4, 0.9)),
    )


def _cells(rng: np.random.Generator, size: int, field: _Field) -> dict[str, Array]:
    """The cells of a picture, an array per property: a disturbed hexagonal lattice with one cell near the middle."""
    side = int((size / 2 + _REACH) / field.spacing * 1.2) + 1
    i, j = (axis.ravel() for axis in np.mgrid[-side : side + 1, -side : side + 1])
    turn = rng.uniform(0, 2 * np.pi)
    place = field.spacing * ((i + j / 2) + 1j * (np.sqrt(3) / 2) * j) * np.exp(1j * turn)
    place = place + rng.normal(0, 0.11 * field.spacing, place.shape) + 1j * rng.normal(0, 0.11 * field.spacing, i.shape)
    middle = (i == 0) & (j == 0)
    near = np.maximum(abs(place.real), abs(place.imag)) < size / 2 + _REACH
    place = place[near & (middle | (rng.random(i.shape) >= field.missing))]
    # Two cells out of sight, so that every pixel has a nearest and a second nearest one.
    place = np.append(place, [_FAR, _FAR])
    n = len(place)
    mitotic = rng.random(n) < 0.035
    # A field's cells lie roughly one way, as cells in culture do.
    direction = rng.uniform(0, np.pi) + rng.normal(0, 0.6, n)
    stretch = np.where(mitotic, 1.0, np.exp(rng.normal(0.16, 0.1, n)))
    radius = np.where(mitotic, rng.uniform(15, 19, n), 0.62 * field.spacing * np.exp(rng.normal(0, 0.1, n)))
    nucleus = np.where(mitotic, rng.uniform(7, 10, n), 0.345 * field.spacing * np.exp(rng.normal(0, 0.1, n)))
    values = {
        "y": place.imag + size / 2,
        "x": place.real + size / 2,
        "cos": np.cos(direction),
        "sin": np.sin(direction),
        "long": radius * stretch,
        "short": radius / stretch,
        "mitotic": mitotic,
        "nucleus_long": nucleus * np.where(mitotic, 1.25, stretch),
        "nucleus_short": nucleus / np.where(mitotic, 1.6, stretch),
        "nucleus_y": rng.normal(0, 1.5, n),
        "nucleus_x": rng.normal(0, 1.5, n),
        "actin": np.exp(rng.normal(0, 0.22, n)) * np.where(mitotic, 1.7, 1.0),
        "tubulin": np.exp(rng.normal(0, 0.26, n)) * np.where(mitotic, 1.6, 1.0),
        "dna": np.exp(rng.normal(0, 0.25, n)) * np.where(mitotic, 1.8, 1.0),
        "rim": rng.gamma(1.5, 0.5, n),
        "stress": rng.gamma(1.0, 0.4, n),
    }
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}


def _fibres(rng: np.random.Generator, cells: dict[str, Array], size: int, kind: _Kind) -> Array:
    """How much fibre each pixel holds: size x size, about 1 where the fibres of one kind are dense.

    A fibre starts near the nucleus and goes on in small steps, its heading turning slowly. Every step leaves its
    light in the four pixels around it, so that a fibre lies between pixels as truly as on one.
    """
    shown = np.maximum(abs(cells["y"] - size / 2), abs(cells["x"] - size / 2)) < size / 2 + _LONGEST
    cell = {name: np.repeat(value[shown], kind.number)[:, None] for name, value in cells.items()}
    count = len(cell["y"])
    angle = rng.uniform(0, 2 * np.pi, (count, 1))
    start = rng.uniform(*kind.start, (count, 1))
    u = start * cell["nucleus_long"] * np.cos(angle) + cell["nucleus_y"]
    v = start * cell["nucleus_short"] * np.sin(angle) + cell["nucleus_x"]
    # Between straight away from the nucleus (0) and around it (1); those of an `aligned` kind follow the cell.
    around = rng.choice([-1.0, 1.0], (count, 1)) * rng.beta(1.2, 1.2, (count, 1))
    heading = np.where(
        rng.random((count, 1)) < kind.aligned,
        rng.normal(0, 0.12, (count, 1)) + np.pi * rng.integers(0, 2, (count, 1)),
        angle + around * np.pi / 2,
    )
    steps = int(kind.length / _STEP)
    place = np.arange(steps) * _STEP
    turning = rng.normal(0, kind.bend, (count, 1)) + 0.6 * kind.bend * np.sign(around)
    sway = rng.uniform(0, 2 * np.pi, (count, 1)) + place / rng.uniform(4, 9, (count, 1))
    heading = heading + turning * place + kind.sway * np.sin(sway)
    u = u + _STEP * np.cumsum(np.cos(heading), axis=1)
    v = v + _STEP * np.cumsum(np.sin(heading), axis=1)
    light = np.exp(rng.normal(0, 0.6, (count, 1))) * (place < kind.length * rng.uniform(0.3, 1, (count, 1)))
    light = light * _step((1.12 - np.hypot(u / cell["long"], v / cell["short"])) / 0.04) * ~(cell["mitotic"] > 0)
    # A rim of one pixel takes the light of points that lie just outside.
    side = size + 2
    y = 1 + cell["y"] + v * cell["cos"] + u * cell["sin"]
    x = 1 + cell["x"] + u * cell["cos"] - v * cell["sin"]
    seen = (light > 1e-3) & (y > 0) & (y < side - 1) & (x > 0) & (x < side - 1)
    y, x, light = y[seen], x[seen], light[seen] * _STEP
    top, left = y.astype(np.int64), x.astype(np.int64)
    down, right = y - top, x - left
    spread = {
        0: (1 - down) * (1 - right),
        1: (1 - down) * right,
        side: down * (1 - right),
        side + 1: down * right,
    }
    picture = sum(np.bincount(top * side + left + shift, light * share, side * side) for shift, share in spread.items())
    return picture.reshape(side, side)[1:-1, 1:-1].astype(np.float32)


def _paint(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    cells: dict[str, Array],
    fibres: Array,
    shifts: NDArray[np.int64],
    field: _Field,
) -> Array:
    """What the dyes emit at the given rows and columns: 3 x rows x columns, before the microscope."""
    away = np.maximum(
        abs(cells["y"] - rows.mean()) - len(rows) / 2, abs(cells["x"] - columns.mean()) - len(columns) / 2
    )
    near = away <= max(_REACH, np.partition(away, 1)[1])
    cells = {name: value[near] for name, value in cells.items()}
    bank = _textures()

    def texture(name: str) -> Array:
        down, right = shifts[list(bank).index(name)]
        return bank[name][np.ix_((rows + down) % _PERIOD, (columns + right) % _PERIOD)]

    bend_y, bend_x, cloud, grain = texture("bend"), texture("bend_too"), texture("cloud"), texture("grain")
    y = rows[:, None].astype(np.float32) + 3.5 * bend_y
    x = columns[None, :].astype(np.float32) + 3.5 * bend_x

    def along(cell: dict[str, Array], dy: Array, dx: Array) -> tuple[Array, Array]:
        return dx * cell["cos"] + dy * cell["sin"], dy * cell["cos"] - dx * cell["sin"]

    each = {name: value[:, None, None] for name, value in cells.items()}
    u, v = along(each, y - each["y"], x - each["x"])
    distance = np.hypot(u / each["long"], v / each["short"])
    first, second = np.partition(distance, 1, axis=0)[:2]
    owner = distance.argmin(axis=0)
    own = {name: value[owner] for name, value in cells.items()}

    # Pixels to the border with the neighbour and to the free edge, for a cell of `reach` pixels around.
    reach = np.sqrt(2) * own["long"] * own["short"] / np.hypot(own["long"], own["short"])
    contact = (second - first) / 2 * reach
    edge = (1.1 + 0.08 * cloud - first) * reach
    inside = _step(edge / 2)
    thick = np.sqrt(np.clip(1.4 - first, 0.1, None))

    dy, dx = y - own["y"] - own["nucleus_y"], x - own["x"] - own["nucleus_x"]
    nu, nv = along(own, dy, dx)
    within = np.hypot(nu / own["nucleus_long"], nv / own["nucleus_short"])
    size = np.sqrt(own["nucleus_long"] * own["nucleus_short"])
    beyond = (within - 1) * size
    nucleus = _step(-(beyond + 1.2 * cloud * (1 + own["mitotic"])) / 1.3)

    tubules, stress = field.fibres * fibres
    halo = np.exp(-np.clip(beyond, 0, None) / 9)
    shell = np.exp(-((beyond - 2.0) ** 2) / 18)
    web = thick * (0.24 + 0.85 * halo + 0.25 * shell) * (1 - 0.05 * nucleus) * (1 + 0.1 * cloud + 0.05 * grain)
    web = web * (1 - 0.4 * field.fibres) + 0.3 * tubules * (0.5 + halo) * (1 - 0.3 * nucleus) + 0.4 * own["mitotic"]
    tubulin = own["tubulin"] * inside * (web + 0.2 * own["rim"] * np.exp(-((edge - 3) ** 2) / 12))

    patches = np.clip(0.6 + 0.8 * cloud + 0.5 * grain, 0, None)
    cortex = np.exp(-((contact / 2.2) ** 2)) + 0.8 * own["rim"] * np.exp(-(((edge - 1.5) / 2.5) ** 2))
    dots = np.clip(grain - 2.3, 0, None)
    body = 0.85 * thick * (1 - 0.15 * nucleus) * (1 + 0.2 * cloud + 0.09 * grain) + 0.8 * own["mitotic"]
    actin = own["actin"] * inside * (body + 0.54 * cortex * patches + 0.5 * own["stress"] * stress + 0.7 * dots)

    clumps = texture("chromatin") * (1 + own["mitotic"])
    dome = np.sqrt(np.clip(1 - within**2, 0, None))
    dna = own["dna"] * nucleus * np.clip(0.72 + 0.1 * clumps + 0.18 * dome, 0.1, None)
    return field.gains[:, None, None] * np.stack([actin, tubulin, dna])


def _expose(picture: Array, field: _Field, rng: np.random.Generator) -> Array:
    """What the camera sees: blur by the focus, light from out of focus, shot and reading noise."""
    sharp = gaussian_filter(picture, (0, field.focus, field.focus))
    glow = gaussian_filter(picture, (0, 7, 7), truncate=2.5)
    light = np.clip(0.86 * sharp + 0.14 * glow - 0.018, 0, None)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(light + np.sqrt(1.5e-4 * light + 3.5e-6) * noise, 0, 1)


def _step(value: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


@cache
def _textures() -> dict[str, Array]:
    """Periodic random textures of zero mean and unit variance, made once; pictures take them at random shifts."""
    rng = np.random.default_rng(20240521)
    f = np.hypot(np.fft.fftfreq(_PERIOD)[:, None], np.fft.rfftfreq(_PERIOD)[None, :])

    def noise(spectrum: Array) -> Array:
        white = np.fft.rfft2(rng.standard_normal((_PERIOD, _PERIOD)))
        made = np.fft.irfft2(white * spectrum, s=(_PERIOD, _PERIOD))
        return ((made - made.mean()) / made.std()).astype(np.float32)

    def lump(length: float) -> Array:
        return np.exp(-0.5 * (2 * np.pi * f * length) ** 2)

    return {
        "bend": noise(lump(14)),
        "bend_too": noise(lump(14)),
        "cloud": noise(lump(7)),
        "grain": noise(lump(1.6)),
        "chromatin": noise(lump(0.7) + 0.1 * lump(4)),
    }
