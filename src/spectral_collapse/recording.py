"""Networks that do not ship, measured once: what another training of the same recipe's data would say.

A record is a folder below data/records with the network's card, what its training recorded, and the results of
`STUDIES` on it. Its weights are in nobody's hands but the trainer's; the card says how to train them again.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import xarray as xr

from spectral_collapse import paths, results
from spectral_collapse.errors import CheckpointError
from spectral_collapse.networks.checkpoints import called, find, read_card
from spectral_collapse.studies import benchmark, networks
from spectral_collapse.training.history import FILE

CARD = "card.json"
METHODS = ("standard", "taba", "ovg", "ovg+taba", "nullspace+dpm", "ovg+taba*", "nullspace+dpm*")
"""What a record's result of the benchmark has."""


def record(checkpoint: str | Path, dataset: str, **given: Any) -> Path:
    """Measures a network on a data set and writes its record, replacing an earlier one of its name.

    Args:
        checkpoint: name or folder, as of studies.
        dataset: of the network's family.
        given: further parameters that both studies have, such as profile and source.

    Returns:
        The folder. Raises CheckpointError for a folder that no training made, and what `Study.run` raises; nothing is
        written before both results are there.
    """
    folder = find(checkpoint)
    read_card(folder)
    if not (folder / FILE).is_file():
        raise CheckpointError(f"{str(folder)!r} has no {FILE}; name the checkpoint of a training")
    found = [
        networks.STUDY.run(dataset=dataset, checkpoints=[str(folder)], **given),
        benchmark.STUDY.run(dataset=dataset, checkpoint=str(folder), methods=METHODS, shown=1, **given),
    ]
    target = paths.records() / called(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = [results.ship(study, target) for study in found]
    for old in set(target.glob("*.nc.xz")) - {*written}:
        old.unlink()
    for name in (CARD, FILE):
        shutil.copyfile(folder / name, target / name)
    return target


AGAIN = "-again"
"""How names end of a training with other random numbers."""


def recorded(study: str, ending: str = "") -> dict[str, xr.Dataset]:
    """Name of the network -> its recorded result of a study, with the name in its title, for names that end so. Raises
    DataError for one that cannot be read."""
    found = {}
    for file in sorted(paths.records().glob(f"*{ending}/{study}-*.nc.xz")):
        result, name = _result(file, file.stat().st_mtime_ns), file.parent.name
        found[name] = result.assign_attrs(title=f"{result.attrs['title']}, {name}")
    return found


@cache
def _result(file: Path, changed: int) -> xr.Dataset:
    """A record's result as it was when its file was last changed, read once for all pages."""
    return results.result(file)
