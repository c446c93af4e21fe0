from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse.findings import tidy
from spectral_collapse.statistics import Interval, interval, text

LOSS = xr.DataArray(
    np.arange(12.0).reshape(2, 2, 3), {"space": ["pixels", "latents"], "level": [0, 7]}, ("space", "level", "sample")
)


def test_numbers_of_a_sentence_have_their_names_and_places() -> None:
    study = xr.Dataset({"loss": LOSS}, attrs={"title": "<b>Made up</b>", "data_source": "real", "steps": 50})
    gain = Interval(0.5, 0.25, 0.75)
    told = tidy.tell("{gain:2} of {steps}; {loss[latents][last]:.1f} of {share:.0%}", study, gain=gain, share=0.5)
    assert told == "0.50 [0.25, 0.75] of 50; 10.0 of 50%"
    whole = text(interval(LOSS.sel(space="pixels", level=0)), 1)
    assert tidy.tell("{loss[pixels][first]:1}", study) == whole
    assert "<b>" not in tidy.tell("{title}", study)
    with pytest.raises(KeyError):
        tidy.tell("{nothing}", study)


def test_data_sets_of_which_the_same_is_told_share_an_item() -> None:
    found = {name: xr.Dataset(attrs={"title": name, "data_source": "real"}) for name in ("one", "two", "three")}
    told = tidy.items(found, lambda one: ": yes." if one.attrs["title"] != "two" else ": no.")
    assert told == "- **one** and **three**: yes.\n- **two**: no."


def test_a_sentence_chooses_among_alternatives_and_enumerates_lists() -> None:
    held = "{one:holds|fails|is open}, {one:holds|does not hold}"
    told = [tidy.tell(held, one=one) for one in (True, False, None)]
    assert told == ["holds, holds", "fails, does not hold", "is open, does not hold"]
    where = "{titles:on {titles}|nowhere}, at {gain:2} or {titles:or}"
    gain = Interval(0.5, 0.25, 0.75)
    assert tidy.tell(where, titles=["a", "b"], gain=gain) == "on a and b, at 0.50 [0.25, 0.75] or a or b"
    assert tidy.tell(where, titles=[], gain=gain) == "nowhere, at 0.50 [0.25, 0.75] or "


def test_lines_of_a_paragraph_become_one_and_lists_and_paragraphs_stay() -> None:
    assert tidy.tell("\none\ntwo\n\n- three\nfour\n- {five}\n", five="a\nb") == "one two\n\n- three four\n- a\nb"


def test_counts_and_lists_in_words() -> None:
    assert [tidy.enumerated(words) for words in ([], "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert tidy.enumerated("ab", "or") == "a or b"
    assert [tidy.does(count, "hold") for count in range(3)] == ["none holds", "1 holds", "2 hold"]
    assert [tidy.often(count, 4) for count in range(5)] == ["no", "some", "some", "most", "all"]


def test_what_is_said_of_a_result_is_kept_for_that_result_and_these_arguments() -> None:
    asked = []
    counting = tidy.once(lambda study, *given: asked.append(given) or len(asked))
    one, same = xr.Dataset({"a": 1}), xr.Dataset({"a": 1})
    assert [counting(one, "s_hf"), counting(one, "s_hf"), counting(one, "s_lf"), counting(same, "s_hf")] == [1, 1, 2, 3]
