"""What carries a stored result over to other code, and what does not. No study runs here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spectral_collapse.errors import DataError
from spectral_collapse.store import keys, rekey, shipping
from spectral_collapse.store.keys import Package

OLD = """
SIZE = 2

def f(x, flag):
    total = x * SIZE
    if flag:
        total = -total
    return total
"""
NAMES = frozenset({"spectral_collapse.a:f"})


def package(text: str) -> Package:
    return Package({"spectral_collapse/__init__.py": "", "spectral_collapse/a.py": text})


class Pair:
    """Stands for the processes of old and new code: what they answer."""

    def __init__(self, lines: list[set[int]], arrays: tuple[dict[str, str], dict[str, str]]) -> None:
        self.lines, self.arrays, self.runs, self.code = lines, arrays, 0, "of-objects"

    def run(self, study: str, parameters: dict[str, Any], files: list[list[str]]) -> list[Any]:
        self.runs += 1
        assert files in ([["spectral_collapse/a.py"]] * 2, [[]] * 2)
        both = zip(self.lines, self.arrays, strict=True)
        return [
            {"code": self.code, "arrays": arrays, "lines": {"spectral_collapse/a.py": sorted(lines)}}
            for lines, arrays in both
        ]


def compared(monkeypatch: pytest.MonkeyPatch, new: str, pair: Pair, **given: Any) -> str:
    old = package(OLD)
    monkeypatch.setattr(keys, "committed", lambda commit: old)
    monkeypatch.setattr(keys, "installed", lambda: package(new))
    known = {"code": f"{keys.digest(old.reached(NAMES))}-objects", "parameters": {"profile": "quick"}} | given
    state = shipping.State("other code", "", Path("a.nc.xz"), known["code"], "1" * 40)
    wanted = rekey._Wanted("a", "powers", known["parameters"], state, NAMES, "new-objects")
    return rekey._compared(wanted, "1" * 40, pair)


SAME = {"job, value": "1"}, {"job, value": "1"}


def test_what_differs_in_words_alone_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair([set(), set()], SAME)
    assert compared(monkeypatch, OLD.replace("def f", "# why\ndef f") + "\nOTHER = 1\n", pair) == "definitions"
    assert pair.runs == 0


def test_the_same_bits_carry_over_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    new = OLD.replace("total = x * SIZE", "total = SIZE * x")
    assert compared(monkeypatch, new, Pair([{4, 5, 6, 8}] * 2, SAME)) == "1 arrays"
    with pytest.raises(DataError, match="1 of 1 arrays differ, the first of them 'job, value'"):
        compared(monkeypatch, new, Pair([{4, 5, 6, 8}] * 2, ({"job, value": "1"}, {"job, value": "2"})))
    with pytest.raises(DataError, match="1 of 1 arrays differ"):  # one that is missing
        compared(monkeypatch, new, Pair([{4, 5, 6, 8}] * 2, ({"job, value": "1"}, {})))


def test_a_statement_that_differs_and_was_not_executed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = {4, 5, 6, 8}  # not line 7, below the condition
    edits = {
        "total = -total": ("total = 0 - total", 7),
        "        total = -total": ("        total = -total\n        total += 1", 8),
        "total = x * SIZE": ("total = x * SIZE\n    if x is None:\n        return x", 7),
    }
    for old, (new, line) in edits.items():
        with pytest.raises(DataError, match=f"line {line} of spectral_collapse/a.py differs, and neither run executed"):
            compared(monkeypatch, OLD.replace(old, new), Pair([ran, ran - {7, 8}], SAME))
    # a constant is executed by the import: what uses it has to run
    new = OLD.replace("SIZE = 2", "SIZE = 1 + 1")
    assert compared(monkeypatch, new, Pair([ran] * 2, SAME)) == "1 arrays"
    with pytest.raises(DataError, match="line 2 of"):
        compared(monkeypatch, new, Pair([set()] * 2, SAME))


def test_what_cannot_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    new = OLD.replace("x * SIZE", "SIZE * x")
    pair = Pair([set(), set()], SAME)
    for given, sentence in (
        ({"code": f"{keys.digest(package(OLD).reached(NAMES))}-others"}, "its methods have other parameters"),
        ({"parameters": None}, "its page has a study, a method or a network of its own, and a.f has changed"),
    ):
        with pytest.raises(DataError, match=sentence):
            compared(monkeypatch, new, pair, **given)
    assert pair.runs == 0


def test_a_result_from_before_other_rules_for_keys_is_known_by_the_key_that_its_own_code_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair([{4, 5, 6, 8}] * 2, SAME)
    for new in (OLD, OLD.replace("x * SIZE", "SIZE * x")):
        assert compared(monkeypatch, new, pair, code="of-objects") == "1 arrays"
        with pytest.raises(DataError, match="it was not made by the code of commit 1111111"):
            compared(monkeypatch, new, pair, code="123-objects")
    with pytest.raises(DataError, match="a network of its own, and what counts as its code has changed"):
        compared(monkeypatch, OLD, pair, code="of-objects", parameters=None)


def test_commits_that_cannot_be_used_and_files_that_differ_from_the_last_one_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rekey, "_git", lambda *arguments: "M src/a.py" if arguments[0] == "status" else "1" * 40)
        with pytest.raises(DataError, match="files under src differ from the last commit"):
            rekey.rekey()
    with pytest.raises(DataError, match="made by code that is in no commit"):
        rekey._commit("1" * 40 + "+")
    with pytest.raises(DataError, match=f"commit {'1' * 40} is not in the history"):
        rekey._commit("1" * 40)
    monkeypatch.setattr(rekey, "_ROOT", tmp_path)
    with pytest.raises(DataError, match="git cannot tell which code made the results"):
        rekey.rekey()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="git is not installed"):
        rekey.rekey()
