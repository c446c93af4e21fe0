from __future__ import annotations

import pytest
import torch

from spectral_collapse.inversion import create
from spectral_collapse.processes import VariancePreserving
from tests.gaussian import draw, flat


def test_no_replaced_step_is_standard_inversion() -> None:
    denoiser, x = flat(VariancePreserving(), 0.1), draw(0.1)
    taba = create("taba", fraction=0.0).invert(denoiser, x, 0)
    assert torch.equal(taba.latent, create("standard").invert(denoiser, x, 0).latent)


def test_all_steps_replaced_is_forward_diffusion(generator: torch.Generator) -> None:
    """x = alpha x0 + sigma noise at the last level, without a network call; norms as chi-square says."""
    process, x = VariancePreserving(), draw(1.0, count=16, size=32)
    inverted = create("taba", fraction=1.0).invert(flat(process, 1.0, 32), x, 0, 50, generator)
    assert inverted.network_calls == 0
    last = process.levels(50)[-1]
    noise = (inverted.latent * last.norm - last.alpha * x) / last.sigma
    count = noise.numel()
    # The mean of `count` squared normals has standard deviation sqrt(2 / count).
    assert noise.square().mean().item() == pytest.approx(1, abs=5 * (2 / count) ** 0.5)
    assert (noise * x).mean().abs().item() < 5 / count**0.5


def test_each_replaced_step_draws_anew(generator: torch.Generator) -> None:
    process, x = VariancePreserving(), draw(1.0, count=2)
    states = create("taba", fraction=0.2).invert(flat(process, 1.0), x, 0, 10, generator, record=True).trajectory
    levels = process.levels(10)
    first, second = ((states[i] - levels[i].alpha * x) / levels[i].sigma for i in (1, 2))
    assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].abs() < 5 / first.numel() ** 0.5


def test_entering_with_noise_fills_the_empty_spectrum(generator: torch.Generator) -> None:
    """Data of variance 1e-6 collapses to 0.001 under standard inversion, and keeps the noise under TABA."""
    denoiser, x = flat(VariancePreserving(), 1e-6, 32), draw(1e-6, count=16, size=32)
    standard = create("standard").invert(denoiser, x, 0).latent.var().item()
    taba = create("taba", fraction=0.04).invert(denoiser, x, 0, 50, generator).latent.var().item()
    assert standard < 0.002
    # Euler's steps after the replaced ones lose a few per cent, as they do for white noise of any variance.
    assert 0.85 < taba < 1.02
