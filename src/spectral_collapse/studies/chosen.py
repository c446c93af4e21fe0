"""The settings that were chosen on validation images (`tuning`), for the studies that report: chosen.toml beside this.

Only `make settings` writes the file.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from spectral_collapse import disk, results
from spectral_collapse.errors import DataError

FILE = Path(__file__).with_name("chosen.toml")

_HEAD = "# Written by `make settings`: for each data set what the study 'tuning' chose on validation images.\n"


_SHARES = ("fraction", "forward_fraction")
"""Settings that say which share of the steps forward diffusion replaces: one step at least."""


def settings(dataset: str, name: str, num_steps: int) -> dict[str, Any]:
    """The settings that were chosen for a method on a data set, for so many steps.

    A level k lies at the same share of the steps as when it was chosen. Raises DataError if nothing was chosen.
    """
    table = _read().get(dataset, {})
    found = table.get("settings", {}).get(name)
    if found is None:
        raise DataError(
            f"no settings of {name!r} were chosen on {dataset!r}; run the study 'tuning' there and `make settings`, or "
            "use the papers' settings"
        )
    fitted = dict(found)
    if "k" in found:
        fitted["k"] = max(1, round(found["k"] * num_steps / table["num_steps"]))
    return fitted | {share: max(found[share], 1 / num_steps) for share in _SHARES if share in found}


def methods() -> set[str]:
    """The methods with chosen settings, on any data set."""
    return {name for table in _read().values() for name in table["settings"]}


def datasets(name: str) -> list[str]:
    """The data sets on which settings of a method were chosen."""
    return [dataset for dataset, table in _read().items() if name in table["settings"]]


def write(found: Mapping[str, xr.Dataset], file: Path = FILE) -> None:
    """Stores what results of `tuning` chose, data set -> result; the settings for other data sets stay."""
    tables = dict(_read()) if file == FILE else {}
    for dataset, study in found.items():
        picked = study.isel({"try": study["chosen"].to_numpy()})
        rows = zip(picked["method"].to_numpy(), picked["settings"].to_numpy(), strict=True)
        num_steps = results.parameters(study.attrs)["num_steps"]
        found_here = {str(name): json.loads(str(row)) for name, row in rows}
        tables[dataset] = {"num_steps": num_steps, "settings": found_here}
    lines = [_HEAD]
    for dataset, table in sorted(tables.items()):
        lines.append(f"\n[{dataset}]\nnum_steps = {table['num_steps']}\n\n[{dataset}.settings]\n")
        lines += [f"{json.dumps(name)} = {_inline(given)}\n" for name, given in table["settings"].items()]
    disk.write(file, "".join(lines).encode())
    _read.cache_clear()


def _inline(given: Mapping[str, Any]) -> str:
    """A TOML table in one line; numbers are written as JSON writes them, which TOML reads."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in given.items()) + " }"


@functools.cache
def _read() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
