from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from spectral_collapse import inversion, metrics
from spectral_collapse.inversion.nullspace import NullSpace
from spectral_collapse.processes import VariancePreserving
from spectral_collapse.studies import entry_noise, gaussian
from spectral_collapse.studies.entry_noise import ABOVE, EULER, EVERYWHERE, FINE, LOG_SNR, NOWHERE, PROCESSES, TIME
from tests.each import each

USUAL = VariancePreserving()


def falling(power: float, side: int = 32) -> gaussian.Gaussian:
    """Data whose power falls from 10 at the lowest frequencies like a power law, in rings."""
    axis = torch.fft.fftfreq(side, dtype=torch.float64) * side
    ring = torch.hypot(axis[:, None], axis).round()
    return gaussian.Gaussian(10 * ring.clamp(min=1) ** -power, torch.where(ring <= side // 2, ring - 1, -1).long())


def test_power_times_squared_correlation_is_fixed_by_the_level() -> None:
    """On the ladder, to rounding: T (S + s^2 P) / (S + s^2) and its source's part, with T what the first level has."""
    data, _ = gaussian.ladder()
    levels, spectrum = USUAL.levels(50), data.spectrum
    for k, share in itertools.product((0, 1, 2, 10), (0.0, 0.3, 1.0)):
        noise = levels[k].ratio ** 2
        found = entry_noise.translation(spectrum, spectrum, levels, k, torch.full_like(spectrum, share))
        power, kept = found.power / entry_noise.marginal(spectrum, levels[0]), found.carried / found.power
        torch.testing.assert_close(power * kept, spectrum / (spectrum + noise), rtol=1e-13, atol=0)
        torch.testing.assert_close(power, (spectrum + noise * share) / (spectrum + noise), rtol=1e-13, atol=0)
        torch.testing.assert_close(found.cross(spectrum), (kept * found.power * spectrum).sqrt(), rtol=1e-13, atol=0)


@each("order", [1, 2])
def test_the_source_is_carried_alike_whatever_noise_enters(order: int) -> None:
    data, _ = gaussian.ladder()
    gains = [data.gain(NullSpace(2, entry_noise.Share(share), order), USUAL, 10) for share in (0.0, 0.5, 1.0)]
    assert float(gains[0].min()) > 0
    for gain in gains[1:]:
        # the noise cancels in the difference to a black image; it is up to 1e4 times the weakest gain's part
        torch.testing.assert_close(gain, gains[0], rtol=1e-9, atol=0)


def test_drawn_latents_lie_where_the_law_lets_them() -> None:
    found = entry_noise._law(draws=12)
    drawn = {name: found[f"law_{name}"].mean(1) for name in ("power", "kept")}
    for name, values in drawn.items():
        # 36 samples of 200 or more coefficients: 2 % of a power, and Euler's error in 200 steps, another 2 %
        np.testing.assert_allclose(values, found[f"law_{name}_expected"], rtol=0.07, atol=0.01)
    product = (found["law_power_expected"] * found["law_kept_expected"])[:, 1]  # where S = s_0^2
    later = 1 / (1 + found["level_ratio"][4])
    np.testing.assert_allclose(product, [0.5, 0.5, 0.5, 0.5, later, later, 0.75])


def test_levels_pass_through_the_given_ones_and_the_entry_and_the_perfect_network_are_always_there() -> None:
    usual = USUAL.levels(50)
    through = tuple(usual[k] for k in (0, 1, 2, 49, 50))
    levels = entry_noise.Through(through=through).levels(50)
    assert set(through) <= set(levels)
    ratios = np.log([level.ratio for level in levels])
    assert levels[0] == usual[0]
    assert levels[-1] == usual[-1]
    assert (np.diff(ratios) > 0).all()
    even = (ratios[-1] - ratios[0]) / 50
    assert np.diff(ratios).max() <= 1.1 * even  # the short ones beside the given levels take the rest
    assert len(levels) == 51
    assert entry_noise.Through(through=tuple(usual[:4])).levels(3) == usual[:4]
    given = entry_noise.EntryNoiseParameters.checked(replaced=(5, 2), spectral_errors=(0.3,), steps=(20, 10))
    assert (given.entered, given.wrong, given.finer) == ([0, 2, 5], [0.0, 0.3], [10, 20])


def test_what_lies_in_phase_is_the_sources_part() -> None:
    data = falling(2.0)
    sources, noise = data.draw(40, 0), data.draw(40, 1)
    found = data.mean(entry_noise.in_phase(3 * sources + 2 * noise, sources).mean((0, 1)))
    # noise of less than half of the power: a standard error below 10 % of the rings' few coefficients, 120 samples each
    torch.testing.assert_close(found / data.mean(data.spectrum), torch.full_like(found, 9.0), rtol=0.2, atol=0)
    empty = data.without(torch.arange(16) == 5)
    assert float(data.mean(entry_noise.in_phase(noise, empty.draw(40, 0)).mean((0, 1)))[5]) == 0


def test_the_expected_s_lf_is_near_that_of_drawn_images_and_1_for_an_image_itself() -> None:
    """Pairs of one spectrum with a known squared correlation, at a contrast that reaches black and white nowhere."""
    data = falling(2.0, side=64)
    sources, noise, spectrum = data.draw(24, 0), data.draw(24, 1), data.spectrum
    contrast = 0.2 / float(spectrum.mean() ** 0.5)
    assert entry_noise.expected_s_lf(spectrum, entry_noise.Spectra(spectrum, spectrum), 0.4) == pytest.approx(1)
    for kept, cutoff in ((0.95, 1.0), (0.7, 0.25)):
        images = kept**0.5 * sources + (1 - kept) ** 0.5 * noise
        drawn = metrics.s_lf(*(contrast * one for one in (images, sources)), cutoff).mean()
        both = entry_noise.Spectra(spectrum, kept * spectrum)
        expected = entry_noise.expected_s_lf(spectrum, both, cutoff, contrast)
        # the ratio of expectations lies above the expectation of the ratio, the more so the less is kept
        assert -0.01 < expected - float(drawn) < 0.25 * (1 - kept) + 0.01


def test_fine_walks_of_drawn_images_are_what_the_exact_flow_makes_of_them() -> None:
    given = entry_noise.EntryNoiseParameters.checked(num_steps=50, replaced=(0, 1, 5), draws=12)
    found = entry_noise._translations(falling(3.5), falling(2.0), given, 1 / 8, 0.4)
    walks, noises = list(entry_noise.WALKS), list(entry_noise.NOISES)
    fine, euler = walks.index(FINE), walks.index(EULER)
    for name in ("power", "carried"):
        drawn = found[name][fine]
        error = drawn.std(2, ddof=1) / np.sqrt(12)
        # 5 standard errors and 1 % for the steps, over 288 places
        assert (np.abs(drawn.mean(2) - found[f"{name}_expected"]) < 5 * error + 0.01).all()
    expected = found["detail_expected"]
    np.testing.assert_allclose(found["detail"][fine].mean(-1), expected, rtol=0.05)
    full = [noises.index(place) for place in (EVERYWHERE, ABOVE)]
    np.testing.assert_allclose(expected[full], 1, rtol=0.01)
    assert (expected[noises.index(NOWHERE)] < 0.7).all()
    assert (found["detail"][euler, full].mean(-1) < 0.9).all()
    np.testing.assert_allclose(found["carried_expected"][0], found["carried_expected"][1])
    # at k = 1 the second-order walk begins with a plain step across the widest gap of the usual levels
    assert found["walk_error"][walks.index("second order"), 1] > 2 * found["walk_error"][fine, 1]
    assert (found["walk_error"][fine] < found["walk_error"][euler]).all()


def test_walks_have_their_orders_down_to_the_floor() -> None:
    spectrum, wrong = falling(3.0).spectrum, (0.0, 0.01, 0.3)
    found = entry_noise._orders(spectrum, (100, 200), wrong)
    even = list(PROCESSES).index(LOG_SNR)
    perfect = found["error"][even, :, 0]
    order = np.log2(perfect[:, 0] / perfect[:, 1])
    np.testing.assert_allclose(order, [1, 2, 2], atol=0.1)  # the next term of the error still counts
    np.testing.assert_allclose(found["error"][even, 2, 1:, 1], found["floor"][even, 1:, 1], rtol=0.02)
    assert found["calls"].tolist() == [[100, 200], [200, 400], [100, 200]]
    entry = gaussian.entry(PROCESSES[TIME])
    exact = [((((spectrum + entry) / ((1 + one) * spectrum + entry)).sqrt() - 1) ** 2).mean().sqrt() for one in wrong]
    # of ideal ends: the last level still holds half a per cent of the signal
    np.testing.assert_allclose(found["floor"][even, :, 1], exact, rtol=0.03)
    slope = 0.005 * (spectrum / (spectrum + entry)).square().mean().sqrt()
    assert float(exact[1]) == pytest.approx(float(slope), rel=0.01)


def test_the_relative_error_is_that_of_drawn_latents() -> None:
    """Euler's latents of the noise floor against the exact flow of the same noised images."""
    data, levels = falling(2.0), USUAL.levels(20)
    first, last = levels[0], levels[-1]
    method, images = inversion.create("noise_floor"), data.draw(24, 0)
    found = method.invert(data.denoiser(USUAL), images, 0, 20, torch.Generator().manual_seed(1), record=True)
    exact = (entry_noise.marginal(data.spectrum, last) / entry_noise.marginal(data.spectrum, first)).sqrt()
    flown = torch.fft.ifft2(torch.fft.fft2(found.trajectory[0]) * exact).real
    expected = entry_noise.relative_error(data.gain(method, USUAL, 20), first.alpha * exact, data.spectrum, last)
    drawn = float((found.latent - flown).norm() / flown.norm())
    assert drawn == pytest.approx(float(expected), rel=0.05)  # 72 samples of a few hundred coefficients that count
