"""The U-Net that begins with the best linear prediction of the noise at each frequency."""

from __future__ import annotations

import pytest
import torch

from spectral_collapse import networks
from spectral_collapse.denoisers import NetworkDenoiser
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks import SpectralUNet
from spectral_collapse.processes import VarianceExploding, VariancePreserving
from spectral_collapse.training.objectives import Corruption, denoising_loss
from tests.each import each

PROCESS = VariancePreserving(beta_start=1e-4, beta_end=0.02, schedule="linear")
SLOPE = 1.5


def power(height: int, width: int) -> torch.Tensor:
    """A spectrum that falls with frequency, on the grid of `rfft2`."""
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    return 0.02 * (radius + 1 / 64) ** (-2 * SLOPE) / 100


def stationary(count: int, side: int, scale: float = 1.0) -> torch.Tensor:
    """Images of a stationary Gaussian process with this spectrum, times a scale."""
    white = torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(count))
    spectrum = torch.fft.rfft2(white, norm="ortho") * power(side, side).sqrt()
    return scale * torch.fft.irfft2(spectrum, (side, side), norm="ortho")


def wave_of(network: SpectralUNet, colour: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A wave of nine cycles in one of the principal colours of label 0, and the power that was measured there."""
    wave = torch.cos(2 * torch.pi * 9 * torch.arange(64) / 64).expand(1, 1, 64, 64)
    ring = round(9 / 64 * 2**0.5 * 45)
    return network.label_colours[0, colour].view(1, 3, 1, 1) * wave, network.log_power.exp()[0, colour, ring]


@pytest.fixture(scope="module")
def network() -> SpectralUNet:
    """Fitted to a process, with twice its deviation under label 1, and with a U-Net that gives 0."""
    torch.manual_seed(0)
    network = networks.create("spectral_unet", 64, 3, 5, widths=[16, 32], attention=0).eval()
    images = torch.cat([stationary(256, 64), stationary(256, 64, 2.0)])
    network.fit(images, torch.arange(2).repeat_interleave(256), PROCESS)
    torch.nn.init.zeros_(network.inner.unet.conv_out.weight)
    torch.nn.init.zeros_(network.inner.unet.conv_out.bias)
    return network.requires_grad_(False)


def test_it_measures_the_power_of_each_label(network: SpectralUNet) -> None:
    """256 images give the power of a ring of at least a dozen frequencies to a few per cent."""
    measured = network.log_power.exp()
    torch.testing.assert_close(measured[1, :, 5:] / measured[0, :, 5:], torch.full((3, 41), 4.0), rtol=0.1, atol=0)
    torch.testing.assert_close(measured[4, :, 5:], measured[:2, :, 5:].mean(0), rtol=0.1, atol=0)  # without images
    highest = 0.02 * (2**-0.5 + 1 / 64) ** (-2 * SLOPE) / 100
    assert measured[0, :, -1].mean() == pytest.approx(highest, rel=0.1)
    assert network.config["betas"] == (1e-4, 0.02, "linear", 1000)
    with pytest.raises(InvalidParameterError, match=r"process must be variance preserving; VarianceExploding"):
        network.fit(stationary(2, 64), torch.arange(2), VarianceExploding())


def test_colours_that_go_together_are_predicted_together() -> None:
    """Grey images about a grey mean: their power is that of one colour, and nothing is left of the other two."""
    torch.manual_seed(0)
    network = networks.create("spectral_unet", 32, 3, 5, widths=[16, 32], attention=0).eval()
    torch.nn.init.zeros_(network.inner.unet.conv_out.weight)
    torch.nn.init.zeros_(network.inner.unet.conv_out.bias)
    grey = 0.6 + stationary(64, 32)[:, :1].expand(-1, 3, -1, -1)
    network.fit(grey, torch.zeros(64, dtype=torch.long), PROCESS)
    power = network.log_power[0].exp().mean(-1)
    assert power[:2].max() < 1e-3 * power[2]
    level, labels = PROCESS.level(500), torch.zeros(64, dtype=torch.long)
    noise = torch.randn(grey.shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = network(level.alpha * grey + level.sigma * noise, torch.full((64,), 500.0), labels).sample
    clean = (level.alpha * grey + level.sigma * (noise - found)) / level.alpha
    cast = (clean - clean.mean(1, keepdim=True)).abs().max()
    assert cast < 1e-3 * level.ratio
    assert clean.mean().item() == pytest.approx(grey.mean().item(), abs=0.01)


@each("time", [0, 300, 999])
def test_alone_it_has_the_error_of_the_wiener_filter(network: SpectralUNet, time: int) -> None:
    """On Gaussian images nothing predicts the noise better: the error is the mean of P / (P + (sigma / alpha)^2), but
    for the spectrum's steps from ring to ring, which cost least where they are finest: some per cent."""
    level, clean = PROCESS.level(time), stationary(128, 64)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    times, labels = torch.full((128,), float(time)), torch.zeros(128, dtype=torch.long)
    found = network(level.alpha * clean + level.sigma * noise, times, labels).sample
    both = torch.ones(33)
    both[1:-1] = 2  # frequencies that `rfft2` leaves out
    left = power(64, 64) / (power(64, 64) + level.ratio**2)
    assert (found - noise).square().mean().item() == pytest.approx((left * both).sum().item() / 64**2, rel=0.05)


def test_the_loss_weights_each_frequency_by_what_can_be_left_and_how_many_are_alike(network: SpectralUNet) -> None:
    """An error of one frequency: its power over b = sqrt(P / (P + (sigma / alpha)^2)) and over the number of
    frequencies in its ring, in units of the ring with the most."""
    radius = torch.hypot(torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)[None])
    counts = torch.histc(radius * 2**0.5 * 45, bins=46, min=-0.5, max=45.5)
    rarity = (counts.max() / counts[round(9 / 64 * 2**0.5 * 45)]).item()
    assert rarity > 1.4
    time, label = torch.tensor([200.0]), torch.zeros(1, dtype=torch.long)
    wave, fitted = wave_of(network, colour=1)
    b = (fitted / (fitted + PROCESS.level(200).ratio ** 2)).sqrt().item()
    weighted = network.weighted(wave, time, label)
    assert weighted.square().sum().item() == pytest.approx(rarity * wave.square().sum().item() / b, rel=1e-4)
    one = torch.ones(1)
    corruption = Corruption(wave, 0 * one, one, time)
    plain, scaled = (
        denoising_loss(network, "epsilon", 0 * wave, corruption, {"class_labels": label}, weighted=by)
        for by in (None, network.weighted)
    )
    assert scaled.item() > plain.item()


@each("share", [0, 1, 2])
def test_it_knows_the_noise_of_each_time_as_the_process_does(network: SpectralUNet, share: int) -> None:
    """A wave is scaled by sigma / (alpha^2 P + sigma^2), between timesteps too."""
    ends = PROCESS.level(20), PROCESS.level(21)
    level = (*ends, PROCESS.between(*ends))[share]
    wave, fitted = wave_of(network, colour=2)
    x = wave + level.alpha * network.label_mean[0].view(1, 3, 1, 1)
    found = network(x, torch.tensor([level.time]), torch.zeros(1, dtype=torch.long)).sample
    scale = level.sigma / (level.alpha**2 * fitted + level.sigma**2)
    torch.testing.assert_close(found, scale * wave, rtol=1e-4, atol=1e-5)


def test_it_takes_images_of_other_sizes_and_keeps_white_noise(network: SpectralUNet) -> None:
    """At the last level the input is the noise: what is predicted is the input, to a relative error of alpha."""
    noise = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(2))
    found = network(noise, torch.full((2,), 999.0), torch.zeros(2, dtype=torch.long)).sample
    torch.testing.assert_close(found, noise, rtol=0, atol=0.01)


def test_half_precision_is_for_the_unet_alone(network: SpectralUNet) -> None:
    x, time, label = stationary(1, 64), torch.tensor([500.0]), torch.zeros(1, dtype=torch.long)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(x, time, label).sample
    torch.testing.assert_close(found, network(x, time, label).sample)


def test_no_embedding_stands_for_a_label_whose_colours_the_network_knows(network: SpectralUNet) -> None:
    """With embeddings alone, an image would be denoised with the spectrum of another label."""
    denoiser = NetworkDenoiser(network, PROCESS, "epsilon")
    with pytest.raises(InvalidParameterError, match="a spectrum for each label, which an embedding does not hold"):
        denoiser.embed(torch.tensor([0]))
