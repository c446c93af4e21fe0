"""Files of results: named by study and key, written whole or not at all, found again; `spectral_collapse.results` says
what is in them."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spectral_collapse import datasets, disk, paths
from spectral_collapse.checks import check_is, check_text, described
from spectral_collapse.errors import DataError, InvalidParameterError, listed, shown
from spectral_collapse.store.packing import attributes, encode, pack, read
from spectral_collapse.store.withheld import published

SCHEMA = 1
"""What a file holds, as this module's docstring says; a file of another number is refused."""
FRESH = "SPECTRAL_COLLAPSE_FRESH"
"""Environment variable: what was stored before this time, in seconds since 1970, does not count."""
_TEXTS = {
    "study", "parameters", "data_source", "origin", "checkpoint_hash", "versions", "device", "git_revision", "created",
    "title", "withheld",
}  # fmt: skip
"""Attrs of a result that are texts."""
_NUMBERS = int | float | np.integer | np.floating
_saved: dict[Path, str] = {}
"""Files that this process has saved, and `FRESH` at that time."""

_PACKAGES = ("spectral-collapse", "torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "piq", "xarray")
_COMPUTING = {"torch", "diffusers", "numpy", "scipy", "scikit-image", "PyWavelets", "piq"}
"""Those whose versions may change a value in its last digits."""


def canonical(parameters: Mapping[str, Any]) -> str:
    """The one JSON text of a set of parameters: sorted keys, no spaces, so that equal sets are equal texts.

    Raises InvalidParameterError for what JSON does not know.
    """
    check_dict("parameters", parameters)
    try:
        return json.dumps(parameters, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidParameterError(
            "parameters must be what JSON knows: texts, finite numbers, True, False, None and lists of them; "
            f"it says: {str(error)[:200]}"
        ) from error


def check_dict(name: str, value: object) -> None:
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
    return paths.results() / file_name(f"{'-'.join(named)}-{digits}.nc")


def file_name(name: str) -> str:
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
        DataError: the file cannot be written (a full disk, say); the earlier result stays.
    """
    return _write(dataset, paths.results(), "", encode)


def ship(dataset: xr.Dataset, folder: Path | None = None) -> Path:
    """`save` among the results that ship, or in another folder, as small as they get (`packing.pack`), and without
    pictures of data that may not be published (`withheld`)."""

    def packed(found: xr.Dataset) -> bytes:
        return pack(published(found, parameters(found.attrs)))

    return _write(dataset, paths.shipped() if folder is None else paths.expanded(folder, "folder"), ".xz", packed)


def _write(dataset: xr.Dataset, folder: Path, suffix: str, encoded: Callable[[xr.Dataset], bytes]) -> Path:
    check_is("a result", dataset, xr.Dataset, "an xarray.Dataset")
    missing = [name for name in ("study", "parameters") if name not in dataset.attrs]
    if missing:
        raise InvalidParameterError(f"a result needs the attrs 'study' and 'parameters'; missing: {', '.join(missing)}")
    if wrong := _wrong(dataset.attrs):
        raise InvalidParameterError(f"the attrs of a result: {wrong}")
    target = folder / f"{path(dataset.attrs['study'], parameters(dataset.attrs)).name}{suffix}"
    disk.save(target, encoded(dataset.assign_attrs(schema=SCHEMA)))
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
    texts, seconds = [attrs.get("created"), attrs.get("data_source")], attrs.get("seconds")
    told = all(isinstance(text, str) and text.isprintable() and len(text) < 50 for text in texts)
    if not told or not isinstance(seconds, _NUMBERS):
        return f"{name}  is no result of a study: it does not say when, on which data and how long it was computed"
    return f"{name}  {texts[0]}  {texts[1]} images  {seconds:g} s"


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
    return of_population(found)


def of_population(found: xr.Dataset) -> xr.Dataset:
    """A result whose coordinates `*_group` are called `*_stratum` where its data set's pictures are fixed."""
    info = datasets.DATASETS.get(str(parameters(found.attrs).get("dataset")))
    if info is None or not info.fixed:
        return found
    groups = [str(name) for name, one in found.coords.items() if str(name).endswith("_group") and one.ndim == 1]
    return found.rename({name: f"{name.removesuffix('_group')}_stratum" for name in groups})


def checked(file: Path, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The attrs of a file without its schema. Raises DataError where that is not `SCHEMA`, or others are no texts."""
    check_dict("attrs", attrs)
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
    if not isinstance(attrs.get("seconds", 0.0), _NUMBERS):
        return f"'seconds' must be a number; {described(attrs['seconds'])} was given"
    if _parsed(attrs, "parameters") is None:
        return f"'parameters' must be a JSON object; {described(attrs.get('parameters'))} was given"
    return ""


def counts(file: Path) -> bool:
    """Whether a result is there and was made after `FRESH`, by its own word or by this very run, whatever clocks say.

    Raises InvalidParameterError for no time.
    """
    moment, file = since(), paths.expanded(file, "file")
    if moment is None or not file.exists() or _saved.get(file.absolute()) == os.environ[FRESH]:
        return file.exists()
    try:
        made = datetime.fromisoformat(attributes(file)["created"]).timestamp()
    except (DataError, KeyError, TypeError, ValueError, OverflowError):
        return False
    return moment <= made <= time.time()


def since() -> float | None:
    """`FRESH`, if it is set. Raises InvalidParameterError for no time."""
    given = os.environ.get(FRESH)
    if not given:
        return None
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", given):
        raise InvalidParameterError(f"{FRESH} must be a time in seconds since 1970; {shown(given)} was given")
    return float(given)


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
        check_is(name, given, str, "a text, such as 'pareto'")
    wanted, damaged = [], []
    asked = json.loads(canonical(params))  # what was stored has been through JSON, which knows no tuples
    # a file's name has the data set and the profile of a result that has them
    parts = [f"-{params[name]}-" for name in ("dataset", "profile") if name in params] + [f"-{key[:8]}"] * bool(key)
    for file in stored():
        if file.name.startswith(f"{study}-") and all(part in file.name for part in parts) and file.is_file():
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
    return (
        listed((name if name.isprintable() and len(name) < 80 else described(name) for name in names), 4) or "nothing"
    )


def parameters(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a result by its attrs; none where a file of that name says nothing of the kind."""
    check_dict("attrs", attrs)
    return _parsed(attrs, "parameters") or {}


def _parsed(attrs: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The JSON object in an attribute; None for none."""
    try:
        found = json.loads(attrs[name])
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
    check_dict("attrs", attrs)
    made = {name: str(version).partition("+")[0] for name, version in (_parsed(attrs, "versions") or {}).items()}
    differ = [(name, version) for name, version in computing_versions().items() if made.get(name, version) != version]
    return ", ".join(f"{name} {made[name]} (here {version})" for name, version in sorted(differ))


@functools.cache
def _versions() -> dict[str, str]:
    return {name: version_of(name) or "not installed" for name in _PACKAGES}


def version_of(package: str) -> str:
    """The version of an installed package; '' for none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _git_revision() -> str:
    """The checkout's revision with '+' when files differ from it; '' outside a checkout or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40"]
    command += ["--exclude=*", "--dirty=+"]  # no tag names, only the revision
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
