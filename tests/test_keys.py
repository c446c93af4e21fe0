"""Keys of results change with the code that computes them, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from spectral_collapse import keys
from spectral_collapse.identity import UnidentifiedError
from spectral_collapse.inversion import standard, taba
from spectral_collapse.keys import code_hash, modules
from spectral_collapse.metrics import s_dc


def test_imports_and_uses_of_names_are_followed() -> None:
    found = modules(["spectral_collapse.translation"])
    # through 'from ... import', through an alias of a module, and through a class's home behind a package
    assert {
        "spectral_collapse.sampling",
        "spectral_collapse.networks.checkpoints",
        "spectral_collapse.processes",
    } <= found
    assert "spectral_collapse.cli" not in found
    assert "spectral_collapse.training.trainer" not in found


def test_a_score_is_followed_through_its_package() -> None:
    assert "spectral_collapse.metrics.windows" in modules([s_dc.__module__])


def _hash_with(monkeypatch: pytest.MonkeyPatch, module: str, change: Callable[[str], str]) -> str:
    read = keys._source_of
    monkeypatch.setattr(keys, "_source_of", lambda name: change(read(name)) if name == module else read(name))
    try:
        return code_hash(standard.Standard)
    finally:
        monkeypatch.undo()


@pytest.mark.parametrize("module", sorted(modules([standard.__name__])))
def test_a_constant_in_any_module_that_is_reached_counts_and_a_comment_does_not(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before = code_hash(standard.Standard)
    assert _hash_with(monkeypatch, module, lambda source: f"{source}\nANOTHER = 1\n") != before
    assert _hash_with(monkeypatch, module, lambda source: f"# a remark\n{source}\n\n# and more\n") == before


def test_docstrings_do_not_count() -> None:
    one = 'def f(x):\n    """Says one thing."""\n    return x + 1\n'
    other = "def f(x):\n    '''Says another,\n    on two lines.'''\n    return (x\n            + 1)  # why\n"
    assert keys._tree_text(one) == keys._tree_text(other)
    assert keys._tree_text(one) != keys._tree_text(one.replace("+ 1", "+ 2"))


def test_the_text_says_the_same_on_other_versions_of_python() -> None:
    """ast.dump does not: 3.12 added type_params, 3.13 leaves out what is empty."""
    assert keys._tree_text("def f(): pass") == "Module(body=[FunctionDef(name='f',args=arguments(),body=[Pass()])])"


def test_two_lambdas_on_one_line_have_two_keys() -> None:
    one, other = (lambda x: x + 1), (lambda x: x + 2)
    assert code_hash(one) != code_hash(other)


def test_what_a_root_from_elsewhere_uses_of_this_package_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine(x: torch.Tensor) -> torch.Tensor:
        return s_dc(x)

    before = code_hash(mine)
    read = keys._source_of
    window = "spectral_collapse.metrics.windows"
    monkeypatch.setattr(keys, "_source_of", lambda name: read(name) + ("\nA = 1\n" if name == window else ""))
    assert code_hash(mine) != before


def test_what_cannot_be_told_from_another_is_refused() -> None:
    with pytest.raises(UnidentifiedError):
        code_hash(open)


def test_methods_have_keys_of_their_own() -> None:
    assert code_hash(standard.Standard) != code_hash(taba.TABA)
    assert code_hash(taba.TABA(0.1)) != code_hash(taba.TABA(0.2))
