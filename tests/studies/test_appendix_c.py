from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spectral_collapse.denoisers import Denoiser, Prediction
from spectral_collapse.processes import Level, Process, VariancePreserving
from spectral_collapse.studies import appendix_c
from spectral_collapse.studies.appendix_c import AppendixCParameters
from tests.gaussian import FineVariancePreserving, flow_gain
from tests.studies.test_decomposition import model, white_request


class NoNoise:
    """The denoiser that the appendix supposes (Eq. 49): it takes all of x for image."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        return Prediction(torch.zeros_like(x), x / level.alpha)


def entered(asked: Denoiser, num_steps: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """What is measured of white images that enter without noise."""
    monkeypatch.setattr(appendix_c, "denoiser", lambda request, name: asked)
    return appendix_c._entered(white_request(asked.process, 0.3, num_steps=num_steps), "covariance", 0.0)


def test_without_predicted_noise_the_latent_is_the_image_times_c(monkeypatch: pytest.MonkeyPatch) -> None:
    process = VariancePreserving()
    found = entered(NoNoise(process), 10, monkeypatch)
    levels = process.levels(10)
    contraction = levels[-1].alpha / levels[0].alpha
    # float64 throughout: only rounding is left
    np.testing.assert_allclose(found["cross"] / found["input_power"], contraction, rtol=1e-9)
    np.testing.assert_allclose(found["latent_power"] / found["input_power"], contraction**2, rtol=1e-9)


def test_a_perfect_denoiser_gives_the_gain_of_the_exact_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    process, variance = FineVariancePreserving(), 0.3
    perfect = white_request(process, variance).model.denoiser
    found = entered(perfect, 400, monkeypatch)
    expected = flow_gain(variance, process.levels(1)[0], process.levels(1)[-1])
    # Euler's error in 400 steps, below 2 %
    np.testing.assert_allclose(found["cross"] / found["input_power"], expected, rtol=0.02)


def test_the_product_over_rings_is_that_of_the_coefficients(generator: torch.Generator) -> None:
    first, second = torch.randn(2, 3, 2, 8, 8, generator=generator, dtype=torch.float64)
    product = torch.fft.fft2(first, norm="ortho") * torch.fft.fft2(second, norm="ortho").conj()
    axis = torch.fft.fftfreq(8, dtype=torch.float64) * 8
    ring = torch.hypot(axis[:, None], axis).round() == 2
    expected = product.real[..., ring].mean((1, 2))
    np.testing.assert_allclose(appendix_c.ring_products(first, second)[1], expected)


def test_a_result_follows_the_schema(home: Path) -> None:
    study = appendix_c.STUDY.run(profile="smoke", checkpoint=model(), executor="here", progress=False)
    # by Cauchy and Schwarz
    assert (study["cross"] ** 2 <= study["input_power"] * study["latent_power"] * (1 + 1e-9) + 1e-12).all()
    # the exact inverse brings images back better than the usual inversion does
    error = study["reconstruction_error"].mean("sample")
    assert float(error.sel(inverse="fixed_point")) < 1e-4 < float(error.sel(inverse="standard"))
    # sigma >= 0.03, so dividing by it costs two digits of float64
    assert float(study["parameterisation_gap"]) < 1e-9


def test_both_ends_that_claims_are_made_of_are_always_measured() -> None:
    assert AppendixCParameters.checked(gammas=[2.0, 0.5]).entering == [0.0, 0.5, 1.0, 2.0]
