"""Sphinx in this process."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx


def sphinx(folder: Path, extension: str, settings: dict[str, object] | None = None, **options: object) -> Sphinx:
    """What builds the pages of a folder into its `out`, with an extension of the book. options: of Sphinx itself."""
    settings = {"extensions": ["myst_parser", f"spectral_collapse.{extension}"]} | (settings or {})
    return Sphinx(folder, None, folder / "out", folder / "trees", "html", settings, status=None, **options)
