from __future__ import annotations

import pytest
import torch

from spectral_collapse.denoisers import NetworkDenoiser, Prediction
from spectral_collapse.inversion import CycleDiffusion, DDPMFriendly, InversionMethod
from spectral_collapse.inversion.noise_maps import reverse_step
from spectral_collapse.processes import FlowMatching, Process, VarianceExploding, VariancePreserving
from spectral_collapse.sampling import ode_step
from tests.each import each
from tests.gaussian import flat
from tests.networks_tiny import tiny_unet

METHODS = [CycleDiffusion(), CycleDiffusion(eta=1.0), CycleDiffusion(skip=0.4), DDPMFriendly(), DDPMFriendly(skip=0.36)]


@each("method", METHODS)
@each("process", [VariancePreserving(), VarianceExploding(), FlowMatching(last=0.98)])
@each("prediction", ["epsilon", "sample"])
def test_the_source_label_brings_the_image_back(method: InversionMethod, process: Process, prediction: str) -> None:
    denoiser = NetworkDenoiser(tiny_unet().double(), process, prediction)
    x = torch.randn(2, 4, 16, 16, dtype=torch.float64)
    inverted = method.invert(denoiser, x, 0, 6, torch.Generator().manual_seed(7))
    assert inverted.network_calls == len(inverted.levels) - 1 == 6 - round(6 * method.skip)
    back = method.sample(denoiser, inverted, 0)
    # Each step subtracts states as large as the process's level, in float64.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10)
    assert (method.sample(denoiser, inverted, 1) - x).abs().max() > 1e-3


@each("method", [CycleDiffusion(), CycleDiffusion(eta=1.0), DDPMFriendly()])
def test_every_state_of_the_path_has_the_forward_marginal(method: InversionMethod) -> None:
    process, x = VariancePreserving(), torch.zeros(8, 3, 32, 32, dtype=torch.float64)
    states = method.invert(flat(process, 1.0, 32), x, 0, 6, torch.Generator().manual_seed(7), record=True).trajectory
    for level, state in zip(process.levels(6)[1:], states[1:], strict=True):
        # 5 standard errors of a variance estimated from 24576 numbers.
        assert state.var().item() / level.sigma**2 == pytest.approx(1, abs=5 * (2 / x.numel()) ** 0.5)


def test_neighbouring_noises_are_independent_only_on_the_edit_friendly_path() -> None:
    """On the posterior's path neighbours share noise: correlation (s / s') sqrt(1 - t^2) + ... is
    sigma-weighted; for the DDPM posterior x_t = x_(t-1) a + fresh noise gives s_(t-1) / s_t."""
    process, x = VariancePreserving(), torch.zeros(8, 3, 32, 32, dtype=torch.float64)
    levels = process.levels(6)
    ratio = (levels[3].sigma / levels[3].alpha) / (levels[4].sigma / levels[4].alpha)
    for method, expected in ((CycleDiffusion(eta=1.0), ratio), (DDPMFriendly(), 0.0)):
        run = method.invert(flat(process, 1.0, 32), x, 0, 6, torch.Generator().manual_seed(7), record=True)
        pair = torch.stack([run.trajectory[3].flatten(), run.trajectory[4].flatten()])
        assert torch.corrcoef(pair)[0, 1].item() == pytest.approx(expected, abs=5 / x.numel() ** 0.5)


def test_the_reverse_step_keeps_the_marginal_and_is_the_plain_step_without_noise() -> None:
    levels = VariancePreserving().levels(10)
    prediction = Prediction(torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4))
    mean, spread = reverse_step(prediction, levels[5], levels[4], 0.0)
    torch.testing.assert_close(mean, ode_step(prediction, levels[4]))
    assert spread == 0
    for eta in (0.1, 1.0):
        mean, spread = reverse_step(
            Prediction(torch.ones(1, 1, 1, 1).double(), torch.zeros(1, 1, 1, 1).double()), levels[5], levels[4], eta
        )
        assert mean.item() ** 2 + spread**2 == pytest.approx(levels[4].sigma ** 2, rel=1e-12)
