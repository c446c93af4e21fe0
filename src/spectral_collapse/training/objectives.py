"""What training minimises: one function per objective, each a mean over the batch."""

from __future__ import annotations

import torch

from spectral_collapse.denoisers import PredictionType, coefficients
from spectral_collapse.processes import Process


def denoising_loss(
    network: torch.nn.Module,
    process: Process,
    prediction: PredictionType,
    clean: torch.Tensor,
    label: torch.Tensor,
    generator: torch.Generator | None = None,
    sigma_data: float = 0.5,
) -> torch.Tensor:
    """Mean squared error of the network's own output (paper, Eq. 19; for 'edm' Eq. 28 with the weight of Eq. 29).

    clean is N x C x H x W, label a LongTensor of N. The target is the output that makes the
    denoiser's clean image exact, by the coefficients that the denoiser itself uses.
    """
    alpha, sigma, time = process.draw(len(clean), generator)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    alpha, sigma = (value.view(-1, 1, 1, 1).to(clean) for value in (alpha, sigma))
    x = alpha * clean + sigma * noise
    c = coefficients(prediction, alpha, sigma, sigma_data)
    # Both halves give the same target; the noise's is exact where the clean image's divides by a small sigma.
    if prediction == "epsilon":
        target = (noise - c.noise_skip * x) / c.noise_out
    else:
        target = (clean - c.clean_skip * x) / c.clean_out
    output = network(c.input_scale * x, time.to(clean), class_labels=label.to(clean.device)).sample
    return torch.nn.functional.mse_loss(output.float(), target)


def autoencoding_loss(
    network: torch.nn.Module, images: torch.Tensor, generator: torch.Generator | None = None, kl_weight: float = 1e-6
) -> torch.Tensor:
    """L1 distance of the reconstruction plus kl_weight times the KL divergence per image (Rombach et al. 2022)."""
    posterior = network.encode(images).latent_dist
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    noise = torch.randn(mean.shape, generator=generator).to(mean)
    reconstruction = network.decode(mean + (logvar / 2).exp() * noise).sample
    divergence = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean()
    return (reconstruction.float() - images).abs().mean() + kl_weight * divergence
