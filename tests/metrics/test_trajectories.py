from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import inversion
from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.errors import DataError, InvalidParameterError
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.metrics.trajectories import MEASURES, Trajectory
from spectral_collapse.processes import Process, VariancePreserving
from spectral_collapse.sampling import sample
from tests.each import each
from tests.gaussian import PROCESSES, SIZE, Counting, draw, flat

STEPS, VARIANCE, OTHER = 8, 0.3, 0.05


def two_labels(process: Process) -> GaussianDenoiser:
    """White data of another variance under either label."""
    return GaussianDenoiser(
        process, {label: torch.full((SIZE, SIZE), s, dtype=torch.float64) for label, s in enumerate((VARIANCE, OTHER))}
    )


def watched(process: Process, images: torch.Tensor, method: str = "standard") -> xr.Dataset:
    denoiser = two_labels(process)
    watch = Trajectory(clean=images, denoiser=denoiser, other_label=1)
    inverted = inversion.create(method).invert(
        denoiser, images, 0, STEPS, torch.Generator().manual_seed(0), callback=watch
    )
    return watch.dataset(inverted.diagnostics)


@each("process", PROCESSES)
def test_the_closed_form_of_white_data(process: Process) -> None:
    torch.manual_seed(0)
    images = draw(VARIANCE, count=3)
    found, x = watched(process, images), images
    levels = process.levels(STEPS)
    for index, (level, following) in enumerate(pairwise(levels)):
        total = level.alpha**2 * VARIANCE + level.sigma**2
        noise, clean = level.sigma / total, level.alpha * VARIANCE / total  # both predictions are multiples of x
        after = following.alpha * clean + following.sigma * noise
        step = found.isel(step=index)
        amplitude = radial_spectrum(x)[1].sqrt()
        torch.testing.assert_close(torch.tensor(step["velocity"].to_numpy()), abs(after - 1) * amplitude)
        unit = abs(after / following.norm - 1 / level.norm) * amplitude
        torch.testing.assert_close(torch.tensor(step["unit_velocity"].to_numpy()), unit)
        np.testing.assert_allclose(step["noise_norm"], noise**2 * x.square().mean((1, 2, 3)))
        np.testing.assert_allclose(step["clean_error"], (clean * x - images).square().mean((1, 2, 3)), atol=1e-12)
        wrong = radial_spectrum(clean * x - images)[1]
        np.testing.assert_allclose(step["clean_spectrum"], wrong, rtol=1e-6, atol=1e-12)
        # eps is sigma x / (alpha^2 S + sigma^2): the labels' predictions differ by one factor
        change = abs(total / (level.alpha**2 * OTHER + level.sigma**2) - 1)
        np.testing.assert_allclose(step["label_sensitivity"], np.full(3, change))
        assert (float(step["sigma"]), float(step["time"])) == (level.sigma, level.time)
        x = after * x


@each("process", PROCESSES)
def test_the_norm_of_a_perfect_prediction_of_noised_images(process: Process) -> None:
    torch.manual_seed(0)
    images = draw(VARIANCE, count=2, size=64)
    watch = Trajectory(clean=images)
    method = inversion.create("taba", fraction=(STEPS - 1) / STEPS)
    method.invert(flat(process, VARIANCE, 64), images, 0, STEPS, torch.Generator().manual_seed(0), callback=watch)
    norm = watch.dataset()["noise_norm"]
    assert norm[:-1].isnull().all()  # replaced steps ask the denoiser nothing
    assert watch.dataset()["clean_spectrum"].isnull().all(("sample", "frequency")).data.tolist() == [True] * 7 + [False]
    level = process.levels(STEPS)[-2]
    # The Wiener filter's noise has this variance; a mean of 12288 squares scatters by 1.3 %.
    np.testing.assert_allclose(norm[-1], level.sigma**2 / (level.alpha**2 * VARIANCE + level.sigma**2), rtol=0.04)


def test_a_sample_does_not_see_its_batch() -> None:
    images = draw(VARIANCE, count=4)
    whole = watched(VariancePreserving(), images)
    parts = [watched(VariancePreserving(), part) for part in images.split((1, 3))]
    joined = xr.concat(parts, "sample", coords="minimal").assign_coords(sample=whole["sample"])
    # The ODE is walked in double precision; only the order of sums may differ.
    xr.testing.assert_allclose(whole, joined, rtol=1e-9)


def test_watching_costs_no_network_call_but_that_of_the_other_label() -> None:
    images = draw(VARIANCE, count=2)
    counting = Counting(two_labels(VariancePreserving()))
    inversion.create("standard").invert(counting, images, 0, STEPS, callback=Trajectory(clean=images))
    assert counting.calls == STEPS
    watch = Trajectory(denoiser=counting, other_label=1)
    plain = inversion.create("standard").invert(counting.inner, images, 0, STEPS)
    seen = inversion.create("standard").invert(counting.inner, images, 0, STEPS, callback=watch)
    assert counting.calls == 2 * STEPS
    assert torch.equal(plain.latent, seen.latent)


def test_the_way_down_a_second_walk_and_the_methods_diagnostics() -> None:
    denoiser, latent = flat(VariancePreserving(), VARIANCE), draw(1.0, count=2)
    watch = Trajectory()
    inversion.create("standard").invert(denoiser, latent, 0, 3, callback=watch)
    sample(denoiser, latent, 0, STEPS, callback=watch)
    found = watch.dataset()
    assert found.sizes["step"] == STEPS
    assert (found["sigma"].diff("step") < 0).all()
    assert math.isclose(float(found["sigma"][0]), denoiser.process.levels(STEPS)[-1].sigma)
    found = watched(VariancePreserving(), draw(VARIANCE, count=3), "ovg")
    assert found["conflict"].dims == ("step", "sample")
    assert found["conflict"].shape == (STEPS, 3)
    assert 0 <= float(found["conflict"].mean()) <= 1
    assert set(MEASURES) <= set(found)


def test_bad_input_is_one_sentence() -> None:
    images, denoiser = draw(VARIANCE, count=2), flat(VariancePreserving(), VARIANCE)
    with pytest.raises(InvalidParameterError, match="needs both denoiser and other_label"):
        Trajectory(other_label=1)
    with pytest.raises(DataError, match="has seen no step"):
        Trajectory().dataset()
    with pytest.raises(InvalidParameterError, match=r"clean \(1, 3, 16, 16\) must have the shape of the states"):
        inversion.create("standard").invert(denoiser, images, 0, 2, callback=Trajectory(clean=images[:1]))
    watch = Trajectory()
    inversion.create("standard").invert(denoiser, images, 0, 2, callback=watch)
    with pytest.raises(InvalidParameterError, match=r"'conflict' \(3, 2\) are not of this walk of 2 steps"):
        watch.dataset({"conflict": torch.zeros(3, 2)})
