"""Results as they may be published: without pictures of data whose terms forbid it, a grey picture with a cross in
their place.

What a network made of such data ships. Which pictures it made, each study says (`Study.made`): one of which nothing is
said is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.studies import STUDIES

SENTENCE = "Pictures of the data are left out: their terms do not let them be published."
"""The attr `withheld` of a result that something was left out of."""
GREY, CROSS = 128, 96


def published(result: xr.Dataset, parameters: Mapping[str, Any]) -> xr.Dataset:
    """A result without pictures of real images that may not be published. parameters: those of the result."""
    kind = result.attrs.get("data_source")
    used = [one for one in (parameters, *parameters.get("beside", ())) if isinstance(one, Mapping) and "dataset" in one]
    names = [str(one["dataset"]) for one in used]
    kinds = [one.get("source", kind) for one in used]
    restricted = {name for name, kind in zip(names, kinds, strict=True) if kind == "real" and _closed(name)}
    if not restricted:
        return result
    study = result.attrs["study"]
    made, hidden = STUDIES[study].made if study in STUDIES else {}, {}
    for name, values in result.data_vars.items():
        places = [str(dim) for dim in values.dims]
        pixels = [next((dim for dim in places if dim.endswith(end)), None) for end in ("row", "col")]
        if None in pixels:
            continue
        of_data = xr.DataArray(names[0] in restricted)
        for dim in places:
            if dim in values.coords and {*map(str, values[dim].values)} <= {*names}:
                of_data = values[dim].isin([*restricted])  # each of its pictures is of another data set
        if name in made:
            by_network = xr.DataArray(True)
            for dim, labels in made[name].items():
                by_network = by_network & values[dim].isin(labels)
            of_data = of_data & ~by_network
        if of_data.any():
            cross = placeholder(*(values.sizes[dim] for dim in pixels))
            cross = cross if values.dtype == np.uint8 else cross == GREY
            tile = xr.DataArray(cross.astype(values.dtype), dims=pixels)
            hidden[name] = values.copy(data=xr.where(of_data, tile, values).transpose(*places).values)
    return result.assign(hidden).assign_attrs(withheld=SENTENCE) if hidden else result


def placeholder(height: int, width: int) -> np.ndarray:
    """What stands in place of a picture, bytes, (height, width)."""
    found = np.full((height, width), GREY, np.uint8)
    along = np.linspace(0, 1, max(height, width))
    rows, columns = (np.rint(along * (side - 1)).astype(int) for side in (height, width))
    found[rows, columns] = found[rows, columns[::-1]] = CROSS
    return found


def _closed(name: str) -> bool:
    """Whether pictures of a data set's real images stay here: its own word, and of one that is not known here too."""
    return name not in datasets.DATASETS or not datasets.DATASETS[name].publishable
