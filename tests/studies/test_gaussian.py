from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from spectral_collapse import datasets, inversion
from spectral_collapse.findings import gaussian as findings
from spectral_collapse.findings.intervals import high_mean
from spectral_collapse.metrics import radial_spectrum
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import gaussian
from tests.each import each
from tests.gaussian import flow_gain

EVERYWHERE, EMPTY_BAND = gaussian.NOISES


def computed() -> xr.Dataset:
    return gaussian.STUDY.run(profile="smoke")


def white(power: float, side: int = 16) -> gaussian.Gaussian:
    """Gaussian data with one power in one band."""
    shape = (side, side)
    return gaussian.Gaussian(torch.full(shape, power, dtype=torch.float64), torch.zeros(shape, dtype=torch.long))


def test_bands_of_a_modelled_spectrum_are_the_rings_of_the_radial_spectrum_and_may_be_empty() -> None:
    images = torch.randn(6, 3, 32, 32)
    images -= images.mean((0, 2, 3), keepdim=True)
    data = gaussian.modelled(images)
    _, power = radial_spectrum(images)
    torch.testing.assert_close(data.mean(data.spectrum), power[:, 1:].mean(0))
    small = torch.randn(4, 3, 4, 4)
    data = gaussian.modelled(small.repeat_interleave(8, -1).repeat_interleave(8, -2))
    # the multiples of 1/8 on either axis, but for 0: 7 rows and 7 columns of 32
    assert int((data.spectrum == 0).sum()) == 32**2 - 25**2


def test_drawn_images_have_the_spectrum() -> None:
    data, powers = gaussian.ladder()
    drawn = data.power(data.draw(64, seed=0)).mean(0).numpy()
    # 192 samples of each of up to 62 coefficients; the two bands with a single one have an error of 10 %
    np.testing.assert_allclose(drawn, powers, rtol=0.45)
    np.testing.assert_allclose(drawn[4:-4], powers[4:-4], rtol=0.15)


@each("name", ["taba", "noise_floor", "edm"])
def test_the_gain_of_a_method_that_draws_noise_is_the_sources_alone(name: str) -> None:
    data, process = white(0.01), VariancePreserving()
    method = inversion.create(name, **({"fraction": 0.1} if name == "taba" else {}))
    gain = data.gain(method, process, 10)
    standard = data.gain(inversion.create("standard"), process, 10)
    assert gain.std() / gain.mean() < 1e-10  # the noise has cancelled
    if name != "taba":  # which skips its first steps
        alpha = process.levels(10)[0].alpha
        torch.testing.assert_close(gain, alpha * standard)


def test_an_overflow_is_a_missing_value_and_no_error() -> None:
    edict = inversion.create("edict", mixing=0.001)
    assert bool(white(1.0).gain(edict, VariancePreserving(), 200).isnan().all())


def test_terminal_variance_falls_like_the_closed_form_below_the_entry_noise(study: xr.Dataset) -> None:
    for process in study["process"].to_numpy():
        one = study.sel(process=process)
        faint = one.where(one["variance"] < one["entry"] / 100, drop=True)
        assert faint.sizes["variance"] >= 1  # flow matching enters at 1e-6, and the ladder ends at 1e-8
        for method in ("Euler (standard)", "Heun (EDM)", "fixed point", "ReNoise", "BDIA"):
            # with next to no data only the flow's slope at the entry level counts, which 25 coarse steps and the
            # signal that the last level still holds change by a few per cent
            np.testing.assert_allclose(faint["terminal"].sel({"method": method}), faint["limit"], rtol=0.06)


@each("name", list(gaussian.PROCESSES))
def test_the_exact_flow_has_the_closed_form(name: str) -> None:
    process, data = gaussian.PROCESSES[name], white(0.02)
    levels, exact = process.levels(900), gaussian.flow_gain(data.spectrum, process, 900)
    assert float(exact[0, 0]) == pytest.approx(flow_gain(0.02, levels[0], levels[-1]) / levels[-1].norm)


def test_orders_of_convergence_are_minus_the_slope() -> None:
    steps = (32, 64, 128)
    result = xr.Dataset(
        {"error": (("process", "method", "steps"), gaussian._convergence(steps)["error"])},
        {"process": list(gaussian.PROCESSES), "method": list(gaussian.DETERMINISTIC), "steps": list(steps)},
    )
    order = findings.orders(result["error"]).sel(process=gaussian.EXPLODING)
    for method, expected in {"Euler (standard)": 1, "fixed point": 1, "ReNoise": 1, "Heun (EDM)": 2, "BDIA": 2}.items():
        # the next term of the error still moves the fitted order at so few steps
        assert float(order.sel({"method": method})) == pytest.approx(expected, abs=0.15), method
    assert 0 < float(order.sel({"method": "EDICT"})) < 0.85  # its mixing costs it some of Euler's order
    steps = np.array([10, 20, 40, 80])
    error = np.stack([3.0 * steps**-2.0, np.where(steps == 80, np.nan, 1.0 / steps)])
    made_up = xr.Dataset({"error": (("method", "steps"), error)}, {"steps": steps})
    order = findings.orders(made_up["error"]).to_numpy()
    assert order[0] == pytest.approx(2)
    assert np.isnan(order[1])


def test_entry_noise_fills_what_is_empty_and_drawn_images_agree(study: xr.Dataset) -> None:
    faint = study.isel(variance=slice(-8, None)).isel(edm_steps=-1)
    assert float(faint["edm_variance"].sel(entry_noise=True).min()) > 0.95
    assert float(faint["edm_variance"].sel(entry_noise=False).max()) < 0.2
    expected = study["edm_variance"].isel(edm_steps=0)
    ratio = (study["edm_drawn"].mean("draw") / expected).isel(variance=slice(2, -2)).mean("variance")
    # 4 images x 3 channels x about 1000 coefficients in conjugate pairs, unevenly weighted: a few per cent
    np.testing.assert_allclose(ratio, 1, atol=0.08)


def test_ovg_amplifies_but_does_not_fill(study: xr.Dataset) -> None:
    inside = gaussian.emptied_rings(study["frequency"])
    assert int(inside.sum()) >= 3
    power = study["ovg_power"]
    for series in ("standard", "OVG", "OVG, variance gradient alone"):
        # amplitudes of 1e-16 times the largest, squared, with gains of a few tens on the way
        assert float(power.sel(ovg_series=series).where(inside).max()) < 1e-20
    assert float(power.sel(ovg_series="OVG + TABA").where(inside).min()) > 0.3
    high = high_mean(power.where(~inside))
    assert float(high.sel(ovg_series="OVG, variance gradient alone")) > 1.2 * float(high.sel(ovg_series="standard"))


def test_formulas_agree_with_drawn_images() -> None:
    """Monte Carlo with the library's own inversion against g^2 (alpha^2 S + sigma^2 P) and the correlation."""
    images = datasets.load("photos_x8", "test", 32).stack(range(0, 64, 2)).source
    found = gaussian._entered(gaussian.modelled(images), 10, 1 / 16, (0, 3), draws=48)
    for quantity in ("variance", "correlation"):
        for place in range(len(gaussian.NOISES)):  # of what is left: replaced, draw, frequency
            expected, drawn = found[f"{quantity}_expected"][place], found[f"{quantity}_drawn"][place]
            error = drawn.std(1, ddof=1) / np.sqrt(48)
            # 5 standard errors, which 2 x 16 comparisons hardly ever leave; 0.01 for the pooled standard deviations
            assert (np.abs(drawn.mean(1) - expected) < 5 * error + 0.01).all(), (quantity, place)


def test_noise_costs_more_correlation_the_later_it_enters_but_none_in_the_sources_band(study: xr.Dataset) -> None:
    correlation = study["correlation_expected"].isel(replaced=-1)
    own = correlation.where(study["frequency"] < study.attrs["cutoff"] - 1 / 64, drop=True)
    np.testing.assert_allclose(own.sel(noise=EMPTY_BAND), 1, rtol=1e-12)
    assert float(own.sel(noise=EVERYWHERE).min()) < 0.999
    assert bool((study["correlation_expected"].diff("replaced") <= 1e-12).all())


def test_exact_methods_return_the_image(study: xr.Dataset) -> None:
    exact = ["EDICT", "BDIA", "DirectInversion", "cycle diffusion", "edit-friendly DDPM", "fixed point"]
    # float64, amplified by the gains on the way, and by 1 / alpha = 1000 at flow matching's end
    assert float(study["round_trip"].sel(trip=exact).max()) < 1e-6
    assert float(study["round_trip"].sel(trip="Euler (standard)").min()) > 1e-3


def test_the_verdict_names_every_method_that_diverges(study: xr.Dataset) -> None:
    assert not any("nan" in text for text in findings.numbers(study).values() if isinstance(text, str))
    wild = study.copy()
    wild["error"] = study["error"].where(study["method"] != "EDICT", np.inf)
    assert "EDICT" in findings.numbers(wild)["unstable"]
