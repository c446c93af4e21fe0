"""The book's reference has every public name, and each says what it is."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

MODULES = re.findall(
    r"automodule:: (\S+)", (Path(__file__).parents[1] / "book" / "reference.md").read_text(encoding="utf-8")
)
PUBLIC = {
    "processes": ["VariancePreserving", "VarianceExploding", "FlowMatching"],
    "denoisers": ["Prediction", "NetworkDenoiser", "GaussianDenoiser"],
    "inversion": ["METHODS", "create", "Inversion", "InversionMethod", "OVG"],
    "sampling": ["sample"],
    "translation": ["translate"],
    "metrics": ["SCORES", "ScoreInfo", "evaluate", "s_hf", "s_lf", "s_dc", "s_g"],
    "datasets": ["DATASETS", "load", "fetch"],
    "networks": ["Model", "load_model", "model_from_pipeline"],
    "training": ["train"],
    "studies": ["STUDIES", "run"],
    "studies.study": ["Study"],
    "results": ["load", "save"],
}
"""The names that notebooks and readers rely on."""


def names(module: ModuleType) -> list[str]:
    """What `automodule` shows of a module: what it lists in `__all__`, else what it defines."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return list(getattr(module, "__all__", [name for name in own if not name.startswith("_")]))


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    path = f"spectral_collapse.{module}"
    assert path in MODULES
    assert set(PUBLIC[module]) <= set(names(import_module(path)))


@pytest.mark.parametrize("path", MODULES)
def test_every_name_in_the_reference_says_what_it_is(path: str) -> None:
    module = import_module(path)
    assert inspect.getdoc(module)
    for name in names(module):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
            assert not value.__doc__.startswith(f"{name}("), f"{name}: a dataclass without a docstring of its own"
