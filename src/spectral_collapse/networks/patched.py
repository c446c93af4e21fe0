"""A U-Net on the pixels of an image, without an autoencoder: patches become channels, and nothing is lost."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin, UNet2DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.unets.unet_2d import UNet2DOutput

from spectral_collapse.checks import check_count, check_counts, check_number, check_widths
from spectral_collapse.errors import InvalidParameterError
from spectral_collapse.networks.gain import gain, with_gain
from spectral_collapse.networks.sketch import sketched


class PatchedUNet(ModelMixin, ConfigMixin):
    """A class-conditional U-Net that sees each `patch` x `patch` block of pixels as the channels of one position.

    Space-to-depth only sorts the numbers of an image: it is orthonormal, white noise stays white, and no
    frequency is lost. Input and output are images, N x in_channels x H x W.

    The output is the U-Net's plus gain(time) * input, with one learned gain per colour and time (`networks.gain`).

    Args:
        sample_size: height and width of the images; a multiple of patch.
        patch: side of a block in pixels.
        widths: channels per resolution, each half the one before, the first at sample_size / patch.
        layers: residual blocks per resolution.
        attention: how many of the coarsest resolutions have self-attention.
        num_labels: domain labels, the null one included.
        dropout: of the residual blocks, in training.

    Raises InvalidParameterError for a patch that does not divide the size.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int = 64,
        in_channels: int = 3,
        num_labels: int = 5,
        patch: int = 2,
        widths: tuple[int, ...] = (32, 64, 96, 96),
        layers: int = 1,
        attention: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_counts(
            1, sample_size=sample_size, in_channels=in_channels, num_labels=num_labels, patch=patch, layers=layers
        )
        check_number("dropout", dropout, 0, 1)
        check_widths("widths", widths, 16)
        check_count("attention", attention, 0, len(widths))
        if sample_size % patch:
            raise InvalidParameterError(
                f"patch must be a divisor of the image's {sample_size} pixels; {patch} was given"
            )
        plain, inside = len(widths) - attention, in_channels * patch**2
        self.unet = UNet2DModel(
            sample_size=sample_size // patch,
            in_channels=inside,
            out_channels=inside,
            block_out_channels=tuple(widths),
            layers_per_block=layers,
            down_block_types=(*["DownBlock2D"] * plain, *["AttnDownBlock2D"] * attention),
            up_block_types=(*["AttnUpBlock2D"] * attention, *["UpBlock2D"] * plain),
            attention_head_dim=16,
            norm_num_groups=16,
            num_class_embeds=num_labels,
            dropout=dropout,
        )
        self.gain = gain(in_channels)

    @property
    def size_multiple(self) -> int:
        """What the height and width of an image must be a multiple of."""
        return self.config.patch * 2 ** (len(self.config.widths) - 1)

    @property
    def class_embedding(self) -> torch.nn.Module:
        """The table of the domain labels."""
        return self.unet.class_embedding

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, class_labels: torch.Tensor) -> UNet2DOutput:
        """sample: N x C x H x W; timestep: N numbers; class_labels: LongTensor of N."""
        inside = F.pixel_unshuffle(sample, self.config.patch)
        outside = F.pixel_shuffle(self.unet(inside, timestep, class_labels=class_labels).sample, self.config.patch)
        return UNet2DOutput(sample=with_gain(self.gain, outside, sample, timestep))


@sketched
def patched_unet(
    size: int = 64,
    channels: int = 3,
    num_labels: int = 5,
    patch: int = 2,
    widths: tuple[int, ...] = (32, 64, 96, 96),
    layers: int = 1,
    attention: int = 1,
    dropout: float = 0.0,
) -> PatchedUNet:
    """A `PatchedUNet`, of 2.7 million parameters for images of 64 x 64 x 3 by default."""
    return PatchedUNet(  # diffusers takes what is given by position for a default
        sample_size=size,
        in_channels=channels,
        num_labels=num_labels,
        patch=patch,
        widths=widths,
        layers=layers,
        attention=attention,
        dropout=dropout,
    )
