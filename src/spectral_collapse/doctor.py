"""Checks what is installed and found on this machine, and whether it is intact: `spectral-collapse doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

import pooch
from packaging.requirements import Requirement

import spectral_collapse
from spectral_collapse import datasets, executors, memory, paths, results
from spectral_collapse.checks import check_device
from spectral_collapse.errors import CheckpointError, SpectralCollapseError, listed, shown
from spectral_collapse.later import torch
from spectral_collapse.metrics import weights
from spectral_collapse.store.results import version_of

_PACKAGE = "spectral-collapse"
_LEAST_FREE = 1e9
"""Bytes; with less on the disk, downloads and studies break off."""
_NAMED = 4
"""So many names are listed in a line."""


@dataclass(frozen=True)
class Line:
    """One finding: its subject, what was found, and whether something that should work is broken."""

    about: str
    text: str
    broken: bool = False


def examine() -> list[Line]:
    """All findings, in the order in which they are reported; raises, writes and downloads nothing."""
    found = []
    for look in _LOOKS:
        about = look.__name__.removeprefix("_")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a warning says, a line says here
                found += look(about)
        except (SpectralCollapseError, OSError, ImportError, RuntimeError) as error:
            found.append(Line(about, str(error).splitlines()[-1][:400], broken=True))
    return found


def report(found: list[Line]) -> str:
    """The findings as one screen of text: a line each, with broken ones marked, and a conclusion."""
    width = max(len(line.about) for line in found)
    lines = [f"{'BROKEN' if line.broken else 'ok':<6}  {line.about:<{width}}  {line.text}" for line in found]
    broken = sum(line.broken for line in found)
    return "\n".join([*lines, f"{broken} broken" if broken else "nothing is broken"])


def _software(about: str) -> Iterator[Line]:
    folder = Path(spectral_collapse.__file__).parent
    kind = "from a checkout" if paths.in_checkout() else "installed"
    yield Line(
        about,
        f"{_PACKAGE} {spectral_collapse.__version__}, {kind}, in {folder}; Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}",
    )


def _packages(about: str) -> Iterator[Line]:
    needed = [Requirement(text) for text in metadata.requires(_PACKAGE) or []] if version_of(_PACKAGE) else []
    if not needed:
        yield Line(about, f"{_PACKAGE} was not installed by pip, so what it needs is not known")
        return
    required = [one for one in needed if one.marker is None]
    lacking = [fault for one in required if (fault := _fault(one))]
    main = ", ".join(f"{name} {version_of(name)}" for name in ("torch", "diffusers", "numpy") if version_of(name))
    yield Line(about, f"{len(required)} needed; {'; '.join(lacking) or main}", broken=bool(lacking))
    for extra in sorted(metadata.metadata(_PACKAGE).get_all("Provides-Extra") or []):
        asked = [one for one in needed if one.marker is not None and one.marker.evaluate({"extra": extra})]
        if faults := [fault for one in asked if (fault := _fault(one))]:
            install = f"pip install '{_PACKAGE}[{extra}]'"
            yield Line(about, f"extra {extra!r} is not complete, {install}: {listed(faults, _NAMED)}")


def _fault(requirement: Requirement) -> str:
    """What is wrong with an installed package; '' for nothing."""
    version = version_of(requirement.name)
    if not version:
        return f"{requirement.name} is missing"
    fits = requirement.specifier.contains(version, prereleases=True)
    return "" if fits else f"{requirement.name} is {version}, and {requirement.specifier} is needed"


def _torchvision(about: str) -> Iterator[Line]:
    try:
        import_module("torchvision")
    except ModuleNotFoundError:
        return
    except (ImportError, RuntimeError):
        versions = (f"{name} {version_of(name)}" for name in ("torchvision", "torch"))
        yield Line(
            about,
            f"{' was not built for '.join(versions)}, and diffusers cannot be imported beside it: install both from "
            "the same place, or uninstall torchvision",
            broken=True,
        )


def _device(about: str) -> Iterator[Line]:
    device = check_device("auto")
    text = f"{device.type}, beside {executors.cores()} cores and {memory.total() / 1e9:.0f} GB of memory"
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        text = f"{properties.name} ({properties.total_memory / 1e9:.0f} GB), {text}"
    yield Line(about, text)
    executors.Processes(1)  # raises where processes cannot be started


def _folder(about: str) -> Iterator[Line]:
    folder = paths.data()
    origin = "SPECTRAL_COLLAPSE_HOME names it" if os.environ.get("SPECTRAL_COLLAPSE_HOME") else "by default"
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    free = shutil.disk_usage(there).free
    problem = ""
    if not there.is_dir():
        problem = f"; {shown(there)} is no folder, name another by SPECTRAL_COLLAPSE_HOME"
    elif not os.access(there, os.W_OK):
        problem = "; it cannot be written, name another by SPECTRAL_COLLAPSE_HOME"
    elif free < _LEAST_FREE:
        problem = "; make room"
    yield Line(about, f"{folder} ({origin}), {free / 1e9:.1f} GB free{problem}", broken=bool(problem))


def _error(look: Callable[[Path], object], file: Path) -> str:
    """What is wrong with a file or a folder; '' for nothing."""
    try:
        look(file)
    except SpectralCollapseError as error:
        return str(error)
    return ""


def _weights(about: str) -> Iterator[Line]:
    from spectral_collapse.networks import checkpoints  # fails where `_torchvision` says why

    errors = {name: _error(_check_weights, folder) for name, folder in checkpoints.available().items()}
    yield from (Line(about, error, broken=True) for error in errors.values() if error)
    sound = [name for name, error in errors.items() if not error]
    yield Line(about, f"{len(sound)} networks ship: {listed(sound, _NAMED) or 'none'}")
    runs = [file.parent.parent.name for file in sorted(paths.runs().glob("*/model/config.json"))]
    if runs:
        yield Line(about, f"{len(runs)} trained here: {listed(runs, _NAMED)}")


def _check_weights(folder: Path) -> None:
    """Raises CheckpointError unless a shipped network can be loaded and is the one its card describes."""
    from spectral_collapse.networks import checkpoints

    card = checkpoints.read_card(folder) if (folder / "card.json").is_file() else {}
    if card.get("process") is None:
        checkpoints.load_autoencoder(folder)
    else:
        checkpoints.load_model(folder)
    digest = pooch.file_hash(str(checkpoints._weights_of(folder)))
    if card.get("hash", digest[:12]) != digest[:12]:
        raise CheckpointError(f"the weights of {shown(folder)} are not those of its card; copy the checkpoint again")


def _scores(about: str) -> Iterator[Line]:
    there, missing = [], []
    for name in weights.SOURCES:
        try:
            weights.find(name)
            there.append(name)
        except weights.MissingWeightsError:
            missing.append(name)
    lacking = f"; without {', '.join(missing)} their scores (LPIPS, FID and the like) stay empty" if missing else ""
    yield Line(about, f"of pretrained networks there are {', '.join(there) or 'none'}{lacking}")


def _images(about: str) -> Iterator[Line]:
    roots = datasets.data_roots()
    kinds: dict[str, list[str]] = defaultdict(list)
    for entry in datasets.DATASETS.values():
        try:
            without = "rendered" if entry.render else "no images"
            kinds[without if datasets.open_real(entry, roots, "test", 64) is None else "real"].append(entry.name)
        except SpectralCollapseError as error:
            yield Line(about, f"{entry.name} cannot be used: {error}", broken=True)
    text = "; ".join(f"{kind}: {listed(names, _NAMED)}" for kind, names in sorted(kinds.items()))
    yield Line(about, f"{text}; looked for in {' and '.join(map(str, roots))}")


def _store(about: str) -> Iterator[Line]:
    files = results.stored()
    yield from (Line(about, error, broken=True) for file in files if (error := _error(results.result, file)))
    size = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    under_way = len(list((paths.results() / "parts").glob("*-*")))
    more = f"; {under_way} interrupted or under way" if under_way else ""
    yield Line(about, f"{len(files)} results, {size:.1f} MB, in {paths.results()}{more}")
    kept = sum(file.stat().st_size for file in paths.cache().rglob("*.npz")) / 1e6
    yield Line("cache", f"{kept:.1f} MB in {paths.cache()}; it may be deleted")


_LOOKS = (_software, _packages, _torchvision, _device, _folder, _weights, _scores, _images, _store)
