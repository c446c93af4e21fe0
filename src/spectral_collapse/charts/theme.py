"""One look for every chart, drawn with the network off."""

from __future__ import annotations

import altair as alt
import pandas as pd

from spectral_collapse import vega

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#882255")
"""Okabe and Ito's colours, told apart with every common colour vision; in this order the first four
also differ in lightness."""

_FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
_INK, _GREY, _GRID = "#222222", "#555555", "#e4e4e4"
_NAME = "spectral_collapse"


def enable() -> None:
    """Gives all Altair charts of this process the project's theme and its offline renderer, and lets tables
    show their sentences whole."""
    pd.set_option("display.max_colwidth", None)
    alt.theme.register(_NAME, enable=True)(_theme)
    alt.renderers.register(_NAME, vega.render)
    alt.renderers.enable(_NAME)


def _theme() -> alt.theme.ThemeConfig:
    colored = {"scheme": "viridis"}
    text = {"labelFont": _FONT, "titleFont": _FONT, "labelColor": _INK, "titleColor": _INK}
    sizes = {"labelFontSize": 12, "titleFontSize": 13, "titleFontWeight": "normal"}
    return {
        "config": {
            "background": "white",
            "padding": 8,
            "font": _FONT,
            "view": {"continuousWidth": 420, "continuousHeight": 280, "stroke": None},
            "axis": {**text, **sizes, "titlePadding": 8, "domainColor": _GREY, "tickColor": _GREY, "gridColor": _GRID},
            "legend": {**text, **sizes, "labelLimit": 260},
            "header": {**text, **sizes},
            "title": {"font": _FONT, "fontSize": 14, "fontWeight": 600, "anchor": "start", "color": _INK},
            "range": {"category": list(PALETTE), "ordinal": colored, "ramp": colored, "heatmap": colored},
            "line": {"strokeWidth": 2},
            "point": {"size": 60, "filled": True},
            "area": {"opacity": 0.2},
        }
    }
