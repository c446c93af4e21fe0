"""The looks of series of latents and the axis of their number, the same in all chapters."""

from __future__ import annotations

from collections.abc import Iterable

import altair as alt
import pandas as pd

from spectral_collapse.charts import lines
from spectral_collapse.charts.lines import Look
from spectral_collapse.charts.theme import PALETTE
from spectral_collapse.findings.gaussianity import LAW
from spectral_collapse.findings.latents import called
from spectral_collapse.studies.latents import CLOSED, WHITE

_FIXED = {
    WHITE: Look(PALETTE[6], (12, 3), "triangle-left"),
    called(CLOSED): Look("#777777", (16, 4), "triangle-right"),
    LAW: Look(PALETTE[6], (1, 3)),
}


def looks(series: Iterable[str]) -> dict[str, Look]:
    """Series as pages write them -> looks: white noise black, the ideal denoiser grey, what chance gives dotted."""
    return lines.looks((called(str(name)) for name in series), _FIXED)


def named(table: pd.DataFrame, column: str = "series") -> pd.DataFrame:
    """A table whose series are written as on pages."""
    return table.assign(**{column: table[column].map(called)})


def counts(table: pd.DataFrame) -> alt.X:
    """The axis of numbers of latents."""
    values = sorted(table["count"].unique())
    return lines.x_axis("count", "latents (log scale)", log=True, base=2, format="~g", values=values, labelOverlap=True)
