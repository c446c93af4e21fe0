from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets, inversion, results
from spectral_collapse.denoisers import Prediction
from spectral_collapse.errors import CheckpointError, InvalidParameterError
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import Process, VarianceExploding, VariancePreserving
from spectral_collapse.studies import decomposition
from spectral_collapse.studies.profiles import Profile
from tests import pareto_model
from tests.gaussian import FineVariancePreserving, draw, flat, flow_gain

CARD = {"prediction": "epsilon"}


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECTRAL_COLLAPSE_HOME", str(tmp_path))
    monkeypatch.delenv("SPECTRAL_COLLAPSE_DATA", raising=False)


class Pixels(Model):
    """A model in pixel space whose denoiser need not be a network."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return images


def model() -> Model:
    """The closed form in place of a network."""
    found = pareto_model.model()
    return Pixels(found.denoiser, None, found.card | CARD, found.hash)


def white_data(process: Process, variance: float, num_steps: int, images: int = 16) -> decomposition.Inverted:
    """Sources that are white, under the denoiser that is perfect for them, in place of every denoiser."""
    perfect = flat(process, variance)
    size = Profile(size=16, images=images, seeds=1, num_steps=num_steps, reference=1, shown=1)
    info = datasets.info("photos_x8")
    given = decomposition.Inverted(info, Model(perfect, None, CARD, ""), None, None, size, [], {})
    encoded = draw(variance, images, channels=4)
    # what the other properties would load and fit
    vars(given).update(
        encoded=encoded,
        plain=torch.ones(images, 15, 15, dtype=torch.bool),
        denoisers=dict.fromkeys(decomposition.DENOISERS, perfect) | {"covariance": isotropic(process, variance)},
    )
    return given


def isotropic(process: Process, variance: float) -> decomposition.CovarianceDenoiser:
    mean, none = torch.zeros(4, 16, 16), torch.zeros(4 * 16 * 16, 0)
    return decomposition.CovarianceDenoiser(process, mean, none, torch.zeros(0), variance)


def decompose(given: decomposition.Inverted, fine: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    names = property(lambda self: [str(number) for number in range(len(self.encoded))])
    monkeypatch.setattr(decomposition.Inverted, "names", names)
    effort = decomposition.Effort(fine=fine, replaced=(1,))
    return decomposition._Task(given, effort).assemble(results.Parts(folder), progress=False)[0]


@pytest.mark.parametrize("process", [VariancePreserving(), VarianceExploding()])
def test_the_covariance_denoiser_is_the_conditional_mean(process: Process, generator: torch.Generator) -> None:
    options = {"dtype": torch.float64, "generator": generator}
    directions = torch.linalg.qr(torch.randn(24, 5, **options)).Q
    variances, rest, mean = torch.rand(5, **options) * 3, 0.01, torch.randn(2, 3, 4, **options)
    covariance = rest * torch.eye(24) + directions @ torch.diag(variances - rest) @ directions.T
    denoiser = decomposition.CovarianceDenoiser(process, mean, directions, variances, rest)
    x = torch.randn(3, 2, 3, 4, **options)
    for level in process.levels(4):
        noise, clean = denoiser(x, level, torch.zeros(3, dtype=torch.long))
        torch.testing.assert_close(level.alpha * clean + level.sigma * noise, x, rtol=0, atol=1e-10)
        # E[x0 | x] of a Gaussian, by solving the full system
        total = level.alpha**2 * covariance + level.sigma**2 * torch.eye(24)
        residual = (x - level.alpha * mean).flatten(1)
        expected = mean.flatten() + level.alpha * torch.linalg.solve(total, residual.T).T @ covariance
        torch.testing.assert_close(clean.flatten(1), expected, rtol=0, atol=1e-8)


def test_the_covariance_is_found_in_data_that_has_it(generator: torch.Generator) -> None:
    options = {"dtype": torch.float64, "generator": generator}
    scale = torch.tensor([3.0] * 4 + [0.01] * 12)  # 4 strong directions and 12 below the entry noise, 0.00085
    basis = torch.linalg.qr(torch.randn(16, 16, **options)).Q
    encoded = ((torch.randn(600, 16, **options) * scale) @ basis.T).view(600, 1, 4, 4) + 5
    found = decomposition.covariance_denoiser(VariancePreserving(), encoded)
    assert decomposition.empty_share(found) == 12 / 16
    # variances from 200 images: a relative standard error of 0.1 each; four of them
    np.testing.assert_allclose(found.variances[:4], 9, rtol=0.4)
    np.testing.assert_allclose(found.variances[4:], 1e-4, rtol=0.4)


def test_few_images_leave_the_directions_beyond_them_their_mean_variance(generator: torch.Generator) -> None:
    encoded = 0.3 * torch.randn(30, 4, 16, 16, generator=generator)
    found = decomposition.covariance_denoiser(VariancePreserving(), encoded)
    assert found.directions.shape == (1024, 19)
    # 10 held-out images in 1005 directions
    assert found.rest == pytest.approx(0.09, rel=0.1)


def test_true_predictions_alone_lead_to_the_forward_diffusion_and_so_to_white_noise() -> None:
    given = white_data(VariancePreserving(), 0.01, num_steps=10)
    truth = Prediction(given.noise, given.encoded)
    denoiser = decomposition.TrueBelow(given.model.denoiser, truth, float("inf"))
    found = inversion.create("standard").invert(denoiser, given.encoded, 0, 10)
    last = found.levels[-1]
    torch.testing.assert_close(found.latent, last.alpha * given.encoded + last.sigma * given.noise)
    high, s_dc, plain, _ = decomposition.measure(found.latent, given.plain).mean(1)
    # 16 images x 4 channels x some 100 independent coefficients: standard error 0.013; four of them
    assert high == pytest.approx(1, abs=0.05)
    assert plain == pytest.approx(1, abs=0.05)
    assert s_dc == pytest.approx(0.986, abs=0.02)


def test_truth_ends_at_the_same_level_however_fine_the_steps() -> None:
    process, asked = VariancePreserving(), []

    def denoiser(x: torch.Tensor, level: object, label: torch.Tensor) -> Prediction:
        asked.append(level.time)
        return Prediction(x, x)

    denoiser.process = process
    end = process.levels(50)[2]
    for num_steps in (50, 200):
        asked.clear()
        x = torch.zeros(1, 1, 8, 8)
        walk = decomposition.TrueBelow(denoiser, Prediction(x, x), decomposition.noise_ratio(end))
        inversion.create("standard").invert(walk, x, 0, num_steps)
        assert min(asked) == end.time == 21


@pytest.mark.parametrize("variance", [1e-4, 1e-2])
def test_a_perfect_denoiser_has_no_error_of_its_own_and_the_closed_forms_entry(
    variance: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = FineVariancePreserving()
    study = decompose(white_data(process, variance, 20), 200, tmp_path, monkeypatch)
    parts = decomposition.split(study).sel(measure="high_power").mean("sample")
    first, last = (process.levels(1)[end] for end in (0, -1))
    gain = flow_gain(variance, first, last) ** 2
    entry = gain * ((first.alpha**2 - 1) * variance + first.sigma**2)
    for denoiser in ("network", "covariance"):
        # sampling error of the images' power against the noise's, 1.3 % each: less than three of them
        assert float(parts.sel(denoiser=denoiser, part="own error")) == pytest.approx(0, abs=0.05)
        fine = study["value"].sel(denoiser=denoiser, resolution="fine", measure="high_power").mean("sample")
        # sampling error of the images' power, 2 %, and of the noise's, 1.3 %; three of them
        assert float(fine.sel(entry="noise") - fine.sel(entry="none")) == pytest.approx(entry, abs=0.06)


def test_the_parts_add_up_exactly_and_do_not_depend_on_an_order() -> None:
    random = np.random.default_rng(0)
    dims = ("denoiser", "entry", "resolution", "measure", "sample")
    study = xr.Dataset(
        {"value": (dims, random.random((3, 2, 2, 4, 5))), "ideal": (dims[3:], random.random((4, 5)))},
        {
            "denoiser": list(decomposition.DENOISERS),
            "entry": ["none", "noise"],
            "resolution": ["coarse", "fine"],
            "measure": list(decomposition.MEASURES),
        },
    )
    parts = decomposition.split(study)
    total = study["ideal"] - study["value"].sel(entry="none", resolution="coarse", drop=True)
    added = parts.sel(part=list(decomposition.PARTS)).sum("part")
    xr.testing.assert_allclose(added, total.transpose(*added.dims), rtol=1e-12)
    xr.testing.assert_allclose(parts.sel(part="total", drop=True), total.transpose(*added.dims), rtol=1e-12)
    mirrored = study.copy()
    mirrored["value"] = (dims, study["value"].transpose("denoiser", "resolution", "entry", ...).to_numpy())
    other = decomposition.split(mirrored)
    np.testing.assert_allclose(other.sel(part="entry"), parts.sel(part="discretisation"))
    np.testing.assert_allclose(other.sel(part="interaction"), parts.sel(part="interaction"))


def test_plain_places_are_those_whose_neighbours_differ_little() -> None:
    images = torch.zeros(1, 3, 32, 32)
    images[..., 0, 16:] = 0.1  # columns 16 on, of one row and channel: steps at (0, 15) and below the row
    images[:, 1, 20:] += 0.02 * torch.arange(12)[:, None]  # a ramp: 0.01 on average over both neighbours
    plain = decomposition.plain_places(images, 8)
    expected = torch.ones(7, 7, dtype=torch.bool)
    expected[0, 2 + 1 :] = False  # windows of rows 0 to 7 that hold a pixel of columns 15 to 31
    expected[0, 2] = False
    torch.testing.assert_close(plain[0], expected)


def test_images_that_latents_do_not_divide_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="use square ones"):
        decomposition.plain_places(torch.zeros(1, 3, 30, 32), 8)


def test_local_variance_is_one_for_white_noise_and_blind_to_what_is_smooth(generator: torch.Generator) -> None:
    noise = torch.randn(8, 4, 32, 32, generator=generator, dtype=torch.float64)
    # 8 x 4 x 31 x 31 windows of two differences each, correlated: standard error below 0.01; five of them
    assert float(decomposition.local_variance(noise).mean()) == pytest.approx(1, abs=0.05)
    assert float(decomposition.local_variance(noise + 7).mean()) == pytest.approx(
        float(decomposition.local_variance(noise).mean())
    )
    assert decomposition.local_variance(noise).shape == (8, 31, 31)


def test_samples_without_plain_places_are_left_out_of_the_interval() -> None:
    known = decomposition.interval(xr.DataArray([1.0, 2.0, np.nan, 3.0]))
    assert known == decomposition.interval(xr.DataArray([1.0, 2.0, 3.0]))
    for too_few in ([np.nan, np.nan], [1.0, np.nan]):
        assert np.isnan(decomposition.interval(xr.DataArray(too_few))).all()


def test_a_ratio_of_means_resamples_both_together() -> None:
    bottom = xr.DataArray([1.0, 5.0, 9.0], dims="sample")
    exact = decomposition.ratio(3 * bottom, bottom)
    np.testing.assert_allclose(exact, 3)  # their common variation cancels
    random = np.random.default_rng(0)
    top = xr.DataArray(random.normal(2, 1, 100), dims="sample")
    found = decomposition.ratio(top, xr.ones_like(top))
    assert found.mean == pytest.approx(float(top.mean()))
    # the normal interval, 1.96 standard errors to either side, up to the bootstrap's own noise
    assert found.high - found.low == pytest.approx(2 * 1.96 * float(top.std()) / 10, rel=0.1)


def test_an_interrupted_run_goes_on_and_gives_the_same(own_store: None, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decomposition.run("photos_x8", "smoke", checkpoint=model(), progress=False)
    results.path("decomposition", json.loads(whole.attrs["parameters"])).unlink()
    calls, measure = [], decomposition.measure

    def counted(*args: torch.Tensor) -> np.ndarray:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return measure(*args)

    monkeypatch.setattr(decomposition, "measure", counted)
    with pytest.raises(KeyboardInterrupt):
        decomposition.run("photos_x8", "smoke", checkpoint=model(), progress=False)
    again = decomposition.run("photos_x8", "smoke", checkpoint=model(), progress=False)
    # 8 walks of each denoiser and the ideal one; three were kept and one had failed
    assert len(calls) == 3 * 8 + 1 + 1
    xr.testing.assert_equal(again, whole)
    assert not results.parts("decomposition", "0" * 64).folder.parent.exists()
    monkeypatch.setattr(decomposition, "measure", None)
    xr.testing.assert_identical(decomposition.run("photos_x8", "smoke", checkpoint=model(), progress=False), again)


def test_a_result_follows_the_schema_and_says_what_it_found(own_store: None) -> None:
    study = decomposition.run("photos_x8", "smoke", checkpoint=model(), progress=False)
    assert all(variable.attrs.keys() >= {"long_name", "units"} for variable in study.data_vars.values())
    assert set(study.dims) <= set(study.coords)
    assert dict(study.sizes) == {
        "denoiser": 3,
        "entry": 2,
        "resolution": 2,
        "measure": 4,
        "sample": 4,
        "replaced": 3,
        "step": 5,
        "band": 3,
        "area": 2,
    }
    np.testing.assert_array_equal(
        study["corrected"].sel(replaced=0).to_numpy(), study["value"].sel(entry="noise").to_numpy()
    )
    assert study.attrs["space"] == "pixels"
    # of each denoiser's walk with the noise, the first prediction is that for the noised image
    at_first = study["noise_norm"].isel(step=0).sel(entry="noise", denoiser="spectrum")
    assert (at_first > study["noise_norm"].isel(step=0).sel(entry="none", denoiser="spectrum")).all()
    assert decomposition.verdict(study).count("\n- ") >= 2
    assert decomposition.first_steps(study).count("\n- ") == 2
    assert decomposition.bias(study).count("[") == 3
    assert "4 real test images" in decomposition.summary(study)


def test_a_network_for_other_images_is_refused(own_store: None) -> None:
    other = Model(model().denoiser, None, model().card | {"family": "bbbc021"}, "")
    with pytest.raises(CheckpointError, match="name another checkpoint"):
        decomposition.run("photos_x8", "smoke", checkpoint=other)
    with pytest.raises(InvalidParameterError, match="unknown profile"):
        decomposition.run("photos_x8", "tiny")
