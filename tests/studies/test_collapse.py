from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import xarray as xr

from spectral_collapse import datasets
from spectral_collapse.denoisers import GaussianDenoiser, gaussian_denoiser
from spectral_collapse.findings import collapse as findings
from spectral_collapse.findings.measured import title_of
from spectral_collapse.networks.checkpoints import Model
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import collapse
from spectral_collapse.studies.parameters import NetworkParameters
from spectral_collapse.studies.request import Request


class Thumbnails(Model):
    """A model whose latents are 16 x 16 thumbnails of unit variance or so, and whose network is the closed form."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        return 2 * F.avg_pool2d(images, 4)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return F.interpolate(latents / 2, scale_factor=4).clamp(-1, 1)


def thumbnails(**card: object) -> Thumbnails:
    axis = torch.fft.fftfreq(16, dtype=torch.float64) * 16
    spectrum = 40 / torch.hypot(axis[:, None], axis[None, :]).clamp_min(1) ** 3
    denoiser = GaussianDenoiser(VariancePreserving(), {0: spectrum, 1: spectrum})
    return Thumbnails(denoiser, None, {"family": "photos", "image_size": 64} | card, "0" * 12)


def computed() -> xr.Dataset:
    return collapse.STUDY.run(profile="smoke", checkpoint=thumbnails())


def test_white_noise_is_white_and_sources_are_not(study: xr.Dataset) -> None:
    power = study["latent_power"].mean("sample").sel(latent_frequency=slice(0.25, None)).mean("latent_frequency")
    # 4 images x 3 channels x about 160 coefficients, in conjugate pairs: standard error 0.03; five of them
    assert float(power.sel(latent_series="white noise")) == pytest.approx(1, abs=0.15)
    assert study["latent_series"].to_numpy().tolist() == list(collapse.LATENTS)
    assert study["image_series"].to_numpy().tolist() == ["source", *collapse.OUTPUTS, "target"]
    assert study["image"].dtype == np.uint8
    assert study.attrs["data_source"] == "real"
    assert study["rgb"].data.tolist() == ["red", "green", "blue"]


def test_the_power_of_a_mean_colour_is_that_of_the_coefficient_at_frequency_0() -> None:
    """Of an orthonormal Fourier transform: 16 x 16 values of 0.5 have the coefficient 8."""
    latents = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    latents = latents - latents.mean((2, 3), keepdim=True) + torch.tensor([0.5, 0.0, -0.5])[:, None, None]
    np.testing.assert_allclose(collapse._latents(latents)["latent_colour"], 2 / 3 * 64, rtol=1e-5)


def test_latents_whose_colour_is_stronger_than_white_noise_are_said_to_be_so(study: xr.Dataset) -> None:
    made = study.copy(deep=True)
    made["latent_colour"][:] = 1.0
    assert findings.coloured({"one": made}) == ""
    made["latent_colour"].loc[{"latent_series": "source, OVG"}] = 9.0
    assert f", is 9 on {title_of(made)} (standard inversion: 1.0)." in findings.coloured({"": made})
    made["latent_colour"].loc[{"latent_series": "source, network"}] = 9.0  # no work of OVG's
    assert findings.coloured({"one": made}) == ""


def test_the_answer_is_in_times_the_targets_energy(study: xr.Dataset) -> None:
    made = study.copy(deep=True)
    made["image_excess"].loc[{"image_series": "target"}] = np.linspace(-1, 1, 4)
    made["image_excess"].loc[{"image_series": "standard"}] = np.linspace(-1, 1, 4) + np.log(0.25)
    np.testing.assert_allclose(findings.answer(made)["energy"], 0.25)


def test_data_whose_targets_collapse_as_much_as_its_sources_are_named(study: xr.Dataset) -> None:
    made = study.copy(deep=True)
    spread = xr.DataArray([0.39, 0.41, 0.4, 0.4], dims="sample")
    for series, power in (("source, network", spread), ("target, network", spread + 0.2)):
        made["latent_power"].loc[{"latent_series": series}] = power
    assert findings.no_denser({"one": made}) == ""
    made["latent_power"].loc[{"latent_series": "target, network"}] = spread
    assert f"on {title_of(made)} (0.40 and 0.40)" in findings.no_denser({"one": made})


def test_the_cures_have_the_papers_settings() -> None:
    for dataset, fraction, eta_lf in (("bbbc021_x8", 0.04, 1e-4), ("edges2shoes", 0.02, 7.08e-5)):
        given = Request(NetworkParameters.checked(dataset=dataset, num_steps=50))
        made = collapse.methods(given)
        assert made["TABA"].fraction == fraction
        assert made["OVG"].eta_lf == eta_lf
    assert collapse.methods(Request(NetworkParameters.checked(num_steps=5)))["TABA"].fraction == 0.2


def test_the_answer_says_that_an_ideal_denoiser_collapses_only_where_it_does(study: xr.Dataset) -> None:
    said = {0.3: "so the network is not the only cause", 1.0: "do not collapse significantly", 3.0: "do not collapse"}
    for scale, expected in said.items():
        made = study.copy(deep=True)
        spread = xr.DataArray([0.9, 1.1, 0.95, 1.05], dims="sample")
        made["latent_power"].loc[{"latent_series": "source, closed form"}] = scale * spread
        assert findings.answer(made)["even"].endswith(expected)


def test_the_gaussian_denoiser_has_the_spectrum_of_the_training_sources() -> None:
    model, train = thumbnails(), datasets.load("photos_x16", "train", 64)
    label = train.info.source_label
    sources = [index for index in range(len(train)) if not train.is_target(index)]
    chosen = [sources[i * len(sources) // 64] for i in range(64)]
    encoded = model.encode(torch.stack([train.images.source(index) for index in chosen]))
    given = Request(NetworkParameters.checked(dataset="photos_x16", profile="smoke", checkpoint=model))
    torch.testing.assert_close(given.training_sources(64), encoded)
    denoiser = gaussian_denoiser(model.denoiser.process, encoded, label)
    # the optimal denoiser leaves, on average over its own data, the residual variance of a Wiener filter
    level = denoiser.process.levels(2)[1]
    noisy = level.alpha * encoded + level.sigma * torch.randn(encoded.shape, generator=torch.Generator().manual_seed(0))
    error = (denoiser(noisy, level, torch.full((64,), label)).clean - encoded).square().mean()
    centred = encoded - encoded.mean((0, 2, 3), keepdim=True)
    spectrum = torch.fft.fft2(centred.double(), norm="ortho").abs().square().mean((0, 1))
    expected = (spectrum * level.sigma**2 / (level.alpha**2 * spectrum + level.sigma**2)).mean()
    # 64 x 3 x 256 errors, dominated by few strong coefficients
    assert float(error) == pytest.approx(float(expected), rel=0.15)


def test_pictures_show_as_many_clusters_as_there_are() -> None:
    given = Request(NetworkParameters.checked(dataset="textures_x8", profile="quick"))
    clusters = [given.images.clusters[index] for index in given.shown]
    assert len(clusters) == len(set(given.shown)) == 6
    assert set(clusters[:4]) == {"brick", "grass", "gravel", "ihc"}
    few = Request(NetworkParameters.checked(dataset="textures_x8", profile="quick", shown=2))
    assert len({few.images.clusters[index] for index in few.shown}) == 2
