"""Methods that let noise in, or give a latent the norm of noise."""

from __future__ import annotations

import pytest
import torch

from spectral_collapse.inversion import TABA, HighPass, SDEdit, SpectralSwap, Wiener, create
from spectral_collapse.processes import FlowMatching, Process, VariancePreserving
from tests.each import each
from tests.gaussian import FINE_PROCESSES, PROCESSES, draw, flat


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


@each("process", PROCESSES)
def test_at_full_strength_nothing_is_left_of_the_image(process: Process) -> None:
    denoiser = flat(process, 0.1, 32)
    first, second = (
        SDEdit(1.0).invert(denoiser, image, 0, 10, torch.Generator().manual_seed(7)).latent
        for image in (draw(0.1, 4, 3, 32), draw(0.1, 4, 3, 32) + 5)
    )
    assert torch.equal(first, second)
    assert first.var().item() == pytest.approx(1, abs=5 * (2 / first.numel()) ** 0.5)


@each("process", PROCESSES)
def test_each_band_comes_from_where_it_should(process: Process) -> None:
    denoiser, x, high_pass = flat(process, 1e-4), draw(1e-4), HighPass(0.2)
    latent = SpectralSwap(0.2).invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7)).latent
    standard = create("standard").invert(denoiser, x, 0, 10).latent
    noise = SpectralSwap(0.0).draws(10)
    assert noise == 1
    torch.testing.assert_close(latent - high_pass(latent), standard - high_pass(standard), rtol=0, atol=1e-12)
    # The band above the cutoff is white noise projected; at cutoff 0.5 nothing is let in.
    drawn = SpectralSwap(0.2).invert(denoiser, 0 * x, 0, 10, torch.Generator().manual_seed(7)).latent
    torch.testing.assert_close(high_pass(latent), high_pass(drawn), rtol=0, atol=1e-12)
    kept = (torch.fft.fft2(drawn, norm="ortho").abs() > 1e-9).double().mean().item()
    assert drawn.square().mean().item() / kept == pytest.approx(1, abs=5 * (2 / drawn.numel()) ** 0.5)
    nothing = SpectralSwap(0.5).invert(denoiser, x, 0, 10, torch.Generator().manual_seed(7)).latent
    torch.testing.assert_close(nothing, standard, rtol=0, atol=1e-12)


@each("process", PROCESSES)
def test_only_the_norm_differs_from_the_standard_latent(process: Process) -> None:
    denoiser, x = flat(process, 1e-4), draw(1e-4)
    latent = create("white_norm").invert(denoiser, x, 0, 10).latent
    standard = create("standard").invert(denoiser, x, 0, 10).latent
    size = standard.square().mean((1, 2, 3), keepdim=True).sqrt()
    assert (size < 0.9).all()
    torch.testing.assert_close(latent, standard / size, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(latent.square().mean((1, 2, 3)), torch.ones(len(x)).double(), rtol=1e-12, atol=0)
    if isinstance(process, VariancePreserving):
        assert not create("white_norm").invert(denoiser, 0 * x, 0, 10).latent.any()


def invert(process: Process, variance: float, x: torch.Tensor, k: int, steps: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    found = Wiener(k=k).invert(flat(process, variance, x.shape[-1]), x, 0, steps, generator, record=True)
    return found.trajectory[k], found.latent


@each("process", FINE_PROCESSES)
@each("variance", [1e-6, 1e-1])
@each("k", [0, 25])
def test_latents_of_gaussian_data_are_white_whatever_its_power(process: Process, variance: float, k: int) -> None:
    """So are those of forward diffusion; what differs is how much of the image is in them."""
    torch.manual_seed(0)
    x = draw(variance, 16, 3, 32)
    _, latent = invert(process, variance, x, k, 100)
    # 16 x 3 x 32 x 32 numbers, half of them the image's and half the noise's at most: standard error 0.0064 * sqrt(2)
    assert latent.square().mean().item() == pytest.approx(1, abs=0.03)


@each("ratio", [0.3, 1.0, 3.0])
def test_what_enters_keeps_more_of_the_image_than_forward_diffusion(ratio: float) -> None:
    """The squared correlation is 1 - p^2 against 1 - p, p = s^2 / (S + s^2); both have the power S + s^2."""
    torch.manual_seed(0)
    process, steps, k = FINE_PROCESSES[0], 50, 20
    level = process.levels(steps)[k]
    variance = (ratio * level.ratio) ** 2
    x, p = draw(variance, 64, 3, 32), 1 / (1 + ratio**2)
    entered, _ = invert(process, variance, x, k, steps)
    generator = torch.Generator().manual_seed(3)
    forward = TABA(fraction=k / steps, fresh=False).invert(flat(process, variance, 32), x, 0, steps, generator, True)
    for state, kept in ((entered, 1 - p**2), (forward.trajectory[k], 1 - p)):
        assert state.var().item() / level.alpha**2 == pytest.approx(variance + level.ratio**2, rel=0.02)
        correlation = torch.corrcoef(torch.stack([state.flatten(), x.flatten()]))[0, 1].item()
        # 196,608 numbers; S is read off each image's rings, of which the smallest have a few coefficients
        assert correlation**2 == pytest.approx(kept, abs=0.01)


def test_an_empty_image_is_noise_alone_and_a_strong_one_stays() -> None:
    process, steps, k = FINE_PROCESSES[0], 50, 10
    level = process.levels(steps)[k]
    nothing, _ = invert(process, 1e-6, torch.zeros(4, 3, 16, 16), k, steps)
    noise = torch.stack([torch.randn(1, 3, 16, 16, generator=g) for g in [torch.Generator().manual_seed(3)] * 4])[:, 0]
    torch.testing.assert_close(nothing / level.sigma, noise, rtol=1e-4, atol=1e-5)
    strong = draw(1e6)
    entered, _ = invert(process, 1e6, strong, k, steps)
    # sqrt(1 + p) and sigma sqrt(p) noise, p = s^2 / 1e6
    torch.testing.assert_close(entered / level.alpha, strong, rtol=0, atol=10 * level.ratio**2)


def test_frequencies_are_told_apart() -> None:
    """A band that the image leaves empty is filled, the image's own band enters nearly as it is."""
    torch.manual_seed(0)
    process, steps, k = FINE_PROCESSES[0], 50, 10
    level, side = process.levels(steps)[k], 32
    radius = torch.hypot(*torch.meshgrid(torch.fft.fftfreq(side), torch.fft.fftfreq(side), indexing="ij"))
    low = radius < 0.2
    x = torch.fft.ifft2(torch.fft.fft2(draw(4.0, 16, 3, side)) * low).real
    entered, _ = invert(process, 1.0, x, k, steps)
    power = torch.fft.fft2(entered, norm="ortho").abs().square().mean((0, 1)) / level.sigma**2
    assert power[radius > 0.25].mean().item() == pytest.approx(1, abs=0.05)
    kept = torch.fft.fft2(entered / level.alpha - x, norm="ortho").abs().square().mean((0, 1))[low].mean().item()
    assert kept < 0.05 * level.ratio**2


def test_a_level_without_signal_is_noise() -> None:
    x = draw(1.0)
    found = Wiener(k=5).invert(flat(FlowMatching(), 1.0), x, 0, 5, torch.Generator().manual_seed(0))
    assert found.latent.var().item() == pytest.approx(1, abs=0.1)
