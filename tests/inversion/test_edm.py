from __future__ import annotations

import dataclasses

import pytest
import torch

from spectral_collapse.inversion import EDM
from spectral_collapse.processes import Process, VarianceExploding
from tests.gaussian import FINE_PROCESSES, draw, flat, flow_gain
from tests.inversion.steps import EmbeddedGaussian


@pytest.mark.parametrize("process", FINE_PROCESSES, ids=["preserving", "exploding", "flow"])
@pytest.mark.parametrize("variance", [1e-4, 1e-2, 1.0])
def test_heun_is_of_second_order_both_ways(process: Process, variance: float) -> None:
    denoiser, x = flat(process, variance), draw(variance, 1)
    method, errors = EDM(entry_noise=False, heun=True), []
    for num_steps in (400, 800):
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


@pytest.mark.parametrize("variance", [1e-8, 1e-6, 1e-2])
def test_entry_noise_fills_what_the_data_leave_empty(variance: float) -> None:
    """With it the entering state has the marginal variance S + sigma_min^2, and the latent is white."""
    process = VarianceExploding()
    denoiser, x = flat(process, variance, 32), draw(variance, 16, 3, 32)
    with_noise, without = (
        EDM(entry_noise=flag, heun=True).invert(denoiser, x, 0, 200, torch.Generator().manual_seed(7)).latent.var()
        for flag in (True, False)
    )
    # 5 standard errors of a sample variance, and Heun's error at 200 steps.
    assert with_noise.item() == pytest.approx(1, abs=5 * (2 / x.numel()) ** 0.5 + 0.005)
    collapsed = variance / (variance + process.sigma_min**2)
    assert without.item() == pytest.approx(collapsed, rel=5 * (2 / x.numel()) ** 0.5 + 0.01)


def test_guidance_acts_on_both_evaluations_of_a_step_down() -> None:
    denoiser, x = EmbeddedGaussian(VarianceExploding(), 0.1), draw(0.1, 2, 1, 8)
    method = EDM(heun=True)
    inverted = method.invert(denoiser, x, 0, 4)
    means = [method.sample(denoiser, inverted, 1, guidance=weight).mean((0, 1)) for weight in (0.0, 1.0, 3.0)]
    # Both evaluations are affine in the mean of the label, so the image is affine in the weight.
    torch.testing.assert_close(means[2], means[0] + 3 * (means[1] - means[0]))
    assert not torch.allclose(means[1], means[2])
