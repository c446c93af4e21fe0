from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.processes import Level, Process, VariancePreserving
from spectral_collapse.studies import appendix_c, decomposition
from spectral_collapse.studies.front import Interval
from tests.gaussian import FineVariancePreserving, flow_gain
from tests.studies.test_decomposition import model, white_data


class NoNoise:
    """The denoiser that the appendix supposes (Eq. 49): it takes all of x for image."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __call__(self, x: torch.Tensor, level: Level, label: torch.Tensor) -> Prediction:
        return Prediction(torch.zeros_like(x), x / level.alpha)


@pytest.fixture(scope="module")
def results_of_smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, xr.Dataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path_factory.mktemp("store")))
        patch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)
        arguments = {"profile": "smoke", "checkpoint": model(), "progress": False}
        return appendix_c.run("photos_x8", **arguments), decomposition.run("photos_x8", **arguments)


def test_without_predicted_noise_the_latent_is_the_image_times_c() -> None:
    process = VariancePreserving()
    given = white_data(process, 0.3, num_steps=10)
    vars(given)["denoisers"] = {"network": NoNoise(process)}
    found = appendix_c._Task(given, (0.0,)).entered("network", 0.0)
    levels = process.levels(10)
    contraction = levels[-1].alpha / levels[0].alpha
    # float64 throughout: only rounding is left
    np.testing.assert_allclose(found["cross"] / found["input_power"], contraction, rtol=1e-9)
    np.testing.assert_allclose(found["latent_power"] / found["input_power"], contraction**2, rtol=1e-9)


def test_a_perfect_denoiser_gives_the_gain_of_the_exact_flow() -> None:
    process, variance = FineVariancePreserving(), 0.3
    given = white_data(process, variance, num_steps=400)
    found = appendix_c._Task(given, (0.0,)).entered("network", 0.0)
    expected = flow_gain(variance, process.levels(1)[0], process.levels(1)[-1])
    # Euler's error in 400 steps, below 2 %
    np.testing.assert_allclose(found["cross"] / found["input_power"], expected, rtol=0.02)


def test_the_product_over_rings_is_that_of_the_coefficients(generator: torch.Generator) -> None:
    first, second = torch.randn(2, 3, 2, 8, 8, generator=generator, dtype=torch.float64)
    product = torch.fft.fft2(first, norm="ortho") * torch.fft.fft2(second, norm="ortho").conj()
    axis = torch.fft.fftfreq(8, dtype=torch.float64) * 8
    ring = torch.hypot(axis[:, None], axis).round() == 2
    expected = product.real[..., ring].mean((1, 2))
    np.testing.assert_allclose(appendix_c._rings(first, second)[1], expected)


def test_the_parameterisation_changes_nothing_for_the_optimal_denoiser(
    results_of_smoke: tuple[xr.Dataset, xr.Dataset],
) -> None:
    # sigma >= 0.03, so dividing by it costs two digits of float64
    assert float(results_of_smoke[0]["parameterisation_gap"]) < 1e-9


@pytest.mark.parametrize(
    ("low", "high", "nearer"),
    [
        (0.1, 0.4, "the claim"),
        (0.6, 1.2, "the closed form"),
        (1.1, 1.2, "beyond the closed form"),
        (0.4, 0.6, "neither"),
    ],
)
def test_a_measurement_is_nearer_to_one_side_only_with_its_whole_interval(low: float, high: float, nearer: str) -> None:
    found = appendix_c._compared("", "", 0.0, Interval((low + high) / 2, low, high), Interval(1.0, 0.9, 1.1))
    assert found.nearer == nearer
    mirrored = appendix_c._compared("", "", 0.0, Interval(-(low + high) / 2, -high, -low), Interval(-1.0, -1.1, -0.9))
    assert mirrored.nearer == nearer


def test_what_is_missing_is_said(results_of_smoke: tuple[xr.Dataset, xr.Dataset]) -> None:
    nan = Interval(*[float("nan")] * 3)
    assert appendix_c._compared("", "", 0.0, nan, nan).nearer.startswith("not measured")
    study, decomposed = results_of_smoke
    [missing] = [claim for claim in appendix_c.claims(study, decomposed) if claim.measured == "missing"]
    assert missing.equation == "52 to 55"
    other = study.assign_attrs(prediction="edm")
    assert all(claim.measured != "missing" for claim in appendix_c.claims(other, decomposed))


def test_corollary_2_is_judged_by_whether_both_rise() -> None:
    up, down = ([Interval(value, value, value) for value in values] for values in ((0.1, 0.5, 0.9), (0.1, 0.9, 0.5)))
    unknown = [Interval(*[float("nan")] * 3)] * 3
    assert appendix_c._rising(up, up) == "both rise"
    assert appendix_c._rising(up, down) == "only the network rises"
    assert appendix_c._rising(down, up) == "only the closed form rises"
    assert appendix_c._rising(down, down) == "neither rises"
    assert appendix_c._rising(unknown, up).startswith("not measured")


def test_an_identity_is_not_counted_as_evidence(results_of_smoke: tuple[xr.Dataset, xr.Dataset]) -> None:
    rows = appendix_c.table(appendix_c.claims(*results_of_smoke))
    assert rows["Nearer to"][
        rows["Measured"] == f"{float(results_of_smoke[0]['parameterisation_gap']):.1e}"
    ].tolist() == ["by construction"]


def test_every_claim_has_its_row_and_the_verdict_counts_them(results_of_smoke: tuple[xr.Dataset, xr.Dataset]) -> None:
    study, decomposed = results_of_smoke
    claims = appendix_c.claims(study, decomposed)
    equations = " ".join(claim.equation for claim in claims)
    assert all(name in equations for name in ("47", "49", "51", "52", "56", "Corollary 1", "Corollary 2"))
    assert len(appendix_c.table(claims)) == len(claims)
    assert "claims with a number of their own" in appendix_c.verdict(study, decomposed)


def test_a_result_follows_the_schema(results_of_smoke: tuple[xr.Dataset, xr.Dataset]) -> None:
    study = results_of_smoke[0]
    assert all(variable.attrs.keys() >= {"long_name", "units"} for variable in study.data_vars.values())
    assert set(study.dims) <= set(study.coords)
    # by Cauchy and Schwarz
    assert (study["cross"] ** 2 <= study["input_power"] * study["latent_power"] * (1 + 1e-9) + 1e-12).all()
    # the exact inverse brings images back better than the usual inversion does
    error = study["reconstruction_error"].mean("sample")
    assert float(error.sel(inverse="fixed_point")) < 1e-4 < float(error.sel(inverse="standard"))


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="unknown profile"):
        appendix_c.run("photos_x8", "tiny")
