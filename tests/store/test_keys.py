"""Keys of results change with the code that computes them, and with nothing else."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spectral_collapse import datasets
from spectral_collapse.inversion import standard, taba
from spectral_collapse.metrics import s_dc
from spectral_collapse.store import keys
from spectral_collapse.store.identity import UnidentifiedError, identity
from spectral_collapse.store.keys import Package, code_hash, installed, roots_of
from spectral_collapse.studies import STUDIES
from spectral_collapse.studies.request import Request
from tests.each import each
from tests.studies.test_collapse import thumbnails


def reached(*roots: object) -> dict[str, str]:
    return installed().reached(roots_of(roots)[0])


def edited(*edits: tuple[str, str, str]) -> Package:
    """The installed package with edits: a file, what stands there, and what shall stand there."""
    sources = {**installed().sources}
    for file, old, new in edits:
        assert old in sources[f"spectral_collapse/{file}"], f"{file} has no {old!r}"
        sources[f"spectral_collapse/{file}"] = sources[f"spectral_collapse/{file}"].replace(old, new, 1)
    return Package(sources)


def package(files: dict[str, str]) -> Package:
    sources = {f"spectral_collapse/{name}.py": text for name, text in files.items()}
    return Package({"spectral_collapse/__init__.py": "", **sources})


def names(package: Package, unit: str) -> set[str]:
    return {found.partition(":")[2] for found in package.reached([f"spectral_collapse.{unit}"])}


def test_names_are_followed_through_imports_packages_and_classes() -> None:
    found = reached(taba.TABA)
    assert {"spectral_collapse.inversion.taba:TABA", "spectral_collapse.inversion.base:InversionMethod"} <= found.keys()
    assert not any(unit.startswith("spectral_collapse.inversion.edict") for unit in found)
    assert "spectral_collapse.metrics.windows:slide" in reached(s_dc)  # behind the package and its registry
    assert not any(unit.startswith("spectral_collapse.metrics.s_hf") for unit in reached(s_dc))


def asked(name: str) -> Request:
    given = {"profile": "smoke", "checkpoint": thumbnails()}
    given |= {"methods": ("standard", "edict")} if name == "own_method" else {}
    parameters = STUDIES[name].parameters
    return Request(parameters.checked(**{one: value for one, value in given.items() if one in parameters.model_fields}))


@functools.cache
def reached_from(name: str) -> frozenset[str]:
    return roots_of(STUDIES[name].roots(asked(name)))[0]


WITHOUT_VALUES = (
    ("checks.py", "must be a number; ", "is no number; "),  # sentences of errors
    ("checks.py", "} and finite", "}, finite"),
    ("datasets/__init__.py", "'train' gives", "'train' has"),
    ("datasets/download.py", "\nimport", "\nPAUSE = 9\nimport"),  # downloads
    ("datasets/bbbc021.py", 'ADDRESS = "', 'ADDRESS = "x'),
    ("statistics.py", "def text(", "def text_of("),  # how a number is printed
    ("findings/pareto.py", "\nimport", "\nA = 1\nimport"),  # pages
    ("charts/pareto.py", "\nimport", "\nA = 1\nimport"),
    ("datasets/faces.py", "VERSION = ", "VERSION = 1 + "),  # data of no study here
)


@each(
    ("studies", "edits"),
    [
        ("", WITHOUT_VALUES),
        ("own_method", [("inversion/edict.py", "float = 0.93", "float = 0.92")]),  # methods, by those who use them
        ("benchmark", [("inversion/taba.py", "class TABA", "class Other")]),
        ("own_method benchmark", [("inversion/base.py", "class InversionState", "class Another")]),
        ("benchmark", [("metrics/s_hf.py", "def s_hf", "def s_hf_")]),  # scores
        ("own_method benchmark", [("metrics/s_dc.py", "DRAWS = ", "DRAWS = 1 + ")]),
        ("own_method benchmark domains", [("datasets/pictures.py", "MARGIN = ", "MARGIN = 1 + ")]),  # data
    ],
)
def test_an_edit_changes_the_keys_of_those_that_use_it(studies: str, edits: list[tuple[str, str, str]]) -> None:
    other, changed = edited(*edits), set()
    for name in ("own_method", "benchmark", "domains"):
        found = reached_from(name)
        if other.reached(found) != installed().reached(found):
            changed.add(name)
    assert changed == set(studies.split())


def test_what_may_be_published_changes_no_key() -> None:
    """Nor does a field that says so: neither its definition nor what a data set says there."""
    field = '    publishable: bool = field(default=True, metadata={"no_value": True})\n'
    names = reached_from("domains")
    assert edited(("datasets/base.py", field, "")).reached(names) == installed().reached(names)
    info = datasets.DATASETS["photos_x8"]
    assert identity(replace(info, publishable=False)) == identity(info) != identity(replace(info, fixed=True))


TOLD = '''
import warnings
from spectral_collapse import errors

def f(x):
    """Doc."""
    low = "at least 0" if G else "finite"
    if x < 0:
        warnings.warn(f"{x} is small", stacklevel=2)
        raise ValueError(f"x must be {low}; {x} was given")
    return x + G  # why

G = 1
'''


def test_what_is_told_does_not_count_and_what_is_computed_does() -> None:
    base = package({"a": TOLD}).reached(["spectral_collapse.a:f"])
    assert set(base) == {"spectral_collapse.a:f", "spectral_collapse.a:G"}
    for old, new, same in (
        ("Doc.", "Another.", True),
        ("# why", "", True),
        ("is small", "is tiny", True),
        ("x must be", "x has to be", True),
        ("at least 0", "0 or more", True),
        ("G = 1", "G = 1\nH = 2", True),
        ("from spectral_collapse import errors\n", "", True),
        ("x + G", "x - G", False),
        ("x < 0:", "x <= 0:", True),
        ("    if x < 0:", "    check_number(x, 1)\n    if x < 0:", True),
        ("    if x < 0:", "    x = check_number(x, 1)\n    if x < 0:", False),
        ("        raise", "        x = 0\n        raise", False),
        ("G = 1", "G = 2", False),
        ("ValueError", "OSError", True),
    ):
        other = package({"a": TOLD.replace(old, new)}).reached(["spectral_collapse.a:f"])
        assert (other == base) == same, old


CLASSES = """
import torch
class A:
    size = 1
    def used(self): return self.inner
    @property
    def inner(self): return 1
    def unused(self): return 2
class B(torch.nn.Module):
    def forward(self, x): return x
def f(): return A().used()
def g(): return B()(1)
"""


def test_methods_of_a_class_count_where_their_name_is_mentioned() -> None:
    assert names(package({"a": CLASSES}), "a:f") == {"f", "A", "A.used", "A.inner"}
    assert names(package({"a": CLASSES}), "a:g") == {"g", "B", "B.forward"}  # torch calls it


def test_imports_are_followed_wherever_they_stand_and_whatever_they_are_called() -> None:
    files = {
        "a": "from spectral_collapse import b as bee\ndef f(): return bee.g()\ndef h():\n    from .c import k\n    k()",
        "b": "from spectral_collapse.c import k as g",
        "c": "def k(): return 1\ndef l(): return 2",
        "d": "def k(): return 3",
    }
    assert names(package(files), "a:f") == {"f", "k"}
    assert names(package(files), "a:h") == {"h", "k"}
    # another function of the same name is another key, though both count in either case
    other = package(files | {"b": "from spectral_collapse.d import k as g"})
    roots = ["spectral_collapse.a:f", "spectral_collapse.c:k", "spectral_collapse.d:k"]
    assert other.reached(roots).keys() == package(files).reached(roots).keys()
    assert other.reached(roots) != package(files).reached(roots)


def test_a_name_chooses_from_a_registry_and_without_one_all_of_it_counts() -> None:
    files = {
        "inversion/__init__": "METHODS = {}\ndef create(name): return METHODS[name]",
        "inversion/one": "class One:\n    name = 'one'",
        "inversion/two": "class Two:\n    name = 'two'",
        "a": "from spectral_collapse import inversion\ndef f(): return inversion.create('two')\n"
        "def g(name): return inversion.create(name)",
    }
    assert names(package(files), "a:f") == {"f", "create", "METHODS", "Two"}
    assert names(package(files), "a:g") == {"g", "create", "METHODS", "One", "Two"}
    found = package(files).reached(["spectral_collapse.a:g", "spectral_collapse.inversion.one:One"])
    assert {unit.partition(":")[2] for unit in found} == {"g", "create", "METHODS", "One"}


def test_the_text_says_the_same_on_other_versions_of_python_and_in_every_process() -> None:
    """ast.dump does not: 3.12 added type_params, 3.13 leaves out what is empty."""
    found = package({"a": "def f(): pass"}).reached(["spectral_collapse.a:f"])
    assert found == {"spectral_collapse.a:f": "[FunctionDef(name='f',args=arguments(),body=[Pass()])] "}
    names = [f"n{number}" for number in range(10)]
    found = package({"a": f"{', '.join(names)} = range(10)", "b": "from spectral_collapse import a\ndef f(): return a"})
    text = found.reached(["spectral_collapse.b:f"])["spectral_collapse.b:f"]
    assert text.endswith(",".join(f"spectral_collapse.a:{name}" for name in names))


def test_two_lambdas_and_two_methods_have_keys_of_their_own_and_what_cannot_be_told_apart_none() -> None:
    one, other = (lambda x: x + 1), (lambda x: x + 2)
    assert code_hash(one) != code_hash(other)
    assert code_hash(standard.Standard) != code_hash(taba.TABA)
    one, other = code_hash(taba.TABA(0.1)), code_hash(taba.TABA(0.2))
    assert one != other
    assert one.partition("-")[0] == other.partition("-")[0]  # the same definitions, other parameters
    with pytest.raises(UnidentifiedError):
        code_hash(open)


def test_what_a_root_from_elsewhere_uses_of_this_package_is_followed() -> None:
    def mine(x: torch.Tensor) -> torch.Tensor:
        return s_dc(x)

    def through_a_module(x: torch.Tensor) -> object:
        return standard.Standard().invert(None, x, 0)

    assert "spectral_collapse.metrics.windows:slide" in reached(mine)
    assert "spectral_collapse.inversion.base:InversionMethod.invert" in reached(through_a_module)


def test_other_commits_can_be_read() -> None:
    old = keys.committed("328dafa02c13c3409ffe809725c42556609e3e01")
    if old is None:
        pytest.skip("needs a checkout with its history")
    assert "spectral_collapse.metrics.windows:slide" in old.reached(roots_of([s_dc])[0])
    assert keys.committed("0" * 40) is None


def test_a_hash_is_kept_for_other_processes_while_no_file_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = keys._files()
    keys._definitions_hash.cache_clear()
    first = code_hash(taba.TABA)
    keys._definitions_hash.cache_clear()  # as in another process
    with monkeypatch.context() as patch:
        patch.setattr(Package, "reached", None)  # following names again would fail
        assert code_hash(taba.TABA) == first
    (file, changed, size), *others = files
    monkeypatch.setattr(keys, "_files", lambda: ((file, changed + 1, size), *others))
    monkeypatch.setattr(Package, "reached", lambda self, names: {"anything": "else"})
    assert code_hash(taba.TABA) != first
    keys._definitions_hash.cache_clear()
