from __future__ import annotations

import re

import pandas as pd

from spectral_collapse.charts import tables
from spectral_collapse.findings.cells import Cell, label, number
from spectral_collapse.statistics import Interval


def page() -> str:
    rows = [
        {"Method": label("a <b>"), "Data": label("one"), "PSNR": number(Interval(2.0, 1.0, 3.0), 2, "best")},
        {"Method": label("c"), "Data": label("two"), "PSNR": Cell("-", note="not there")},
        {"Method": label("d"), "Data": label("two"), "PSNR": number(10.0, 1, "second")},
    ]
    return tables.sortable(pd.DataFrame(rows), 3, "Scores & more", filter_by="Data", hidden=("PSNR",))._repr_html_()


def test_a_table_has_caption_marks_notes_and_numbers_to_sort_by() -> None:
    html = page()
    assert "<b>Table 3.</b> Scores &amp; more</p>" in html
    assert "a &lt;b&gt;</th>" in html
    assert '<td data-sort="2.0" class="best">2.00 <span class="interval">[1.00, 3.00]</span></td>' in html
    assert '<td data-sort="10.0" class="second">10.0</td>' in html
    assert '<td data-sort="" title="not there">-<sup>1</sup></td>' in html  # what has no value sorts last
    assert "<ol><li>not there</li></ol>" in html


def test_it_hides_and_filters_without_a_network() -> None:
    html = page()
    assert not re.search(r"https?:|src=|@import", html)
    assert re.findall(r'value="(\d)"( checked)?> ', html) == [("1", " checked"), ("2", "")]
    assert re.findall(r'<option value="(\w*)">(\w+)<', html) == [("", "all"), ("one", "one"), ("two", "two")]
    assert 'data-column="1"' in html
    assert page() != html  # two tables of a page have names of their own


def test_a_plain_table_sorts_by_the_numbers_its_texts_begin_with() -> None:
    index = pd.Index(["standard", "taba", "ovg", "edm"], name="Method")
    values = ["0.938 [0.932, 0.947]", "< 1e-30", "-", "16,000 images of 8"]
    html = tables.plain(pd.DataFrame({"S_HF": values, "Kind": "2nd order, not a number"}, index), 1, "Scores").html
    assert '<th scope="row" data-sort="standard" class="text">standard</th>' in html
    assert re.findall(r'<td data-sort="([^"]*)"[^>]*>(?!2nd)', html) == ["0.938", "1e-30", "", "16000.0"]
    assert html.count('data-sort="2nd order, not a number"') == 4


def test_texts_stand_at_the_left_and_long_ones_break_into_lines() -> None:
    short, long = "n" * tables.LONG, "n" * (tables.LONG + 1)
    html = tables.plain(pd.DataFrame({"Length": [26, 27], "Word": ["x", short], "Words": ["x", long]}), 1, "Texts").html
    [*_, last] = re.findall(r"<tr>.*?</tr>", html)
    assert re.findall(r"<t[hd][^>]*>", last)[1:] == [
        '<td data-sort="27.0">',
        f'<td data-sort="{short}" class="text">',
        f'<td data-sort="{long}" class="text long">',
    ]
    assert html.count(' class="text long"') == 2  # of each row, and not of the head, whose word is short
