from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spectral_collapse import inversion
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.radial_spectrum import BANDS, band_power
from spectral_collapse.sampling import as_labels
from spectral_collapse.studies import trajectories
from spectral_collapse.studies.request import Request
from tests.studies.test_collapse import thumbnails

STEPS = 6


def computed() -> xr.Dataset:
    return trajectories.STUDY.run(profile="smoke", checkpoint=thumbnails(), num_steps=STEPS)


def test_the_walk_of_the_standard_inversion_is_that_of_its_states(study: xr.Dataset) -> None:
    given = trajectories.TrajectoryParameters.checked(profile="smoke", checkpoint=thumbnails(), num_steps=STEPS)
    request = Request(given)
    states = inversion.create("standard").invert(request.model.denoiser, request.encoded, 0, STEPS, record=True)
    power = np.stack([radial_spectrum(step)[1][:, 1:] for step in states.trajectory.double().diff(dim=0)])
    found = study["log_velocity"].sel(series="standard", walk="inversion").transpose("step", "sample", "frequency")
    np.testing.assert_allclose(found, np.log10(np.sqrt(power)), atol=1e-4)
    levels = request.model.denoiser.process.levels(STEPS)
    np.testing.assert_allclose(study["ratio"].sel(walk="inversion"), [level.ratio for level in levels[:-1]])
    np.testing.assert_allclose(study["ratio"].sel(walk="sampling"), [level.ratio for level in levels[:0:-1]])
    # of an image at its first level the closed form sees a little less than there is
    said = request.model.denoiser(request.encoded, levels[0], as_labels(0, request.encoded))
    expected = band_power((said.clean - request.encoded).double()).T
    np.testing.assert_allclose(study["clean_error"].sel(series="standard").isel(step=0), expected, rtol=1e-4)
    assert study["band"].data.tolist() == list(BANDS)


def test_the_yardstick_walks_with_one_noise_and_asks_nothing(study: xr.Dataset) -> None:
    white = study.sel(series="white noise")
    for name in ("clean_error", "label_sensitivity"):
        assert white[name].isnull().all()
    assert white["noise_norm"].sel(walk="inversion").isnull().all()
    assert white["noise_norm"].sel(walk="sampling").notnull().all()
    request = Request(trajectories.TrajectoryParameters.checked(profile="smoke", checkpoint=thumbnails()))
    levels = request.model.denoiser.process.levels(STEPS)
    high = white["frequency"] > 0.25
    last = (10 ** (2 * white["log_velocity"].sel(walk="inversion").isel(step=-1))).mean("sample")[high]
    image = radial_spectrum(request.encoded)[1][:, 1:].mean(0)[high.to_numpy()]
    faded, added = (getattr(levels[-1], name) - getattr(levels[-2], name) for name in ("alpha", "sigma"))
    # 4 images x 3 channels x 25 to 50 coefficients in conjugate pairs: a standard error of 8 % per ring
    np.testing.assert_allclose(last, faded**2 * image + added**2, rtol=0.3)


def test_replaced_steps_have_no_value_and_methods_that_do_not_fit_are_named(study: xr.Dataset) -> None:
    taba = study.sel(series="taba")
    assert taba["noise_norm"].sel(walk="inversion").isnull().all("sample").data.tolist() == [True] + [False] * 5
    assert study["pictured"].data.tolist() == [0, 1, 2, 5]
    first = study["picture"].sel(pictured_method="taba", pictured=0)
    assert (first.sel(view=["noise", "clean"]) == 128).all()
    assert first.sel(view="state").std() > 0
    # both labels of this closed form mean the same data
    np.testing.assert_allclose(study["label_sensitivity"].sel(series="standard"), 0, atol=1e-6)
    given = trajectories.TrajectoryParameters.checked(
        profile="smoke", checkpoint=thumbnails(), methods=["standard", "sdedit"]
    )
    with pytest.raises(InvalidParameterError, match="'sdedit' does not walk all 5 steps"):
        trajectories.jobs(Request(given))
