"""Where the pretrained weights of LPIPS and FID come from, and what is known of the file that was found.

Nothing is downloaded unless `download` is called. A file in a folder that the user names is taken as it
is; one found in another library's cache must have the published checksum.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pooch

from spectral_collapse import paths
from spectral_collapse.datasets.download import Archive, fetch
from spectral_collapse.errors import DataError, DownloadError, unknown
from spectral_collapse.later import torch

VARIABLE = "SPECTRAL_COLLAPSE_WEIGHTS"
"""Environment variable that names a folder with weight files."""


class MissingWeightsError(DataError):
    """A score has no value because its weights, or the package that computes it, were not found."""


def package(module: str) -> ModuleType:
    """A module of a package that only some scores need. Raises MissingWeightsError where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingWeightsError(
            f"{error.name}, which this score needs, is not installed: pip install 'spectral-collapse[scores]'"
        ) from error


@dataclass(frozen=True)
class Source:
    """One published file of weights: where it is, and the first digits of its sha256."""

    url: str
    sha256: str

    @property
    def filename(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Found:
    """A file of weights on this machine.

    published: whether its sha256 is the published one. A file in a named folder need not have it; a score computed with
    it is then not comparable with the published one, so store all three fields in any result.
    """

    path: Path
    sha256: str
    published: bool


_TORCHVISION = "https://download.pytorch.org/models/"

SOURCES: dict[str, Source] = {
    "alex": Source(f"{_TORCHVISION}alexnet-owt-7be5be79.pth", "7be5be79"),
    "vgg": Source(f"{_TORCHVISION}vgg16-397923af.pth", "397923af"),
    "squeeze": Source(f"{_TORCHVISION}squeezenet1_1-b8a52dc0.pth", "b8a52dc0"),
    "inception": Source(
        "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/inception-2015-12-05.pt",
        "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
    ),
}
"""The backbones of LPIPS (the `lpips` package has the rest) and clean-fid's Inception, by name."""


def find(name: str, folder: str | Path | None = None) -> Found:
    """Finds the weights called `name`, in the first folder that has them.

    The folders are `folder`, the one that SPECTRAL_COLLAPSE_WEIGHTS names, where `download` puts them, and where
    torchvision and clean-fid keep theirs.

    Raises MissingWeightsError if there are none, DataError for a file with a wrong checksum outside of the named
    folders, InvalidParameterError (unknown name).
    """
    source = _source(name)
    given = [("weights", folder), (VARIABLE, os.environ.get(VARIABLE) or None)]
    named = [paths.expanded(path, what) for what, path in given if path is not None]
    for place in (*named, *_caches()):
        path = place / source.filename
        if not os.path.isfile(path):  # which a name that no file system takes is not, either
            continue
        digest = _sha256(path, path.stat().st_mtime_ns)
        published = digest.startswith(source.sha256)
        if not published and place not in named:
            raise DataError(
                f"{str(path)!r} has the sha256 {digest[:8]}... where {source.sha256[:8]}... is published; "
                f"delete it, or name its folder by {VARIABLE} to use it as it is"
            )
        return Found(path, digest, published)
    raise MissingWeightsError(
        f"the weights {source.filename} are not on this machine; name a folder that has them by {VARIABLE} or "
        f"weights=, or download them with metrics.weights.download({name!r})"
    )


def download(name: str, folder: str | Path | None = None, progress: bool = True) -> Found:
    """Download the weights called `name` (2 to 530 MB) into `folder`, by default data/downloads/weights.

    Goes on where an earlier attempt broke off; a file with another checksum than the published one is
    thrown away.

    Raises DownloadError (no connection, wrong checksum), InvalidParameterError (unknown name).
    """
    source = _source(name)
    folder = _own() if folder is None else paths.expanded(folder, "folder")
    (path,) = fetch([Archive(source.url, source.filename)], folder, unpack=False, progress=progress)
    digest = pooch.file_hash(str(path))
    if not digest.startswith(source.sha256):
        path.unlink()
        path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
        raise DownloadError(
            f"what arrived from {source.url} has the sha256 {digest[:8]}... where {source.sha256[:8]}... is published, "
            f"and was thrown away; try again"
        )
    return Found(path, digest, published=True)


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise unknown("weights", name, SOURCES)
    return SOURCES[name]


def _own() -> Path:
    return paths.downloads() / "weights"


def _caches() -> tuple[Path, ...]:
    # clean-fid knows no other place than /tmp, except on Windows
    return _own(), _hub() / "checkpoints", Path(tempfile.gettempdir())


def _hub() -> Path:
    """The folder `torch.hub.get_dir()`, for which torch is not imported."""
    if "torch" in sys.modules:
        return Path(torch.hub.get_dir())
    home = os.getenv("TORCH_HOME", os.path.join(os.getenv("XDG_CACHE_HOME", "~/.cache"), "torch"))
    return Path(os.path.expanduser(home)) / "hub"


@functools.cache
def _sha256(path: Path, modified: int) -> str:
    """`modified` belongs to the key: a file that was replaced is read again."""
    return pooch.file_hash(str(path))


def checksum(weights: str, folder: str | Path | None = None) -> str:
    """The checksum of pretrained weights, or '' if there are none: a value appears once its weights do."""
    try:
        return find(weights, folder).sha256
    except DataError:
        return ""
