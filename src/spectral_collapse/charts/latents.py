"""The looks of series of latents, the same in all chapters."""

from __future__ import annotations

from collections.abc import Iterable

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.latents import called
from spectral_collapse.studies.latents import CLOSED, WHITE

_FIXED = {WHITE: Look(PALETTE[6], (1, 0), "triangle-left"), CLOSED: Look("#777777", (12, 3), "stroke")}


def looks(series: Iterable[str]) -> dict[str, Look]:
    """Series as pages write them -> looks: white noise black, the closed form grey, methods in between."""
    names = list(dict.fromkeys(map(str, series)))
    methods = lines.looks(name for name in names if name not in _FIXED)
    return {called(name): (_FIXED | methods)[name] for name in names}
