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
import lzma
import os
import platform
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata, util
from pathlib import Path
from typing import Any, BinaryIO

import filelock
import netCDF4
import numpy as np
import xarray as xr
from filelock import SoftFileLease

from spectral_collapse import disk, paths
from spectral_collapse.errors import DataError, InvalidParameterError

try:
    import fcntl
except ImportError:  # no such locks on this system: leftovers cannot be told from files being written, and stay
    fcntl = None

SCHEMA = 1
"""What a file holds, as this module's docstring says; a file of another number is refused."""
FRESH = "SPECTRAL_COLLAPSE_FRESH"
"""Environment variable: what was stored before this time, in seconds since 1970, does not count."""
_PRECISION = 20
"""Significant bits of the values that ship: one part in a million; the range stays that of double."""
_LZMA = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}
_XZ = [_LZMA], [{"id": lzma.FILTER_DELTA, "dist": 3}, _LZMA]
"""How xz packs a file: as it is, or each byte less that of the neighbouring pixel, which suits smooth pictures. Bytes
depend on the one before (`lc`) and not on their place in a word (`pb`): 1 % smaller than by xz's own settings."""
_LEASE_SECONDS = 60.0
"""A run that has not been heard of for so long has lost its right to compute a part."""
_DIGEST = hashlib.sha256().digest_size

_PACKAGES = ("spectral-collapse", "torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "piq", "xarray")
_COMPUTING = {"torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "piq"}
"""Those whose versions may change a value in its last digits."""


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


def shipped_path(study: str, parameters: Mapping[str, Any]) -> Path:
    """Where the result of these parameters ships, or would."""
    return paths.shipped() / f"{path(study, parameters).name}.xz"


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
    return _write(dataset, path, encode)


def ship(dataset: xr.Dataset, folder: Path | None = None) -> Path:
    """`save` among the results that ship, or in another folder, as small as they get: floating-point variables are
    rounded to one part in a million, or to their attribute `significant_bits`, coordinates stay as they are, and xz
    packs the whole file."""

    def packed(dataset: xr.Dataset) -> bytes:
        rounded = {name: _rounded(values) for name, values in dataset.data_vars.items() if values.dtype.kind == "f"}
        # xz sees that pictures of different methods are alike; arrays that are compressed by themselves hide it. Values
        # have all their first bytes first, then all second ones: 6 % smaller
        plain = encode(dataset.assign(rounded), complevel=0)
        return min((lzma.compress(plain, filters=filters) for filters in _XZ), key=len)

    def place(study: str, parameters: Mapping[str, Any]) -> Path:
        usual = shipped_path(study, parameters)
        return usual if folder is None else folder / usual.name

    return _write(dataset, place, packed)


def _write(
    dataset: xr.Dataset, place: Callable[[str, Mapping[str, Any]], Path], encoded: Callable[[xr.Dataset], bytes]
) -> Path:
    missing = [name for name in ("study", "parameters") if name not in dataset.attrs]
    if missing:
        raise InvalidParameterError(f"a result needs the attrs 'study' and 'parameters'; missing: {', '.join(missing)}")
    target = place(dataset.attrs["study"], json.loads(dataset.attrs["parameters"]))
    try:
        write_atomically(target, encoded(dataset.assign_attrs(schema=SCHEMA)))
    except OSError as error:
        kept = "; the earlier result is untouched" if target.exists() else ""
        raise DataError(f"could not write {str(target)!r}: {error.strerror or error}{kept}") from error
    return target


def encode(dataset: xr.Dataset, complevel: int = 4) -> bytes:
    """A dataset as the bytes of a netCDF file, its arrays compressed unless `complevel` is 0."""
    numeric = [name for name, variable in dataset.variables.items() if variable.ndim and variable.dtype.kind in "iufb"]
    # zlib's checksum also lets a damaged file be noticed and not believed
    zlib = {"zlib": True, "complevel": complevel} if complevel else {}
    encoding = {name: zlib | {"shuffle": True} for name in numeric if complevel or dataset[name].dtype.kind == "f"}
    # without the encoding of a file that it was read from
    return bytes(dataset.drop_encoding().to_netcdf(engine="h5netcdf", encoding=encoding))


def _rounded(values: xr.DataArray) -> xr.DataArray:
    """Values to so many bits as are needed: the zeros behind them take no room."""
    bits = int(values.attrs.get("significant_bits", _PRECISION))
    fraction, exponent = np.frexp(values.values)
    kept = np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)
    return values.copy(data=kept.astype(values.dtype))


def read(file: Path) -> xr.Dataset:
    """A stored result, in memory. Raises DataError naming the file when it cannot be read."""
    with _opened(file) as store:
        return xr.open_dataset(store).load()


def attributes(file: Path) -> dict[str, Any]:
    """The attrs of a stored result, without its arrays. Raises DataError naming the file when it cannot be read."""
    with _opened(file) as store:
        return {name: value for name, value in store.get_attrs().items() if name != "coordinates"}  # xarray's own


def describe(file: Path) -> str:
    """One line on a file of the store: what it is, or what is wrong with it; whatever it is, nothing is raised."""
    name = file.name if file.name.isprintable() else ascii(file.name)
    if not file.is_file():
        return f"{name}  is no file (a folder, or a link that leads nowhere); remove it"
    try:
        attrs = attributes(file)
    except DataError as error:
        return str(error)
    created, source, seconds = (attrs.get(known) for known in ("created", "data_source", "seconds"))
    told = isinstance(created, str) and isinstance(source, str) and (created + source).isprintable()
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
            DataError(f"{str(file)!r} holds another result than its name says; move it away and run the study again")
        )
    if damaged:
        raise damaged[0]
    return None


def result(file: Path) -> xr.Dataset:
    """`read` of what `save` or `ship` wrote. Raises DataError for a file of another schema, too."""
    found = read(file)
    found.attrs = checked(file, found.attrs)
    return found


def checked(file: Path, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attrs of a file without its schema. Raises DataError where that is not `SCHEMA`."""
    schema = attrs.get("schema")
    if schema != SCHEMA:
        raise DataError(
            f"the stored result {str(file)!r} is of schema {schema}, and this version reads {SCHEMA}; delete it and "
            "run the study again"
        )
    return {name: value for name, value in attrs.items() if name != "schema"}


def counts(file: Path) -> bool:
    """Whether a file is there and was not written before `FRESH`. Raises InvalidParameterError for no time."""
    try:
        written = file.stat().st_mtime
    except OSError:
        return False
    since = os.environ.get(FRESH) or "0"
    try:
        return written >= float(since)
    except ValueError as error:
        raise InvalidParameterError(f"{FRESH} must be a time in seconds since 1970; {since!r} was given") from error


def load(study: str, key: str = "", **params: Any) -> xr.Dataset:
    """The newest stored result of a study whose parameters include the given ones.

    Args:
        study: such as 'pareto'.
        key: the first digits of its key, as its page and its file's name have them.
        **params: any of the result's parameters, such as dataset='photos_x8', profile='quick'.

    Raises:
        DataError: there is none (the message says what is stored and how to make one), or all that may be
            it are damaged.
    """
    wanted, damaged = [], []
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
        if found.attrs.get("study") == study and _has(found, key, params):
            wanted.append(found)
    if damaged and not wanted:
        raise damaged[0]
    if not wanted:
        names = ", ".join(dict.fromkeys(file.name.partition(".nc")[0] for file in stored())) or "nothing"
        given = "".join(f", {name}={value!r}" for name, value in (({"key": key} if key else {}) | params).items())
        call = given.removeprefix(", ")
        known = study.isidentifier() and util.find_spec(f"spectral_collapse.studies.{study}")
        raise DataError(
            f"no stored result of {study!r}{f' with {call}' if call else ''}; stored are: {names}"
            + (f"; spectral_collapse.studies.run({study!r}{given}) makes it" if known and not key else "")
        )
    return max(wanted, key=lambda dataset: dataset.attrs.get("created", ""))


class Parts:
    """Finished parts of a study that is under way, a file each, so that it can go on after any break.

    A file is an .npz with its SHA-256 behind it, so that a damaged one is noticed and computed again.
    Names may hold any characters.

    Runs of the same study at once may share the folder: each part appears whole or not at all, and
    both would write the same arrays.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a part, or None when it is missing or damaged and has to be computed."""
        return read_arrays(self._file(name))

    def put(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Store the arrays of a finished part. Raises DataError when they cannot be written."""
        try:
            write_atomically(self._file(name), encode_arrays(arrays))
        except OSError as error:
            raise DataError(f"could not write {str(self._file(name))!r}: {error.strerror or error}") from error

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
            raise DataError(f"could not write {str(file)!r}: {error.strerror or error}") from error
        return lease

    def clear(self) -> None:
        """Remove all parts; call it when the whole result is stored."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other studies may be under way
            self.folder.parent.rmdir()

    def _file(self, name: str) -> Path:
        readable = re.sub(r"[^A-Za-z0-9.+-]+", "-", name)  # the same for 'taba, seed 0' and 'taba*, seed 0'
        return self.folder / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.npz"


def encode_arrays(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """Arrays as the bytes of an .npz with its SHA-256 behind it."""
    payload = io.BytesIO()
    np.savez_compressed(payload, **arrays)
    payload.write(hashlib.sha256(payload.getbuffer()).digest())
    return payload.getbuffer()


def read_arrays(file: Path) -> dict[str, np.ndarray] | None:
    """What `encode_arrays` wrote into a file, or None where it is missing, damaged or does not count."""
    if not counts(file):
        return None
    try:
        content = file.read_bytes()
    except OSError:
        return None
    payload, digest = content[:-_DIGEST], content[-_DIGEST:]
    # ahead of zipfile, which may drop an array of a damaged archive without a word
    if hashlib.sha256(payload).digest() != digest:
        return None
    with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
        return {array: stored[array] for array in stored.files}


def parts(study: str, key: str) -> Parts:
    """The parts of the study run with this key, in a folder beside the results."""
    return Parts(paths.results() / "parts" / f"{study}-{key[:16]}")


def sweep() -> None:
    """Remove what killed runs left in the store: half-written files, and the parts of results that are stored.

    What a living run is writing stays: it is locked. Parts whose result cannot be read stay too.
    """
    store = paths.results()
    for temporary in store.rglob(".*.tmp"):
        _remove_abandoned(temporary)
    for folder in (store / "parts").glob("*-*"):
        study, _, key = folder.name.rpartition("-")
        for file in store.glob(f"{glob.escape(study)}-*{glob.escape(key[:8])}.nc"):
            with contextlib.suppress(DataError):
                read(file)
                Parts(folder).clear()


def write_atomically(target: Path, payload: bytes | memoryview) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole, a loss of power included.

    The temporary file has a name of its own, lies in the same folder and is removed on any error; what a
    killed process left of an earlier attempt to write the same file is removed, too.
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
    for leftover in target.parent.glob(f".{glob.escape(target.name)}-*.tmp"):
        _remove_abandoned(leftover)
    temporary = target.with_name(f".{target.name}-{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            _lock(file)
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, target)  # in here, so that the lock is held until the file has its name
        disk.sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> bool:
    """Locks a file until it is closed or the process ends; False where another process has it, or nothing can."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return False
    return True


def _remove_abandoned(temporary: Path) -> None:
    """Removes a temporary file of `_replace` unless someone is writing it."""
    if not re.fullmatch(r"\..+-[0-9a-f]{32}\.tmp", temporary.name) or not temporary.is_file():
        return
    with contextlib.suppress(OSError), open(temporary, "rb") as file:
        if _lock(file):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[xr.backends.NetCDF4DataStore | xr.backends.H5NetCDFStore]:
    """A result's file, its arrays not read yet."""
    try:
        if file.suffix == ".xz":
            # 12 times as fast as h5netcdf; damaged bytes would crash it, but those of xz have a checksum
            with netCDF4.Dataset("in memory", memory=lzma.decompress(file.read_bytes())) as opened:
                yield xr.backends.NetCDF4DataStore(opened)
        else:
            # through Python's own file: HDF5 would lock it, which fails while the writer has it locked still
            with open(file, "rb") as stream, contextlib.closing(xr.backends.H5NetCDFStore.open(stream)) as store:
                yield store
    except Exception as error:  # the layers below raise whatever the damaged bytes lead them to
        raise DataError(f"the stored result {str(file)!r} is damaged; delete it and run the study again") from error


def parameters(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a result by its attrs; none where a file of that name says nothing of the kind."""
    try:
        return dict(json.loads(attrs["parameters"]))
    except (KeyError, TypeError, ValueError):
        return {}


def _has(result: xr.Dataset, digits: str, wanted: Mapping[str, Any]) -> bool:
    stored = parameters(result.attrs)
    if digits and not key(result.attrs["study"], stored).startswith(digits):
        return False
    wanted = json.loads(canonical(wanted))  # what was stored has been through JSON, which knows no tuples
    return all(name in stored and stored[name] == value for name, value in wanted.items())


def computing_versions() -> dict[str, str]:
    """The versions of the packages that compute; builds of one version (2.7.0+cpu) are one."""
    return {name: version.partition("+")[0] for name, version in _versions().items() if name in _COMPUTING}


def other_versions(attrs: Mapping[str, Any]) -> str:
    """'torch 2.6.0 (here 2.7.0)' and the like for each package that computes and was of another version when a result
    was made; '' where none was."""
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
