"""An output folder that one run fills, file by file, and a later one with the same settings goes on with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spectral_collapse import disk
from spectral_collapse.errors import InvalidParameterError, described, listed, shown

MANIFEST, SETTINGS = "manifest.csv", "settings.json"
_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}
"""Names of files may be of any bytes."""


class Manifest:
    """The manifest of an output folder, a row of texts for each file, appended to as files are finished.

    rows: what earlier runs finished, the newest row of each file by its column 'file'. Nothing is written before
    `begin`.

    Raises InvalidParameterError for a folder that holds anything else, or was filled with other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], columns: Sequence[str]) -> None:
        self.folder, self.settings, self.columns = folder, json.loads(json.dumps(settings)), columns
        if folder.exists() and not folder.is_dir():
            raise InvalidParameterError(f"output {shown(folder)} is a file; name a folder")
        files = sorted(file.name for file in folder.iterdir()) if folder.exists() else []
        there = [name for name in files if not (name.startswith(".") and name.endswith(".tmp"))]
        if there and SETTINGS not in there:
            raise InvalidParameterError(
                f"output {shown(folder)} holds {listed(map(repr, there), 2)}, and no {SETTINGS} of an earlier run; "
                "name a new folder, or an empty one"
            )
        if not there:
            disk.check_writable(folder)
        self.rows = self._earlier() if there else {}

    def begin(self) -> None:
        """Has the folder say whose it is, before any other file is written to it."""
        if not (self.folder / SETTINGS).exists():
            disk.write(self.folder / SETTINGS, (json.dumps(self.settings, indent=2) + "\n").encode())

    def add(self, row: Mapping[str, str]) -> None:
        """Appends a row; columns that it lacks are empty."""
        self.begin()
        file = self.folder / MANIFEST
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        if not file.exists():
            writer.writeheader()
        writer.writerow(row)
        with file.open("ab") as stream:
            stream.write(text.getvalue().encode(**_TEXT))

    def _earlier(self) -> dict[str, dict[str, str]]:
        try:
            before = json.loads((self.folder / SETTINGS).read_text(encoding="utf-8"))
            differing = {name: before.get(name) for name, value in self.settings.items() if before.get(name) != value}
        except (ValueError, AttributeError) as error:
            raise InvalidParameterError(
                f"{SETTINGS} in output {shown(self.folder)}, which says how an earlier run filled it, is damaged; name "
                "another folder, or delete that one"
            ) from error
        for name, value in differing.items():
            raise InvalidParameterError(
                f"output {shown(self.folder)} was made with other settings ({name} was {described(value)}, and is "
                f"{described(self.settings[name])} now); name another folder, or delete that one"
            )
        disk.tidy(self.folder.rglob(".*.tmp"))
        file = self.folder / MANIFEST
        if not file.exists():
            return {}
        whole, _, part = file.read_text(**_TEXT).rpartition("\n")
        if whole.partition("\n")[0] != ",".join(self.columns):  # it tells nothing: all is made again
            file.unlink()
            return {}
        if part:  # of a row that a kill cut off
            disk.write(file, f"{whole}\n".encode(**_TEXT))
        return {row["file"]: row for row in csv.DictReader(io.StringIO(whole)) if None not in row.values()}
