"""No text of a stored result reaches a page as HTML: every public function of `findings` that takes a result."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest
import xarray as xr

from spectral_collapse import findings, results
from spectral_collapse.findings.claims import Claim

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
