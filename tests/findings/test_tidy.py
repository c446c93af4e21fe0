"""Words of sentences; no text of a stored result reaches a page as HTML: every public function that takes a result."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import findings, results
from spectral_collapse.findings import tidy
from spectral_collapse.findings.claims import Claim
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


HOSTILE = "<script>alert(1)</script>"
STUDIES = ("domains", "collapse", "gaussianity", "trajectories", "plain_areas", "pareto", "tuning", "scores")
"""Of which a result ships that is read and looked at in seconds."""


def hostile(study: xr.Dataset) -> xr.Dataset:
    """A result with a tag in every text that no function reads as data."""
    kept = ("parameters", "data_source", "prediction", "kind")
    texts = {name: HOSTILE for name, value in study.attrs.items() if isinstance(value, str) and name not in kept}
    return study.assign_attrs(texts)


def told(module: ModuleType, study: xr.Dataset) -> Iterator[tuple[str, str]]:
    """What the functions of a module that take one result, or a mapping of results, say of it."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("_") or function.__module__ != module.__name__:
            continue
        for given in (study, {"one": study}, [study]):
            try:
                found = function(given)
            except Exception:  # takes something else, or more
                continue
            claims = [one for one in found if isinstance(one, Claim)] if isinstance(found, list) else []
            yield name, str(found) if isinstance(found, str | dict) else repr(claims)
            break


@pytest.mark.parametrize("name", STUDIES)
def test_no_sentence_has_a_tag_of_a_result(name: str) -> None:
    file = next(file for file in results.shipped() if file.name.startswith(f"{name}-"))
    said = list(told(importlib.import_module(f"spectral_collapse.findings.{name}"), hostile(results.read(file))))
    assert len(said) > 2
    assert [function for function, text in said if "<script" in text] == []


def test_every_module_of_findings_says_titles_by_one_function() -> None:
    """A title is read from a result's attrs in `measured` alone, and in the footer, which escapes what it shows."""
    for module in pkgutil.iter_modules(findings.__path__):
        if module.name not in ("measured", "footer"):
            source = inspect.getsource(importlib.import_module(f"spectral_collapse.findings.{module.name}"))
            assert '.attrs["title"]}' not in source, module.name
            assert ".attrs['title']" not in source, module.name
