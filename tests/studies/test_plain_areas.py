from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import plain_areas
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import Thumbnails, thumbnails

LABELS = (0, 1, 3, 4)


def model() -> Thumbnails:
    """Its latents are white but for the frequencies that its entry level empties; a label is a variance."""
    axis = torch.fft.fftfreq(16, dtype=torch.float64) * 16
    shape = 40 / torch.hypot(axis[:, None], axis[None, :]).clamp_min(1) ** 3
    spectra = {label: shape * (1 + label) for label in LABELS}
    denoiser = GaussianDenoiser(VariancePreserving(), spectra)
    recipe = {"datasets": ["photos_x8", "photos_x16", "photos_x32", "one of another project"]}
    return Thumbnails(denoiser, None, {"family": "photos", "image_size": 64, "recipe": recipe}, "0" * 12)


def computed() -> xr.Dataset:
    return plain_areas.STUDY.run(profile="smoke", checkpoint=model(), num_steps=20, drawn=8)


def test_the_experiments_agree_with_what_is_known(study: xr.Dataset) -> None:
    geometry = study["geometry"].mean("drawn")
    apart = geometry.sel(corner="noise_to_latent")
    # two white noises of d = 768 lie sqrt(2 d) apart, with a standard deviation of 2.5 %, here over 8 pairs
    assert float(apart.sel(series="white noise")) == pytest.approx(2**0.5, rel=0.03)
    assert float(apart.sel(series="standard")) < 0.5 * float(apart.sel(series="white noise"))
    angles = geometry.sel(corner=["angle_at_noise", "angle_at_image", "angle_at_latent"]).sum("corner")
    np.testing.assert_allclose(angles, 180)
    assert study["nearest"].sel(series="standard") == 1
    np.testing.assert_allclose(study["swapped"].sel(series="white noise", cutoff=0.5, donor="low"), 1, atol=1e-6)
    np.testing.assert_allclose(study["swapped"].sel(series="white noise", cutoff=0, donor="high"), 1, atol=1e-6)
    assert (study["drawn_error"].sel(area="other") > 0).all()
    assert (study["error"].sel(area="other") > 0).all()
    # in the last step all is noise, and the sampling's prediction nearly the noise itself
    last = study["drawn_spread"].sel(walk="sampling", area="other").isel(step=-1)
    assert float(last.mean()) == pytest.approx(1, abs=0.05)
    assert study.attrs["labels"] == 4


def test_replacing_all_steps_makes_a_latent_white_and_its_image_another(study: xr.Dataset) -> None:
    value = study["value"].mean("sample")
    assert study["replaced"].data.tolist() == [0, 1, 20]
    assert study["share"].data.tolist() == [0, 0.05, 1]
    every = value.sel(replaced=20)
    assert float(every.sel(measure="s_dc")) == pytest.approx(study.attrs["white_s_dc"], abs=0.02)
    assert float(every.sel(measure="kurtosis")) == pytest.approx(0, abs=0.3)  # 4 latents: a standard error of 0.09
    assert float(value.sel(replaced=0, measure="s_dc")) < float(every.sel(measure="s_dc"))
    assert float(value.sel(replaced=0, measure="reconstruction")) < float(every.sel(measure="reconstruction"))


def test_the_middle_of_two_white_noises_is_white() -> None:
    first, second = torch.randn(2, 4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(plain_areas.slerp(first, second, 0.0), first)
    torch.testing.assert_close(plain_areas.slerp(first, second, 1.0), second)
    middle = plain_areas.slerp(first, second, 0.5)
    ends = (first.flatten(1).norm(dim=1) + second.flatten(1).norm(dim=1)) / 2
    torch.testing.assert_close(middle.flatten(1).norm(dim=1), ends)
    torch.testing.assert_close(plain_areas.slerp(first, 2 * first, 0.5), 1.5 * first)


def test_swapped_bands_are_of_one_latent_each_and_the_spread_is_told_apart_by_area() -> None:
    low, high = torch.randn(2, 1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    mixed = torch.fft.fft2(plain_areas.swap_bands(low, high, 0.125))
    axis = torch.fft.fftfreq(16).abs()
    inside = (axis[:, None] <= 0.125) & (axis <= 0.125)
    torch.testing.assert_close(mixed[..., inside], torch.fft.fft2(low)[..., inside])
    torch.testing.assert_close(mixed[..., ~inside], torch.fft.fft2(high)[..., ~inside])
    assert torch.equal(plain_areas.swap_bands(low, high, 0.5), low)
    torch.testing.assert_close(plain_areas.swap_bands(low, high, 0.0), high)
    plain = torch.zeros(2, 32, 32, dtype=torch.bool)
    plain[:, :16] = True
    noise = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    noise[:, :, :16] = 5 + 0.2 * noise[:, :, :16]
    found = plain_areas.spread(noise, plain)
    # 1536 values each: a standard error of 1.8 %
    np.testing.assert_allclose(found, [[0.2, 0.2], [1, 1]], rtol=0.08)


def test_the_labels_are_those_that_the_network_knows() -> None:
    def request(model: Thumbnails) -> Request:
        checked = plain_areas.PlainAreaParameters.checked
        return Request(checked(dataset="photos_x8", profile="smoke", checkpoint=model))

    assert plain_areas.labels(request(model())) == list(LABELS)
    assert plain_areas.labels(request(thumbnails())) == [0, 1]
    assert plain_areas.steps_replaced(request(model())) == [0, 1, 5]
