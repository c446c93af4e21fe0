from __future__ import annotations

import math
from math import log

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from spectral_collapse import datasets, metrics
from spectral_collapse.findings import measured
from spectral_collapse.findings.measured import Measured
from spectral_collapse.findings.registered import margin, registered
from spectral_collapse.statistics import Interval

UP, ACROSS, DOWN = Interval(1.2, 1.1, 1.3), Interval(1.0, 0.5, 1.5), Interval(0.4, 0.2, 0.6)
BARE = Interval(1.2, math.nan, math.nan)
"""Without ends, as of a single picture."""


@pytest.mark.parametrize(
    ("rule", "held"),
    [
        (lambda one: measured.above(one, 1), (True, None, False)),
        (lambda one: measured.below(one, 1), (False, None, True)),
        # but for a margin of 0.5: all of the last reaches 0.5 and less
        (lambda one: measured.at_least(one, 1, within=0.45), (True, None, None)),
        (lambda one: measured.at_least(one, 2, within=0.5), (False, None, False)),
        # within 0.4 of 1: 0.6 to 1.4; the widest neither lies within it nor beyond it
        (lambda one: measured.equal(one, 1, margin=0.4), (True, None, None)),
        (lambda one: measured.equal(one, 1, margin=0.15), (None, None, False)),
        (lambda one: measured.equal(one, 1, margin=0.05), (False, None, False)),
    ],
)
def test_a_rule_holds_fails_or_is_open_by_the_whole_interval(rule: object, held: tuple[bool | None, ...]) -> None:
    assert tuple(rule(one) for one in (UP, ACROSS, DOWN)) == held
    assert rule(BARE) is None


def test_wider_intervals_never_decide_what_narrower_leave_open() -> None:
    """No rule rewards few images: widening an interval turns True and False into open, and nothing into either."""
    for mean in np.linspace(-1, 1, 9):
        for rule in (
            lambda one: measured.above(one, 0),
            lambda one: measured.at_least(one, 0.2, 0.3),
            lambda one: measured.equal(one, 0.1, 0.4),
        ):
            answers = [rule(Interval(mean, mean - half, mean + half)) for half in (0.0, 0.1, 0.3, 0.9, 3.0)]
            opened = [answer is None for answer in answers]
            assert opened == sorted(opened)
            assert len({answer for answer in answers if answer is not None}) <= 1


def test_parts_and_readings() -> None:
    assert [measured.all_of(*held) for held in ((True, True), (True, None), (None, False))] == [True, None, False]
    assert [measured.alike(*held) for held in ((True, True), (False, False), (True, False))] == [True, False, None]


def study(title: str, value: float, real: bool = True) -> xr.Dataset:
    values = xr.DataArray([value] * 3, dims="sample", coords={"sample_group": ("sample", ["a", "a", "b"])})
    source = "real" if real else "rendered"
    return xr.Dataset({"value": values}, attrs={"title": title, "data_source": source})


def test_a_quantity_on_each_data_set() -> None:
    def value(one: xr.Dataset) -> Interval | None:
        mean = one["value"].mean().item()
        return None if mean > 5 else Interval(mean, mean - 1, mean + 1)

    studies = [study("A", 2), study("B", -2, real=False), study("C", math.nan), study("D", 9)]
    found = Measured.of({one.attrs["title"]: one for one in studies}, value)
    assert list(found) == ["A", "Rendered B"]
    assert (found.above(0), found.below(0)) == (["A"], ["Rendered B"])

    assert found.span(0) == "-2 (Rendered B) to 2 (A)"
    assert Measured({}).span() == "not measured"
    assert Measured({"A": measured.exact(2), "B": measured.exact(2)}).span() == "2.000"


def test_a_text_of_a_result_brings_no_markup() -> None:
    for text in ("<script>alert(1)</script>", "[x](java:1)", "`a`", "$\\href{x}$", "a\n```{raw} html", "{eval}`1`"):
        assert not set("<>[]`{}$\\\n") & set(measured.said(text))
    assert measured.said("BBBC021 x8 & 2 * 3_4 (real)") == "BBBC021 x8 & 2 * 3_4 (real)"


@pytest.mark.parametrize(
    ("title", "source", "called"),
    [
        ("BBBC021 x8", "real", "BBBC021 x8"),
        ("BBBC021, x16, DiT", "rendered", "Rendered cells x16, DiT"),
        ("Edges to shoes", "real", "Edges2Shoes"),
        ("Edges to shoes", "rendered", "Rendered shoes"),
        ("Rendered shoes, again", "rendered", "Rendered shoes, again"),
        ("My images", "rendered", "Rendered My images"),
    ],
)
def test_rendered_images_never_bear_the_name_of_a_real_data_set(title: str, source: str, called: str) -> None:
    assert measured.data_title(title, source) == called
    assert measured.title_of(xr.Dataset(attrs={"title": title, "data_source": source})) == called


def test_drawings_by_outlines_are_left_out_and_said() -> None:
    def made(dataset: str, **attrs: str) -> xr.Dataset:
        return xr.Dataset(attrs={"title": "Edges2Shoes", "parameters": f'{{"dataset": "{dataset}"}}', **attrs})

    older = {"one": made("edges2shoes"), "two": made("textures_x8", title="Textures")}
    kept, note = measured.judged(older)
    assert (list(kept), note) == (["two"], " (without Edges2Shoes, where S_LF compares outlines)")
    assert measured.warning(older).startswith("**Edges2Shoes:** $S_{LF}$ compares outlines here")
    filled = {"one": made("edges2shoes", structure="silhouette"), "two": xr.Dataset()}
    assert measured.judged(filled) == (filled, "")
    assert measured.warning(filled) == ""


def test_what_is_registered_is_of_scores_and_families_that_there_are_and_margins_are_what_they_say() -> None:
    found = registered()
    assert {found["outcome"]["score"], *found["margins"]} <= metrics.SCORES.keys()
    assert found["populations"].keys() == {info.family for info in datasets.DATASETS.values()}
    assert all(one["why"] and one["margin"] > 0 for one in found["margins"].values())
    assert round(log(1.25), 2) == margin("hf_ratio")
    assert 10 ** (margin("psnr") / 10) - 1 < 1 / 8 + 0.01
    assert abs(stats.kstwo.ppf(0.95, 45) - margin("s_g")) < 0.005
