from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.denoisers import CovarianceDenoiser, Denoiser, Prediction, TrueBelow
from spectral_collapse.findings.decomposition import split
from spectral_collapse.inversion import Standard
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import Process, VariancePreserving
from spectral_collapse.studies import common, decomposition
from spectral_collapse.studies.decomposition import DecompositionParameters
from spectral_collapse.studies.request import Images, Request
from tests import pareto_model
from tests.each import each
from tests.gaussian import FineVariancePreserving, draw, flat, flow_gain

CARD = {"prediction": "epsilon"}


class Pixels(Model):
    """A model in pixel space whose denoiser need not be a network."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return images


def model() -> Model:
    """The closed form in place of a network."""
    found = pareto_model.model()
    return Pixels(found.denoiser, None, found.card | CARD, found.hash)


class WhiteImages(Images):
    """White images in place of a data set's, plain everywhere."""

    def __init__(self, count: int) -> None:
        self.info, self.count = datasets.info("photos_x8"), count

    @property
    def names(self) -> list[str]:
        return [str(number) for number in range(self.count)]

    @property
    def pair(self) -> datasets.Pair:
        flat = torch.zeros(self.count, 3, 16, 16)
        return datasets.Pair(flat, flat)


def white_request(process: Process, variance: float, count: int = 16, **given: object) -> Request:
    """Sources that are white, under the denoiser that is perfect for them, in place of every denoiser."""
    request = Request(DecompositionParameters.checked(replaced=(1,), **given))
    vars(request).update(
        images=WhiteImages(count),
        model=Model(flat(process, variance), None, CARD, ""),
        encoded=draw(variance, count, channels=4),
    )
    return request


def isotropic(process: Process, variance: float) -> CovarianceDenoiser:
    mean, none = torch.zeros(4, 16, 16), torch.zeros(4 * 16 * 16, 0)
    return CovarianceDenoiser(process, mean, none, torch.zeros(0), variance)


def decompose(request: Request, network: Denoiser, variance: float, monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    """The result with `network` for the network, and both closed forms perfect."""
    process = request.model.denoiser.process
    known = {"network": network, "spectrum": flat(process, variance), "covariance": isotropic(process, variance)}
    monkeypatch.setattr(decomposition, "denoiser", lambda request, name: known[name])
    parts = {name: job() for name, job in decomposition.jobs(request).items()}
    return decomposition.combine(request, parts)


def test_no_pixel_of_a_held_out_photo_is_among_the_fitted_ones(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(decomposition, "covariance_denoiser", lambda *args: seen.append(args[2]))
    request = Request(DecompositionParameters.checked(profile="smoke", checkpoint=model()))
    decomposition.denoiser(request, "spectrum")
    train = request.images.train
    chosen = [train.images.windows[i] for i in common.training_source_indices(train, 96)]
    assert seen == [[window.group for window in chosen]]
    areas = {window.group: set() for window in chosen}
    for window in chosen:
        corner, sides = window.area[:2], window.area[2:]
        rows, columns = (range(start, start + side) for start, side in zip(corner, sides, strict=True))
        areas[window.group] |= {(window.picture, row, column) for row in rows for column in columns}
    assert sum(map(len, areas.values())) == len(set.union(*areas.values()))


def test_an_inversion_that_is_right_everywhere_lacks_nothing_however_coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and many steps end at different levels: each is held against true predictions of its own."""
    request = white_request(VariancePreserving(), 0.01, num_steps=5, fine=20)
    truth = Prediction(decomposition.noise(request), request.encoded)
    right = TrueBelow(request.model.denoiser, truth, float("inf"))
    parts = split(decompose(request, right, 0.01, monkeypatch)).sel(denoiser="network")
    np.testing.assert_allclose(parts.sel(measure=["high_power", "s_dc", "plain"]), 0, atol=1e-5)


def test_true_predictions_alone_lead_to_the_forward_diffusion_and_so_to_white_noise() -> None:
    request = white_request(VariancePreserving(), 0.01)
    noise = decomposition.noise(request)
    right = TrueBelow(request.model.denoiser, Prediction(noise, request.encoded), float("inf"))
    found = Standard().invert(right, request.encoded, 0, 10)
    last = found.levels[-1]
    torch.testing.assert_close(found.latent, last.alpha * request.encoded + last.sigma * noise)
    high, s_dc, plain, other = decomposition.measure(request, found.latent).mean(1)
    # 16 images x 4 channels x some 100 independent coefficients: standard error 0.013; four of them
    assert high == pytest.approx(1, abs=0.05)
    assert plain == pytest.approx(1, abs=0.05)
    assert s_dc == pytest.approx(0.986, abs=0.02)
    assert np.isnan(other)  # no image has other areas


@each("variance", [1e-4, 1e-2])
def test_a_perfect_denoiser_has_no_error_of_its_own_and_the_closed_forms_entry(
    variance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = FineVariancePreserving()
    request = white_request(process, variance, num_steps=20, fine=200)
    study = decompose(request, request.model.denoiser, variance, monkeypatch)
    parts = split(study).sel(measure="high_power").mean("sample")
    first, last = (process.levels(1)[end] for end in (0, -1))
    gain = flow_gain(variance, first, last) ** 2
    entry = gain * ((first.alpha**2 - 1) * variance + first.sigma**2)
    for denoiser in ("network", "covariance"):
        # sampling error of the images' power against the noise's, 1.3 % each: less than three of them
        assert float(parts.sel(denoiser=denoiser, part="own error")) == pytest.approx(0, abs=0.05)
        fine = study["value"].sel(denoiser=denoiser, resolution="fine", measure="high_power").mean("sample")
        # sampling error of the images' power, 2 %, and of the noise's, 1.3 %; three of them
        assert float(fine.sel(entry="noise") - fine.sel(entry="none")) == pytest.approx(entry, abs=0.06)


def test_levels_even_in_log_snr_come_closer_to_the_limit_and_do_not_replace_the_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, variance = VariancePreserving(), 1e-3
    request = white_request(process, variance, num_steps=50, fine=51)
    study = decompose(request, request.model.denoiser, variance, monkeypatch)
    high = study[["value", "spaced"]].sel(measure="high_power").mean("sample")
    value = high["value"].sel(denoiser="network", drop=True)
    limit = flow_gain(variance, process.level(0), process.level(981)) ** 2 * variance
    sampled = float(request.encoded.var()) / variance  # of the images that were drawn, not of their law
    usual, even = float(value.sel(entry="none", resolution="coarse")), float(high["spaced"].sel(entry="none"))
    # 50 steps of 0.25 in log SNR: an error of first order, a tenth of what even times make
    assert abs(even - limit * sampled) < 0.3 * abs(usual - limit * sampled)
    assert float(high["spaced"].sel(entry="noise")) - even > 0.4  # s_0^2 / (S + s_0^2) = 0.46 is the entry's


def test_local_variance_is_one_for_white_noise_and_blind_to_what_is_smooth(generator: torch.Generator) -> None:
    noise = torch.randn(8, 4, 32, 32, generator=generator, dtype=torch.float64)
    found = decomposition.local_variance(noise)
    # 8 x 4 x 31 x 31 windows of two differences each, correlated: standard error below 0.01; five of them
    assert float(found.mean()) == pytest.approx(1, abs=0.05)
    torch.testing.assert_close(decomposition.local_variance(noise + 7), found)
    assert found.shape == (8, 31, 31)


def test_a_result_follows_the_schema(home: Path) -> None:
    study = decomposition.STUDY.run(profile="smoke", checkpoint=model(), executor="here", progress=False)
    assert (study.sizes["sample"], study.sizes["replaced"], study.sizes["step"]) == (4, 3, 5)
    np.testing.assert_array_equal(
        study["corrected"].sel(replaced=0).to_numpy(), study["value"].sel(entry="noise").to_numpy()
    )
    assert study.attrs["space"] == "pixels"
    # of each denoiser's walk with the noise, the first prediction is that for the noised image
    at_first = study["noise_norm"].isel(step=0).sel(entry="noise", denoiser="spectrum")
    assert (at_first > study["noise_norm"].isel(step=0).sel(entry="none", denoiser="spectrum")).all()
