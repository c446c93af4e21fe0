"""Textures: windows of the homogeneous pictures that scikit-image installs with itself, x8, x16 and x32.

In these every window has about the same spectrum, so that a score can tell whether its texture was lost: from
one 64-px window to the next the natural logarithm of the grey level's power, above a quarter cycle per pixel and
between 1/16 and a quarter, has a standard deviation below `HOMOGENEOUS`. In the other photographs it is 0.5 to 3.5.
"""

from __future__ import annotations

import dataclasses

from spectral_collapse.datasets.pictures import PictureSet, entries

HOMOGENEOUS = 0.4

TEXTURES = PictureSet(
    family="textures",
    pictures={"brick.png": 1, "grass.png": 1, "gravel.png": 1, "ihc.png": 1},
    scales=(1,),  # a texture averaged 2 x 2 is another texture
    overlap=8,
    origin="windows of brick, grass, gravel and stained tissue, pictures that scikit-image installs with itself",
)

DATASETS = [dataclasses.replace(entry, fixed=True) for entry in entries(TEXTURES, "Textures")]
