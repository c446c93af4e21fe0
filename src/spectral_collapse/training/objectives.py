"""What training minimises: one function per objective, each with one number per image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F

from spectral_collapse.denoisers import PredictionType, coefficients
from spectral_collapse.processes import Process

_NO_DETAIL = 1e-6  # a mean square far below that of any texture: a flat image has a logarithm too


class Corruption(NamedTuple):
    """What training does to N clean images: noise N x C x H x W, and alpha, sigma and time, each of N."""

    noise: torch.Tensor
    alpha: torch.Tensor
    sigma: torch.Tensor
    time: torch.Tensor


def draw_corruption(
    process: Process, shape: tuple[int, ...], generator: torch.Generator, device: torch.device | None = None
) -> Corruption:
    """A random corruption of a batch of this shape, at levels from `process.draw`.

    device: where the noise is generated, since a CPU would be slow for a GPU. On another kind of device than the
    generator's, the noise comes from a separate generator of the same seed.
    """
    alpha, sigma, time = process.draw(shape[0], generator)
    if device is not None and device.type != generator.device.type:
        generator = torch.Generator(device).manual_seed(generator.initial_seed())
    return Corruption(torch.randn(shape, generator=generator, device=generator.device), alpha, sigma, time)


def denoising_loss(
    network: torch.nn.Module,
    prediction: PredictionType,
    clean: torch.Tensor,
    corruption: Corruption,
    told: Mapping[str, torch.Tensor],
    sigma_data: float = 0.5,
    min_snr_gamma: float = 0.0,
    weighted: Callable[..., torch.Tensor] | None = None,
) -> torch.Tensor:
    """Mean squared error of the network's own output, per image, (N,).

    For 'epsilon' this is Eq. (19) of the paper, for 'edm' Eq. (28) with the weight of Eq. (29), which is
    1 / clean_out^2. The target is the output that makes the denoiser's clean image exact, by the
    coefficients that the denoiser itself uses.

    Args:
        network: called with (x, time, **told).
        clean: N x C x H x W.
        told: the network's label arguments, from `label_arguments`.
        sigma_data: standard deviation of the clean images, for 'edm' only.
        min_snr_gamma: where positive, the error of the clean image is weighted by min(SNR, gamma)
            (Hang et al. 2023), whatever the prediction type; 0 leaves the output's error as it is.
        weighted: a function of the output's error, the time and **told, applied before the error is squared, such as
            `networks.SpectralUNet.weighted`.
    """
    noise = corruption.noise.to(clean)
    alpha, sigma = (value.view(-1, 1, 1, 1).to(clean) for value in (corruption.alpha, corruption.sigma))
    x = alpha * clean + sigma * noise
    c = coefficients(prediction, alpha, sigma, sigma_data)
    # Both halves give the same target; the noise's is exact where the clean image's divides by a small sigma.
    if prediction == "flow":  # by either half, one end of the path would divide by 0
        target = noise - clean
    elif prediction == "epsilon":
        target = (noise - c.noise_skip * x) / c.noise_out
    else:
        target = (clean - c.clean_skip * x) / c.clean_out
    output = network(c.input_scale * x, corruption.time.to(clean), **told).sample
    wrong = output.float() - target
    if weighted is not None:
        wrong = weighted(wrong, corruption.time.to(clean), **told)
    errors = wrong.square().mean((1, 2, 3))
    if min_snr_gamma:
        slope = torch.as_tensor(c.clean_out, device=alpha.device).expand_as(alpha)
        errors = errors * ((alpha / sigma).square().clamp(max=min_snr_gamma) * slope.square()).flatten()
    return errors


class Reconstruction(torch.nn.Module):
    """An autoencoder's training step as one call, since several processes only synchronise calls of `forward`."""

    def __init__(self, autoencoder: torch.nn.Module) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Mean and log-variance of the posterior, and the reconstruction from mean + deviation * noise."""
        posterior = self.autoencoder.encode(images).latent_dist
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        return mean, logvar, self.autoencoder.decode(mean + (logvar / 2).exp() * noise).sample


def autoencoding_loss(
    model: torch.nn.Module,
    images: torch.Tensor,
    noise: torch.Tensor,
    kl_weight: float = 1e-6,
    texture_weight: float = 0.0,
) -> torch.Tensor:
    """L1 distance of the reconstruction, plus two weighted terms, per image, (N,).

    model: a `Reconstruction`. noise: N x c x h x w, what the posterior is sampled with. kl_weight: of the KL divergence
    (Rombach et al. 2022). texture_weight: of how far the logarithm of the reconstruction's detail is from the image's;
    the L1 distance alone is least for reconstructions that are too smooth.
    """
    mean, logvar, reconstruction = model(images, noise)
    divergence = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3))
    loss = (reconstruction.float() - images).abs().mean((1, 2, 3)) + kl_weight * divergence
    if texture_weight:
        loss = loss + texture_weight * (_log_detail(reconstruction.float()) - _log_detail(images)).abs()
    return loss


def _log_detail(images: torch.Tensor) -> torch.Tensor:
    """Logarithm of the mean square of what the means of 2 x 2 blocks leave of each image, (N,)."""
    detail = images - F.interpolate(F.avg_pool2d(images, 2), scale_factor=2)
    return (detail.square().mean((1, 2, 3)) + _NO_DETAIL).log()
