"""A Sphinx extension: what a built book weighs, where its buttons lead, and how docstrings become its reference.

`_config.yml` names this module under `extra_extensions`. Buttons for the repository, its issues, Binder and Colab
appear where the address of a repository is configured: by the key `spectral_collapse_repository` under
`sphinx: config:`, or by the environment variable SPECTRAL_COLLAPSE_REPOSITORY, which counts more.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from sphinx.errors import ConfigError

from spectral_collapse.paths import REPOSITORY

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

_KEY = "spectral_collapse_repository"


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension."""
    for extension in ("sphinx.ext.autodoc", "sphinx.ext.napoleon"):
        app.setup_extension(extension)
    app.connect("autodoc-process-docstring", _as_text)
    app.add_config_value(_KEY, "", "html")
    app.connect("config-inited", _configure, priority=100)  # ahead of the theme, which reads its options
    app.connect("html-page-context", _without_thebe, priority=900)  # when all scripts are known
    app.connect("build-finished", _lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def buttons(address: str) -> dict[str, Any]:
    """The theme's options for a repository: its own buttons, and launchers that know where it is.

    Binder opens any repository, Colab those of GitHub. Raises ConfigError for what is no https address with an owner
    and a name.
    """
    if not address:
        return {}
    parts = urlparse(address)
    if parts.scheme != "https" or not re.fullmatch(r"(/[\w.-]+){2,}/?", parts.path):
        raise ConfigError(
            f"the repository {address!r} is no address such as https://github.com/OWNER/NAME; correct {REPOSITORY}, "
            f"or {_KEY} in _config.yml"
        )
    known = parts.hostname in ("github.com", "gitlab.com")
    launchers = {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"}
    if parts.hostname == "github.com":
        launchers["colab_url"] = "https://colab.research.google.com"
    return {
        "repository_url": address.rstrip("/"),
        "repository_branch": "main",
        "path_to_docs": "",  # notebooks lie in the root, and are only linked below book/
        "use_repository_button": True,
        "use_issues_button": known,
        "launch_buttons": launchers,
    }


def _as_text(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Bars are magnitudes in our docstrings, and no substitutions."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def _configure(app: Sphinx, config: Config) -> None:
    address = os.environ.get(REPOSITORY) or getattr(config, _KEY)
    config.html_theme_options = {**config.html_theme_options, **buttons(address)}
    os.environ[REPOSITORY] = address  # kernels link the files of results


def _without_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Takes out a script that Jupyter Book adds twice, an error in every page, to run code on other machines."""

    def thebe(script: object) -> bool:
        return "thebe" in f"{script}{getattr(script, 'attributes', {}).get('body')}".lower()

    context["script_files"] = [script for script in context.get("script_files", []) if not thebe(script)]


def _lighten(app: Sphinx, error: Exception | None) -> None:
    """Removes what no reader needs: source maps, the theme's translations, and fonts that browsers pass over."""
    if error is None and app.builder.format == "html":
        static = Path(app.outdir, "_static")
        shutil.rmtree(static / "locales", ignore_errors=True)
        for file in (*static.rglob("*.map"), *static.rglob("*.ttf")):
            file.unlink()
        for script in static.rglob("fontawesome.js"):  # 1.5 MB of icons, which the style sheet draws from a font
            script.write_bytes(b"")
