"""What is measured while a network trains: loss per noise level, samples, and their S_HF."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from spectral_collapse import metrics
from spectral_collapse.datasets.base import TARGET
from spectral_collapse.denoisers import NetworkDenoiser, Prediction, coefficients
from spectral_collapse.later import torch
from spectral_collapse.metrics.radial_spectrum import band_power
from spectral_collapse.networks.checkpoints import Model, autoencoders
from spectral_collapse.processes import Level
from spectral_collapse.sampling import sample
from spectral_collapse.training.pool import open_split
from spectral_collapse.training.recipes import Recipe

_IMAGES = 64
_SAMPLES = 16
_NUM_STEPS = 25
_NUM_LEVELS = 10


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Test images of a recipe's first data set, N x 3 x H x W in [-1, 1]; label: of its source domain."""

    source: torch.Tensor
    target: torch.Tensor
    label: int


@dataclasses.dataclass(frozen=True)
class Record:
    """The result of one validation.

    s_hf: (samples,), of `images`, against real ones; images: (samples, 3, H, W) in [-1, 1], made from noise or, by an
    autoencoder, from held-out images. psnr: (test images,) in dB, of what the autoencoder reconstructs;
    s_hf_reconstructed: (test images,), of the same. Both bound every result in this latent space, and are None in pixel
    space. For a denoiser, loss: (levels,), without any weight of min-SNR; noise_error: (levels, bands, domains, pairs),
    mean square of the error of the predicted noise per band (`metrics.radial_spectrum.BANDS`) of held-out source and
    target images.
    """

    s_hf: torch.Tensor
    images: torch.Tensor
    psnr: torch.Tensor | None
    s_hf_reconstructed: torch.Tensor | None
    loss: torch.Tensor | None = None
    noise_error: torch.Tensor | None = None


def held_out(recipe: Recipe, source: str, root: str | Path | None) -> HeldOut:
    """Some test images, spread evenly over the split."""
    split = open_split(recipe.datasets[0], "test", recipe, source, root)
    pair = split.stack(held_out_indices(len(split)))
    return HeldOut(pair.source, pair.target, split.info.source_label)


def held_out_indices(available: int) -> list[int]:
    """Which images of a test split a validation uses: the first of them make the pairs of `Record.noise_error`."""
    count = min(_IMAGES, available)
    return [i * available // count for i in range(count)]


def validate_autoencoder(network: autoencoders.Autoencoder, images: HeldOut) -> Record:
    """Reconstructions of held-out target images."""
    network.eval()
    means = autoencoders.posterior_means(network, images.target[:_SAMPLES].to(network.device))
    with torch.no_grad():
        made = network.decode(means).sample.clamp(-1, 1).cpu()
    network.train()
    scores = metrics.s_hf(made, metrics.hf_reference(images.target))
    return Record(scores, made, metrics.psnr(made, images.target[:_SAMPLES]), scores)


def validate_denoiser(model: Model, images: HeldOut) -> Record:
    """Samples of the target domain, and the loss on held-out images of both domains at ten levels."""
    denoiser = model.denoiser
    reference = metrics.hf_reference(images.target)
    with torch.no_grad():
        source, target = images.source[:_SAMPLES], images.target[:_SAMPLES]
        clean = model.encode(torch.cat([source, target]).to(denoiser.network.device))
        labels = torch.tensor([images.label] * len(source) + [TARGET] * len(target), device=clean.device)
        generator = torch.Generator().manual_seed(0)  # the same noise at every look
        noise = torch.randn(clean.shape, generator=generator).to(clean)
        levels = levels_of(denoiser)
        wrong = []
        for level in levels:
            found = denoiser(level.alpha * clean + level.sigma * noise, level, labels)
            wrong.append(Prediction((found.noise - noise).cpu(), (found.clean - clean).cpu()))
        loss = [_output_error(denoiser, level, error) for level, error in zip(levels, wrong, strict=True)]
        noise_error = torch.stack([band_power(error.noise).T.unflatten(1, (2, len(source))) for error in wrong])
        latent = torch.randn((_SAMPLES, *clean.shape[1:]), generator=generator).to(clean)
        made = model.decode(sample(denoiser, latent, TARGET, _NUM_STEPS)).cpu()
        again = None if model.autoencoder is None else model.decode(clean[len(source) :]).cpu()
    return Record(
        metrics.s_hf(made, reference),
        made,
        None if again is None else metrics.psnr(again, target),
        None if again is None else metrics.s_hf(again, reference),
        torch.stack(loss),
        noise_error.float().cpu(),
    )


def levels_of(denoiser: NetworkDenoiser) -> list[Level]:
    """The levels of `Record.loss`."""
    return denoiser.process.levels(_NUM_LEVELS - 1)


def _output_error(denoiser: NetworkDenoiser, level: Level, error: Prediction) -> torch.Tensor:
    """Mean square of the error of the network's own output, from the half that depends on it more."""
    c = coefficients(denoiser.prediction, level.alpha, level.sigma, denoiser.sigma_data)
    by_noise = abs(c.noise_out) >= abs(c.clean_out)
    return (error.noise / c.noise_out if by_noise else error.clean / c.clean_out).square().mean()
