from __future__ import annotations

import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

from spectral_collapse.charts import lines
from spectral_collapse.charts.theme import PALETTE

X, Y = alt.X("step:Q", title="steps"), alt.Y("mean:Q", title="error")


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [(name, step, 0.1 * step) for name in ("one", "two") for step in (1, 2, 3)]
    found = pd.DataFrame(rows, columns=["series", "step", "mean"])
    return found.assign(low=found["mean"] - 0.05, high=found["mean"] + 0.05)


def drawn(chart: alt.TopLevelMixin) -> str:
    return vl_convert.vegalite_to_svg(chart.to_dict(), vl_version="_".join(alt.VEGALITE_VERSION.split(".")[:2]))


def rows(chart: alt.TopLevelMixin) -> pd.DataFrame:
    """All data that a chart carries."""
    return pd.concat([pd.DataFrame(values) for values in chart.to_dict()["datasets"].values()])


@pytest.mark.parametrize("points", [False, True])
def test_a_series_has_a_band_a_line_and_its_name_in_the_legend(table: pd.DataFrame, points: bool) -> None:
    svg = drawn(lines.bands(table, X, Y, lines.looks(["one", "two"]), points=points))
    assert svg.count('aria-roledescription="area mark container"') == 2
    assert svg.count('aria-roledescription="line mark container"') == 2
    assert ">one</text>" in svg
    assert ">two</text>" in svg
    assert f'stroke="{PALETTE[1]}" stroke-width="2" stroke-dasharray="6,3"' in svg
    # every place has its tooltip; where points are not wanted they are not seen
    marks = re.findall(r'<path [^>]*aria-roledescription="point"[^>]*>', svg)
    assert len(marks) == 6
    assert sum('opacity="0"' in mark for mark in marks) == 6 * (not points)
    assert "error: 0.1; " in svg
    assert "95 % from: 0.05; to: 0.15" in svg


def test_a_chart_without_series_has_no_legend_and_a_facet_may_bring_the_data(table: pd.DataFrame) -> None:
    chart = lines.bands(table[table["series"] == "one"], X, Y, lines.Look(PALETTE[2]), points=True)
    svg = drawn(chart)
    assert "legend" not in svg
    assert PALETTE[2] in svg
    chart = lines.bands(None, X, Y.scale(type="log"), lines.looks(["one", "two"])).facet("series:N", data=table)
    assert drawn(chart).count('aria-roledescription="line mark container"') == 2


def test_eight_series_differ_in_more_than_colour() -> None:
    found = list(lines.looks("abcdefgh").values())
    assert all(len(set(values)) == 8 for values in zip(*found, strict=True))
    fixed = {"white noise": lines.Look(PALETTE[6], (1, 3))}
    assert lines.looks(["white noise", "a"], fixed) == fixed | lines.looks("a")
    many = lines.looks(map(str, range(64))).values()
    assert len({(look.color, look.dash) for look in many}) == len({(look.color, look.shape) for look in many}) == 64


def test_a_row_has_a_marker_and_a_bar_for_each_series(table: pd.DataFrame) -> None:
    x, y = alt.X("mean:Q", title="error"), alt.Y("step:O", title=None)
    svg = drawn(lines.whiskers(table, x, y, lines.looks(["one", "two"]), side_by_side=True))
    bars = re.findall(r'<line [^>]*aria-roledescription="rule mark"[^>]*>', svg)
    lengths = {round(abs(float(end)), 3) for bar in bars for end in re.findall(r' x2="([^"]*)"', bar)}
    assert len(bars) == 6
    assert len(lengths) == 1, lengths  # all intervals are 0.1 wide
    assert svg.count("error: 0.1; 95 % from: 0.05; to: 0.15") == 2  # of the bar, in both series


def test_a_logarithmic_scale_leaves_out_no_row_and_has_no_zero() -> None:
    table = pd.DataFrame({"mean": [1.0, 0.02, 1e-12], "low": [0.5, 0.01, 0.0], "high": [3.0, 0.04, np.nan]})
    scale = lines.log_scale(table)
    room = 300**0.02  # a fiftieth of the axis on both sides; 1e-12 of 3 is rounding
    assert scale["domain"] == pytest.approx([0.01 / room, 3.0 * room])
    assert scale["clamp"]
    axis = lines.log_axis(alt.Y("mean:Q"), table, [0.001, 0.1, 1, 10]).to_dict()
    assert axis["axis"]["values"] == [0.1, 1]  # a tick beside the axis would be drawn on its edge
