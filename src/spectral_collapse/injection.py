"""The cell that gives a notebook a profile, as papermill adds one: for the book, and for the list of what ships."""

from __future__ import annotations

import json
from collections.abc import Sequence


def injected(source: str, tags: Sequence[str], profile: str) -> str:
    """The cell that sets the profile below a notebook's cell of parameters; '' below any other, and below one that sets
    it already.

    At smoke, which shows that everything runs, one of several data sets has its first two alone.
    """
    if "parameters" not in tags or "profile =" not in source:
        return ""
    given = f"profile = {json.dumps(profile)}"
    fewer = "datasets = datasets[:2]\n" if profile == "smoke" and "datasets =" in source else ""
    there = [line.partition("  #")[0] for line in source.splitlines()]
    return f"# Parameters\n{given}\n{fewer}" if fewer or given not in there else ""
