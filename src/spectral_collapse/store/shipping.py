"""What became of the results that ship: whether one of them is what a study is asked for now.

A file that ships says which code made it. `keys.json` beside the files says for which later code it has been found to
stand as well (`rekey`), so that the files stay as they are.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spectral_collapse import disk, paths
from spectral_collapse.errors import CheckpointError, DataError
from spectral_collapse.store import keys, results

if TYPE_CHECKING:
    from spectral_collapse.studies.request import Request

SHOWN = "SPECTRAL_COLLAPSE_OTHER_CODE"
"""Environment variable: with 'show', as notebooks set it where it is not set, studies hand over what ships though other
code made it; with any other value they compute it anew."""

_FINGERPRINTS = {
    "code": "code",
    "checkpoint": "network",
    "checkpoints": "network",
    "source": "images",
    "data": "images",
    "images": "images",
    "beside": "images",
    "weights": "weights of scores",
}
"""What changes a result although nobody asked for another one: key of the parameters -> how a sentence calls it."""


@dataclass(frozen=True)
class State:
    """kind: 'stored', 'other code' (definitions of the package, or parameters of methods, have changed), 'stale' (made
    with other networks or images), 'damaged' or 'missing'. why: a sentence, empty for 'stored'. file: of what is there.
    code, commit: the key of the code that it stands for, and a commit that has it."""

    kind: Literal["stored", "other code", "stale", "damaged", "missing"]
    why: str = ""
    file: Path | None = None
    code: str = field(default="", compare=False)
    commit: str = field(default="", compare=False)

    @property
    def shown(self) -> bool:
        """Whether a study hands it over."""
        return self.kind == "stored" or (self.kind == "other code" and os.environ.get(SHOWN) == "show")


def state(study: str, request: Request[Any], identity: Mapping[str, Any], names: Collection[str] = ()) -> State:
    """Whether the result of a request ships. identity: as `Study.identity` gives it. names: what its code reaches from,
    as of `keys.roots_of`, to say what has changed.

    What ships counts whichever images this machine has, where nobody asked for some: a result of real images counts as
    that of a machine that has none and would render them (`answers`), one of rendered images as that of a
    machine that has real ones. Where both ship, that of real images counts. `source` asks for either. Where nobody says
    how many images, what ships counts with as many as it has, that of the most where several do.
    """
    exact = results.shipped_path(study, identity)
    wanted = json.loads(results.canonical(identity))  # JSON knows no tuples
    digits = len("12345678.nc.xz")
    other: list[State] = []
    candidates: list[tuple[Path, dict[str, Any], str]] = []
    carried = _carried()
    for file in sorted(results.shipped(), key=lambda file: file != exact):
        if not results.counts(file) or file.name[:-digits] != exact.name[:-digits]:
            continue
        try:
            attrs = _attributes(file, file.stat().st_mtime_ns, results.SCHEMA)
        except DataError as error:
            if file == exact:
                return State("damaged", str(error), file)
            continue
        if attrs.get("study") == study:
            known, commit = results.parameters(attrs), attrs.get("git_revision", "")
            if file.name in carried:
                known["code"], commit = carried[file.name]
            candidates.append((file, known, commit))
    # those of this code first, of these those of real images, and of these that of the most
    for file, known, commit in sorted(candidates, key=lambda one: _order(one[1], wanted["code"])):
        code = str(known.get("code", ""))
        alike = known | {"code": wanted["code"]}
        if alike == wanted or answers(request, wanted, alike):
            if code == wanted["code"]:
                return State("stored", "", file, code, commit)
            other.append(State("other code", f"what ships was made {_since(commit, names)}", file, code, commit))
            continue
        changed = {name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name)}
        if changed <= _FINGERPRINTS.keys():
            parts = ", ".join(sorted({_FINGERPRINTS[name] for name in changed}))
            other.append(State("stale", f"what ships was made with other {parts}", file))
    return min(other, key=lambda found: (found.kind, not found.code), default=State("missing", "it does not ship"))


def _order(known: Mapping[str, Any], code: str) -> tuple[bool, bool, int]:
    return known.get("code") != code, known.get("source") != "real", -int(known.get("images") or 0)


def _since(commit: str, names: Collection[str]) -> str:
    """By which commit, and which definitions have changed since, at most five of them by name."""
    old = keys.committed(commit)
    if old is None or not names:
        return f"by other code, of commit {commit[:7]}" if commit else "by other code"
    changed = keys.differing(old.reached(names), keys.installed().reached(names))
    listed = ", ".join(unit.removeprefix(f"{keys.PACKAGE}.").replace(":", ".") for unit in changed[:5])
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    return f"by commit {commit[:7]}, since which {listed or 'parameters of its methods'}{more} changed"


@functools.lru_cache(maxsize=1024)
def _attributes(file: Path, written: int, schema: int) -> dict[str, Any]:
    """The attrs of a file, read again where it or the schema has changed."""
    return results.checked(file, results.attributes(file))


def index() -> Path:
    """The file of what was found of results that ship since they were made."""
    return paths.shipped() / "keys.json"


def rekeyed() -> list[dict[str, Any]]:
    """What the index says, the oldest first: when code of the first of two `commits` was found to compute what that of
    the second does, how that was `compared`, and for which `files` (name -> the keys of old and new code).

    Raises DataError where it cannot be read.
    """
    try:
        return json.loads(index().read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise DataError(f"{str(index())!r} cannot be read ({error}); take it from the repository again") from error


def carry(found: list[dict[str, Any]]) -> None:
    """Writes the index, without files that are gone. Raises DataError where it cannot be written."""
    there = {file.name for file in results.shipped()}
    kept = [
        one | {"files": {name: one["files"][name] for name in sorted(there & one["files"].keys())}} for one in found
    ]
    text = json.dumps([one for one in kept if one["files"]], indent=0)
    disk.save(index(), f"{text}\n".encode())


def _carried() -> dict[str, tuple[str, str]]:
    """The key and the commit of the latest code that a file is known to stand for, by the file's name."""
    return {name: (new, one["commits"][1]) for one in rekeyed() for name, (_, new) in one["files"].items()}


def answers(request: Request[Any], wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether a stored result is that of a request, whose identity is `wanted`, but for what nobody asked for and two
    machines differ in: real or rendered images, with the networks that are today's for either, and weights of scores
    that this one lacks. Both of the same code."""
    given = request.parameters
    asked = getattr(given, "source", "auto") != "auto" or getattr(given, "root", None) is not None
    if asked and stored.get("source") != wanted.get("source"):
        return False
    if getattr(given, "images", None) not in (None, stored.get("images")):
        return False
    here, wanted = wanted.get("source"), _with_images_of(wanted, stored)
    try:
        if wanted.get("source") != here:
            wanted |= request.networks_for(wanted["source"])
        if "beside" in wanted:
            pairs = zip(wanted["beside"], stored["beside"], strict=True)
            wanted["beside"] = [_with_images_of(*pair) for pair in pairs]
        if "weights" in wanted:
            wanted["weights"] = {name: found or stored["weights"][name] for name, found in wanted["weights"].items()}
    except (KeyError, TypeError, ValueError):  # of an earlier version of the study
        return False
    except CheckpointError:  # the network for the other kind of images is for another size
        return False
    return json.loads(results.canonical(wanted)) == stored


def _with_images_of(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """An identity with the number of images of a stored result, and with its images if one of the two has real and the
    other rendered ones."""
    differ = {wanted.get("source"), stored.get("source")} == {"real", "rendered"}
    taken = ("source", "data", "images") if differ else ("images",)
    return {**wanted} | {name: stored[name] for name in taken if name in stored}
