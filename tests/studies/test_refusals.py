"""Parameters that a study cannot be run with are refused by their names."""

from __future__ import annotations

import pytest

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.studies import STUDIES
from tests.each import each

REFUSED = [
    ("benchmark", {"methods": ("standard", "tabba")}, "unknown method 'tabba'.*taba"),
    ("benchmark", {"methods": ("taba",)}, "methods .*'standard'"),
    ("benchmark", {"real": 1}, "real"),
    ("benchmark", {"images": 1}, "images"),
    ("cheap_guidance", {"variants": ["free"]}, "variants .*'exact'"),
    ("cheap_guidance", {"variants": ["exact", "cheap"]}, "cheap"),
    ("correlations", {"methods": ["standard", "taba"]}, "three"),
    ("correlations", {"methods": ["ovg", "taba", "white_norm"]}, "'standard'"),
    ("decomposition", {"num_steps": 3}, r"replaced .*num_steps, 3; \[1, 2, 4\]"),
    ("decomposition", {"replaced": (0,)}, r"replaced\.0"),
    ("decorrelation", {"images": 2}, "images"),
    ("decorrelation", {"methods": ["taba"]}, "'standard'"),
    ("entry_noise", {"num_steps": 5, "replaced": (0, 6)}, r"replaced .*num_steps, 5; \[0, 6\]"),
    ("entry_noise", {"steps": (10, 10)}, r"steps .*\[10, 10\]"),
    ("entry_noise", {"spectral_errors": (-1.0,)}, r"spectral_errors\.0"),
    ("pareto", {"methods": ["ddim"]}, "methods: unknown inversion method 'ddim'; known are: standard, bdia, "),
    ("pareto", {"methods": {"edict": {"p": 1}}}, "methods: unknown parameter of method 'edict': 'p'"),
    ("pareto", {"methods": {"edict": 1}}, "methods.edict must be a valid dictionary"),
    ("pareto", {"methods": "edict"}, "methods: .*'edict' was given"),
    ("pareto", {"methods": ["taba"]}, "methods: 'taba' is in the study anyway"),
    ("pareto", {"seeds": 0}, "seeds must be greater than or equal to 1; 0 was given"),
    ("pareto", {"seeds": True}, "seeds must be a valid integer; True was given"),
    ("pareto", {"num_steps": 0}, "num_steps"),
    ("pareto", {"eta_hf": [-1]}, "eta_hf.0 must be greater than or equal to 0"),
    ("pareto", {"eta_lf": [float("nan")]}, "eta_lf.0 must be a finite number"),
    ("pareto", {"eta_hf": []}, "eta_hf must have at least 1 item"),
    ("pareto", {"eta_hf": [0], "eta_lf": [0]}, "eta_hf and eta_lf"),
    ("pareto", {"fractions": [1.5]}, "fractions.0"),
    ("pareto", {"profile": "smoke", "fractions": [0.01]}, "taba replaces none of 5 steps with fraction 0.01"),
    ("pareto", {"guidance": -1}, "guidance"),
    ("pareto", {"source": "web"}, "source must be 'auto', 'real' or 'rendered'; 'web' was given"),
    ("pca", {"methods": ["taba"]}, "methods .*'standard'"),
    ("pca", {"methods": ["standard", "tabba"]}, "unknown method 'tabba'; known are: standard, .*taba"),
    ("plain_areas", {"drawn": 5, "edited": 3}, "edited .*drawn"),
    ("plain_areas", {"profile": "smoke", "replaced": [6]}, "replaced .*num_steps, 5"),
    ("trajectories", {"methods": ["taba"]}, "methods .*'standard'"),
    ("tuning", {"methods": ["standard"]}, "unknown method with settings to choose 'standard'"),
]


@each(("study", "given", "named"), REFUSED)
def test_impossible_parameters_are_refused(study: str, given: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidParameterError, match=named):
        STUDIES[study].parameters.checked(**given)
