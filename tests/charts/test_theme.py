from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator

import altair as alt
import pandas as pd
import pytest

from spectral_collapse import vega
from spectral_collapse.charts import theme


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leaves altair's process-wide settings as they were."""
    names = alt.theme.active, alt.renderers.active
    yield
    alt.theme.enable(names[0])
    alt.renderers.enable(names[1])


@pytest.fixture
def chart() -> alt.Chart:
    theme.enable()
    table = pd.DataFrame({"x": [1, 2], "name": ["</script><b>", "other"]})
    return alt.Chart(table, title="A <title>").mark_point().encode(x="x", color="name")


def test_every_chart_gets_the_theme(chart: alt.Chart) -> None:
    config = chart.to_dict()["config"]
    assert config["range"]["category"] == list(theme.PALETTE)
    assert config["axis"]["titleFontSize"] >= config["axis"]["labelFontSize"] >= 11


def test_the_palette_keeps_its_colours_apart_for_common_colour_blindness() -> None:
    # Vienot, Brettel and Mollon 1999: what a protanope and a deuteranope see, in linear RGB
    seen = {
        "protanope": ((0.11238, 0.88762, 0), (0.11238, 0.88762, 0), (0.00401, -0.00401, 1)),
        "deuteranope": ((0.29275, 0.70725, 0), (0.29275, 0.70725, 0), (-0.02234, 0.02234, 1)),
    }
    linear = [tuple((int(color[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)) for color in theme.PALETTE]
    for rows in seen.values():
        colors = [
            tuple(max(0.0, sum(w * c for w, c in zip(row, color, strict=True))) ** (1 / 2.2) for row in rows)
            for color in linear
        ]
        distances = [
            sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
            for i, one in enumerate(colors)
            for other in colors[:i]
        ]
        assert min(distances) > 0.1  # of sqrt(3) between black and white


def test_in_the_book_a_chart_asks_nothing_of_the_network(chart: alt.Chart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(vega.IN_BOOK, "1")
    page = chart._repr_mimebundle_()["text/html"]
    assert vega.CHART_CLASS in page
    assert not re.search(r"<script[^>]+src=", page)
    [[name, packed]] = (json.loads(entry) for entry in re.findall(r"push\((.*)\);", page))
    assert f'id="{name}"' in page
    specification = zlib.decompress(base64.b64decode(packed)).decode()
    assert json.loads(specification) == chart.to_dict()
    # the schema's address is a name in the specification; nothing loads it
    assert set(re.findall(r"https?://[^\"]+", page + specification)) == {alt.SCHEMA_URL}
    assert page.count("</script>") == 1, "data must not end the script"
    assert 'aria-label="A &lt;title&gt;"' in page


def test_numbers_have_six_digits_in_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(vega.IN_BOOK, "1")
    values = pd.DataFrame({"x": [0.123456789, 1234567.89, 1e-9], "n": [12345678, 2, 3]})
    theme.enable()
    page = alt.Chart(values).mark_point().encode(x="x", y="n")._repr_mimebundle_()["text/html"]
    [[_, packed]] = (json.loads(entry) for entry in re.findall(r"push\((.*)\);", page))
    [rows] = json.loads(zlib.decompress(base64.b64decode(packed)))["datasets"].values()
    assert [row["x"] for row in rows] == [0.123457, 1234570.0, 1e-9]
    assert [row["n"] for row in rows] == [12345678, 2, 3]  # whole numbers stay whole


def test_elsewhere_viewers_get_the_specification_and_a_picture(
    chart: alt.Chart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(vega.IN_BOOK, raising=False)
    bundle = chart._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    [specification] = [content for name, content in bundle.items() if name.startswith("application/vnd.vegalite.")]
    assert specification["mark"]["type"] == "point"


def test_the_script_holds_all_it_needs() -> None:
    script = vega.javascript()
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    assert "window.vegaEmbed=" in script
    assert "spectralCollapseCharts" in script
