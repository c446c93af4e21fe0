"""Inversion of Gaussian data, where every answer is known."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from spectral_collapse.denoisers import GaussianDenoiser
from spectral_collapse.inversion import EDM, InversionMethod, create
from spectral_collapse.processes import Process, VarianceExploding, VariancePreserving
from tests.each import each
from tests.gaussian import FINE_PROCESSES, draw, flat, flow_gain
from tests.inversion.steps import EmbeddedGaussian

VARIANCES = [1e-6, 1e-2, 1.0]
STANDARD = create("standard")


def _terminal_variance(process: Process, variance: float, num_steps: int) -> float:
    """The variance of the latent of data of one variance."""
    return variance * _terminal_gain(process, variance, num_steps) ** 2


def _terminal_gain(process: Process, variance: float, num_steps: int, method: InversionMethod = STANDARD) -> float:
    """What the inversion multiplies an amplitude by: it is linear, so one image tells."""
    x = draw(variance, count=1)
    latent = method.invert(flat(process, variance), x, 0, num_steps).latent
    gains = (latent / x).flatten()
    torch.testing.assert_close(gains, gains[:1].expand_as(gains))  # the same for every coefficient of a flat spectrum
    return gains[0].item()


ORDERS = {
    STANDARD: 1,
    create("edm", entry_noise=False): 1,
    create("edm", entry_noise=False, heun=True): 2,
    create("negative_prompt"): 1,
    create("direct"): 1,
    create("renoise", iterations=8, lambda_pair=0.0, lambda_patch=0.0): 1,
    create("fixed_point", tolerance=1e-12): 1,
    create("edict", mixing=1.0): 1,
    create("bdia"): 2,
    create("taba", fraction=0.0): 1,
    create("ovg", eta_hf=0.0, eta_lf=0.0): 1,
    create("rf_inversion", gamma=0.0): 1,
    create("easy_inv", eta=1.0): 1,
    create("pix2pix_zero", iterations=0): 1,
    create("midpoint"): 2,
    create("fireflow"): 2,
    create("dpm_solver"): 2,
}
"""The order at which each deterministic method's latent converges to the exact flow's."""


@each("process", FINE_PROCESSES)
@each("variance", VARIANCES)
@each("method", ORDERS)
def test_the_latent_converges_to_the_exact_flow(process: Process, variance: float, method: InversionMethod) -> None:
    errors = []
    for num_steps in (100, 200):
        levels = process.levels(num_steps)
        exact = flow_gain(variance, levels[0], levels[-1]) / levels[-1].norm
        errors.append(abs(_terminal_gain(process, variance, num_steps, method) / exact - 1))
    if max(errors) < 1e-14:  # the leapfrog rule is exact here: rounding has no order
        return
    # Twice the steps divide the error by 2^order, up to the next term at these N. A rule of second order can do better:
    # on evenly growing levels the midpoint's leading error cancels.
    gained = errors[0] / errors[1]
    assert gained > 0.85 * 2 ** ORDERS[method], errors
    assert ORDERS[method] > 1 or gained < 1.15 * 2, errors


@each(
    ("num_steps", "variance", "measured"),
    [
        *((50, 10.0**-k, value) for k, value in zip(range(6, 0, -1), (0.001, 0.012, 0.101, 0.43, 0.62), strict=False)),
        *((500, 10.0**-k, value) for k, value in zip(range(6, 0, -1), (0.001, 0.012, 0.103, 0.50, 0.87), strict=False)),
        (50, 1.0, 0.95),
        (500, 1.0, 0.99),
    ],
)
def test_terminal_variance_on_the_published_schedule(num_steps: int, variance: float, measured: float) -> None:
    """Values of an independent implementation, given to two or three digits: half a unit of the last."""
    got = _terminal_variance(VariancePreserving(), variance, num_steps)
    assert got == pytest.approx(measured, abs=5e-4 if measured < 0.4 else 5e-3)


def test_frequencies_do_not_mix() -> None:
    """A spectrum that falls with frequency: each coefficient meets its own gain."""
    process, size = VariancePreserving(), 16
    radius = torch.fft.fftfreq(size, dtype=torch.float64)[:, None].hypot(torch.fft.fftfreq(size, dtype=torch.float64))
    spectrum = 1e-3 / (radius + 0.05) ** 3
    x = draw(1.0, count=1)
    latent = create("standard").invert(GaussianDenoiser(process, {0: spectrum}), x, 0).latent
    gains = (torch.fft.fft2(latent) / torch.fft.fft2(x))[0, 0]
    assert gains.imag.abs().max() < 1e-9
    for i, j in [(0, 0), (1, 0), (3, 5), (8, 8)]:
        expected = _terminal_gain(process, spectrum[i, j].item(), 50)
        assert gains.real[i, j].item() == pytest.approx(expected, rel=1e-6)


@each("process", FINE_PROCESSES)
@each("variance", [1e-4, 1e-2, 1.0])
def test_heun_is_of_second_order_both_ways(process: Process, variance: float) -> None:
    denoiser, x = flat(process, variance), draw(variance, 1)
    method, errors = EDM(entry_noise=False, heun=True), []
    for num_steps in (200, 400):
        levels = process.levels(num_steps)
        inverted = method.invert(denoiser, x, 0, num_steps)
        assert inverted.network_calls == 2 * num_steps
        exact = x * flow_gain(variance, levels[0], levels[-1]) / levels[-1].norm
        # Down from the exact latent: in a round trip the leading errors of both ways cancel.
        back = method.sample(denoiser, dataclasses.replace(inverted, latent=exact), 0)
        errors.append([(inverted.latent / exact - 1).abs().max().item(), (back / x - 1).abs().max().item()])
    ratios = torch.tensor(errors[0]) / torch.tensor(errors[1])
    # Second order: twice the steps, a quarter of the error, up to the next term at these N.
    assert ((ratios > 3.6) & (ratios < 4.4)).all(), errors


def test_guidance_acts_on_both_evaluations_of_a_step_down() -> None:
    denoiser, x = EmbeddedGaussian(VarianceExploding(), 0.1), draw(0.1, 2, 1, 8)
    method = EDM(heun=True)
    inverted = method.invert(denoiser, x, 0, 4)
    means = [method.sample(denoiser, inverted, 1, guidance=weight).mean((0, 1)) for weight in (0.0, 1.0, 3.0)]
    # Both evaluations are affine in the mean of the label, so the image is affine in the weight.
    torch.testing.assert_close(means[2], means[0] + 3 * (means[1] - means[0]))
    assert not torch.allclose(means[1], means[2])
