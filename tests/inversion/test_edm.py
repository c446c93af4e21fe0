from __future__ import annotations

import dataclasses

import torch

from spectral_collapse.inversion import EDM
from spectral_collapse.processes import Process, VarianceExploding
from tests.each import each
from tests.gaussian import FINE_PROCESSES, draw, flat, flow_gain
from tests.inversion.steps import EmbeddedGaussian


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
