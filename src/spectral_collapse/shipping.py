"""What became of the results that ship: whether one of them is what a study is asked for now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spectral_collapse import results
from spectral_collapse.errors import DataError

if TYPE_CHECKING:
    from spectral_collapse.studies.request import Request

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
    """kind: 'stored', 'stale' (made with other code, networks or images), 'damaged' or 'missing'. why: a sentence,
    empty for 'stored'. file: of what is stored, stale or damaged."""

    kind: Literal["stored", "stale", "damaged", "missing"]
    why: str = ""
    file: Path | None = None


def state(study: str, request: Request[Any], identity: Mapping[str, Any]) -> State:
    """Whether the result of a request ships. identity: as `Study.identity` gives it.

    What ships counts whichever images this machine has, where nobody asked for some: a result of real images counts as
    that of a machine that has none and would render them (`Request.answered_by`), one of rendered images as that of a
    machine that has real ones. `source` asks for either.
    """
    exact = results.shipped_path(study, identity)
    wanted = json.loads(results.canonical(identity))  # JSON knows no tuples
    found = State("missing", "it does not ship")
    digits = len("12345678.nc.xz")
    asked = getattr(request.parameters, "images", None)
    for file in sorted(results.shipped(), key=lambda file: file != exact):
        if not results.counts(file) or file.name[:-digits] != exact.name[:-digits]:
            continue
        try:
            attrs = results.checked(file, results.attributes(file))
        except DataError as error:
            if file == exact:
                return State("damaged", str(error), file)
            continue
        known = results.parameters(attrs)
        if attrs.get("study") != study:
            continue
        if known == wanted:
            return State("stored", "", file)
        enough = known.get("code") == wanted["code"] and asked in (None, known.get("images"))
        if enough and request.answered_by(_with_images_of(wanted, known)):
            return State("stored", "", file)
        changed = {name for name in known.keys() | wanted.keys() if known.get(name) != wanted.get(name)}
        if changed <= _FINGERPRINTS.keys():
            parts = ", ".join(sorted({_FINGERPRINTS[name] for name in changed}))
            found = State("stale", f"what ships was made with other {parts}", file)
    return found


def _with_images_of(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a stored result of rendered images, as if they were the real ones of a request."""
    found, asked, there = {**stored}, wanted.get("beside", ()), stored.get("beside", ())
    if asked and len(asked) == len(there):
        found["beside"] = [_with_images_of(*pair) for pair in zip(asked, there, strict=True)]
    if (stored.get("source"), wanted.get("source")) == ("rendered", "real"):
        found |= {name: wanted[name] for name in ("source", "data", "images") if name in wanted}
    return found
