"""Photos: windows of all photographs that scikit-image installs with itself, x8, x16 and x32."""

from __future__ import annotations

from spectral_collapse.datasets.pictures import PictureSet, entries

# Photographs only: no drawings, masks, text pages or colour charts; of the stereo pair one view, since
# the other shows the same motorcycle and would undo the split. The value is the axis along which the
# test strip is cut off: 1 at the right, 0 at the bottom where the right has next to no texture.
PHOTOS = PictureSet(
    family="photos",
    pictures={
        "astronaut.png": 1,
        "brick.png": 1,
        "camera.png": 0,
        "chelsea.png": 1,
        "coffee.png": 1,
        "coins.png": 1,
        "grass.png": 1,
        "gravel.png": 1,
        "hubble_deep_field.jpg": 1,
        "ihc.png": 1,
        "moon.png": 0,
        "motorcycle_left.png": 1,
        "retina.jpg": 1,
        "rocket.jpg": 1,
    },
    scales=(1, 2),
    overlap=4,
    origin="windows of the photographs that scikit-image installs with itself",
)

DATASETS = entries(PHOTOS, "Photos", companion=True)
