from __future__ import annotations

import math

import pytest
import torch

from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.inversion import TABA, Wiener
from spectral_collapse.processes import FlowMatching, Process
from tests.gaussian import FINE_PROCESSES, draw, flat


def invert(process: Process, variance: float, x: torch.Tensor, k: int, steps: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    found = Wiener(k=k).invert(flat(process, variance, x.shape[-1]), x, 0, steps, generator, record=True)
    return found.trajectory[k], found.latent


@pytest.mark.parametrize("process", FINE_PROCESSES, ids=["preserving", "exploding", "flow"])
@pytest.mark.parametrize("variance", [1e-6, 1e-3, 1e-1])
@pytest.mark.parametrize("k", [0, 25])
def test_latents_of_gaussian_data_are_white_whatever_its_power(process: Process, variance: float, k: int) -> None:
    """So are those of forward diffusion; what differs is how much of the image is in them."""
    torch.manual_seed(0)
    x = draw(variance, 16, 3, 32)
    _, latent = invert(process, variance, x, k, 100)
    # 16 x 3 x 32 x 32 numbers, half of them the image's and half the noise's at most: standard error 0.0064 * sqrt(2)
    assert latent.square().mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0])
def test_what_enters_keeps_more_of_the_image_than_forward_diffusion(ratio: float) -> None:
    """The squared correlation is 1 - p^2 against 1 - p, p = s^2 / (S + s^2); both have the power S + s^2."""
    torch.manual_seed(0)
    process, steps, k = FINE_PROCESSES[0], 100, 40
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
    torch.testing.assert_close(nothing / (level.sigma * math.sqrt(2) / math.sqrt(2)), noise, rtol=1e-4, atol=1e-5)
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


def test_a_level_without_signal_is_noise_and_one_beyond_the_last_is_refused() -> None:
    x = draw(1.0)
    found = Wiener(k=5).invert(flat(FlowMatching(), 1.0), x, 0, 5, torch.Generator().manual_seed(0))
    assert found.latent.var().item() == pytest.approx(1, abs=0.1)
    with pytest.raises(InvalidParameterError, match="wiener can't enter at level 6 of 5"):
        Wiener(k=6).invert(flat(FlowMatching(), 1.0), x, 0, 5)
    with pytest.raises(InvalidParameterError, match="k must be"):
        Wiener(k=-1)
