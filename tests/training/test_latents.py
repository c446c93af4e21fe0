from __future__ import annotations

import torch

from spectral_collapse import networks
from spectral_collapse.networks import autoencoder as autoencoders
from spectral_collapse.training import latents


def test_all_channels_of_latents_have_one_scale() -> None:
    """Each keeps its share of the power, so white noise covers the fainter ones first, as in pixels."""
    random = torch.Generator().manual_seed(0)
    images = (torch.randn(16, 3, 32, 32, generator=random) * 0.2).clamp(-1, 1)
    images[:, :, :16] = images[:, :1, :16].mean((2, 3), keepdim=True)  # plain areas: the first component is the largest
    network = networks.patched_autoencoder(latent_channels=6, width=8)
    network.fit(images)
    latents.measure(network, images)
    encoded, own = autoencoders.encode(network, images), autoencoders.posterior_means(network, images)
    torch.testing.assert_close(encoded.mean((0, 2, 3)), torch.zeros(6), rtol=0, atol=1e-5)
    torch.testing.assert_close(encoded.square().mean(), torch.tensor(1.0), rtol=1e-5, atol=0)
    power = own.var((0, 2, 3), correction=0)
    torch.testing.assert_close(encoded.var((0, 2, 3), correction=0) / power, (1 / power.mean()).expand(6))
