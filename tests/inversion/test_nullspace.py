from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from spectral_collapse import sampling
from spectral_collapse.inversion import TABA, DownsamplingNullSpace, HighPass, NoiseFloor, NullSpace
from spectral_collapse.inversion.base import Inversion
from spectral_collapse.inversion.projectors import Projector
from spectral_collapse.processes import Process, VarianceExploding, VariancePreserving
from tests.each import each
from tests.gaussian import FineVariancePreserving, draw, flat, flow_gain


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(2, 17), width=st.integers(2, 17), cutoff=st.floats(0, 0.5), factor=st.sampled_from([None, 2, 4])
)
def test_projectors_are_idempotent_and_self_adjoint(height: int, width: int, cutoff: float, factor: int | None) -> None:
    if factor:
        height, width = height * factor, width * factor
    project: Projector = DownsamplingNullSpace(factor) if factor else HighPass(cutoff)
    x, y = torch.randn(2, 1, 2, height, width, dtype=torch.float64)
    torch.testing.assert_close(project(project(x)), project(x), rtol=0, atol=1e-12)
    inner = (project(x) * y).sum(), (x * project(y)).sum()
    torch.testing.assert_close(*inner, rtol=0, atol=1e-11)


def test_what_each_projector_leaves_out() -> None:
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    assert F.avg_pool2d(DownsamplingNullSpace(4)(x), 4).abs().max() < 1e-14
    spectrum = torch.fft.fft2(HighPass(0.125)(x))
    frequency = torch.fft.fftfreq(16).abs()
    low = (frequency[:, None] <= 0.125) & (frequency <= 0.125)
    assert spectrum[..., low].abs().max() < 1e-12
    torch.testing.assert_close(spectrum[..., ~low], torch.fft.fft2(x)[..., ~low])


@each("k", [0, 3])
def test_the_band_of_the_source_enters_untouched(k: int) -> None:
    process, x = VariancePreserving(), draw(1.0, 4)
    method = NullSpace(k=k, projector=0.2)
    states = method.invert(flat(process, 1.0), x, 0, 10, torch.Generator().manual_seed(7), record=True).trajectory
    level, high_pass = process.levels(10)[k], HighPass(0.2)
    band = (states[k] - high_pass(states[k])) / level.alpha
    torch.testing.assert_close(band, x - high_pass(x), rtol=0, atol=1e-12)
    noise = (high_pass(states[k]) - level.alpha * high_pass(x)) / level.sigma
    share = high_pass(torch.randn(64, 1, 16, 16)).square().mean().item()
    assert noise.square().mean().item() == pytest.approx(share, rel=0.2)


@each("process", [FineVariancePreserving(), VarianceExploding()])
@each("variance", [1e-6, 1e-2])
@each("k", [0, 200])
def test_terminal_variance_in_and_out_of_the_band(process: Process, variance: float, k: int) -> None:
    """Entering at level k with variance alpha_k^2 S + sigma_k^2 P, the flow scales both by its gain:
    exactly 1 where the noise is let in, alpha_k^2 S / (alpha_k^2 S + sigma_k^2) in the source's band."""
    steps, x = 400, draw(variance, 8, 3, 32)
    inverted = NullSpace(k=k, projector=0.25).invert(
        flat(process, variance, 32), x, 0, steps, torch.Generator().manual_seed(7)
    )
    level, last = process.levels(steps)[k], process.levels(steps)[-1]
    gain = (flow_gain(variance, level, last) / last.norm) ** 2
    high_pass = HighPass(0.25)
    found, band = high_pass(inverted.latent), inverted.latent - high_pass(inverted.latent)
    delta = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    delta[..., 0, 0] = 1
    kept = high_pass(delta)[0, 0, 0, 0].item()  # the share of the coefficients that let noise in
    entered = level.alpha**2 * variance
    # First-order error of 400 steps, and 5 standard errors of a variance from 6000 numbers or more.
    assert found.square().mean().item() / kept == pytest.approx(gain * (entered + level.sigma**2), rel=0.1)
    assert band.square().mean().item() / (1 - kept) == pytest.approx(gain * entered, rel=0.1)


def test_three_names_of_one_implementation() -> None:
    def identity(noise: torch.Tensor) -> torch.Tensor:
        return noise

    process, x = VariancePreserving(), draw(0.1)
    latents = [
        method.invert(flat(process, 0.1), x, 0, 10, torch.Generator().manual_seed(7)).latent
        for method in (
            NoiseFloor(), NullSpace(k=0, projector=identity), TABA(0.3, fresh=False), NullSpace(k=3, projector=identity)
        )
    ]  # fmt: skip
    assert torch.equal(latents[0], latents[1])
    assert torch.equal(latents[2], latents[3])
    assert not torch.equal(latents[0], latents[2])


def test_second_order_steps_up_bring_the_latent_closer_to_the_flow_and_sampling_stays_plain() -> None:
    """All noise enters at level 0, so the exact flow's latent of Gaussian data is white at any power: variance 1."""
    process, x = FineVariancePreserving(), draw(0.1, 64, 3, 32)
    denoiser = flat(process, 0.1, 32)

    def inverted(order: int) -> Inversion:
        method = NullSpace(k=0, projector=lambda noise: noise, order=order)
        return method.invert(denoiser, x, 0, 40, torch.Generator().manual_seed(7))

    first, second = (inverted(order) for order in (1, 2))
    assert first.network_calls == second.network_calls == 40
    # 196,608 numbers: the variance of white noise itself has a standard error of 0.003.
    assert second.latent.var().item() == pytest.approx(1, abs=0.015)
    assert first.latent.var().item() < 0.95
    back = NullSpace(k=0, order=2).sample(denoiser, second, 0)
    assert torch.equal(back, sampling.sample(denoiser, second.latent, 0, 40))


@each("order", [1, 2])
def test_the_structure_gradient_moves_each_step_towards_the_source(order: int) -> None:
    """By eta * dt * 2 / alpha of what the predicted image lacks of it, and by no more than the step's own length."""
    process, x = VariancePreserving(), draw(1.0, 3)
    denoiser, (first, second) = flat(process, 1.0), process.levels(10)[2:4]

    def state(eta: float) -> torch.Tensor:
        method = NullSpace(k=2, order=order, eta_lf=eta)
        return method.invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7), record=True).trajectory[3]

    entered = NullSpace(k=2).invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7), record=True).trajectory[2]
    missing = x - denoiser(entered, first, torch.zeros(3, dtype=torch.long)).clean
    step, eta = state(0.0), 1e-6
    expected = eta * process.interval(first, second) * 2 / first.alpha * missing
    torch.testing.assert_close(state(eta) - step, expected, rtol=1e-6, atol=1e-12)
    far = state(1e9) - step
    length = (step - entered).flatten(1).norm(dim=1)
    torch.testing.assert_close(far.flatten(1).norm(dim=1), length, rtol=1e-9, atol=0)
    torch.testing.assert_close(far, missing * (length / missing.flatten(1).norm(dim=1))[:, None, None, None])
