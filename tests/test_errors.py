from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from spectral_collapse.errors import (
    LONGEST,
    DataError,
    InvalidParameterError,
    SpectralCollapseError,
    described,
    first_line,
    listed,
    shown,
    unknown,
)
from spectral_collapse.studies.pareto import STUDY


class Lines:
    def __repr__(self) -> str:
        return "one\ntwo\r\nthree\u2028" + "x" * 1000


VALUES = (10**5000, [10**5000], "x\ny" * 10**5, Lines(), [Lines()] * 9, {"a": torch.zeros(9, 9)}, np.zeros(99), None)


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    for kind in (SpectralCollapseError, InvalidParameterError, DataError):
        for text in ("short", "two\nlines", "x" * 10**6, Lines().__repr__()):
            said = str(kind(text))
            assert len(said) <= LONGEST
            assert len(said.splitlines()) == 1
    assert str(DataError("x" * 600 + "; do this")).endswith("; do this")
    for value in VALUES:
        for said in (described(value), shown("x\ny" * 1000), str(unknown("thing", value, map(str, range(10**4))))):
            assert len(said) <= LONGEST
            assert len(said.splitlines()) == 1


def test_tensors_are_described_by_their_shape() -> None:
    assert described(torch.zeros(2, 3)) == "a tensor of shape (2, 3)"
    assert described([np.zeros(4)]) == "[an array of shape (4,)]"
    assert described(np.float32(3)) == repr(np.float32(3))
    assert described("two") == "'two'"


def test_what_a_library_says_is_cut_between_words() -> None:
    assert first_line(ValueError("one two three\nfour"), 20) == "one two three"
    assert first_line(ValueError("one two three"), 9) == "one two..."
    assert first_line(ValueError("onetwothree"), 5) == "onetw..."
    assert first_line(ValueError()) == "ValueError"


def test_of_many_the_first_few_are_listed() -> None:
    assert listed(range(3)) == "0, 1, 2"
    assert listed(range(100), 2) == "0, 1, 98 more"
    names = [f"name-{index:03}" for index in range(100)]
    said = str(unknown("name", "nane-077", names))
    assert "known are: name-077, " in said
    assert said.endswith(" more")
    assert str(unknown("name", 5, names[:3])) == "unknown name 5; known are: name-000, name-001, name-002"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"fractions": 0.5}, "fractions must be a list, such as [0.5]; 0.5 was given"),
        ({"fractions": [Lines()] * 10**4}, "; 9997 more are wrong"),
        ({"root": Lines()}, "root"),
        ({"root": 3}, "root must be a text or a path; 3 was given"),
        ({"checkpoint": 3}, "checkpoint must be a text or a path or a Model; 3 was given"),
        ({"size": torch.zeros(40, 40)}, "a tensor of shape (40, 40) was given"),
        ({"profile": np.zeros(3)}, "profile must be 'smoke', 'quick' or 'paper'; an array of shape (3,) was given"),
        ({"x" * 5000: 1}, "unknown parameter 'xxx"),
    ],
    ids=["no list", "many", "lines", "path", "model", "tensor", "array", "name"],
)
def test_a_wrong_parameter_of_a_study_gets_one_line(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidParameterError, match=re.escape(sentence)):
        STUDY.parameters.checked(**given)
