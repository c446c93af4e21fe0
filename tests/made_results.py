"""Made-up results of studies: the variables and dimensions are the study's own, the numbers are not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from spectral_collapse.studies.layout import Layout


def drawn(layout: Layout, coords: Mapping[str, object], attrs: Mapping[str, object]) -> xr.Dataset:
    """A result of numbers that are drawn from 0.1 to 1.1."""
    random, sizes = np.random.default_rng(0), xr.Dataset(coords=coords).sizes
    arrays = {name: random.random([sizes[dim] for dim in row.dims.split()]) + 0.1 for name, row in layout.items()}
    return layout.dataset(arrays, coords, attrs)
