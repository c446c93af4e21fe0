"""How a chart gets into a page or a notebook, with the network off."""

from __future__ import annotations

import base64
import html
import json
import os
import uuid
import zlib
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

IN_BOOK = "SPECTRAL_COLLAPSE_BOOK"
"""Set in the environment of the kernels that run a book's notebooks; `book` does it."""

CHART_CLASS = "spectral-collapse-chart"
"""CSS class of the places in a page where charts are drawn."""

_VEGA_LITE = ".".join(alt.VEGALITE_VERSION.split(".")[:2])


def javascript() -> str:
    """The scripts that draw the charts of a page: Vega, Vega-Lite, Vega-Embed and draw.js as one text, no imports."""
    bundle = vl_convert.javascript_bundle(vl_version=_VEGA_LITE)
    draw = (Path(__file__).parent / "assets" / "draw.js").read_text(encoding="utf-8")
    # A function of its own: the bundle's short names must not meet those of the page's other scripts.
    return f"(function () {{\n{bundle}\n}})();\n{draw}"


def render(spec: dict[str, Any], **options: Any) -> dict[str, Any]:
    """A chart's MIME bundle.

    In the book: a place in the page and the chart's specification, drawn by the script that the page
    loads. Elsewhere: the specification, which JupyterLab draws with the Vega it brings along, and a
    picture for viewers without Vega.
    """
    label = f"<Chart: {_described(spec)}>"
    if os.environ.get(IN_BOOK):
        return {"text/html": as_html(spec), "text/plain": label}
    return {
        f"application/vnd.vegalite.v{_VEGA_LITE.partition('.')[0]}+json": spec,
        "image/png": vl_convert.vegalite_to_png(spec, vl_version=_VEGA_LITE, scale=2),
        "text/plain": label,
    }


def as_html(spec: dict[str, Any]) -> str:
    """A chart as a place in a page and its specification, drawn there by `javascript`."""
    name = f"chart-{uuid.uuid4().hex}"
    # a twelfth of the text's size, but for pictures, and browsers unpack it by themselves; numbers to six digits
    plain = json.dumps(json.loads(json.dumps(spec), parse_float=lambda number: float(f"{float(number):.6g}")))
    packed = base64.b64encode(zlib.compress(plain.encode(), 9)).decode()
    entry = json.dumps([name, packed])
    return (
        f'<div class="{CHART_CLASS}" id="{name}" role="img" aria-label="{html.escape(_described(spec))}"></div>\n'
        f"<script>(window.spectralCollapseCharts = window.spectralCollapseCharts || []).push({entry});</script>"
    )


def _described(spec: dict[str, Any]) -> str:
    title = spec.get("title", "")
    text = title.get("text", "") if isinstance(title, dict) else title
    return str(spec.get("description") or text or "chart")
