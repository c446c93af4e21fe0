"""Where the project's files lie: one place, so that the library, the book and the tests agree."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from urllib.parse import urlparse

from spectral_collapse.errors import InvalidParameterError, described, shown

REPOSITORY = "SPECTRAL_COLLAPSE_REPOSITORY"
"""Environment variable: the address of a repository, such as https://github.com/OWNER/NAME."""

_RAW = {"github.com": "raw", "gitlab.com": "-/raw"}
"""Host of a repository -> what its addresses of files have between the repository and the branch."""

_BELOW = ["x" * 50] * 8
"""As long as what comes below a folder that the user names."""
_CHECKOUT = Path(__file__).resolve().parents[2]
"""The checkout that holds this package, if one does."""


def expanded(path: str | os.PathLike[str], what: str) -> Path:
    """A path that a user gave, with `~` replaced.

    what: the parameter or variable, for the message. Raises InvalidParameterError for what is no path, for one that
    is too long, and for the home of a user who does not exist.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidParameterError(f"{what} must be a path; {described(path)} was given")
    try:
        found = Path(path).expanduser()
    except RuntimeError as error:
        raise InvalidParameterError(
            f"{what} is {shown(path)}, and there is no such home folder; write the folder in full"
        ) from error
    try:
        os.lstat(found / "/".join(_BELOW))
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InvalidParameterError(
                f"{what} is {shown(path)}, which is too long for a path here; give a shorter one"
            ) from error
    except ValueError as error:  # it has the character NUL, or half a character
        raise InvalidParameterError(f"{what} is {shown(path)}, which can be no path; write it without") from error
    return found


def data() -> Path:
    """The data folder: `SPECTRAL_COLLAPSE_HOME`, else `data/` of the checkout that holds this package,
    else `data/` under the current folder (an installed package has no checkout)."""
    named = os.environ.get("SPECTRAL_COLLAPSE_HOME")
    if named:
        return expanded(named, "SPECTRAL_COLLAPSE_HOME")
    return (_CHECKOUT if in_checkout() else Path.cwd()) / "data"


def pages() -> list[Path]:
    """The book's notebooks, which only a checkout has, in the order in which they run: the first page is the last."""
    first = _CHECKOUT / "book" / "index.ipynb"
    return [*sorted((_CHECKOUT / "notebooks").glob("*.ipynb")), *([first] if first.is_file() else [])]


def downloads() -> Path:
    """Downloaded data sets; ignored by git."""
    return data() / "downloads"


def in_checkout() -> bool:
    """Whether this package is used from the checkout that holds it, and not from where a wheel was installed."""
    return (_CHECKOUT / "pyproject.toml").is_file()


def checkpoints() -> Path:
    """Shipped networks, a folder each."""
    return data() / "checkpoints"


def published(file: Path) -> str:
    """Where a file of the checkout can be downloaded from the repository that `REPOSITORY` names; '' without one, for
    hosts that name their files in another way, and for files from elsewhere."""
    address = os.environ.get(REPOSITORY, "").rstrip("/")
    raw = _RAW.get(urlparse(address).hostname or "")
    if raw is None or not file.is_relative_to(_CHECKOUT):
        return ""
    return f"{address}/{raw}/main/{file.relative_to(_CHECKOUT).as_posix()}"


def packaged_checkpoints() -> Path:
    """The networks that a wheel brings along, a folder each; a checkout has none here."""
    return Path(__file__).resolve().parent / "checkpoints"


def records() -> Path:
    """What training left of networks that do not ship, a folder each, weights not in git."""
    return data() / "records"


def runs() -> Path:
    """Training runs with their resumable state: `SPECTRAL_COLLAPSE_RUNS`, else `runs` of the data folder, which git
    ignores."""
    named = os.environ.get("SPECTRAL_COLLAPSE_RUNS")
    return expanded(named, "SPECTRAL_COLLAPSE_RUNS") if named else data() / "runs"


def results() -> Path:
    """The store of study results; ignored by git but for `shipped`."""
    return data() / "results"


def shipped() -> Path:
    """The results behind the book's pages, in git; `make results` writes them and nothing else does."""
    return results() / "shipped"


def cache() -> Path:
    """What can be computed again: reference statistics, calibrated thresholds; ignored by git."""
    return data() / "cache"
