"""Autoencoders: from images to latents and back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ConfigMixin, ModelMixin, VQModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput

from spectral_collapse.checks import check_counts, check_number, check_numbers
from spectral_collapse.denoisers.base import check_states
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.sketch import sketched

_NO_VARIANCE = -30.0  # a logarithm: the code is the posterior's mean


class PatchedAutoencoder(ModelMixin, ConfigMixin):
    """An autoencoder that begins with the best linear one and keeps texture; it is called as diffusers' AutoencoderKL.

    Each `patch` x `patch` block of pixels is a vector of 3 * patch^2 numbers. Its code has a linear part, its
    `latent_channels` first principal components over training images (`fit`), and a part that a small convolutional
    network computes from the blocks around it. The decoder has the same two parts. Both networks begin at 0, so
    training begins at the best linear code (Eckart and Young 1936), and not at random weights.

    Args:
        patch: side of a block in pixels. latent_channels: numbers per block. width: channels inside both networks.

    Raises InvalidParameterError for more channels than a block has numbers.
    """

    @register_to_config
    def __init__(
        self,
        patch: int = 4,
        latent_channels: int = 16,
        width: int = 128,
        latents_mean: tuple[float, ...] | None = None,
        latents_std: tuple[float, ...] | None = None,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        check_counts(1, patch=patch, latent_channels=latent_channels, width=width)
        check_numbers("latents_mean", latents_mean, latent_channels)
        check_numbers("latents_std", latents_std, latent_channels)
        check_number("scaling_factor", scaling_factor, 0, exclude=(0,))
        numbers = 3 * patch**2
        if latent_channels > numbers:
            raise InvalidParameterError(
                f"latent_channels must be at most {numbers}, the numbers of a block of {patch} x {patch} pixels; "
                f"{latent_channels} was given"
            )
        self.code = torch.nn.Conv2d(numbers, latent_channels, 1)
        self.blocks = torch.nn.Conv2d(latent_channels, numbers, 1)
        self.code_more = _residual(numbers, latent_channels, width)
        self.blocks_more = _residual(latent_channels, numbers, width)

    def fit(self, images: torch.Tensor) -> None:
        """Makes the linear code that of the principal components of the blocks of images, N x 3 x H x W in [-1, 1]."""
        _check_batch("images", images, 3, self.config.patch)
        blocks = F.pixel_unshuffle(images, self.config.patch).permute(0, 2, 3, 1).flatten(0, 2).double()
        mean = blocks.mean(0)
        _, vectors = torch.linalg.eigh((blocks - mean).T @ (blocks - mean))  # the largest eigenvalue comes last
        components = vectors.T.flip(0)[: self.config.latent_channels]
        with torch.no_grad():
            self.code.weight.copy_(components[:, :, None, None])
            self.code.bias.copy_(-components @ mean)
            self.blocks.weight.copy_(components.T[:, :, None, None])
            self.blocks.bias.copy_(mean)

    def encode(self, images: torch.Tensor) -> AutoencoderKLOutput:
        """N x 3 x H x W in [-1, 1] -> `latent_dist`, a posterior without variance over N x c x h x w."""
        _check_batch("images", images, 3, self.config.patch)
        blocks = F.pixel_unshuffle(images, self.config.patch)
        mean = self.code(blocks) + self.code_more(blocks)
        posterior = torch.cat([mean, torch.full_like(mean, _NO_VARIANCE)], 1)
        return AutoencoderKLOutput(latent_dist=DiagonalGaussianDistribution(posterior))

    def decode(self, latents: torch.Tensor) -> DecoderOutput:
        """N x c x h x w -> `sample`, N x 3 x H x W."""
        _check_batch("latents", latents, self.config.latent_channels, 1)
        return DecoderOutput(
            sample=F.pixel_shuffle(self.blocks(latents) + self.blocks_more(latents), self.config.patch)
        )


Autoencoder = AutoencoderKL | PatchedAutoencoder | VQModel


def _check_batch(what: str, x: torch.Tensor, channels: int, step: int) -> None:
    check_states(**{what: x})
    if x.shape[1] != channels or not x.numel() or any(side % step for side in x.shape[2:]):
        raise InvalidParameterError(
            f"{what} must be N x {channels} x H x W, H and W multiples of {step}; {tuple(x.shape)} was given"
        )


def _residual(inside: int, outside: int, width: int) -> torch.nn.Sequential:
    """A convolutional network over 7 x 7 places that begins at 0."""
    last = torch.nn.Conv2d(width, outside, 3, padding=1)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return torch.nn.Sequential(
        torch.nn.Conv2d(inside, width, 3, padding=1),
        torch.nn.SiLU(),
        torch.nn.Conv2d(width, width, 3, padding=1),
        torch.nn.SiLU(),
        last,
    )


@sketched
def patched_autoencoder(patch: int = 4, latent_channels: int = 16, width: int = 128) -> PatchedAutoencoder:
    """A `PatchedAutoencoder`, of 0.5 million parameters, that turns 64 x 64 x 3 into 16 x 16 x 16."""
    return PatchedAutoencoder(patch=patch, latent_channels=latent_channels, width=width)


@sketched
def small_autoencoder(widths: tuple[int, ...] = (32, 64, 96), latent_channels: int = 4) -> AutoencoderKL:
    """An AutoencoderKL of 1.7 million parameters that turns 64 x 64 x 3 into 16 x 16 x 4.

    Each width after the first halves the resolution.
    """
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        latent_channels=latent_channels,
        layers_per_block=1,
        norm_num_groups=16,
    )


def posterior_means(autoencoder: Autoencoder, images: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """The means of the encoder's posterior, N x c x h x w, not normalised; of a VQModel its code, not quantised."""
    images = images.to(next(autoencoder.parameters()).dtype)
    with torch.no_grad():
        codes = [autoencoder.encode(batch) for batch in images.split(batch_size)]
    return torch.cat([code.latents if "latents" in code else code.latent_dist.mean for code in codes])


def encode(autoencoder: Autoencoder, images: torch.Tensor) -> torch.Tensor:
    """Images N x 3 x H x W in [-1, 1] -> normalised latents N x c x h x w (the posterior's mean)."""
    mean, std = latent_statistics(autoencoder)
    return (posterior_means(autoencoder, images) - mean) / std


def decode(autoencoder: Autoencoder, latents: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Normalised latents -> images N x 3 x H x W, clamped to [-1, 1]."""
    mean, std = latent_statistics(autoencoder)
    latents = latents.to(mean.dtype)
    with torch.no_grad():
        images = [autoencoder.decode(batch * std + mean).sample for batch in latents.split(batch_size)]
    return torch.cat(images).clamp(-1, 1)


def measure(autoencoder: Autoencoder, images: torch.Tensor) -> None:
    """Stores the mean of each channel of the latents of `images`, and their one standard deviation, in the config.

    images: N x 3 x H x W in [-1, 1]. With them latents have zero mean and, over all channels, unit variance, which the
    noise schedules assume. All channels have one deviation, as in latent diffusion (Rombach et al. 2022, Appendix G):
    a channel that holds little of the picture is the first that noise covers, as fine detail is in pixels.
    """
    latents = posterior_means(autoencoder, images)
    means = latents.mean((0, 2, 3))
    deviation = float((latents - means[:, None, None]).square().mean().sqrt())
    autoencoder.register_to_config(latents_mean=means.tolist(), latents_std=[deviation] * len(means))


def latent_statistics(autoencoder: Autoencoder) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation per latent channel, 1 x c x 1 x 1, as `measure` stored them.

    An autoencoder that was not measured, such as Stable Diffusion's, has its `scaling_factor` and `shift_factor`
    instead.
    """
    config, like = autoencoder.config, next(autoencoder.parameters())
    if config.get("latents_mean") is None:
        shift = config.get("shift_factor") or 0.0
        return like.new_tensor(shift).view(1, 1, 1, 1), like.new_tensor(1 / config.scaling_factor).view(1, 1, 1, 1)
    return like.new_tensor(config.latents_mean).view(1, -1, 1, 1), like.new_tensor(config.latents_std).view(1, -1, 1, 1)
