from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from spectral_collapse import inversion
from spectral_collapse.charts import spectra
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.studies import own_method


@dataclass(frozen=True)
class Doubled(inversion.InversionMethod):
    """Standard inversion whose latent is twice as large."""

    name = "doubled"

    def finish(self, run: inversion.Ascent, states: list[torch.Tensor]) -> torch.Tensor:
        return 2 * states[-1]


def test_a_registered_method_is_compared_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inversion.METHODS, "doubled", Doubled)
    study = own_method.compare(["standard", "doubled"], "smoke")
    assert list(study["series"].to_numpy()) == ["white noise", "standard", "doubled"]
    # Twice the latent has four times the power.
    np.testing.assert_allclose(study["power"].sel(series="doubled"), 4 * study["power"].sel(series="standard"))
    # 4 images x 4 channels x 255 coefficients, in conjugate pairs: standard error 0.02; five of them.
    assert float(study["power"].sel(series="white noise").mean()) == pytest.approx(1, abs=0.15)
    verdict = own_method.verdict(study)
    assert verdict.count("- **") == 3
    assert "4 real test images" in verdict
    chart = spectra.method_spectra(study).to_dict()
    drawn = {row["series"] for rows in chart["datasets"].values() for row in rows}
    assert drawn == set(study["series"].to_numpy())


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="unknown inversion method 'doubled'"):
        own_method.compare(["doubled"], "smoke")
    with pytest.raises(CheckpointError, match="image_size 64"):
        own_method.compare(["standard"], "paper")
