"""The patched autoencoder: linear at first, lossless where it has room, and read back as it was saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from spectral_collapse import networks
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.networks.checkpoints import downsampling
from tests.each import each


@pytest.fixture
def images(generator: torch.Generator) -> torch.Tensor:
    """Blocks of 4 x 4 whose 48 numbers have rank 6."""
    blocks = torch.randn(4 * 64, 6, generator=generator) @ torch.randn(6, 48, generator=generator)
    return F.pixel_shuffle(blocks.view(4, 8, 8, 48).permute(0, 3, 1, 2), 4).mul(0.02).clamp(-1, 1)


def reconstructed(network: networks.PatchedAutoencoder, images: torch.Tensor) -> torch.Tensor:
    return network.decode(network.encode(images).latent_dist.mean).sample


def test_before_training_it_is_the_projection_on_the_principal_components_of_blocks(images: torch.Tensor) -> None:
    network = networks.patched_autoencoder(patch=4, latent_channels=3, width=8)
    network.fit(images)
    blocks = F.pixel_unshuffle(images, 4).permute(0, 2, 3, 1).flatten(0, 2).double()
    _, values, _ = torch.linalg.svd(blocks - blocks.mean(0), full_matrices=False)
    lost = (reconstructed(network, images) - images).square().sum().item()
    assert lost == pytest.approx(values[3:].square().sum().item(), rel=1e-4)  # Eckart and Young (1936); float32


@each(("channels", "of"), [(6, "the rank"), (48, "all numbers of a block")])
def test_enough_channels_lose_nothing(images: torch.Tensor, channels: int, of: str) -> None:
    network = networks.patched_autoencoder(latent_channels=channels, width=8)
    network.fit(images)
    torch.testing.assert_close(reconstructed(network, images), images, rtol=0, atol=1e-5)


def test_it_is_called_as_an_autoencoder_of_diffusers(images: torch.Tensor, tmp_path: Path) -> None:
    network = networks.patched_autoencoder(latent_channels=6, width=8)
    network.fit(images)
    posterior = network.encode(images).latent_dist
    torch.testing.assert_close(posterior.sample(), posterior.mean, rtol=0, atol=1e-5)
    autoencoders.measure(network, images)
    encoded = autoencoders.encode(network, images)
    assert encoded.shape == (4, 6, 8, 8)
    networks.save_network(network, tmp_path / "autoencoder", {"autoencoder": None})
    again = networks.load_autoencoder(tmp_path / "autoencoder")
    assert isinstance(again, networks.PatchedAutoencoder)
    assert downsampling(again.config) == 4
    # weights are kept in half precision: 11 bits of each
    torch.testing.assert_close(autoencoders.decode(again, encoded), images, rtol=0, atol=5e-3)


def test_more_channels_than_numbers_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="at most 48, the numbers of a block of 4 x 4 pixels; 49 was given"):
        networks.PatchedAutoencoder(patch=4, latent_channels=49)


def test_all_channels_of_latents_have_one_scale() -> None:
    """Each keeps its share of the power, so white noise covers the fainter ones first, as in pixels."""
    random = torch.Generator().manual_seed(0)
    images = (torch.randn(16, 3, 32, 32, generator=random) * 0.2).clamp(-1, 1)
    images[:, :, :16] = images[:, :1, :16].mean((2, 3), keepdim=True)  # plain areas: the first component is the largest
    network = networks.patched_autoencoder(latent_channels=6, width=8)
    network.fit(images)
    autoencoders.measure(network, images)
    encoded, own = autoencoders.encode(network, images), autoencoders.posterior_means(network, images)
    torch.testing.assert_close(encoded.mean((0, 2, 3)), torch.zeros(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(encoded.square().mean(), torch.tensor(1.0), rtol=1e-5, atol=0)
    power = own.var((0, 2, 3), correction=0)
    torch.testing.assert_close(encoded.var((0, 2, 3), correction=0) / power, (1 / power.mean()).expand(6))
