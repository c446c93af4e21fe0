"""The store of study results: one netCDF file per study and set of parameters, under `paths.results()`.

A study hands over one xarray.Dataset and gets the same one back. The schema, whatever the study:

- every dimension has a coordinate; dimensions have plain names (point, seed, sample, row, ...);
- every data variable carries `long_name` and `units` ('1' for a dimensionless number);
- attrs: `study`; `parameters`, the JSON of everything that changes the values (among it the hash of
  the checkpoint, the fingerprint of the data and the hash of the computing source files);
  `data_source` ('real' or 'rendered') and `origin`, one sentence for captions; `checkpoint_hash`;
  `versions`, JSON of package versions; `device`; `seconds` of computing; `git_revision` ('' outside
  a checkout); `created`, UTC.

The Pareto study, for example, prints as::

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
lie beside them in a folder of their own (`parts`), from which an interrupted study goes on. What a
killed run leaves, half-written files and the parts of a finished study, the next run removes (`sweep`).

What the book shows ships in `paths.shipped()`, which is in git: the same files packed by xz, `NAME.nc.xz` (`ship`). A
result is looked for there first. Nothing but `make results` writes them.

With SPECTRAL_COLLAPSE_FRESH, a time in seconds since 1970, whatever was stored or cached before does not count.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import io
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata, util
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import xarray as xr
from filelock import SoftFileLease

from spectral_collapse import disk, netcdf, paths
from spectral_collapse.checks import check_is, check_text, described
from spectral_collapse.errors import DataError, InvalidParameterError, shown
from spectral_collapse.netcdf import attributes, encode, read

SCHEMA = 1
"""What a file holds, as this module's docstring says; a file of another number is refused."""
FRESH = "SPECTRAL_COLLAPSE_FRESH"
"""Environment variable: what was stored before this time, in seconds since 1970, does not count."""
_LEASE_SECONDS = 60.0
"""A run that has not been heard of for so long has lost its right to compute a part."""
_DIGEST = hashlib.sha256().digest_size
_WRITTEN = "written, in seconds since 1970"
"""What an .npz has beside the arrays of a part or of the cache."""
_TEXTS = {
    "study", "parameters", "data_source", "origin", "checkpoint_hash", "versions", "device", "git_revision", "created",
    "title",
}  # fmt: skip
"""Attrs of a result that are texts."""
_NAMED = 4
"""So many names of stored results are listed in a sentence."""
_saved: dict[Path, str] = {}
"""Files that this process has saved, and `FRESH` at that time."""

_PACKAGES = ("spectral-collapse", "torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "piq", "xarray")
_COMPUTING = {"torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "piq"}
"""Those whose versions may change a value in its last digits."""


def canonical(parameters: Mapping[str, Any]) -> str:
    """The one JSON text of a set of parameters: sorted keys, no spaces, so that equal sets are equal texts.

    Raises InvalidParameterError for what JSON does not know.
    """
    _check_dict("parameters", parameters)
    try:
        return json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameterError(
            "parameters must be what JSON knows: texts, finite numbers, True, False, None and lists of them; "
            f"it says: {str(error)[:200]}"
        ) from error


def _check_dict(name: str, value: object) -> None:
    check_is(name, value, Mapping, "a dict")
    if wrong := [key for key in value if not isinstance(key, str)]:
        raise InvalidParameterError(f"{name} must have texts for names; {described(wrong[0])} is none")


def key(study: str, parameters: Mapping[str, Any]) -> str:
    """The 64 hex digits that identify a result; `parameters` must hold all that changes its values."""
    check_text("study", study)
    return hashlib.sha256(f"{study}\n{canonical(parameters)}".encode(errors="surrogatepass")).hexdigest()


def path(study: str, parameters: Mapping[str, Any]) -> Path:
    """Where the result of these parameters lies, or would lie. Raises InvalidParameterError for names that are none."""
    digits = key(study, parameters)[:8]
    named = [study, *(str(parameters[name]) for name in ("dataset", "profile") if name in parameters)]
    return paths.results() / _file_name(f"{'-'.join(named)}-{digits}.nc")


def _file_name(name: str) -> str:
    """The name, if it is one of a file on any system, with room for what a temporary file adds."""
    encoded = name.encode(errors="replace")
    if not re.fullmatch(r"[^-./\\:\0-\x1f\ud800-\udfff][^/\\:\0-\x1f\ud800-\udfff]*", name) or len(encoded) > 200:
        raise InvalidParameterError(
            "study, dataset and profile are in the names of files, so they must be short and without separators; "
            f"they would make {shown(name)}"
        )
    return name


def shipped_path(study: str, parameters: Mapping[str, Any]) -> Path:
    """Where the result of these parameters ships, or would."""
    return paths.shipped() / f"{path(study, parameters).name}.xz"


def provenance(**known: str | float) -> dict[str, str | float]:
    """The attrs that every result carries: versions, machine, revision and time, and what the study knows."""
    return {
        "versions": canonical({"python": platform.python_version(), **_versions()}),
        "git_revision": _git_revision(),
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),  # `counts` compares it with a moment
        **known,
    }


def save(dataset: xr.Dataset) -> Path:
    """Store a result under its `study` and `parameters` attrs, replacing an earlier one as a whole.

    Raises:
        InvalidParameterError: the attrs are missing or of a wrong type, or the file could not hold something.
        DataError: the file cannot be written (a full disk, say); the earlier result is untouched.
    """
    return _write(dataset, path, encode)


def ship(dataset: xr.Dataset, folder: Path | None = None) -> Path:
    """`save` among the results that ship, or in another folder, as small as they get (`netcdf.pack`)."""
    folder = None if folder is None else paths.expanded(folder, "folder")

    def place(study: str, parameters: Mapping[str, Any]) -> Path:
        usual = shipped_path(study, parameters)
        return usual if folder is None else folder / usual.name

    return _write(dataset, place, netcdf.pack)


def _write(
    dataset: xr.Dataset, place: Callable[[str, Mapping[str, Any]], Path], encoded: Callable[[xr.Dataset], bytes]
) -> Path:
    check_is("a result", dataset, xr.Dataset, "an xarray.Dataset")
    missing = [name for name in ("study", "parameters") if name not in dataset.attrs]
    if missing:
        raise InvalidParameterError(f"a result needs the attrs 'study' and 'parameters'; missing: {', '.join(missing)}")
    if wrong := _wrong(dataset.attrs):
        raise InvalidParameterError(f"the attrs of a result: {wrong}")
    target = place(dataset.attrs["study"], json.loads(dataset.attrs["parameters"]))
    content = encoded(dataset.assign_attrs(schema=SCHEMA))
    try:
        disk.write(target, content)
    except OSError as error:
        kept = "; the earlier result is untouched" if target.exists() else ""
        raise DataError(f"could not write {shown(target)}: {error.strerror or error}{kept}") from error
    _saved[target.absolute()] = os.environ.get(FRESH, "")
    return target


def describe(file: Path) -> str:
    """One line on a file of the store: what it is, or what is wrong with it; whatever a file is, nothing is raised."""
    file = paths.expanded(file, "file")
    name = file.name if file.name.isprintable() else ascii(file.name)
    if not file.is_file():
        return f"{name}  is no file (a folder, or a link that leads nowhere); remove it"
    try:
        attrs = attributes(file)
    except DataError as error:
        return str(error)
    created, source, seconds = (attrs.get(known) for known in ("created", "data_source", "seconds"))
    told = isinstance(created, str) and isinstance(source, str) and (created + source).isprintable()
    told = told and len(created + source) < 100
    if not told or not isinstance(seconds, int | float | np.integer | np.floating):
        return f"{name}  is no result of a study: it does not say when, on which data and how long it was computed"
    return f"{name}  {created}  {source} images  {seconds:g} s"


def stored() -> list[Path]:
    """Everything that is named as a result is, readable or not, in the order of names: what ships, then the store."""
    return [*shipped(), *sorted(paths.results().glob("*.nc"))]


def shipped() -> list[Path]:
    """Everything in the folder of results that ship and is named as one, in the order of names."""
    return sorted(paths.shipped().glob("*.nc.xz"))


def where(study: str, parameters: Mapping[str, Any]) -> list[Path]:
    """The files named as the result of exactly these parameters: the one that ships, the one of the store."""
    return [file for file in (shipped_path(study, parameters), path(study, parameters)) if counts(file)]


def get(study: str, parameters: Mapping[str, Any]) -> xr.Dataset | None:
    """The result of exactly these parameters, or None where there is none yet.

    Raises DataError where all files of that name cannot be read, are of another schema or hold something else.
    """
    damaged = []
    for file in where(study, parameters):
        try:
            found = result(file)
        except DataError as error:
            damaged.append(error)
            continue
        # a name has eight digits of the key, and files can be renamed
        if found.attrs.get("study") == study and found.attrs.get("parameters") == canonical(parameters):
            return found
        damaged.append(
            DataError(f"{shown(file)} holds another result than its name says; move it away and run the study again")
        )
    if damaged:
        raise damaged[0]
    return None


def result(file: Path) -> xr.Dataset:
    """`read` of what `save` or `ship` wrote. Raises DataError as `checked` does, too."""
    found = read(file)
    found.attrs = checked(file, found.attrs)
    return found


def checked(file: Path, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attrs of a file without its schema. Raises DataError where that is not `SCHEMA`, or others are no texts."""
    _check_dict("attrs", attrs)
    schema = attrs.get("schema")
    if not isinstance(schema, int | np.integer) or schema != SCHEMA:
        told = schema if isinstance(schema, np.integer) else described(schema)
        raise DataError(
            f"the stored result {shown(file)} is of schema {told}, and this version reads {SCHEMA}; "
            "delete it and run the study again"
        )
    if wrong := _wrong(attrs):
        raise DataError(f"{shown(file)} is no result of a study: {wrong}; delete it and run the study again")
    return {name: value for name, value in attrs.items() if name != "schema"}


def _wrong(attrs: Mapping[str, Any]) -> str:
    """What is wrong with the attrs that this module's docstring lists; '' for nothing."""
    for name in attrs.keys() & _TEXTS:
        if not isinstance(attrs[name], str):
            return f"{name!r} must be a text; {described(attrs[name])} was given"
    seconds = attrs.get("seconds", 0.0)
    if not isinstance(seconds, int | float | np.integer | np.floating):
        return f"'seconds' must be a number; {described(seconds)} was given"
    if _parsed(attrs) is None:
        return f"'parameters' must be a JSON object; {described(attrs.get('parameters'))} was given"
    return ""


def counts(file: Path) -> bool:
    """Whether a result is there and was made after `FRESH`, by its own word or by this very run, whatever clocks say.

    Raises InvalidParameterError for no time.
    """
    since, file = _since(), paths.expanded(file, "file")
    if since is None or not file.exists() or _saved.get(file.absolute()) == os.environ[FRESH]:
        return file.exists()
    try:
        made = datetime.fromisoformat(attributes(file)["created"]).timestamp()
    except (DataError, KeyError, TypeError, ValueError, OverflowError):
        return False
    return since <= made <= time.time()


def _since() -> float | None:
    """`FRESH`, if it is set. Raises InvalidParameterError for no time."""
    given = os.environ.get(FRESH)
    if not given:
        return None
    try:
        since = float(given)
    except ValueError:
        since = math.nan
    if not math.isfinite(since):
        raise InvalidParameterError(f"{FRESH} must be a time in seconds since 1970; {shown(given)} was given")
    return since


def load(study: str, key: str = "", **params: Any) -> xr.Dataset:
    """The newest stored result of a study whose parameters include the given ones.

    Args:
        study: such as 'pareto'.
        key: the first digits of its key, as its page and its file's name have them.
        **params: any of the result's parameters, such as dataset='photos_x8', profile='quick'.

    Raises:
        InvalidParameterError: something that can be no name, no key or no parameter was given.
        DataError: there is none (the message says what is stored and how to make one), or all that may be
            it are damaged.
    """
    for name, given in (("study", study), ("key", key)):
        if not isinstance(given, str):
            raise InvalidParameterError(f"{name} must be a text, such as 'pareto'; {described(given)} was given")
    wanted, damaged = [], []
    asked = json.loads(canonical(params))  # what was stored has been through JSON, which knows no tuples
    for file in stored():
        if not file.name.startswith(f"{study}-") or not file.is_file():
            continue
        # a file's name has the data set and the profile of a result that has them
        if not all(f"-{params[name]}-" in file.name for name in ("dataset", "profile") if name in params):
            continue
        if key and f"-{key[:8]}" not in file.name:
            continue
        try:
            found = result(file)
        except DataError as error:
            damaged.append(error)
            continue
        if found.attrs.get("study") == study and _has(found, key, asked):
            wanted.append(found)
    if damaged and not wanted:
        raise damaged[0]
    if not wanted:
        asked_for = ({"key": key} if key else {}) | params
        given = "".join(f", {name}={described(value)}" for name, value in asked_for.items())
        call = f" with {given.removeprefix(', ')[:150]}" if given else ""
        known = study.isidentifier() and util.find_spec(f"spectral_collapse.studies.{study}")
        made = known and not key and len(given) < 100
        raise DataError(
            f"no stored result of {described(study)}{call}; stored are: {_names(study)}"
            + (f"; spectral_collapse.studies.run({study!r}{given}) makes it" if made else "")
        )
    return max(wanted, key=lambda dataset: dataset.attrs.get("created", ""))


def _names(study: str) -> str:
    """Names of what is stored, of this study if there is any, as many as a sentence bears."""
    every = dict.fromkeys(file.name.partition(".nc")[0] for file in stored())
    names = [name for name in every if name.startswith(f"{study}-")] or list(every)
    told = [name if name.isprintable() and len(name) < 80 else described(name) for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(told)}{more}" or "nothing"


class Parts:
    """Finished parts of a study that is under way, a file each, so that it can go on after any break.

    A file is an .npz with its SHA-256 behind it, so that a damaged one is noticed and computed again.
    Names may hold any characters.

    Runs of the same study at once may share the folder: each part appears whole or not at all, and
    both would write the same arrays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = paths.expanded(folder, "folder")

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a part, or None when it is missing or damaged and has to be computed."""
        return read_arrays(self._file(name))

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store the arrays of a finished part. Raises DataError when they cannot be written."""
        try:
            disk.write(self._file(name), encode_arrays(arrays))
        except OSError as error:
            raise DataError(f"could not write {shown(self._file(name))}: {error.strerror or error}") from error

    def lease(self, name: str) -> SoftFileLease | None:
        """The right to compute a part, or None while another run has it; it ends with `release` or with its process.

        Raises DataError where the folder cannot be written.
        """
        file = self._file(name).with_suffix(".lease")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lease = SoftFileLease(file, lease_duration=_LEASE_SECONDS, thread_local=False)
            lease.acquire(blocking=False)
        except filelock.Timeout:
            return None
        except OSError as error:
            raise DataError(f"could not write {shown(file)}: {error.strerror or error}") from error
        return lease

    def clear(self) -> None:
        """Remove all parts; call it when the whole result is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other studies may be under way
            self.folder.parent.rmdir()

    def _file(self, name: str) -> Path:
        check_text("name", name)
        readable = re.sub(r"[^A-Za-z0-9.+-]+", "-", name)  # the same for 'taba, seed 0' and 'taba*, seed 0'
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
        return self.folder / f"{readable}-{digest[:8]}.npz"


def _is_plain(values: object) -> bool:
    """Whether values are an array of numbers or texts, or can become one."""
    try:
        return np.asarray(values).dtype.kind in "biufcSU"
    except Exception:  # tensors of a GPU, ragged lists, and whatever else has a way to become an array
        return False


def encode_arrays(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """Arrays, and the time, as the bytes of an .npz with its SHA-256 behind it. Raises InvalidParameterError."""
    _check_dict("arrays", arrays)
    for name, array in arrays.items():
        if not _is_plain(array):
            raise InvalidParameterError(f"{name!r} must be an array of numbers or texts; {described(array)} was given")
    payload = io.BytesIO()
    np.savez_compressed(payload, **arrays, **{_WRITTEN: np.float64(time.time())})
    payload.write(hashlib.sha256(payload.getbuffer()).digest())
    return payload.getbuffer()


def read_arrays(file: Path) -> dict[str, np.ndarray] | None:
    """What `encode_arrays` wrote into a file, or None where it is missing, damaged, or written before `FRESH`."""
    since, file = _since(), paths.expanded(file, "file")
    try:
        content = disk.read(file, sys.maxsize)
        payload, digest = content[:-_DIGEST], content[-_DIGEST:]
        # ahead of zipfile, which may drop an array of a damaged archive without a word
        if hashlib.sha256(payload).digest() != digest:
            return None
        with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
            arrays = {array: stored[array] for array in stored.files}
        written = float(arrays.pop(_WRITTEN, file.stat().st_mtime))  # earlier versions did not say
    except Exception:  # a right digest says nothing about what is in it
        return None
    whole = all(isinstance(array, np.ndarray) for array in arrays.values())
    return arrays if whole and (since is None or since <= written <= time.time()) else None


def parts(study: str, key: str) -> Parts:
    """The parts of the study run with this key, in a folder beside the results."""
    check_text("study", study)
    check_text("key", key)
    return Parts(paths.results() / "parts" / _file_name(f"{study}-{key[:16]}"))


def sweep() -> None:
    """Remove what killed runs left in the store: half-written files, and the parts of results that are stored.

    What a living run is writing stays: it is locked. Parts whose result cannot be read stay too.
    """
    store = paths.results()
    disk.tidy(store.rglob(".*.tmp"))
    for folder in (store / "parts").glob("*-*"):
        study, _, key = folder.name.rpartition("-")
        for file in store.glob(f"{glob.escape(study)}-*{glob.escape(key[:8])}.nc"):
            with contextlib.suppress(DataError):
                read(file)
                Parts(folder).clear()


def parameters(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a result by its attrs; none where a file of that name says nothing of the kind."""
    _check_dict("attrs", attrs)
    return _parsed(attrs) or {}


def _parsed(attrs: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        found = json.loads(attrs["parameters"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _has(result: xr.Dataset, digits: str, wanted: Mapping[str, Any]) -> bool:
    stored = parameters(result.attrs)
    if digits and not key(result.attrs["study"], stored).startswith(digits):
        return False
    return all(name in stored and stored[name] == value for name, value in wanted.items())


def computing_versions() -> dict[str, str]:
    """The versions of the packages that compute; builds of one version (2.7.0+cpu) are one."""
    return {name: version.partition("+")[0] for name, version in _versions().items() if name in _COMPUTING}


def other_versions(attrs: Mapping[str, Any]) -> str:
    """'torch 2.6.0 (here 2.7.0)' and the like for each package that computes and was of another version when a result
    was made; '' where none was."""
    _check_dict("attrs", attrs)
    try:
        made = {name: str(version).partition("+")[0] for name, version in json.loads(attrs["versions"]).items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""
    here = computing_versions()
    differ = sorted(name for name in here.keys() & made.keys() if made[name] != here[name])
    return ", ".join(f"{name} {made[name]} (here {here[name]})" for name in differ)


@functools.cache
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
