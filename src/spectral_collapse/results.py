"""The store of study results: one netCDF file per study and set of parameters, under `paths.results()`.

A study hands over one xarray.Dataset and gets the same one back. The schema, whatever the study:

- every dimension has a coordinate; dimensions have plain names (point, seed, sample, row, ...);
- every data variable carries `long_name` and `units` ('1' for a dimensionless number);
- attrs: `study`; `parameters`, the JSON of everything that changes the values (among it the hash of
  the checkpoint, the fingerprint of the data and the hash of the computing source files);
  `data_source` ('real' or 'rendered') and `origin`, one sentence for captions; `checkpoint_hash`;
  `versions`, JSON of package versions; `device`; `seconds` of computing; `git_revision` ('' outside
  a checkout); `created`, UTC.

The Pareto study, for example, prints as

    <xarray.Dataset> Size: 3MB
    Dimensions:      (point: 18, seed: 3, sample: 24, reference: 2, shown: 6, row: 64, col: 64, rgb: 3)
    Coordinates:
      * point        (point) <U21 'standard' 'TABA 0.02' ... 'OVG (1000, 0.01)' 'OVG + TABA 0.04'
        method       (point) <U8 'standard' 'taba' ... 'ovg' 'ovg+taba'
        eta_hf       (point) float64 nan nan ... 1e+03 1e+03
        eta_lf       (point) float64 nan nan ... 0.01 0.0001
        fraction     (point) float64 nan 0.02 ... nan 0.04
        stochastic   (point) bool False True ... False True
      * seed         (seed) int64 0 1 2
      * sample       (sample) <U12 'astronaut-03' ...
      * reference    (reference) <U11 'target' 'autoencoder'
    Data variables:
        s_hf         (point, seed, sample) float64 0.91 ...
        s_lf         (point, seed, sample) float64 0.87 ...
        s_dc         (point, seed, sample) float64 0.74 ...
        psnr         (point, seed, sample) float64 21.3 ...
        s_g          (point, seed) float64 0.96 ...
        image        (point, shown, row, col, rgb) uint8 203 ...
    Attributes:
        study:       pareto
        parameters:  {"checkpoint": "5f0c...", "code": "77ab...", "dataset": "photos_x8", ...}

Files are named so that a person can read them, `pareto-photos_x8-quick-1f0c9a3e.nc`: study, data
set, profile and the first eight digits of the key. They are replaced as a whole or not at all: a full
disk or an interrupt leaves the earlier result as it was. While a long study runs, its finished parts
lie beside them in a folder of their own (`parts`), from which an interrupted study goes on.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import uuid
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spectral_collapse import paths
from spectral_collapse.errors import DataError, InvalidParameterError

_PACKAGES = ("spectral-collapse", "torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "xarray")


def canonical(parameters: Mapping[str, Any]) -> str:
    """The one JSON text of a set of parameters: sorted keys, no spaces, so that equal sets are equal texts."""
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(study: str, parameters: Mapping[str, Any]) -> str:
    """The 64 hex digits that identify a result; `parameters` must hold all that changes its values."""
    return hashlib.sha256(f"{study}\n{canonical(parameters)}".encode()).hexdigest()


def path(study: str, parameters: Mapping[str, Any]) -> Path:
    """Where the result of these parameters lies, or would lie."""
    named = [study, *(str(parameters[name]) for name in ("dataset", "profile") if name in parameters)]
    return paths.results() / f"{'-'.join(named)}-{key(study, parameters)[:8]}.nc"


def code_hash(modules: Iterable[str]) -> str:
    """Hash of the source files of modules and whole packages of this project, for use in a key.

    Args:
        modules: dotted names below `spectral_collapse`, such as 'sampling' or 'inversion'.

    Nothing is imported. Line endings do not count; comments do.
    """
    digest = hashlib.sha256()
    for module in sorted(modules):
        spec = util.find_spec(f"spectral_collapse.{module}")
        if spec is None or spec.origin is None:
            raise InvalidParameterError(f"no module spectral_collapse.{module} to hash")
        origin = Path(spec.origin)
        for file in sorted(origin.parent.rglob("*.py")) if spec.submodule_search_locations else [origin]:
            digest.update(f"{module}/{file.relative_to(origin.parent)}\n".encode())
            digest.update(file.read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def provenance(**known: str | float) -> dict[str, str | float]:
    """The attrs that every result carries: versions, machine, revision and time, and what the study knows."""
    return {
        "versions": canonical({"python": platform.python_version(), **_versions()}),
        "git_revision": _git_revision(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **known,
    }


def save(dataset: xr.Dataset) -> Path:
    """Store a result under its `study` and `parameters` attrs, replacing an earlier one as a whole.

    Raises:
        InvalidParameterError: the attrs are missing.
        DataError: the file cannot be written (a full disk, say); the earlier result is untouched.
    """
    missing = [name for name in ("study", "parameters") if name not in dataset.attrs]
    if missing:
        raise InvalidParameterError(f"a result needs the attrs 'study' and 'parameters'; missing: {', '.join(missing)}")
    target = path(dataset.attrs["study"], json.loads(dataset.attrs["parameters"]))
    try:
        write_atomically(target, encode(dataset))
    except OSError as error:
        kept = "; the earlier result is untouched" if target.exists() else ""
        raise DataError(f"could not write {str(target)!r}: {error.strerror or error}{kept}") from error
    return target


def encode(dataset: xr.Dataset) -> bytes:
    """A dataset as the bytes of a netCDF file, compressed."""
    # zlib's checksum also lets a damaged file be noticed and not believed
    numeric = [name for name, variable in dataset.variables.items() if variable.ndim and variable.dtype.kind in "iufb"]
    encoding = {name: {"zlib": True, "complevel": 4, "shuffle": True} for name in numeric}
    return bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))


def read(file: Path) -> xr.Dataset:
    """A stored result, in memory. Raises DataError naming the file when it cannot be read."""
    try:
        with xr.open_dataset(file, engine="h5netcdf") as dataset:
            return dataset.load()
    except Exception as error:  # the layers below raise whatever the damaged bytes lead them to
        if isinstance(error, FileNotFoundError):
            raise
        raise DataError(f"the stored result {str(file)!r} is damaged; delete it and run the study again") from error


def get(study: str, parameters: Mapping[str, Any]) -> xr.Dataset | None:
    """The result of exactly these parameters, or None where there is none yet."""
    file = path(study, parameters)
    return read(file) if file.exists() else None


def load(study: str, **params: Any) -> xr.Dataset:
    """The newest stored result of a study whose parameters include the given ones.

    Args:
        study: such as 'pareto'.
        **params: any of the result's parameters, such as dataset='photos_x8', profile='quick'.

    Raises:
        DataError: there is none (the message says what is stored and how to make one), or all that may be
            it are damaged.
    """
    wanted, damaged = [], []
    for file in sorted(paths.results().glob(f"{glob.escape(study)}-*.nc")):
        # a file's name has the data set and the profile of a result that has them
        if not all(f"-{params[name]}-" in file.name for name in ("dataset", "profile") if name in params):
            continue
        try:
            found = read(file)
        except DataError as error:
            damaged.append(error)
            continue
        if found.attrs["study"] == study and _has(json.loads(found.attrs["parameters"]), params):
            wanted.append(found)
    if damaged and not wanted:
        raise damaged[0]
    if not wanted:
        stored = ", ".join(file.stem for file in sorted(paths.results().glob("*.nc"))) or "nothing"
        given = "".join(f", {name}={value!r}" for name, value in params.items())
        call = given.removeprefix(", ")
        known = study.isidentifier() and util.find_spec(f"spectral_collapse.studies.{study}")
        raise DataError(
            f"no stored result of {study!r}{f' with {call}' if call else ''}; stored are: {stored}"
            + (f"; spectral_collapse.studies.{study}.run({call}) makes it" if known else "")
        )
    return max(wanted, key=lambda dataset: dataset.attrs.get("created", ""))


class Parts:
    """Finished parts of a study that is under way, a file each, so that it can go on after any break.

    Names may hold any characters; they must differ in their letters and digits.

    Runs of the same study at once may share the folder: each part appears whole or not at all, and
    both would write the same arrays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a part, or None when it is missing or damaged and has to be computed."""
        try:
            with np.load(self._file(name), allow_pickle=False) as stored:
                return {array: stored[array] for array in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError):
            return None

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store the arrays of a finished part. Raises DataError when they cannot be written."""
        payload = io.BytesIO()
        np.savez_compressed(payload, **arrays)
        try:
            write_atomically(self._file(name), payload.getbuffer())
        except OSError as error:
            raise DataError(f"could not write {str(self._file(name))!r}: {error.strerror or error}") from error

    def clear(self) -> None:
        """Remove all parts; call it when the whole result is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other studies may be under way
            self.folder.parent.rmdir()

    def _file(self, name: str) -> Path:
        return self.folder / f"{re.sub(r'[^A-Za-z0-9.+-]+', '-', name)}.npz"


def parts(study: str, key: str) -> Parts:
    """The parts of the study run with this key, in a folder beside the results."""
    return Parts(paths.results() / "parts" / f"{study}-{key[:16]}")


def write_atomically(target: Path, payload: bytes | memoryview) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole.

    The temporary file has a name of its own, lies in the same folder and is removed on any error.
    """
    attempts = 3
    for attempt in range(attempts):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _replace(target, payload)
        except FileNotFoundError:  # a run of the same study has just finished and cleared the folder
            if attempt == attempts - 1:
                raise


def _replace(target: Path, payload: bytes | memoryview) -> None:
    temporary = target.with_name(f".{target.name}-{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _has(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    wanted = json.loads(canonical(wanted))  # what was stored has been through JSON, which knows no tuples
    return all(name in stored and stored[name] == value for name, value in wanted.items())


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _git_revision() -> str:
    """The checkout's revision with '+' when files differ from it; '' outside a checkout or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40"]
    command += ["--exclude=*", "--dirty=+"]  # no tag names, only the revision
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
