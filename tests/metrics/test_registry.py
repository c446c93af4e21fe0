"""Scores are found by their files, and a card of one's own does in `evaluate` what any other does."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path
from types import FunctionType

import pytest
import torch

from spectral_collapse import discovery, metrics
from spectral_collapse.metrics import SCORES, ScoreInfo
from spectral_collapse.store.identity import identity

FILE = """
import torch
from spectral_collapse.metrics.base import ScoreInfo

class Light: ...

def brightness(images: torch.Tensor) -> torch.Tensor:
    return images.double().mean((1, 2, 3))

def _hidden(): ...

SCORE = ScoreInfo("brightness", brightness, "B", None, (-1.0, 1.0), "image", "sample", "ours")
"""


def contrast(x: torch.Tensor, cutoff: float = 0.5) -> torch.Tensor:
    """Standard deviation times a setting."""
    return cutoff * x.double().std((1, 2, 3))


def half(shape: torch.Size) -> dict[str, object]:
    return {"half": shape[0] / 2}


CONTRAST = ScoreInfo("contrast", contrast, "C", True, (0.0, 1.0), "latent", "sample", "ours", "V", notes=half)


def test_a_new_file_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "brightness.py").write_text(FILE)
    before = list(SCORES)
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    monkeypatch.setattr(metrics, "SCORES", {})
    for name in ("brightness", "Light"):
        monkeypatch.setattr(metrics, name, None, raising=False)
    monkeypatch.setitem(sys.modules, "spectral_collapse.metrics.brightness", None)
    del sys.modules["spectral_collapse.metrics.brightness"]
    public = metrics._register()
    assert list(metrics.SCORES) == [*before[:4], "brightness", *before[4:]]  # b comes before f, the next file's letter
    assert {"brightness", "Light"} <= set(public)
    assert "_hidden" not in public
    assert metrics.evaluate(["brightness"], images=torch.full((1, 3, 8, 8), 0.5))["brightness"].item() == 0.5


def test_the_papers_scores_come_first_and_cards_have_the_same_identity_on_every_version_of_python() -> None:
    assert tuple(SCORES)[:4] == ("s_hf", "s_lf", "s_dc", "s_g")
    files = [card.function.__module__ for card in list(SCORES.values())[4:]]
    assert files == sorted(files)
    # Code of this package is named, and counts by its modules' trees; the bytecode of a lambda would differ.
    for described in map(identity, SCORES.values()):
        for code in (described["function"], described["notes"]):
            assert code is None or code["function"].startswith(metrics.__name__)


def test_no_public_name_is_in_two_files_and_none_is_a_module() -> None:
    files = [module for module in discovery.modules(metrics.__name__) if metrics._cards(module)]
    assert len(SCORES) == sum(len(metrics._cards(module)) for module in files)
    own = [
        name
        for module in files
        for name, value in vars(module).items()
        if isinstance(value, FunctionType | type) and value.__module__ == module.__name__
    ]
    public = [name for name in own if not name.startswith("_")]
    assert len(public) == len(set(public))
    assert len(metrics.__all__) == len(set(metrics.__all__))
    for name in ("weights", "ranges", "inception"):  # modules of helpers keep their names
        assert getattr(metrics, name).__name__ == f"{metrics.__name__}.{name}"


def test_a_score_of_ones_own_is_evaluated_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(4, 2, 8, 8)
    monkeypatch.setitem(SCORES, "mine", CONTRAST)
    found = metrics.evaluate(["mine", "s_dc"], latents=latents, cutoff=0.25)
    torch.testing.assert_close(torch.from_numpy(found["mine"].values), 0.25 * latents.double().std((1, 2, 3)))
    attrs = found["mine"].attrs
    assert (attrs["long_name"], attrs["units"], attrs["inputs"], attrs["per"]) == ("C", "V", "latent", "sample")
    assert (attrs["cutoff"], attrs["half"], attrs["direction"]) == (0.25, 2.0, "higher is better")
    assert list(metrics.evaluate(["contrast"], latents=latents)) == ["mine"]  # by the function's name too
    assert "mine" in metrics.evaluate("all", latents=latents)
    images = torch.zeros(4, 3, 16, 16)
    assert "mine" not in metrics.evaluate("all", images=images, references=images)


def test_one_function_serves_cards_of_other_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    images, references, sources = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.2), torch.ones(1, 3, 16, 16)
    card = dataclasses.replace(SCORES["psnr"], name="psnr_source", inputs="image and source")
    monkeypatch.setitem(SCORES, "psnr_source", card)
    found = metrics.evaluate(["psnr"], images=images, references=references, sources=sources)
    assert found["psnr"].item() == pytest.approx(20)  # an error of a tenth of the range
    assert found["psnr_source"].item() == pytest.approx(20 * math.log10(2))  # of half of it
